package failover

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/faultline-chaos/faultline/results/format"
)

// Baseline is the range of goodput and of p99 latency in the run's own time without faults, by windows of one second
// that begin every 100 ms. They are of probes, where the run has any, both kinds together, through
// members that no fault holds; else of the workload's calls, through all members.
type Baseline struct {
	Ruler string `json:"ruler"` // "probes", or "calls" of the workload
	// From and To are the time without faults: from half a second after the first acknowledged call to the first order
	// to inject, or to the first sign of a leader that is lost without a fault, less a probe's timeout.
	// No shorter than 1.5 s.
	From    time.Duration `json:"from"`
	To      time.Duration `json:"to"`
	Windows int           `json:"windows"` // n: of one second, that overlap
	// Goodput is the least of any window: of probes the share of those due that succeeded, of calls how
	// many a second did.
	Goodput float64 `json:"goodput"`
	// P99 is the longest of any window: the 99th percentile, by nearest rank, of the latencies of what
	// succeeded, from when it was due.
	P99 time.Duration `json:"p99"`
}

// The baseline is itself only a sample: a second counts as inside its range with at least
// 95 % of the least goodput of probes (80 % of that of calls, whose pace wavers) and a p99 of at most
// 1.5 times the longest, or 1 ms more where that is more. It is back for good after SteadyFor.
const (
	SteadyFor     = 2 * time.Second
	goodputShare  = 0.95
	paceShare     = 0.80
	p99Factor     = 1.5
	p99Room       = time.Millisecond
	window        = time.Second
	settling      = 500 * time.Millisecond
	leastBaseline = 1500 * time.Millisecond
	leastGoodput  = 0.5 // of probes: a baseline in which half of them fail would have every outage in its range
)

// limit is the longest p99 inside the range.
func (b *Baseline) limit() time.Duration {
	return max(time.Duration(float64(b.P99)*p99Factor), b.P99+p99Room)
}

// inside says whether a second is in the range.
func (b *Baseline) inside(w second) bool {
	share := goodputShare
	if b.Ruler != "probes" {
		share = paceShare
	}
	return w.goodput >= share*b.Goodput && w.ok > 0 && w.p99 <= b.limit()
}

// second is what calls that were due within one second came to.
type second struct {
	goodput float64
	ok      int
	p99     time.Duration // of the ok ones
}

// flow is a list of calls as a baseline and a disturbance see them.
type flow struct {
	list   []Call // in the order in which they were due
	probes bool
}

func (s *study) flow() flow {
	if len(s.probes) > 0 {
		return flow{s.probes, true}
	}
	list := slices.Clone(s.calls)
	slices.SortStableFunc(list, func(a, b Call) int { return cmp.Compare(a.From, b.From) })
	return flow{list, false}
}

// from is the index of the first that was due at t or later.
func (f flow) from(t time.Duration) int {
	i, _ := slices.BinarySearchFunc(f.list, t, func(c Call, t time.Duration) int { return cmp.Compare(c.From, t) })
	return i
}

// afterLastBad is when the first call was due after the last of those due in from..to that failed or took
// longer than the range allows; otherwise where there is none. A second in the range may begin with some.
func (f flow) afterLastBad(from, to, otherwise time.Duration, b *Baseline) time.Duration {
	bad := false
	for i := f.from(from); i < len(f.list); i++ {
		c := &f.list[i]
		switch {
		case f.probes && !c.Unharmed:
		case c.From < to && (!c.served() || c.To-c.From > b.limit()):
			bad = true
		case bad:
			otherwise, bad = c.From, false
		}
		if c.From >= to && !bad {
			break
		}
	}
	return otherwise
}

