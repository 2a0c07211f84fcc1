package revision

import (
	"math/rand/v2"
	"sync/atomic"
	"testing"
)

// Flags of TestMain.
var (
	fuzzCount = new(20_000)
	fuzzSeed  = new(uint64(1))
)

// TestAgainstOracle compares Check with trying every order, on small random histories. It is compiled
// with every mutant, and so imports little: see TestMutants.
func TestAgainstOracle(t *testing.T) {
	for _, c := range kept {
		h := History{Ops: c.ops, Log: c.log}
		if got := Check(t.Context(), h); oracle(h) != c.legal || (got.Verdict == Legal) != c.legal {
			t.Fatalf("%s: Check says %+v, the oracle %t:%s", c.name, got, oracle(h), show(h))
		}
	}
	var failed atomic.Bool // one disagreement is enough
	for _, m := range modes {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			legal, illegal, gaps, returns := 0, 0, 0, 0
			for i := range *fuzzCount {
				if failed.Load() {
					t.Skip("another mode has failed")
				}
				h := m.history(rand.New(rand.NewPCG(*fuzzSeed, uint64(i))))
				got := Check(t.Context(), h)
				want := Illegal
				if oracle(h) {
					want = Legal
					legal++
				} else {
					illegal++
				}
				if got.Verdict != want {
					failed.Store(true)
					t.Fatalf("verdicts differ: seed %d, history %d: Check says %+v, the oracle %v:%s", *fuzzSeed, i, got, want, show(h))
				}
				gaps += min(got.Gaps, 1)
				returns += min(got.Returns, 1)
				if got.Verdict == Illegal && got.Reason == "" {
					t.Fatal("Check does not say why")
				}
			}
			if min(legal, illegal) <= *fuzzCount/50 {
				t.Error("both verdicts must occur")
			}
			t.Logf("%d legal, %d illegal, %d with gaps, %d with returns", legal, illegal, gaps, returns)
		})
	}
}
