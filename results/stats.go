package results

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// Summary is one duration over all episodes that can tell it. Episodes whose faults left no majority
// unharmed are not in it: they last as long as the fault.
type Summary struct {
	Name     string
	Doc      string
	N        int // known values
	Censored int // of which only a lower bound is known
	Min      time.Duration
	Median   time.Duration
	P90      time.Duration // nearest rank; with fewer than 10 values it is the maximum
	Max      time.Duration
	// Interval holds the median with at least 95 %: two order statistics. Only with 6 values or more.
	Interval *[2]time.Duration
	Coverage float64
	Values   []time.Duration // sorted
	Bounds   []time.Duration // lower bounds of the censored ones
}

// metric picks one duration of an episode; atLeast where it is censored.
type metric struct {
	name, doc string
	get       func(*Episode) (d, atLeast *time.Duration)
}

func plain(get func(*Episode) *time.Duration) func(*Episode) (*time.Duration, *time.Duration) {
	return func(e *Episode) (*time.Duration, *time.Duration) {
		if d := get(e); d != nil || e.Outcome != NoLeader {
			return d, nil
		}
		w := e.Watched - e.T0
		return nil, &w
	}
}

var metrics = []metric{
	{"write outage", "last acknowledged write due before the fault, to the first of 5 in a row", func(e *Episode) (*time.Duration, *time.Duration) { return e.Writes.Took, e.Writes.AtLeast }},
	{"read outage", "the same for reads", func(e *Episode) (*time.Duration, *time.Duration) { return e.Reads.Took, e.Reads.AtLeast }},
	{"detection", "fault confirmed, to the first campaign of a survivor", plain(func(e *Episode) *time.Duration { return e.Detection })},
	{"election", "fault confirmed, to a leader with a majority of votes", plain(func(e *Episode) *time.Duration { return e.Election })},
	{"write-ready", "fault confirmed, to the first commit in the new term; where the store's log does not tell it, to the first acknowledged write after it", plain(func(e *Episode) *time.Duration { return e.WriteReady })},
	{"client tax", "write outage minus write-ready", func(e *Episode) (*time.Duration, *time.Duration) { return e.ClientTax, nil }},
	{"rejoin", "heal issued, to the first sign that the old leader follows or serves", func(e *Episode) (*time.Duration, *time.Duration) { return e.Rejoin, nil }},
	{"rejoin outage", "longest time without an acknowledged write while it rejoined", func(e *Episode) (*time.Duration, *time.Duration) { return e.RejoinOutage, nil }},
	{"stale leadership", "the old leader still believed to lead while the new one did", func(e *Episode) (*time.Duration, *time.Duration) { return e.Stale, nil }},
}

func summaries(eps []Episode) []Summary {
	var out []Summary
	for _, m := range metrics {
		s := Summary{Name: m.name, Doc: m.doc}
		for i := range eps {
			if eps[i].QuorumLost {
				continue
			}
			d, atLeast := m.get(&eps[i])
			switch {
			case d != nil:
				s.Values = append(s.Values, *d)
			case atLeast != nil:
				s.Bounds = append(s.Bounds, *atLeast)
			}
		}
		s.compute()
		if s.N+s.Censored > 0 {
			out = append(out, s)
		}
	}
	return out
}

func (s *Summary) compute() {
	slices.Sort(s.Values)
	slices.Sort(s.Bounds)
	s.N, s.Censored = len(s.Values), len(s.Bounds)
	if s.N == 0 {
		return
	}
	s.Min, s.Max = s.Values[0], s.Values[s.N-1]
	s.Median = median(s.Values)
	s.P90 = s.Values[int(math.Ceil(0.9*float64(s.N)))-1]
	if k, coverage := medianRanks(s.N); k > 0 && s.Censored == 0 {
		s.Interval, s.Coverage = &[2]time.Duration{s.Values[k-1], s.Values[s.N-k]}, coverage
	}
}

// median of sorted values: the mean of the middle two where there are two.
func median(v []time.Duration) time.Duration {
	n := len(v)
	return (v[(n-1)/2] + v[n/2]) / 2
}

// medianRanks is the largest k so that the k-th smallest and k-th largest of n values hold the
// median with at least 95 %: 1 − 2·P(Bin(n, ½) < k). It is 0 for n < 6.
func medianRanks(n int) (k int, coverage float64) {
	p, tail := math.Pow(0.5, float64(n)), 0.0
	for i := range n / 2 {
		tail += p // P(Bin <= i)
		if c := 1 - 2*tail; c >= 0.95 {
			k, coverage = i+1, c
		}
		p *= float64(n-i) / float64(i+1)
	}
	return k, coverage
}

// step is one step of a distribution function: P rises to P at At.
type step struct {
	At time.Duration
	P  float64
}

// kaplanMeier is the distribution function of values and right-censored bounds; without bounds it is
// the empirical one.
func kaplanMeier(values, bounds []time.Duration) []step {
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
	survive, out := 1.0, []step(nil)
	for i, o := range all {
		if o.event {
			survive *= 1 - 1/float64(len(all)-i)
			out = append(out, step{o.at, 1 - survive})
		}
	}
	return out
}

// dkw is half the height of the 95 % band of Dvoretzky, Kiefer and Wolfowitz (Massart's constant).
func dkw(n int) float64 { return math.Sqrt(math.Log(2/0.05) / (2 * float64(n))) }

// stat finds a summary by name.
func (a *Analysis) stat(name string) *Summary {
	for i := range a.Stats {
		if a.Stats[i].Name == name {
			return &a.Stats[i]
		}
	}
	return nil
}
