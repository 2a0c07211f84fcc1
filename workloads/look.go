package workloads

import (
	"context"
	"errors"
	"fmt"

	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/history"
)

// errChanged is why a write that depends on what was read certainly did not happen.
var errChanged = errors.New("a key changed meanwhile")

// looked is what one transaction read of some keys. Absent ones are not among the values.
type looked struct {
	keys   []string
	values map[string]string
	mods   map[string]int64
}

// look reads keys, all at once.
func look(ctx context.Context, kv harness.KV, keys []string) (looked, error) {
	l := looked{keys: keys, values: map[string]string{}, mods: map[string]int64{}}
	var t history.Txn
	for _, k := range keys {
		t.Ops = append(t.Ops, history.TxnOp{Kind: history.TxnGet, Key: k})
	}
	t, err := runTxn(ctx, kv, t)
	if err != nil {
		return l, err
	}
	for _, o := range t.Ops {
		if len(o.Items) > 0 {
			l.values[o.Key], l.mods[o.Key] = o.Items[0].Value, o.Items[0].Mod
		}
	}
	return l, nil
}

// write puts some of the keys, in one transaction that does nothing where any of those that were read
// has changed since: errChanged then, which is an ErrRejected.
func (l *looked) write(ctx context.Context, kv harness.KV, values map[string]string) error {
	var t history.Txn
	for _, k := range l.keys {
		t.If = append(t.If, history.TxnCompare{Target: history.TxnMod, Result: "=", Key: k, Number: l.mods[k]})
		if v, ok := values[k]; ok {
			t.Ops = append(t.Ops, history.TxnOp{Kind: history.TxnPut, Key: k, Value: v})
		}
	}
	answer, err := runTxn(ctx, kv, t)
	if err == nil && !answer.Succeeded {
		err = fmt.Errorf("%w: %w", history.ErrRejected, errChanged)
	}
	return err
}

func comma(b []byte, i int) []byte {
	if i > 0 {
		b = append(b, ',')
	}
	return b
}
