package sweep

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/faultline-chaos/faultline/results"
)

// Sample is a set of durations, some of which are only known to be longer than a bound.
type Sample struct {
	Values []time.Duration `json:"values"`           // known
	Bounds []time.Duration `json:"bounds,omitempty"` // lower bounds of the censored ones
}

// Figures are what is told of a sample. The zero value of a duration beside N = 0 means nothing.
type Figures struct {
	N, Censored            int
	P10, P50, P90, P99     time.Duration
	Max                    time.Duration // the longest known value or bound
	Mean                   time.Duration // censored ones count as their bound: too short where Censored > 0
	Open10, Open50, Open90 bool          // this many are censored that the quantile is at least what is told
}

// Figures computes them: quantiles are of Kaplan and Meier's distribution function, which for a sample
// without censored values is the nearest rank.
func (s Sample) Figures() Figures {
	f := Figures{N: len(s.Values), Censored: len(s.Bounds)}
	if f.N+f.Censored == 0 {
		return f
	}
	var sum float64
	for _, part := range [][]time.Duration{s.Values, s.Bounds} {
		for _, d := range part {
			sum += float64(d)
			f.Max = max(f.Max, d)
		}
	}
	f.Mean = time.Duration(sum / float64(f.N+f.Censored))
	cdf := s.CDF()
	at := func(p float64) (d time.Duration, open bool) {
		if d, ok := quantile(cdf, p); ok {
			return d, false
		}
		return f.Max, true
	}
	f.P10, f.Open10 = at(0.10)
	f.P50, f.Open50 = at(0.50)
	f.P90, f.Open90 = at(0.90)
	f.P99, _ = at(0.99)
	return f
}

// quantile is the shortest duration within which at least share p was over. It is false where the known
// values do not reach p.
func quantile(cdf []Step, p float64) (time.Duration, bool) {
	for _, s := range cdf {
		if s.P >= p-1e-9 {
			return s.At, true
		}
	}
	return 0, false
}

// interval holds the quantile of share p with about 95 %: two order statistics, whose ranks are those of
// the binomial distribution's normal approximation. What lies among the censored values has no bound.
func (s Sample) interval(p float64) (low, high time.Duration) {
	n := len(s.Values) + len(s.Bounds)
	v := slices.Sorted(slices.Values(s.Values))
	spread := 1.96 * math.Sqrt(float64(n)*p*(1-p))
	at := func(rank int) time.Duration {
		switch {
		case rank < 1:
			return 0
		case rank > len(v):
			return math.MaxInt64
		}
		return v[rank-1]
	}
	return at(int(math.Floor(float64(n)*p - spread))), at(int(math.Ceil(float64(n)*p+spread)) + 1)
}

// meanInterval holds the mean with about 95 %, by the central limit theorem. Where some are censored
// the mean has no bound.
func (s Sample) meanInterval() (low, high time.Duration) {
	n := float64(len(s.Values))
	if n < 2 || len(s.Bounds) > 0 {
		return 0, math.MaxInt64
	}
	mean := float64(s.Figures().Mean)
	var square float64
	for _, v := range s.Values {
		square += (float64(v) - mean) * (float64(v) - mean)
	}
	half := 1.96 * math.Sqrt(square/(n-1)/n)
	return time.Duration(mean - half), time.Duration(mean + half)
}

// CDF is the distribution function of Kaplan and Meier: share P was over within At.
func (s Sample) CDF() []Step { return results.KaplanMeier(s.Values, s.Bounds) }

// Step is one step of a distribution function.
type Step = results.CDFStep

// share is the distribution function's value at d.
func share(cdf []Step, d time.Duration) float64 {
	i, _ := slices.BinarySearchFunc(cdf, d+1, func(s Step, d time.Duration) int { return cmp.Compare(s.At, d) })
	if i == 0 {
		return 0
	}
	return cdf[i-1].P
}

// MedianInterval holds the median with at least 95 %: two order statistics. It is false for fewer than
// six values and for censored samples.
func (s Sample) MedianInterval() (low, high time.Duration, ok bool) {
	n := len(s.Values)
	if len(s.Bounds) > 0 || n < enough {
		return 0, 0, false
	}
	v := slices.Sorted(slices.Values(s.Values))
	k, _ := results.MedianRanks(n)
	if k == 0 {
		return 0, 0, false
	}
	return v[k-1], v[n-k], true
}

// atMost is the highest rate a second that count events in time t leave likely, with 95 %: for none it
// is three over t. For more it is Poisson's bound in Wilson and Hilferty's approximation.
func atMost(count int, t time.Duration) float64 {
	if t <= 0 {
		return math.Inf(1)
	}
	if count == 0 {
		return -math.Log(0.05) / t.Seconds()
	}
	k := float64(count + 1)
	x := 1 - 1/(9*k) + 1.6449/(3*math.Sqrt(k))
	return k * x * x * x / t.Seconds()
}
