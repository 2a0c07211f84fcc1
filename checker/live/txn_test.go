package live_test

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/checker"
	"github.com/faultline-chaos/faultline/checker/generate"
	"github.com/faultline-chaos/faultline/checker/live"
	"github.com/faultline-chaos/faultline/history"
)

// lists is a history of list appends that is right.
func lists(t *testing.T, seed uint64) (ops []history.Op) {
	c := generate.Default()
	c.Ops, c.Keys, c.Clients, c.Unknown, c.Seed = 100, 3, 5, 0.05, seed
	_, err := generate.Appends(t.Context(), c, func(l *generate.TxnLine) error {
		ops = append(ops, history.Op{Index: len(ops), Time: l.Time, Process: l.Process, Type: l.Type, F: history.FTxn, Value: slices.Clone(l.Value)})
		return nil
	})
	require.NoError(t, err)
	return ops
}

// several mixes calls of several processes that each begin and end at their places in one order.
func several(r *rand.Rand, calls int, call func(i int) (f string, asked, got any, unknown bool)) (ops []history.Op) {
	type open struct {
		process int
		f       string
		got     any
		unknown bool
	}
	var waiting []open
	add := func(process int, typ history.Type, f string, v any) {
		ops = append(ops, history.Op{Index: len(ops), Process: process, Type: typ, F: f, Value: history.EncodeValue(v)})
	}
	for i := 0; i < calls || len(waiting) > 0; {
		if i < calls && len(waiting) < 4 && r.IntN(2) == 0 {
			f, asked, got, unknown := call(i)
			add(i, history.Invoke, f, asked)
			waiting = append(waiting, open{i, f, got, unknown})
			i++
			continue
		}
		if len(waiting) == 0 {
			continue
		}
		n := r.IntN(len(waiting))
		w := waiting[n]
		waiting = slices.Delete(waiting, n, n+1)
		if w.unknown {
			add(w.process, history.Info, w.f, map[string]any{})
		} else {
			add(w.process, history.OK, w.f, w.got)
		}
	}
	return ops
}

// aSet is a history of a set that does at once what it is asked.
func aSet(r *rand.Rand) []history.Op {
	elements := []int{}
	return several(r, 60, func(i int) (string, any, any, bool) {
		if r.IntN(3) == 0 {
			return "read", map[string]any{}, map[string]any{"elements": slices.Clone(elements)}, false
		}
		unknown := r.IntN(10) == 0
		if !unknown || r.IntN(2) == 0 {
			elements = append(elements, i)
		}
		return "add", map[string]any{"element": i}, map[string]any{"element": i}, unknown
	})
}

// aBank is one of a bank.
func aBank(r *rand.Rand) []history.Op {
	balances := map[string]int{"a": 10, "b": 10, "c": 10}
	now := func() any {
		out := map[string]int{}
		for k, v := range balances {
			out[k] = v
		}
		return map[string]any{"balances": out}
	}
	names := []string{"a", "b", "c"}
	ops := several(r, 1, func(int) (string, any, any, bool) { return "open", map[string]any{}, now(), false })
	for _, op := range several(r, 40, func(int) (string, any, any, bool) {
		if r.IntN(2) == 0 {
			return "balances", map[string]any{}, now(), false
		}
		from, to := names[r.IntN(3)], names[r.IntN(3)]
		balances[from]--
		balances[to]++
		v := map[string]any{"from": from, "to": to, "amount": 1, "done": true}
		return "transfer", v, v, r.IntN(10) == 0
	}) {
		op.Index += len(ops)
		op.Process++
		ops = append(ops, op)
	}
	return ops
}

// spoil changes an answer.
func spoil(r *rand.Rand, ops []history.Op) {
	for range 1000 {
		op := &ops[r.IntN(len(ops))]
		if op.Type != history.OK {
			continue
		}
		var v any
		if json.Unmarshal(op.Value, &v) == nil && spoilt(r, v) {
			op.Value, _ = json.Marshal(v)
			return
		}
	}
}

// spoilt changes a list or a balance somewhere in a value.
func spoilt(r *rand.Rand, v any) bool {
	switch v := v.(type) {
	case map[string]any:
		if m, ok := v["balances"].(map[string]any); ok {
			m["a"] = m["a"].(float64) - 1
			if r.IntN(2) == 0 {
				m["b"] = m["b"].(float64) + 1
			}
			return true
		}
		if l, ok := v["elements"].([]any); ok && len(l) > 0 {
			v["elements"] = l[:r.IntN(len(l))]
			return true
		}
		ops, _ := v["ops"].([]any)
		return spoilt(r, ops)
	case []any:
		for _, o := range v {
			op, _ := o.([]any)
			if len(op) < 3 || op[0] != "r" {
				continue
			}
			l, ok := op[2].([]any)
			if !ok || len(l) < 2 {
				continue
			}
			if n := r.IntN(len(l)); r.IntN(2) == 0 {
				op[2] = l[:n]
			} else {
				l[n], l[len(l)-1] = l[len(l)-1], l[n]
			}
			return true
		}
	}
	return false
}

// TestMonitorOfTxns: what a Monitor calls a violation the workload's own checker calls one, too, and it
// finds most of what was planted.
func TestMonitorOfTxns(t *testing.T) {
	for _, c := range []struct {
		name  string
		make  func(t *testing.T, r *rand.Rand, seed uint64) []history.Op
		judge history.Checker
	}{
		{"append", func(t *testing.T, _ *rand.Rand, seed uint64) []history.Op { return lists(t, seed) }, checker.Anomalies{}},
		{"set", func(_ *testing.T, r *rand.Rand, _ uint64) []history.Op { return aSet(r) }, checker.SetFull{}},
		{"bank", func(_ *testing.T, r *rand.Rand, _ uint64) []history.Op { return aBank(r) }, checker.Bank{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			bad, found := 0, 0
			for seed := range uint64(200) {
				r := rand.New(rand.NewPCG(seed, 1))
				ops := c.make(t, r, seed)
				require.NotEqual(t, history.Invalid, c.judge.Check(t.Context(), history.History{Ops: ops}).Validity, "seed %d", seed)
				require.Nil(t, watched(ops), "seed %d", seed)
				spoil(r, ops)
				v := watched(ops)
				judged := c.judge.Check(t.Context(), history.History{Ops: ops})
				if judged.Validity == history.Invalid {
					bad++
				}
				if v != nil {
					found++
					require.Equal(t, history.Invalid, judged.Validity, "seed %d: %s", seed, v.Reason)
				}
			}
			require.Greater(t, found, bad/3, "of %d", bad)
			require.Greater(t, found, 20)
			t.Logf("%d of %d", found, bad)
		})
	}
}

func watched(ops []history.Op) *history.Verdict {
	m := live.NewMonitor()
	for i := range ops {
		m.Observe(&ops[i])
	}
	return m.Violation()
}
