package statistics

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// UTest is the two-sided Mann-Whitney U test of samples a and b (Mann and Whitney 1947).
type UTest struct {
	U      float64 // pairs in which b's value is the larger one; ties count half
	P      float64 // of a U this far from the middle, were both samples from one distribution
	Exact  bool    // P is over all permutations; else it is the normal approximation
	Effect float64 // Cliff's delta, from -1 (all of b below a) to 1 (all of b above a)
}

// maxExact bounds the work of the exact distribution: a + b values together.
const maxExact = 60

// MannWhitney tests two samples, neither of which is empty. It is exact, with ties too, up to
// maxExact values, and above uses the normal approximation with corrections for ties and continuity.
// No kept Go library has it (gonum 0.17: none; go-moremath: untagged since 2021).
func MannWhitney(a, b []time.Duration) UTest {
	m, n := len(a), len(b)
	ranks, rankSum, ties := midranks(a, b)
	u := float64(rankSum)/2 - float64(n)*float64(n+1)/2
	pairs := float64(m) * float64(n)
	t := UTest{U: u, Effect: 2*u/pairs - 1, Exact: m+n <= maxExact}
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

// EffectName is the usual reading of Cliff's delta (Romano et al. 2006).
func EffectName(delta float64) string {
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

// Holm adjusts p-values for being tested together (Holm 1979): each is the smallest level at which its
// hypothesis is rejected while the chance of any false rejection stays at that level, however the tests
// depend on each other. The order of its argument is kept.
func Holm(p []float64) []float64 {
	order := make([]int, len(p))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(p[a], p[b]) })
	out, least := make([]float64, len(p)), 0.0
	for rank, i := range order {
		least = max(least, min(1, p[i]*float64(len(p)-rank)))
		out[i] = least
	}
	return out
}

// KolmogorovSmirnov is the largest distance of two distribution functions, of n and of m values, up to
// limit, and how large it may be were both samples from one distribution: the two-sample test at 5 %, by
// its asymptotic form.
func KolmogorovSmirnov(f, g []Step, n, m int, limit time.Duration) (distance, critical float64) {
	for _, steps := range [][]Step{f, g} {
		for _, x := range steps {
			if x.At <= limit {
				distance = max(distance, math.Abs(Share(f, x.At)-Share(g, x.At)))
			}
		}
	}
	return distance, 1.358 * math.Sqrt(float64(n+m)/(float64(n)*float64(m)))
}
