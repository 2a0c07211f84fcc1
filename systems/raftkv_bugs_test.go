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

// beyond are planted bugs that storms do not reveal within a minute.
var beyond = map[string]string{
	"read-id-reused":         "random faults have never met it: it needs a directed test",
	"ack-any-entry-at-index": "the put that is answered too early is applied soon after",
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
			s.nodes, s.keep = 3+2*int(seed%2), true
			if seed%4 < 2 { // clients wait for an election
				s.load.Timeout = 4 * time.Second
			}
			out := s.run(t, seed, o)
			if out.stats.Panics > 0 {
				return errors.New("a member panicked"), seed
			}
			if err := out.wrong(t.Context(), s.load); err != nil {
				return err, seed
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
