package workloads

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/faultline-chaos/faultline/checker"
	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/history"
)

// Txn makes transactions over several keys at once: comparisons, reads, puts and deletes. It needs a
// system whose KV is a Txner. An attempt that fails is not repeated: the worker goes on with another
// one, on another member. The zero value is ready to use.
type Txn struct {
	Keys    int           // 6
	Think   time.Duration // mean pause of a worker between its calls; 20 ms
	Timeout time.Duration // of one attempt; 150 ms
}

func (x Txn) withDefaults() Txn {
	if x.Keys == 0 {
		x.Keys = 6
	}
	x.Think, x.Timeout = pacing(x.Think, x.Timeout)
	return x
}

// pacing holds the settings that workloads share, with their defaults.
func pacing(think, timeout time.Duration) (time.Duration, time.Duration) {
	if think == 0 {
		think = 20 * time.Millisecond
	}
	if timeout == 0 {
		timeout = 150 * time.Millisecond
	}
	return think, timeout
}

// Name is txn.
func (Txn) Name() string { return "txn" }

// Ops are transactions of both kinds.
func (Txn) Ops() []history.OpKind { return txnOps("read keys", "compare, read, put and delete keys") }

// txnOps are transactions that only read, and others.
func txnOps(reads, writes string) []history.OpKind {
	return []history.OpKind{
		{Name: history.FTxn, Kind: history.KindRead, Doc: reads + ", in one transaction"},
		{Name: history.FTxn, Kind: history.KindWrite, Doc: writes + ", in one transaction"},
	}
}

// txnKind is that of one of these.
func txnKind(reads bool) history.Kind {
	if reads {
		return history.KindRead
	}
	return history.KindWrite
}

// Checkers judge its histories.
func (Txn) Checkers() []history.Checker { return []history.Checker{checker.Revision{}} }

// Run calls until ctx ends.
func (x Txn) Run(ctx context.Context, w *harness.Worker) error {
	x = x.withDefaults()
	mods := map[string]int64{} // the newest revisions that this worker knows
	return loop(ctx, w, x.Think, func() harness.Attempt {
		a := x.attempt(x.draw(w, mods), mods)
		a.Timeout = x.Timeout
		return a
	})
}

// loop makes one attempt after the other, on the same member until one fails.
func loop(ctx context.Context, w *harness.Worker, think time.Duration, next func() harness.Attempt) error {
	members := w.Cluster.Members()
	node := w.ID % len(members)
	for ctx.Err() == nil {
		a := next()
		a.Node = members[node]
		if t, err := w.Do(ctx, a); t != history.OK {
			if errors.Is(err, errNoTxns) {
				return err
			}
			if !errors.Is(err, errChanged) {
				node = (node + 1) % len(members)
			}
		}
		if w.Env.Sleep(ctx, time.Duration(w.Rand.ExpFloat64()*float64(think))) != nil {
			return nil
		}
	}
	return nil
}

var errNoTxns = errors.New("the system has no transactions over several keys")

// runTxn is one transaction of a KV.
func runTxn(ctx context.Context, kv harness.KV, t history.Txn) (history.Txn, error) {
	c, ok := kv.(harness.Txner)
	if !ok {
		return t, fmt.Errorf("%w: %w", harness.ErrNotApplied, errNoTxns)
	}
	return c.Txn(ctx, t)
}

func (x Txn) attempt(t history.Txn, mods map[string]int64) harness.Attempt {
	return harness.Attempt{F: history.FTxn, Kind: txnKind(readsOnly(t.Ops) && readsOnly(t.Else)), Value: t, Invoke: func(ctx context.Context, kv harness.KV) (any, error) {
		done, err := runTxn(ctx, kv, t)
		if err != nil {
			return done, err
		}
		ran := done.Ops
		if !done.Succeeded {
			ran = done.Else
		}
		for _, o := range ran {
			switch {
			case o.Kind == history.TxnPut:
				mods[o.Key] = done.Rev
			case o.Kind == history.TxnGet && len(o.Items) > 0:
				mods[o.Key] = o.Items[0].Mod
			case o.Kind != history.TxnRange:
				mods[o.Key] = 0
			}
		}
		return done, nil
	}}
}

func readsOnly(ops []history.TxnOp) bool {
	for _, o := range ops {
		if o.Kind == history.TxnPut || o.Kind == history.TxnDelete {
			return false
		}
	}
	return true
}

// draw makes a transaction: a third only reads, a third writes, a third writes if a key is as this
// worker last saw it, and reads if not.
func (x Txn) draw(w *harness.Worker, mods map[string]int64) (t history.Txn) {
	keys := w.Rand.Perm(x.Keys)[:1+w.Rand.IntN(min(3, x.Keys))]
	kind := w.Rand.IntN(3)
	for _, i := range keys {
		key := keyName(i)
		read := history.TxnOp{Kind: history.TxnGet, Key: key}
		if kind == 2 {
			t.If = append(t.If, history.TxnCompare{Target: history.TxnMod, Result: "=", Key: key, Number: mods[key]})
			t.Else = append(t.Else, read)
		}
		switch r := w.Rand.IntN(10); {
		case kind == 0 || r < 2:
			t.Ops = append(t.Ops, read)
		case r < 9:
			t.Ops = append(t.Ops, history.TxnOp{Kind: history.TxnPut, Key: key, Value: w.Unique()})
		default:
			t.Ops = append(t.Ops, history.TxnOp{Kind: history.TxnDelete, Key: key})
		}
	}
	if kind == 0 && w.Rand.IntN(4) == 0 {
		t.Ops = []history.TxnOp{{Kind: history.TxnRange, Key: "k", End: "l"}}
	}
	return t
}

// Final reads all keys in one transaction; the workers use different members.
func (x Txn) Final(ctx context.Context, w *harness.Worker) error {
	x = x.withDefaults()
	t := history.Txn{Ops: []history.TxnOp{{Kind: history.TxnRange, Key: "k", End: "l"}}}
	return finalAttempt(ctx, w, x.attempt(t, map[string]int64{}), x.Timeout)
}

// finalAttempt repeats an attempt on each member until it is answered or ctx ends. The workers share
// the members.
func finalAttempt(ctx context.Context, w *harness.Worker, a harness.Attempt, timeout time.Duration) error {
	members := w.Cluster.Members()
	for i := w.ID; i < len(members); i += w.Count {
		a.Call, a.Node, a.Timeout = w.NewCall(), members[i], 4*timeout
		for {
			t, err := w.Do(ctx, a)
			if t == history.OK {
				break
			}
			if w.Env.Sleep(ctx, backoffLast) != nil {
				return fmt.Errorf("final read on %s: %w", a.Node, err)
			}
		}
	}
	return nil
}
