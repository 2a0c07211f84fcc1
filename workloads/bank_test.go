package workloads

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/history"
)

// txnMap is a store of transactions that compare revisions.
type txnMap struct {
	harness.KV
	values map[string]string
	mods   map[string]int64
	rev    int64
	err    error // of transactions that write
}

func newTxnMap() *txnMap {
	return &txnMap{values: map[string]string{}, mods: map[string]int64{}, rev: 1}
}

func (m *txnMap) Txn(_ context.Context, t history.Txn) (history.Txn, error) {
	t.Answered, t.Succeeded = true, true
	for _, c := range t.If {
		t.Succeeded = t.Succeeded && m.mods[c.Key] == c.Number
	}
	if !t.Succeeded {
		return t, nil
	}
	m.rev++
	for i := range t.Ops {
		switch o := &t.Ops[i]; o.Kind {
		case history.TxnPut:
			m.values[o.Key], m.mods[o.Key] = o.Value, m.rev
		case history.TxnGet:
			if v, ok := m.values[o.Key]; ok {
				o.Items = []history.TxnItem{{Key: o.Key, Value: v, Mod: m.mods[o.Key]}}
			}
		}
		if t.Ops[i].Kind == history.TxnPut && m.err != nil {
			return t, m.err
		}
	}
	return t, nil
}

func invoke(t *testing.T, kv harness.KV, a harness.Attempt) (string, error) {
	t.Helper()
	v, err := a.Invoke(t.Context(), kv)
	return string(v.(history.JSONAppender).AppendJSON(nil)), err
}

func TestBank(t *testing.T) {
	kv, open := newTxnMap(), false
	b := Bank{Accounts: 2, Opening: 10}
	got, err := invoke(t, kv, b.read(b.names()))
	require.NoError(t, err)
	require.JSONEq(t, `{"balances":{}}`, got, "before they are open; the checker sees that accounts are missing")
	got, err = invoke(t, kv, b.open(b.names(), &open))
	require.NoError(t, err)
	require.JSONEq(t, `{"balances":{"a0":10,"a1":10}}`, got)
	require.True(t, open)
	_, err = invoke(t, kv, b.open(b.names(), &open))
	require.ErrorIs(t, err, history.ErrRejected)
	require.ErrorIs(t, err, errOpen)

	move := transfer{from: "a0", to: "a1", amount: 7}
	got, err = invoke(t, kv, move.attempt())
	require.NoError(t, err)
	require.JSONEq(t, `{"from":"a0","to":"a1","amount":7,"done":true}`, got)
	got, err = invoke(t, kv, move.attempt())
	require.NoError(t, err)
	require.JSONEq(t, `{"from":"a0","to":"a1","amount":7,"done":false}`, got, "there is not enough")
	got, err = invoke(t, kv, b.read(b.names()))
	require.NoError(t, err)
	require.JSONEq(t, `{"balances":{"a0":3,"a1":17}}`, got)

	seen, err := readSnapshot(t.Context(), kv, b.names())
	require.NoError(t, err)
	kv.mods["a1"]++
	require.ErrorIs(t, seen.write(t.Context(), kv, map[string]string{"a0": "1"}), errChanged)
	kv.err = errors.New("timeout")
	_, err = invoke(t, kv, transfer{from: "a1", to: "a0", amount: 1}.attempt())
	require.NotErrorIs(t, err, harness.ErrNotApplied, "the second transaction may have happened")
}

func TestSetValues(t *testing.T) {
	require.JSONEq(t, `{"element":7}`, string(setAdd(7).AppendJSON(nil)))
	require.JSONEq(t, `{}`, string(setRead{}.AppendJSON(nil)))
	require.JSONEq(t, `{"elements":[]}`, string(setRead{answered: true}.AppendJSON(nil)))
	require.JSONEq(t, `{"elements":[7,8]}`, string(setRead{answered: true, elements: strings.Fields("7 8")}.AppendJSON(nil)))
}
