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
	all := s.sorted()
	f := Figures{N: len(s.Values), Censored: len(s.Bounds)}
	if len(all) == 0 {
		return f
	}
	var sum float64
	for _, o := range all {
		sum += float64(o.at)
	}
	f.Mean = time.Duration(sum / float64(len(all)))
	f.Max = all[len(all)-1].at
	f.P10, f.Open10 = quantile(all, 0.10)
	f.P50, f.Open50 = quantile(all, 0.50)
	f.P90, f.Open90 = quantile(all, 0.90)
	f.P99, _ = quantile(all, 0.99)
	return f
}

type observation struct {
	at    time.Duration
	event bool // else censored there
}

func (s Sample) sorted() []observation {
	all := make([]observation, 0, len(s.Values)+len(s.Bounds))
	for _, v := range s.Values {
		all = append(all, observation{v, true})
	}
	for _, b := range s.Bounds {
		all = append(all, observation{b, false})
	}
	slices.SortStableFunc(all, func(a, b observation) int { return cmp.Compare(a.at, b.at) })
	return all
}

// quantile is the shortest duration within which at least share p was over. It is open, and the
// longest of all, where the known values do not reach p.
func quantile(all []observation, p float64) (d time.Duration, open bool) {
	survive := 1.0
	for i, o := range all {
		if !o.event {
			continue
		}
		survive *= 1 - 1/float64(len(all)-i)
		if 1-survive >= p-1e-9 {
			return o.at, false
		}
	}
	return all[len(all)-1].at, true
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
