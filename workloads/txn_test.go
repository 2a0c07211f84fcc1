package workloads

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/history"
)

// fakeTxns answers transactions of one list, which changes after changes reads.
type fakeTxns struct {
	harness.KV
	value   string
	refused bool
	err     error
	wrote   history.Txn
}

func (f *fakeTxns) Txn(_ context.Context, t history.Txn) (history.Txn, error) {
	if len(t.If) > 0 {
		f.wrote = t
		t.Answered, t.Succeeded = true, !f.refused
		return t, f.err
	}
	t.Answered, t.Succeeded = true, true
	for i := range t.Ops {
		t.Ops[i].Done = true
		if f.value != "" {
			t.Ops[i].Items = []history.TxnItem{{Key: t.Ops[i].Key, Value: f.value, Mod: 7}}
		}
	}
	return t, nil
}

func TestAppendTxn(t *testing.T) {
	kv := &fakeTxns{value: "1,2"}
	txn := appendTxn{{key: "k1"}, {key: "k1", add: 3}, {key: "k1"}}
	require.JSONEq(t, `{"ops":[["r","k1",null],["append","k1",3],["r","k1",null]]}`, string(txn.AppendJSON(nil)))
	done, err := txn.run(t.Context(), kv, false)
	require.NoError(t, err)
	got := done.AppendJSON(nil)
	require.JSONEq(t, `{"ops":[["r","k1",[1,2]],["append","k1",3],["r","k1",[1,2,3]]]}`, string(got))
	require.True(t, json.Valid(got))
	require.JSONEq(t, `{"if":[["mod","=","k1",7]],"ops":[["w","k1","1,2,3"]]}`, string(kv.wrote.AppendJSON(nil)))

	kv.refused = true
	_, err = txn.run(t.Context(), kv, false)
	require.ErrorIs(t, err, history.ErrRejected)
	require.ErrorIs(t, err, errChanged)

	kv.err = errors.New("timeout")
	_, err = txn.run(t.Context(), kv, false)
	require.NotErrorIs(t, err, harness.ErrNotApplied, "the second transaction may have happened")

	_, err = runTxn(t.Context(), &memoryKV{}, history.Txn{})
	require.ErrorIs(t, err, errNoTxns)
	require.ErrorIs(t, err, harness.ErrNotApplied)
}
