package revision

import (
	"flag"
	"math/rand/v2"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	fuzzCount = flag.Int("revision.count", 20_000, "random histories of every mode")
	fuzzSeed  = flag.Uint64("revision.seed", 1, "seed of the random histories")
)

// TestAgainstOracle compares Check with trying every order, on small random histories.
func TestAgainstOracle(t *testing.T) {
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
					require.Failf(t, "verdicts differ", "seed %d, history %d: Check says %+v, the oracle %v:%s", *fuzzSeed, i, got, want, show(h))
				}
				gaps += min(got.Gaps, 1)
				returns += min(got.Returns, 1)
				if got.Verdict == Illegal {
					require.NotEmpty(t, got.Reason)
				}
			}
			require.Greater(t, min(legal, illegal), *fuzzCount/50, "both verdicts must occur")
			t.Logf("%d legal, %d illegal, %d with gaps, %d with returns", legal, illegal, gaps, returns)
		})
	}
}
