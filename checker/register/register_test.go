package register

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/anishathalye/porcupine"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	flag.IntVar(fuzzCount, "register.count", *fuzzCount, "random histories of every mode")
	flag.Uint64Var(fuzzSeed, "register.seed", *fuzzSeed, "seed of the random histories")
	goleak.VerifyTestMain(m)
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
