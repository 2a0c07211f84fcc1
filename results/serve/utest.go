package serve

import (
	"cmp"
	"math"
	"slices"
	"time"

	"gonum.org/v1/gonum/stat/distuv"
)

// utest is the two-sided Mann-Whitney U test of samples a and b (Mann and Whitney 1947).
type utest struct {
	U      float64 // pairs in which b's value is the larger one; ties count half
	P      float64 // of a U this far from the middle, were both samples from one distribution
	Exact  bool    // P is over all permutations; else it is the normal approximation
	Effect float64 // Cliff's delta, from -1 (all of b below a) to 1 (all of b above a)
}

// maxExact bounds the work of the exact distribution: a + b values together.
const maxExact = 60

// mannWhitney tests two samples, neither of which is empty. It is exact, with ties too, up to
// maxExact values, and above uses the normal approximation with corrections for ties and continuity.
// No kept Go library has it (gonum 0.17: none; go-moremath: untagged since 2021).
func mannWhitney(a, b []time.Duration) utest {
	m, n := len(a), len(b)
	ranks, rankSum, ties := midranks(a, b)
	u := float64(rankSum)/2 - float64(n)*float64(n+1)/2
	pairs := float64(m) * float64(n)
	t := utest{U: u, Effect: 2*u/pairs - 1, Exact: m+n <= maxExact}
	if t.Exact {
		t.P = exactP(ranks, n, rankSum)
		return t
	}
	t.P = normalP(u, m, n, ties)
	return t
}

// normalP is the probability by the normal approximation, corrected for ties and continuity.
func normalP(u float64, m, n int, ties float64) float64 {
	pairs, total := float64(m)*float64(n), float64(m+n)
	variance := pairs / 12 * (total + 1 - ties/(total*(total-1)))
	if variance <= 0 {
		return 1 // every value is the same
	}
	z := max(0, math.Abs(u-pairs/2)-0.5) / math.Sqrt(variance)
	return math.Erfc(z / math.Sqrt2)
}

// midranks gives twice the rank of every value among all, so that ties stay whole numbers, the sum
// of b's, and the sum of t³-t over groups of t tied values.
func midranks(a, b []time.Duration) (doubled []int, sumB int, ties float64) {
	type obs struct {
		v   time.Duration
		ofB bool
	}
	all := make([]obs, 0, len(a)+len(b))
	for _, v := range a {
		all = append(all, obs{v, false})
	}
	for _, v := range b {
		all = append(all, obs{v, true})
	}
	slices.SortFunc(all, func(x, y obs) int { return cmp.Compare(x.v, y.v) })
	doubled = make([]int, len(all))
	for i := 0; i < len(all); {
		j := i
		for j < len(all) && all[j].v == all[i].v {
			j++
		}
		for k := i; k < j; k++ {
			doubled[k] = i + j + 1 // twice the mean of ranks i+1 to j
			if all[k].ofB {
				sumB += doubled[k]
			}
		}
		t := float64(j - i)
		ties += t*t*t - t
		i = j
	}
	return doubled, sumB, ties
}

// exactP is twice the smaller tail of the sum of n of the ranks, over all ways to choose them.
func exactP(ranks []int, n, sum int) float64 {
	most := 0
	for _, r := range ranks {
		most += r
	}
	ways := make([][]float64, n+1) // ways[k][s]: choices of k ranks whose sum is s
	for k := range ways {
		ways[k] = make([]float64, most+1)
	}
	ways[0][0] = 1
	for i, r := range ranks {
		for k := min(i+1, n); k > 0; k-- {
			for s := most; s >= r; s-- {
				ways[k][s] += ways[k-1][s-r]
			}
		}
	}
	var all, low, high float64
	for s, w := range ways[n] {
		all += w
		if s <= sum {
			low += w
		}
		if s >= sum {
			high += w
		}
	}
	return min(1, 2*min(low, high)/all)
}

// effectName is the usual reading of Cliff's delta (Romano et al. 2006).
func effectName(delta float64) string {
	switch d := math.Abs(delta); {
	case d < 0.147:
		return "negligible"
	case d < 0.33:
		return "small"
	case d < 0.474:
		return "medium"
	}
	return "large"
}

// medianInterval are two order statistics of sorted values that hold the median with at least 95 %;
// false for fewer than 6 values, of which none do.
func medianInterval(sorted []time.Duration) ([2]time.Duration, bool) {
	n := len(sorted)
	if n < minFailovers {
		return [2]time.Duration{}, false
	}
	below := distuv.Binomial{N: float64(n), P: 0.5}
	lo, hi := 1, n/2+1 // the largest k in [lo, hi) with coverage 1 - 2·P(Bin < k) of 95 % or more
	for lo+1 < hi {
		if mid := (lo + hi) / 2; 1-2*below.CDF(float64(mid-1)) >= 0.95 {
			lo = mid
		} else {
			hi = mid
		}
	}
	return [2]time.Duration{sorted[lo-1], sorted[n-lo]}, true
}

// median of sorted values: the mean of the middle two where there are two.
func median(sorted []time.Duration) time.Duration {
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// quantile is the nearest rank: a value that was measured.
func quantile(sorted []time.Duration, q float64) time.Duration {
	return sorted[max(1, int(math.Ceil(q*float64(len(sorted)))))-1]
}
