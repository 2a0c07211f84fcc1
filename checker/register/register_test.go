package register

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/anishathalye/porcupine"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	fuzzCount = flag.Int("register.count", 20_000, "random histories of every mode")
	fuzzSeed  = flag.Uint64("register.seed", 1, "seed of the random histories")
)

// TestAgainstOracle compares Check with trying every order, on small random histories.
func TestAgainstOracle(t *testing.T) {
	var failed atomic.Bool // one disagreement is enough
	for _, m := range modes {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			decided := map[Verdict]int{}
			for i := range *fuzzCount {
				if failed.Load() {
					t.Skip("another mode has failed")
				}
				ops := m.history(rand.New(rand.NewPCG(*fuzzSeed, uint64(i))))
				v, problem := compare(t.Context(), ops, i)
				if problem != "" {
					failed.Store(true)
					require.Failf(t, "verdicts differ", "seed %d, history %d: %s:%s", *fuzzSeed, i, problem, show(ops))
				}
				decided[v]++
			}
			require.Greater(t, min(decided[Legal], decided[Illegal]), *fuzzCount/50, "both verdicts must occur: %v", decided)
		})
	}
}

// compare asks Check and the oracle. A history with repeated values may be left open, and one that
// is given no budget, by its number; but nothing may be said that is not so.
func compare(ctx context.Context, ops []Op, number int) (Verdict, string) {
	want := Illegal
	if oracle(ops) {
		want = Legal
	}
	got := Check(ctx, ops, 0)
	open := got.Reason == reasonRepeated && ambiguous(ops)
	if got.Verdict != want && (got.Verdict != Undecided || !open) {
		return want, fmt.Sprintf("Check says %v (op %d: %s), the oracle %v", got.Verdict, got.Op, got.Reason, want)
	}
	if got.Verdict != Legal && (got.Op < 0 || got.Op >= len(ops) || got.Reason == "") {
		return want, fmt.Sprintf("Check says %v, but not where or not why", got.Verdict)
	}
	hurried := Check(ctx, ops, 1+int64(number)%16)
	if hurried.Verdict != Undecided && hurried.Verdict != want {
		return want, fmt.Sprintf("in a hurry Check says %v (op %d: %s), the oracle %v", hurried.Verdict, hurried.Op, hurried.Reason, want)
	}
	if hurried.Verdict != Legal && (hurried.Op < 0 || hurried.Op >= len(ops) || hurried.Reason == "") {
		return want, fmt.Sprintf("in a hurry Check says %v, but not where or not why", hurried.Verdict)
	}
	return got.Verdict, ""
}

func porcupineModel() porcupine.Model {
	return porcupine.Model{
		Init: func() any { return Absent },
		Step: func(state, input, _ any) (bool, any) {
			o, st := input.(Op), state.(Value)
			next, ok := o.Apply(st)
			if !ok && o.Return == Never {
				return true, st
			}
			return ok, next
		},
	}
}

func byPorcupine(ops []Op) bool {
	var in []porcupine.Operation
	for i, o := range ops {
		in = append(in, porcupine.Operation{ClientId: i, Input: o, Call: o.Call, Return: o.Return})
	}
	return porcupine.CheckOperations(porcupineModel(), in)
}

// TestOracleAgainstPorcupine keeps the oracle itself honest.
func TestOracleAgainstPorcupine(t *testing.T) {
	for _, m := range modes {
		for i := range min(*fuzzCount/10, 20_000) {
			ops := m.history(rand.New(rand.NewPCG(*fuzzSeed+1, uint64(i))))
			if want := byPorcupine(ops); oracle(ops) != want {
				require.Failf(t, "verdicts differ", "%s, history %d: porcupine says %v:%s", m.name, i, want, show(ops))
			}
		}
	}
}

// TestAgainstPorcupine compares on histories that are too long for the oracle.
func TestAgainstPorcupine(t *testing.T) {
	for _, m := range modes {
		if m.name == "all overlap" || m.domain > 0 {
			continue // exponential for porcupine; not decided by Check
		}
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			m.ops, m.clients, m.unknown = 35, 3, min(m.unknown, 20)
			for i := range *fuzzCount / 20 {
				ops := m.history(rand.New(rand.NewPCG(*fuzzSeed+2, uint64(i))))
				got := Check(t.Context(), ops, 0)
				if want := byPorcupine(ops); (got.Verdict == Legal) != want || got.Verdict == Undecided {
					require.Failf(t, "verdicts differ", "history %d: Check says %v (%s), porcupine %v:%s", i, got.Verdict, got.Reason, want, show(ops))
				}
			}
		})
	}
}

