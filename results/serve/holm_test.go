package serve

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestHolm(t *testing.T) {
	for name, c := range map[string]struct{ p, want []float64 }{
		"none":               {nil, []float64{}},
		"one is as it was":   {[]float64{0.04}, []float64{0.04}},
		"Holm's own example": {[]float64{0.01, 0.02, 0.03, 0.04}, []float64{0.04, 0.06, 0.06, 0.06}},
		"in any order":       {[]float64{0.04, 0.01, 0.03, 0.02}, []float64{0.06, 0.04, 0.06, 0.06}},
		"never above one":    {[]float64{0.5, 0.9, 0.8}, []float64{1, 1, 1}},
	} {
		t.Run(name, func(t *testing.T) { require.InDeltaSlice(t, c.want, holm(c.p), 1e-12) })
	}
}

func TestHolmProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := rapid.SliceOf(rapid.Float64Range(0, 1)).Draw(t, "p")
		got := holm(p)
		for i := range p {
			require.GreaterOrEqual(t, got[i], p[i])
			require.LessOrEqual(t, got[i], min(1, p[i]*float64(len(p)))+1e-12, "never worse than Bonferroni")
			for j := range p {
				if p[i] < p[j] {
					require.LessOrEqual(t, got[i], got[j])
				}
			}
		}
	})
}

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
