package workloads

import (
	"context"
	"errors"
	"fmt"

	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/history"
)

// errChanged is the reason why a conditional write certainly did not happen.
var errChanged = errors.New("a key has changed since it was read")

// snapshot is what one transaction read of some keys. Absent keys are not among the values.
type snapshot struct {
	keys   []string
	values map[string]string
	mods   map[string]int64
}

// readSnapshot reads keys in one transaction.
func readSnapshot(ctx context.Context, kv harness.KV, keys []string) (snapshot, error) {
	l := snapshot{keys: keys, values: map[string]string{}, mods: map[string]int64{}}
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

// write puts some of the keys, in one transaction that does nothing if any key of the snapshot has changed
// since: the error is then errChanged, which is an ErrRejected.
func (l *snapshot) write(ctx context.Context, kv harness.KV, values map[string]string) error {
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
