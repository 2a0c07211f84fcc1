package sweep

import (
	"time"

	"github.com/faultline-chaos/faultline/internal/statistics"
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
		if d, ok := statistics.Quantile(cdf, p); ok {
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

// CDF is the distribution function of Kaplan and Meier: share P was over within At.
func (s Sample) CDF() []Step { return statistics.KaplanMeier(s.Values, s.Bounds) }

// Step is one step of a distribution function.
type Step = statistics.Step

// MedianInterval holds the median with at least 95 %. It is false where there are too few values, or too
// many censored ones, to bound it.
func (s Sample) MedianInterval() (low, high time.Duration, ok bool) {
	low, high, _ = statistics.Interval(s.Values, s.Bounds, 0.5)
	return low, high, high < statistics.Endless
}
