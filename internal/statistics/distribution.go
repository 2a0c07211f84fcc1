// Package statistics is the arithmetic of everything that reports and sweeps tell of samples: quantiles,
// distribution functions with censored values, intervals and tests. Every interval and band holds what it
// is for with 95 % or more; those of quantiles are exact for every n (order statistics), and so is that of
// a proportion. Everything is a pure function. Durations are in nanoseconds, as everywhere.
//
// A censored value is one of which only a lower bound is known: the outage had not ended when watching
// did. Values and bounds are passed apart.
package statistics

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// Median of sorted values, of which there must be some: the mean of the middle two where there are two,
// and of those the finite one where the other is infinite.
func Median[T ~int64 | ~float64](sorted []T) T {
	n := len(sorted)
	low, high := sorted[(n-1)/2], sorted[n/2]
	if math.IsInf(float64(high), 1) {
		return low
	}
	return (low + high) / 2
}

// NearestRank is the quantile p of sorted values, of which there must be some: a value that was measured,
// so that the p90 of fewer than 10 values is the largest.
func NearestRank[T any](sorted []T, p float64) T {
	return sorted[max(1, int(math.Ceil(p*float64(len(sorted)))))-1]
}

// Deviation estimates the standard deviation from the median absolute deviation, as if values were
// normal: a few outliers do not move it.
func Deviation(values []float64, median float64) float64 {
	off := make([]float64, len(values))
	for i, v := range values {
		off[i] = math.Abs(v - median)
	}
	slices.Sort(off)
	return 1.4826 * Median(off)
}

// Step is one step of a distribution function: P rises to P at At.
type Step struct {
	At time.Duration
	P  float64
}

// KaplanMeier is the distribution function of values and right-censored bounds (Kaplan and Meier 1958);
// without bounds it is the empirical one.
func KaplanMeier(values, bounds []time.Duration) []Step {
	type obs struct {
		at    time.Duration
		event bool
	}
	all := make([]obs, 0, len(values)+len(bounds))
	for _, v := range values {
		all = append(all, obs{v, true})
	}
	for _, b := range bounds {
		all = append(all, obs{b, false})
	}
	slices.SortStableFunc(all, func(a, b obs) int { return cmp.Compare(a.at, b.at) })
	survive, out := 1.0, []Step(nil)
	for i, o := range all {
		if o.event {
			survive *= 1 - 1/float64(len(all)-i)
			out = append(out, Step{o.at, 1 - survive})
		}
	}
	return out
}

// Quantile is the shortest duration within which at least share p was over. It is false where the known
// values do not reach p.
func Quantile(cdf []Step, p float64) (time.Duration, bool) {
	for _, s := range cdf {
		if s.P >= p-1e-9 {
			return s.At, true
		}
	}
	return 0, false
}

// Share is the distribution function's value at d.
func Share(cdf []Step, d time.Duration) float64 {
	i, _ := slices.BinarySearchFunc(cdf, d+1, func(s Step, d time.Duration) int { return cmp.Compare(s.At, d) })
	if i == 0 {
		return 0
	}
	return cdf[i-1].P
}

// DKW is half the height of the 95 % band of Dvoretzky, Kiefer and Wolfowitz for n values (Massart's
// constant).
func DKW(n int) float64 { return math.Sqrt(math.Log(2/0.05) / (2 * float64(n))) }

// BandStep is one step of a band: it holds from At on.
type BandStep struct {
	At        time.Duration
	Low, High float64
}

// Band holds the whole distribution function of sorted values and sorted bounds with at least 95 %, for
// every n: the empirical one and DKW's half height above and below it. It is wide where n is small, since
// little is known. What is censored counts as endless at the lower edge and as its bound at the upper: the
// truth is between.
func Band(values, bounds []time.Duration) []BandStep {
	n := len(values) + len(bounds)
	if n == 0 {
		return nil
	}
	eps := DKW(n)
	all := slices.Sorted(slices.Values(slices.Concat(values, bounds)))
	out := []BandStep{{0, 0, min(1, eps)}}
	known := 0
	for i, at := range all {
		for known < len(values) && values[known] <= at {
			known++
		}
		if i+1 < n && all[i+1] == at {
			continue
		}
		out = append(out, BandStep{at, max(0, float64(known)/float64(n)-eps), min(1, float64(i+1)/float64(n)+eps)})
	}
	return out
}
