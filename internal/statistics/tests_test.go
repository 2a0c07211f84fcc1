package statistics

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func durations(v ...float64) []time.Duration {
	out := make([]time.Duration, len(v))
	for i := range v {
		out[i] = time.Duration(v[i] * 1000)
	}
	return out
}

func TestMannWhitneyAgainstPublishedValues(t *testing.T) {
	for name, c := range map[string]struct {
		a, b []time.Duration
		u, p float64
	}{
		// SciPy's documentation of mannwhitneyu, method="exact".
		"scipy, diabetes": {durations(20, 11, 17, 12), durations(19, 22, 16, 29, 24), 17, 1.0 / 9},
		// R's help of wilcox.test (Hollander and Wolfe 1973, 69f): W = 35, one-sided p = 0.1272.
		"R, permeability": {
			durations(1.15, 0.88, 0.90, 0.74, 1.21),
			durations(0.80, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46), 35, 0.2544,
		},
		// The table of critical values: 5 and 5, U = 2 is the largest with p <= 0.05.
		"table 5 5, U 2":      {durations(1, 2, 3, 5, 6), durations(4, 7, 8, 9, 10), 23, 8.0 / 252},
		"table 4 4, U 0":      {durations(1, 2, 3, 4), durations(5, 6, 7, 8), 16, 2.0 / 70},
		"smallest of 3 and 3": {durations(1, 2, 3), durations(4, 5, 6), 9, 0.1},
		"all the same":        {durations(1, 1, 1), durations(1, 1, 1, 1), 6, 1},
		// Ties, by hand: ranks 1.5 1.5 3 4; both choices of 2 ranks that reach 1.5+1.5 and 3+4.
		"ties": {durations(1, 1), durations(2, 3), 4, 2.0 / 6},
	} {
		t.Run(name, func(t *testing.T) {
			got := MannWhitney(c.a, c.b)
			require.True(t, got.Exact)
			require.InDelta(t, c.u, got.U, 1e-9)
			require.InDelta(t, c.p, got.P, 5e-5)
			back := MannWhitney(c.b, c.a)
			require.InDelta(t, got.P, back.P, 1e-9)
			require.InDelta(t, -got.Effect, back.Effect, 1e-9)
		})
	}
}

func approximate(a, b []time.Duration) float64 {
	_, sum, ties := midranks(a, b)
	return normalP(float64(sum)/2-float64(len(b)*(len(b)+1))/2, len(a), len(b), ties)
}

func TestNormalApproximation(t *testing.T) {
	a, b := durations(20, 11, 17, 12), durations(19, 22, 16, 29, 24)
	// SciPy's documentation, method="asymptotic": p = 0.11134688653314041 for the nine values.
	require.InDelta(t, 0.11134688653314041, approximate(a, b), 1e-9)

	r := rand.New(rand.NewPCG(3, 4))
	for range 40 { // near the exact one where both can be had
		a, b = a[:0:0], b[:0:0]
		for range 25 {
			a = append(a, time.Duration(r.IntN(500)))
			b = append(b, time.Duration(r.IntN(600)))
		}
		require.InDelta(t, MannWhitney(a, b).P, approximate(a, b), 0.01)
	}
	a, b = a[:0:0], b[:0:0]
	for i := range 100 {
		a, b = append(a, time.Duration(i)), append(b, time.Duration(i+60))
	}
	big := MannWhitney(a, b)
	require.False(t, big.Exact)
	require.Less(t, big.P, 1e-6)
	require.Equal(t, "large", EffectName(big.Effect))
}

func TestQuantilesAreValuesThatWereMeasured(t *testing.T) {
	v := durations(5, 1, 4, 2, 3)
	slices.Sort(v)
	require.Equal(t, v[2], NearestRank(v, 0.5))
	require.Equal(t, v[4], NearestRank(v, 0.95))
	require.Equal(t, v[0], NearestRank(v, 0))
	require.Equal(t, v[2], Median(v))
	require.Equal(t, (v[1]+v[2])/2, Median(v[:4]))
}

func TestHolm(t *testing.T) {
	for name, c := range map[string]struct{ p, want []float64 }{
		"none":               {nil, []float64{}},
		"one is as it was":   {[]float64{0.04}, []float64{0.04}},
		"Holm's own example": {[]float64{0.01, 0.02, 0.03, 0.04}, []float64{0.04, 0.06, 0.06, 0.06}},
		"in any order":       {[]float64{0.04, 0.01, 0.03, 0.02}, []float64{0.06, 0.04, 0.06, 0.06}},
		"never above one":    {[]float64{0.5, 0.9, 0.8}, []float64{1, 1, 1}},
	} {
		t.Run(name, func(t *testing.T) { require.InDeltaSlice(t, c.want, Holm(c.p), 1e-12) })
	}
}

func TestHolmProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := rapid.SliceOf(rapid.Float64Range(0, 1)).Draw(t, "p")
		got := Holm(p)
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
