package failover

import (
	"slices"
	"time"

	"github.com/faultline-chaos/faultline/internal/statistics"
	"github.com/faultline-chaos/faultline/results/format"
)

// Summary is one duration over all episodes that can tell it. Episodes whose faults left no majority
// unharmed are not in it: they last as long as the fault.
type Summary struct {
	Name     string
	Doc      string
	N        int           // known values
	Censored int           // of which only a lower bound is known
	Min      time.Duration // of the known values
	Max      Quantile      // of all; open where a bound is longer than every known value
	// Quantiles are Kaplan and Meier's where some are censored, and else: the median the mean of the
	// middle two, the others by nearest rank, so that p90 of fewer than 10 values and p99 of fewer than
	// 100 are the maximum.
	Median, P90, P99 Quantile
	// Interval holds the median with at least 95 %: two order statistics. Only with 6 values or more. A
	// censored value counts as its bound at the lower end and as endless at the upper: where that leaves
	// the upper end open, there is none.
	Interval *[2]time.Duration
	Coverage float64         // of Interval
	Values   []time.Duration // sorted
	Bounds   []time.Duration // lower bounds of the censored ones, sorted
}

// Quantile of durations of which some are only known to be longer than a bound.
type Quantile struct {
	At   time.Duration `json:"at"`             // nanoseconds
	Open bool          `json:"open,omitempty"` // it is longer than At: the longest that was watched
}

func (q Quantile) String() string {
	if q.Open {
		return "> " + format.MS(q.At)
	}
	return format.MS(q.At)
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
	{"write outage", "from the last acknowledged write that was due before the fault to the first of 5 successful writes in a row", func(e *Episode) (*time.Duration, *time.Duration) { return e.Writes.Took, e.Writes.AtLeast }},
	{"read outage", "the same for reads", func(e *Episode) (*time.Duration, *time.Duration) { return e.Reads.Took, e.Reads.AtLeast }},
	{"detection", "from the confirmed fault to the first campaign of a survivor", plain(func(e *Episode) *time.Duration { return e.Detection })},
	{"election", "from the confirmed fault to a leader with a majority of votes", plain(func(e *Episode) *time.Duration { return e.Election })},
	{"write-ready", "from the confirmed fault to the first commit in the new term; where no log reports it, to the first write acknowledged after the election", plain(func(e *Episode) *time.Duration { return e.WriteReady })},
	{"disturbance", "from the confirmed fault until goodput and p99 stay within the baseline's range", func(e *Episode) (*time.Duration, *time.Duration) { return e.Disturbance, e.DisturbedAtLeast }},
	{"client tax", "write outage minus write-ready", func(e *Episode) (*time.Duration, *time.Duration) { return e.ClientTax, nil }},
	{"rejoin", "from the order to heal to the first sign that the old leader follows or serves", func(e *Episode) (*time.Duration, *time.Duration) { return e.Rejoin, nil }},
	{"rejoin outage", "longest time without an acknowledged write while the old leader rejoined", func(e *Episode) (*time.Duration, *time.Duration) { return e.RejoinOutage, nil }},
	{"stale leadership", "how long the old leader still believed itself leader after the new one was elected", func(e *Episode) (*time.Duration, *time.Duration) { return e.Stale, nil }},
}

func summaries(eps []*Episode) []Summary {
	var out []Summary
	for _, m := range metrics {
		if s := m.over(eps); s.N+s.Censored > 0 {
			out = append(out, s)
		}
	}
	return out
}

func (m metric) over(eps []*Episode) Summary {
	s := Summary{Name: m.name, Doc: m.doc}
	for _, e := range eps {
		if e.QuorumLost {
			continue
		}
		d, atLeast := m.get(e)
		switch {
		case d != nil:
			s.Values = append(s.Values, *d)
		case atLeast != nil:
			s.Bounds = append(s.Bounds, *atLeast)
		}
	}
	s.Compute()
	return s
}

func (s *Summary) Compute() {
	slices.Sort(s.Values)
	slices.Sort(s.Bounds)
	s.N, s.Censored = len(s.Values), len(s.Bounds)
	if s.N+s.Censored == 0 {
		return
	}
	if s.N > 0 {
		s.Min, s.Max.At = s.Values[0], s.Values[s.N-1]
	}
	if s.Censored > 0 {
		if b := s.Bounds[s.Censored-1]; b >= s.Max.At {
			s.Max = Quantile{b, true}
		}
	}
	s.Median, s.P90, s.P99 = s.quantile(0.5), s.quantile(0.9), s.quantile(0.99)
	if low, high, coverage := statistics.Interval(s.Values, s.Bounds, 0.5); high < statistics.Endless {
		s.Interval, s.Coverage = &[2]time.Duration{low, high}, coverage
	}
}

// quantile is the smallest duration by which a share p of all was over, and of the median the mean of
// the middle two where nothing is censored.
func (s *Summary) quantile(p float64) Quantile {
	switch {
	case s.Censored == 0 && p == 0.5:
		return Quantile{At: statistics.Median(s.Values)}
	case s.Censored == 0:
		return Quantile{At: statistics.NearestRank(s.Values, p)}
	}
	if d, ok := statistics.Quantile(statistics.KaplanMeier(s.Values, s.Bounds), p); ok {
		return Quantile{At: d}
	}
	return Quantile{max(s.Bounds[s.Censored-1], s.Max.At), true}
}

// Stat finds a summary by name.
func (a *Analysis) Stat(name string) *Summary {
	for i := range a.Stats {
		if a.Stats[i].Name == name {
			return &a.Stats[i]
		}
	}
	return nil
}
