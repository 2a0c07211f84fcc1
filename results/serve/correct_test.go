package serve

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestEqualRunsSeldomDiffer: of comparisons of runs that are alike, with ten durations each, about one
// in twenty shows any change; without the correction it would be two in five.
func TestEqualRunsSeldomDiffer(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 8))
	draw := func() Phase {
		v := make([]time.Duration, 8)
		for i := range v {
			v[i] = time.Duration(i*1e6) + time.Duration(rng.IntN(1e8))
		}
		return Phase{Values: slices.Sorted(slices.Values(v))}
	}
	const comparisons = 400
	wrong := 0
	for range comparisons {
		var changes []change
		for range 10 {
			changes = append(changes, changeOf("x", "a duration", draw(), draw()))
		}
		correct(changes)
		for i := range changes {
			if changes[i].Class != "same" {
				wrong++
				break
			}
		}
	}
	require.Less(t, wrong, comparisons/10)
}