// seconds are the windows that begin at from and every 100 ms later, and end by to.
func (f flow) seconds(from, to time.Duration) []second {
	type slot struct {
		due  int
		took []time.Duration // sorted
	}
	n := int((to - from) / Bin)
	if n < int(window/Bin) {
		return nil
	}
	slots := make([]slot, n)
	for i := f.from(from); i < len(f.list); i++ {
		c := &f.list[i]
		at := int((c.From - from) / Bin)
		if at >= n {
			break
		}
		if f.probes && !c.Unharmed {
			continue
		}
		slots[at].due++
		if c.served() {
			slots[at].took = append(slots[at].took, c.To-c.From)
		}
	}
	for i := range slots {
		slices.Sort(slots[i].took)
	}
	out := make([]second, 0, n)
	for i := 0; i+int(window/Bin) <= n; i++ {
		var w second
		due := 0
		sorted := make([][]time.Duration, 0, window/Bin)
		for _, s := range slots[i : i+int(window/Bin)] {
			due += s.due
			w.ok += len(s.took)
			sorted = append(sorted, s.took)
		}
		if w.goodput = float64(w.ok); f.probes && due > 0 {
			w.goodput /= float64(due)
		}
		w.p99 = nearestRank(sorted, w.ok, 0.99)
		out = append(out, w)
	}
	return out
}

// nearestRank is a high quantile of n values in sorted lists: it takes the longest away until it is
// left. 0 where there are none.
func nearestRank(sorted [][]time.Duration, n int, q float64) (longest time.Duration) {
	for left := n - int(math.Ceil(q*float64(n)-1e-9)); n > 0 && left >= 0; left-- {
		most := 0
		for i, s := range sorted {
			if len(s) > 0 && (len(sorted[most]) == 0 || s[len(s)-1] > sorted[most][len(sorted[most])-1]) {
				most = i
			}
		}
		last := len(sorted[most]) - 1
		longest, sorted[most] = sorted[most][last], sorted[most][:last]
	}
	return longest
}

// baseline is nil where the run had too little time without faults.
func (s *study) baseline(f flow, eps []Episode) *Baseline {
	b := &Baseline{Ruler: "calls", To: s.end}
	if f.probes {
		b.Ruler = "probes"
	}
	first := slices.IndexFunc(f.list, func(c Call) bool { return c.served() })
	if first < 0 {
		return nil
	}
	b.From = f.list[first].To + settling
	for i := range s.faults {
		b.To = min(b.To, s.faults[i].Issued)
	}
	for i := range eps {
		b.To = min(b.To, eps[i].Begin())
	}
	b.To -= s.slowest(f) // what was due then and still open when the fault came
	if b.To-b.From < leastBaseline {
		return nil
	}
	all := f.seconds(b.From, b.To)
	b.Windows, b.Goodput = len(all), math.Inf(1)
	for _, w := range all {
		b.Goodput, b.P99 = min(b.Goodput, w.goodput), max(b.P99, w.p99)
	}
	if b.Goodput == 0 || b.P99 == 0 || f.probes && b.Goodput < leastGoodput {
		return nil // service was not normal
	}
	return b
}

// slowest is how long a call may take: the probes' timeout, or a tenth of a second.
func (s *study) slowest(f flow) time.Duration {
	if f.probes && s.probing.Timeout > 0 {
		return s.probing.Timeout
	}
	return Bin
}

// disturbance finds from when on goodput and p99 stayed inside the baseline's range for SteadyFor.
func (s *study) disturbance(e *Episode, f flow, b *Baseline) {
	if b == nil {
		e.Missing = append(e.Missing, "how long service was disturbed: the run had too little time without faults for a baseline")
		return
	}
	row := 0
	all := f.seconds(e.T0, e.Watched)
	need := int((SteadyFor-window)/Bin) + 1
	for i, w := range all {
		if !b.inside(w) {
			row = 0
			continue
		}
		if row++; row == need {
			begin := e.T0 + time.Duration(i+1-need)*Bin
			if begin > e.T0 {
				begin = f.afterLastBad(begin-Bin, begin+Bin, begin, b)
			}
			e.Steady = mark(begin, LineRef(f.list[f.from(begin)].Line))
			e.Disturbance = Since(e.Steady, e.T0)
			return
		}
	}
	bound := max(0, e.Watched-e.T0-SteadyFor)
	e.DisturbedAtLeast = &bound
	e.Missing = append(e.Missing, "goodput and p99 within the baseline's range for "+format.MS(SteadyFor)+" on end before watching ended")
}