// long simulates clients that call without a pause, and makes some outcomes unknown.
func long(n, clients, unknown int, weights [4]int, seed uint64) []Op {
	r := rand.New(rand.NewPCG(seed, 0))
	m := mode{weights: weights, ops: n, clients: clients, spread: 20, unknown: unknown}
	ops := make([]Op, 0, n)
	free := make([]int64, clients)
	var values Value
	for len(ops) < n {
		c := 0
		for i := range free {
			if free[i] < free[c] {
				c = i
			}
		}
		o := Op{Call: free[c]}
		o.Return = o.Call + 1 + r.Int64N(20)
		free[c] = o.Return + 1 + r.Int64N(3)
		m.draw(r, &o, &values)
		ops = append(ops, o)
	}
	answer(r, ops, unknown)
	return ops
}

// answer runs the ops at a random instant of each; those that become unknown run later, or never.
func answer(r *rand.Rand, ops []Op, unknown int) {
	type instant struct {
		at int64
		op int
	}
	order := make([]instant, 0, len(ops))
	for i := range ops {
		o := &ops[i]
		at := o.Call + r.Int64N(o.Return-o.Call+1)
		if o.Kind != Get && r.IntN(100) < unknown {
			o.Return = Never
			if o.Kind == DeleteFound {
				o.Kind = Delete
			}
			if r.IntN(3) == 0 {
				continue // it never runs
			}
			at += r.Int64N(60)
		}
		order = append(order, instant{at, i})
	}
	slices.SortStableFunc(order, func(a, b instant) int { return int(a.at - b.at) })
	st := Absent
	for _, x := range order {
		o := &ops[x.op]
		switch o.Kind {
		case Get:
			o.Value = st
		case CAS:
			if o.Return != Never && r.IntN(2) == 0 {
				o.Old = st
			}
			if o.Old != st {
				if o.Return != Never {
					o.Kind = CASFailed
				}
				continue
			}
		case DeleteFound:
			if st == Absent {
				o.Kind = DeleteMissed
			}
		}
		st, _ = o.Apply(st)
	}
}

// TestLong: histories that are legal by construction, and the same with one stale read.
func TestLong(t *testing.T) {
	for _, c := range []struct {
		name             string
		n, clients, lost int
		weights          [4]int
	}{
		{"5 clients", 50_000, 5, 0, [4]int{50, 35, 10, 5}},
		{"5 clients, 5% unknown", 50_000, 5, 5, [4]int{50, 35, 10, 5}},
		{"20 clients, 1% unknown", 50_000, 20, 1, [4]int{50, 35, 10, 5}},
		{"20 clients, 30% unknown", 20_000, 20, 30, [4]int{50, 35, 10, 5}},
		{"mostly cas, 50% unknown", 20_000, 20, 50, [4]int{20, 10, 65, 5}},
	} {
		t.Run(c.name, func(t *testing.T) {
			ops := long(c.n, c.clients, c.lost, c.weights, 7)
			got := Check(t.Context(), ops, 0)
			require.Equal(t, Legal, got.Verdict, "op %d: %s after %d steps", got.Op, got.Reason, got.Steps)
			for i := c.n / 2; ; i++ {
				if ops[i].Kind == Get && ops[i].Value != Absent {
					later := i + 10*c.clients
					for ops[later].Kind != Get || ops[later].Value == ops[i].Value {
						later++
					}
					ops[later].Value = ops[i].Value
					break
				}
			}
			got = Check(t.Context(), ops, 0)
			require.Equal(t, Illegal, got.Verdict, "a stale read must be found; %s after %d steps", got.Reason, got.Steps)
		})
	}
}

func TestBudget(t *testing.T) {
	ops := long(2_000, 20, 10, [4]int{10, 20, 40, 30}, 3)
	got := Check(t.Context(), ops, 10)
	require.Equal(t, Undecided, got.Verdict)
	require.NotEmpty(t, got.Reason)
}

func BenchmarkCheck(b *testing.B) {
	for _, c := range []struct{ clients, unknown int }{{5, 0}, {5, 5}, {20, 0}, {20, 1}, {20, 5}} {
		b.Run(fmt.Sprintf("clients=%d/unknown=%d%%", c.clients, c.unknown), func(b *testing.B) {
			const n = 100_000
			ops := long(n, c.clients, c.unknown, [4]int{50, 35, 10, 5}, 1)
			for b.Loop() {
				require.Equal(b, Legal, Check(b.Context(), ops, 0).Verdict)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n*b.N), "ns/call")
		})
	}
}
