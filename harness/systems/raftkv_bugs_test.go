//go:build bugs

package systems

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/harness/sim"
	"github.com/faultline-chaos/faultline/store/core"
)

// beyond are planted bugs that this package's own workload and raft's promises do not reveal.
var beyond = map[string]string{
	"read-id-reused":         "random faults have never met it: it needs a directed test",
	"double-apply":           "it takes a judge of whole histories to see that one put took effect twice",
	"ack-any-entry-at-index": "attempts of this workload are over before another leader's entry comes",
}

// TestPlantedBugs: hostile simulations of the store find nothing, and those of every planted bug find
// it.
func TestPlantedBugs(t *testing.T) {
	const seeds = 60
	hunt := func(t *testing.T, bug string) (found error, seed uint64) {
		t.Helper()
		for seed := range uint64(seeds) {
			o := simOptions()
			o.Bug, o.SnapshotCount = bug, 20
			s := defaultStorm()
			s.options.Hostile = 30 * time.Second
			s.nodes = 3 + 2*int(seed%2)
			out := s.run(t, seed, o)
			if out.stats.Panics > 0 {
				out.err = errors.Join(out.err, errors.New("a member panicked"))
			}
			if out.err != nil {
				return out.err, seed
			}
		}
		return nil, seeds
	}
	t.Run("none", func(t *testing.T) {
		err, seed := hunt(t, "")
		require.NoErrorf(t, err, "seed %d", seed)
	})
	for _, bug := range core.Bugs() {
		t.Run(bug, func(t *testing.T) {
			if why, ok := beyond[bug]; ok {
				t.Skip(why)
			}
			err, seed := hunt(t, bug)
			require.Errorf(t, err, "nothing in %d seeds", seeds)
			t.Logf("seed %d: %v", seed, err)
			if e := (*sim.InvariantError)(nil); errors.As(err, &e) {
				require.NotEmpty(t, e.Problem)
			}
		})
	}
}
