package statistics

import (
	"math"
	"slices"
	"sort"
	"time"

	"gonum.org/v1/gonum/mathext"
)

// tail is what an interval may miss on either side.
const tail = 0.025

// Endless is the upper end of an interval that has none.
const Endless = time.Duration(math.MaxInt64)

// FewestForMedian is how many values it takes for the median to have an interval.
const FewestForMedian = 6

// Ranks are those of the two order statistics of n values that hold the quantile p, each missing it with
// 2.5 % at most: the k-th smallest value lies above it with P(Bin(n, p) < k). Rank 0 and rank n+1 say that
// n values are too few to bound that side. Coverage is the chance to hold it. (Conover 1980, 3.2)
func Ranks(n int, p float64) (low, high int, coverage float64) {
	lowest := func(p float64) int {
		return sort.Search(n, func(k int) bool { return binomial(k, n, p) > tail })
	}
	low, high = lowest(p), n+1-lowest(1-p)
	return low, high, binomial(high-1, n, p) - binomial(low-1, n, p)
}

// binomial is P(Bin(n, p) <= k).
func binomial(k, n int, p float64) float64 {
	switch {
	case k < 0:
		return 0
	case k >= n:
		return 1
	}
	return mathext.RegIncBeta(float64(n-k), float64(k+1), 1-p)
}

// Interval holds the quantile p of values and right-censored bounds with at least 95 %: two order
// statistics. A bound counts as itself at the lower end and as endless at the upper one. Low is 0 and high
// is Endless where these are too few, or too many are censored, to bound that side.
func Interval(values, bounds []time.Duration, p float64) (low, high time.Duration, coverage float64) {
	lowRank, highRank, coverage := Ranks(len(values)+len(bounds), p)
	high = Endless
	if lowRank > 0 {
		low = slices.Sorted(slices.Values(slices.Concat(values, bounds)))[lowRank-1]
	}
	if highRank <= len(values) {
		high = slices.Sorted(slices.Values(values))[highRank-1]
	}
	return low, high, coverage
}

// MeanInterval holds the mean of at least two values with about 95 %, by the central limit theorem; it
// has no ends for fewer.
func MeanInterval(values []time.Duration) (low, high time.Duration) {
	n := float64(len(values))
	if n < 2 {
		return 0, Endless
	}
	var sum, square float64
	for _, v := range values {
		sum += float64(v)
	}
	mean := math.Trunc(sum / n) // in whole nanoseconds, as it is told
	for _, v := range values {
		square += (float64(v) - mean) * (float64(v) - mean)
	}
	half := 1.96 * math.Sqrt(square/(n-1)/n)
	return time.Duration(mean - half), time.Duration(mean + half)
}

// Proportion holds a proportion, of which k of n were seen, with at least 95 % (Clopper and Pearson
// 1934).
func Proportion(k, n int) (low, high float64) {
	high = 1
	if k > 0 {
		low = mathext.InvRegIncBeta(float64(k), float64(n-k+1), tail)
	}
	if k < n {
		high = mathext.InvRegIncBeta(float64(k+1), float64(n-k), 1-tail)
	}
	return low, high
}

// RateAtMost is the highest rate a second that count events in time t leave likely, with 95 % (Garwood
// 1936): for none it is three over t.
func RateAtMost(count int, t time.Duration) float64 {
	if t <= 0 {
		return math.Inf(1)
	}
	return mathext.GammaIncRegInv(float64(count+1), 0.95) / t.Seconds()
}
