package serve

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
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
			got := mannWhitney(c.a, c.b)
			require.True(t, got.Exact)
			require.InDelta(t, c.u, got.U, 1e-9)
			require.InDelta(t, c.p, got.P, 5e-5)
			back := mannWhitney(c.b, c.a)
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
		require.InDelta(t, mannWhitney(a, b).P, approximate(a, b), 0.01)
	}
	a, b = a[:0:0], b[:0:0]
	for i := range 100 {
		a, b = append(a, time.Duration(i)), append(b, time.Duration(i+60))
	}
	big := mannWhitney(a, b)
	require.False(t, big.Exact)
	require.Less(t, big.P, 1e-6)
	require.Equal(t, "large", effectName(big.Effect))
}

func TestMedianIntervalAgainstPublishedRanks(t *testing.T) {
	// Ranks of order statistics that hold the median with 95 % (Conover 1980, table of the binomial).
	for n, k := range map[int]int{6: 1, 8: 1, 9: 2, 10: 2, 20: 6, 30: 10, 50: 18, 100: 40, 1000: 469} {
		v := make([]time.Duration, n)
		for i := range v {
			v[i] = time.Duration(i + 1)
		}
		got, ok := medianInterval(v)
		require.True(t, ok)
		require.Equal(t, [2]time.Duration{time.Duration(k), time.Duration(n + 1 - k)}, got, "n = %d", n)
	}
	_, ok := medianInterval(durations(1, 2, 3, 4, 5))
	require.False(t, ok)
}

func TestQuantilesAreValuesThatWereMeasured(t *testing.T) {
	v := durations(5, 1, 4, 2, 3)
	slices.Sort(v)
	require.Equal(t, v[2], quantile(v, 0.5))
	require.Equal(t, v[4], quantile(v, 0.95))
	require.Equal(t, v[0], quantile(v, 0))
	require.Equal(t, v[2], median(v))
	require.Equal(t, (v[1]+v[2])/2, median(v[:4]))
}
