package history

import (
	"encoding/json"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// FuzzTxnValue: wherever the decoder by hand answers, encoding/json answers the same.
func FuzzTxnValue(f *testing.F) {
	for _, s := range []string{
		`{"ops":[["append","k1",3],["r","k2",[1,2]]]}`, `{"ops":[["r",1,null],["w",2,-7]]}`, `{"ops":[]}`, `{}`, `{"ops":[[]]}`,
		`{"if":[["value","=","x","1"],["mod","=","y",5]],"ops":[["r","x","1",4],["d","z",1]],"else":[["range","a","m",[["x","1",4]]]],"succeeded":true,"rev":12}`,
		`{"ops":[["r","ä",[[],[[1]]]]],"succeeded":false}`, `{"ops":[["r","x",1.5]]}`, `{"ops":[["r","x",01]]}`, `{"ops":[["r","\u0041",1]]}`,
		`{"ops":[["r","x",1],]}`, `{"ops":[["r","x",1]],}`, `{"ops":[["r","x",1]]`, `{"ops":[["r","x",1] ]}`, `{"rev":-0}`, `{"rev":"1"}`,
		`{"rev":1,"rev":2}`, `{"Rev":1}`, `{"ops":null}`, `{"ops":[null]}`, `{"ops":[[nul]]}`, `{"succeeded":1}`, `null`, `[]`, ``,
		`{"ops":[["r","x",[[[[[[[[[[1]]]]]]]]]]]]}`,
	} {
		f.Add([]byte(s))
	}
	var r TxnReader
	f.Fuzz(func(t *testing.T, b []byte) {
		var got, want TxnRows
		if !utf8.Valid(b) || !r.scan(b, &got) {
			return
		}
		require.NoError(t, json.Unmarshal(b, &want), "%s", b)
		for _, v := range []*TxnRows{&got, &want} {
			for _, rows := range []*[][]json.RawMessage{&v.If, &v.Ops, &v.Else} {
				if len(*rows) == 0 {
					*rows = nil
				}
				for i, row := range *rows {
					if len(row) == 0 {
						(*rows)[i] = nil
					}
				}
			}
		}
		require.Equal(t, want, got, "%s", b)
	})
}

// TestScanTakesWhatWorkloadsWrite: otherwise it would be slow, and nobody would notice.
func TestScanTakesWhatWorkloadsWrite(t *testing.T) {
	var r TxnReader
	txn := Txn{
		If:       []TxnCompare{{Target: TxnValue, Result: "=", Key: "x", Value: "1"}, {Target: TxnMod, Result: ">", Key: "y", Number: 5}},
		Ops:      []TxnOp{{Kind: TxnGet, Key: "x", Items: []TxnItem{{Key: "x", Value: "1", Mod: 4}}, Done: true}, {Kind: TxnPut, Key: "y", Value: "7"}},
		Else:     []TxnOp{{Kind: TxnRange, Key: "a", End: "m", Items: []TxnItem{{Key: "x", Value: "1", Mod: 4}}, Done: true}},
		Answered: true, Succeeded: true, Rev: 12,
	}
	var v TxnRows
	require.True(t, r.scan(txn.AppendJSON(nil), &v))
	require.True(t, r.scan([]byte(`{"ops":[["append","k1",3],["r","k2",[1,2]]]}`), &v))
}
