package register

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestCore: the core of an illegal history is illegal by the oracle, and no op of it can be spared.
func TestCore(t *testing.T) {
	for _, m := range modes {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			for i := range *fuzzCount / 20 {
				ops := m.history(rand.New(rand.NewPCG(*fuzzSeed+3, uint64(i))))
				r := Check(t.Context(), ops, 0)
				if r.Verdict != Illegal || r.Reason == "a call returned before it was called" {
					continue
				}
				core := Core(t.Context(), ops, r.Op)
				relaxed := Relaxed(ops, core)
				require.False(t, oracle(relaxed), "history %d: core %v is legal:%s", i, core, show(ops))
				for j := range core {
					spared := append(append([]int(nil), core[:j]...), core[j+1:]...)
					relaxed := Relaxed(ops, spared)
					require.True(t, oracle(relaxed), "history %d: core %v does not need %d:%s", i, core, core[j], show(ops))
				}
			}
		})
	}
}

func TestCoreOfALongHistoryIsShort(t *testing.T) {
	ops := long(50_000, 5, 1, [4]int{50, 35, 10, 5}, 9)
	stale := -1
	for i := len(ops) / 2; stale < 0; i++ {
		if ops[i].Kind == Get && ops[i].Value != Absent {
			for stale = i + 100; ops[stale].Kind != Get; stale++ {
			}
			ops[stale].Value = ops[i].Value
		}
	}
	r := Check(t.Context(), ops, 0)
	require.Equal(t, Illegal, r.Verdict)
	core := Core(t.Context(), ops, r.Op)
	require.Less(t, len(core), 8)
	require.Contains(t, core, stale)
}

func TestCoreWithoutTimeIsEverything(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	ops := []Op{{Get, 0, 1, 0, 1}, {Put, 0, 1, 2, 3}}
	require.Equal(t, []int{0, 1}, Core(ctx, ops, 0))
}

// TestRelaxed: what is left out of the others cannot matter.
func TestRelaxed(t *testing.T) {
	all := func(ops []Op, keep []int) (out []Op) {
		end := int64(minTime)
		for _, i := range keep {
			end = max(end, ops[i].Return)
		}
		for i, o := range ops {
			if !slices.Contains(keep, i) {
				if o.Call > end || o.Kind == Get || o.Kind == CASFailed || o.Kind == DeleteMissed {
					continue
				}
				if o.Kind == DeleteFound {
					o.Kind = Delete
				}
				o.Return = Never
			}
			out = append(out, o)
		}
		return out
	}
	for _, m := range modes {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			for i := range *fuzzCount / 4 {
				r := rand.New(rand.NewPCG(*fuzzSeed+4, uint64(i)))
				ops := m.history(r)
				if i%4 == 0 { // repeated values
					for j := range ops {
						ops[j].Value, ops[j].Old = fold(ops[j].Value), fold(ops[j].Old)
					}
				}
				var keep []int
				for j := range ops {
					if r.IntN(2) == 0 && ops[j].Return != Never {
						keep = append(keep, j)
					}
				}
				if got, want := oracle(Relaxed(ops, keep)), oracle(all(ops, keep)); got != want {
					require.Failf(t, "they differ", "history %d: %v kept are legal: %t, with all others %t:%s\nrelaxed:%s", i, keep, got, want, show(ops), show(Relaxed(ops, keep)))
				}
			}
		})
	}
}

func fold(v Value) Value {
	if v == Absent {
		return v
	}
	return 1 + (v-1)%3
}
