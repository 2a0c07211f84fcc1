package checker

import (
	"bytes"
	"encoding/json"
	"testing"
	"unicode/utf8"

	"github.com/faultline-chaos/faultline/history"
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
	var r txnReader
	f.Fuzz(func(t *testing.T, b []byte) {
		var got, want txnValue
		if !utf8.Valid(b) || !r.scan(b, &got) {
			return
		}
		require.NoError(t, json.Unmarshal(b, &want), "%s", b)
		for _, v := range []*txnValue{&got, &want} {
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
	var r txnReader
	txn := history.Txn{
		If:       []history.TxnCompare{{Target: history.TxnValue, Result: "=", Key: "x", Value: "1"}, {Target: history.TxnMod, Result: ">", Key: "y", Number: 5}},
		Ops:      []history.TxnOp{{Kind: history.TxnGet, Key: "x", Items: []history.TxnItem{{Key: "x", Value: "1", Mod: 4}}, Done: true}, {Kind: history.TxnPut, Key: "y", Value: "7"}},
		Else:     []history.TxnOp{{Kind: history.TxnRange, Key: "a", End: "m", Items: []history.TxnItem{{Key: "x", Value: "1", Mod: 4}}, Done: true}},
		Answered: true, Succeeded: true, Rev: 12,
	}
	var v txnValue
	require.True(t, r.scan(txn.AppendJSON(nil), &v))
	require.True(t, r.scan([]byte(`{"ops":[["append","k1",3],["r","k2",[1,2]]]}`), &v))
}

// TestListsThatShareMemory: whatever the order in which lists are read, and where one is not the beginning
// of the other, each is what its text says.
func TestListsThatShareMemory(t *testing.T) {
	x := NewTxns()
	for _, text := range []string{`[1,2]`, `[]`, `[1]`, `[1,2,3]`, `[12]`, `[1,2,34]`, `[1,2,3,4]`, `[ 1, 2 ]`, `["a,b"]`, `[1,2,3,4,{"a":[5]}]`, `[1,2,3,4,"5"]`, `[1,2,3,4]`, `[1,2,3]`, `[1,2,3,4,"5",1.5]`} {
		list, err := x.list(0, []byte(text))
		require.NoError(t, err)
		var b bytes.Buffer
		b.WriteByte('[')
		for i, v := range list {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(x.name(false, v))
		}
		b.WriteByte(']')
		require.JSONEq(t, text, b.String())
	}
}
