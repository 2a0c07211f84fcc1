package history

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTxnJSON(t *testing.T) {
	for want, v := range map[string]Txn{
		`{"ops":[]}`: {},
		`{"if":[["value","=","x","1"],["mod",">","y",5]],"ops":[["r","x",null],["w","y","7"],["d","z",null],["range","a","m",null]],"else":[["r","x",null]]}`: {
			If:   []TxnCompare{{Target: TxnValue, Result: "=", Key: "x", Value: "1"}, {Target: TxnMod, Result: ">", Key: "y", Number: 5}},
			Ops:  []TxnOp{{Kind: TxnGet, Key: "x"}, {Kind: TxnPut, Key: "y", Value: "7"}, {Kind: TxnDelete, Key: "z"}, {Kind: TxnRange, Key: "a", End: "m"}},
			Else: []TxnOp{{Kind: TxnGet, Key: "x"}},
		},
		`{"ops":[["r","x","1",4],["r","y",null],["d","z",0],["range","a","m",[["b","2",3],["c","4"]]]],"succeeded":true,"rev":12}`: {
			Ops: []TxnOp{
				{Kind: TxnGet, Key: "x", Items: []TxnItem{{"x", "1", 4}}, Done: true},
				{Kind: TxnGet, Key: "y", Done: true},
				{Kind: TxnDelete, Key: "z", Done: true},
				{Kind: TxnRange, Key: "a", End: "m", Items: []TxnItem{{"b", "2", 3}, {"c", "4", 0}}, Done: true},
			},
			Answered: true, Succeeded: true, Rev: 12,
		},
	} {
		got := v.AppendJSON(nil)
		require.Equal(t, want, string(got))
		require.True(t, json.Valid(got))
	}
}
