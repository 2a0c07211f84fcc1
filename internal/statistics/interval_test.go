package statistics

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const sec = time.Second

func TestMedianRanks(t *testing.T) {
	for _, c := range []struct {
		n, low, high int
		coverage     float64
	}{
		{5, 0, 6, 1}, {6, 1, 6, 0.96875}, {8, 1, 8, 0.9921875}, {9, 2, 8, 0.9609375}, {10, 2, 9, 0.9785}, {20, 6, 15, 0.9586},
		{30, 10, 21, 0.9572}, {50, 18, 33, 0.9672}, {100, 40, 61, 0.9648}, {1000, 469, 532, 0.9537}, // Conover 1980
		{2000, 956, 1045, 0.9533}, {1_000_000, 499020, 500981, 0.95}, // 2^-n is no number
	} {
		low, high, coverage := Ranks(c.n, 0.5)
		require.Equal(t, []int{c.low, c.high}, []int{low, high}, c.n)
		require.InDelta(t, c.coverage, coverage, 1e-3)
	}
	low, _, _ := Ranks(FewestForMedian, 0.5)
	require.Equal(t, 1, low)
}

// TestRanksAgainstCounting: the sums of the binomial's terms say the same, and no rank nearer would do. Beyond 150, 0.01^n is no number.
func TestRanksAgainstCounting(t *testing.T) {
	for _, p := range []float64{0.1, 0.5, 0.9, 0.99} {
		for n := 1; n <= 150; n++ {
			below := make([]float64, n+2) // below[k] is P(Bin < k)
			term := math.Pow(1-p, float64(n))
			for k := range n + 1 {
				below[k+1] = below[k] + term
				term *= float64(n-k) / float64(k+1) * p / (1 - p)
			}
			low, high, coverage := Ranks(n, p)
			name := fmt.Sprintf("n = %d, p = %g", n, p)
			require.InDelta(t, below[high]-below[low], coverage, 1e-9, name)
			require.GreaterOrEqual(t, coverage, 0.95, name)
			require.LessOrEqual(t, below[low], tail, name)
			require.Greater(t, below[low+1], tail, name)
			require.LessOrEqual(t, 1-below[high], tail+1e-9, name)
			require.Greater(t, 1-below[high-1], tail, name)
		}
	}
}

func TestIntervalOfCensoredValues(t *testing.T) {
	values := func(n int) (out []time.Duration) {
		for i := n; i > 0; i-- { // in any order
			out = append(out, time.Duration(i)*sec)
		}
		return out
	}
	for name, c := range map[string]struct {
		values, bounds []time.Duration
		p              float64
		low, high      time.Duration
	}{
		"none":                       {nil, nil, 0.5, 0, Endless},
		"too few":                    {values(5), nil, 0.5, 0, Endless},
		"six":                        {values(6), nil, 0.5, sec, 6 * sec},
		"a bound at the lower end":   {values(8), values(1), 0.5, sec, 8 * sec},
		"bounds at the upper end":    {values(6), values(3), 0.5, sec, Endless},
		"p90, bounded below only":    {values(20), nil, 0.9, 15 * sec, Endless},
		"p90 of enough":              {values(100), nil, 0.9, 84 * sec, 96 * sec},
		"p10, its mirror":            {values(100), nil, 0.1, 5 * sec, 17 * sec},
		"p90 where the longest open": {values(90), []time.Duration{sec * 95, sec * 96}, 0.9, 77 * sec, 89 * sec},
	} {
		t.Run(name, func(t *testing.T) {
			low, high, _ := Interval(c.values, c.bounds, c.p)
			require.Equal(t, []time.Duration{c.low, c.high}, []time.Duration{low, high})
		})
	}
}

func TestMeanInterval(t *testing.T) {
	low, high := MeanInterval([]time.Duration{1 * sec, 2 * sec, 3 * sec, 4 * sec, 5 * sec})
	require.InDelta(t, 3-1.96*math.Sqrt(2.5/5), low.Seconds(), 1e-6)
	require.InDelta(t, 3+1.96*math.Sqrt(2.5/5), high.Seconds(), 1e-6)
	_, high = MeanInterval([]time.Duration{sec})
	require.Equal(t, Endless, high)
}

// TestProportion: by its definition, both tails of the binomial at the bounds are 2.5 %; and
// tables' values.
func TestProportion(t *testing.T) {
	for _, c := range []struct {
		k, n      int
		low, high float64
	}{
		{0, 10, 0, 0.3085}, {10, 10, 0.6915, 1}, {1, 10, 0.0025, 0.4450}, {5, 10, 0.1871, 0.8129}, {3, 20, 0.0321, 0.3789}, {0, 1, 0, 0.975},
	} {
		low, high := Proportion(c.k, c.n)
		require.InDelta(t, c.low, low, 5e-5, "%d of %d", c.k, c.n)
		require.InDelta(t, c.high, high, 5e-5, "%d of %d", c.k, c.n)
	}
}

func TestRateAtMost(t *testing.T) {
	require.InDelta(t, 2.9957/60, RateAtMost(0, time.Minute), 1e-5)
	require.InDelta(t, 10.5130/60, RateAtMost(5, time.Minute), 1e-5) // Garwood's table
	require.True(t, math.IsInf(RateAtMost(0, 0), 1))
}

func TestBandHoldsForEveryN(t *testing.T) {
	band := Band([]time.Duration{sec, 3 * sec}, []time.Duration{2 * sec})
	require.Len(t, band, 4)
	require.InDelta(t, DKW(3), band[0].High, 1e-9)
	for i, b := range band {
		require.GreaterOrEqual(t, b.Low, 0.0)
		require.LessOrEqual(t, b.High, 1.0)
		if i > 0 {
			require.GreaterOrEqual(t, b.High, band[i-1].High)
			require.GreaterOrEqual(t, b.Low, band[i-1].Low)
		}
	}
	require.InDelta(t, 0.0430, DKW(1000), 1e-4)
}

func TestKaplanMeier(t *testing.T) {
	require.Equal(t, []Step{{sec, 0.5}, {2 * sec, 1}}, KaplanMeier([]time.Duration{sec, 2 * sec}, nil))
	got := KaplanMeier([]time.Duration{sec, 3 * sec}, []time.Duration{2 * sec}) // 1 of 3, then 1 of the 1 left
	require.InDelta(t, 1.0/3, got[0].P, 1e-9)
	require.InDelta(t, 1.0, got[1].P, 1e-9)
}
