package recount

import (
	"slices"
	"time"
)

// baseline is what a second looked like before the first fault.
type baseline struct {
	from, to time.Duration
	windows  int           // of a second
	good     float64       // the least
	p99      time.Duration // the longest
}

const (
	tick    = 100 * time.Millisecond
	aSecond = 10 // ticks
)

// flow is what goodput and p99 are of.
func (r *files) flow() (list []*call, probes bool) {
	if len(r.probes) > 0 {
		return r.probes, true
	}
	return r.calls, false
}

// second is goodput and p99 of what was due in the second from t.
func (r *files) second(t time.Duration) (good float64, ok int, p99 time.Duration) {
	list, probes := r.flow()
	due := 0
	var took []time.Duration
	begin, _ := slices.BinarySearchFunc(list, t, func(c *call, t time.Duration) int { return int(c.due - t) })
	for _, c := range list[begin:] {
		if c.due >= t+time.Second {
			break
		}
		if probes && !c.free {
			continue
		}
		due++
		if c.served {
			took = append(took, c.done-c.due)
		}
	}
	good = float64(len(took))
	if probes && due > 0 {
		good /= float64(due)
	}
	if n := len(took); n > 0 {
		slices.Sort(took)
		p99 = took[(99*n+99)/100-1]
	}
	return good, len(took), p99
}

// findCalm looks at the time before the first trouble.
func (r *files) findCalm() {
	list, probes := r.flow()
	first := slices.IndexFunc(list, func(c *call) bool { return c.served })
	if first < 0 {
		return
	}
	from, to := list[first].done+500*time.Millisecond, r.load
	for _, f := range r.faults {
		to = min(to, f.Issued)
	}
	for _, e := range r.episodes {
		to = min(to, e.begin())
	}
	if to -= tick; probes && r.run.ProbeTimeout > 0 {
		to += tick - r.run.ProbeTimeout
	}
	if to-from < 1500*time.Millisecond {
		return
	}
	c := baseline{from: from, to: to, good: 1e18}
	for i := 0; i+aSecond <= int((to-from)/tick); i++ {
		good, _, p99 := r.second(from + time.Duration(i)*tick)
		c.good, c.p99, c.windows = min(c.good, good), max(c.p99, p99), c.windows+1
	}
	if c.good > 0 && c.p99 > 0 && (!probes || c.good >= 0.5) {
		r.baseline = &c
	}
}

// steadiness finds from when on every second for two seconds was as before.
func (r *files) steadiness(e *episode) {
	if r.baseline == nil {
		return
	}
	_, probes := r.flow()
	share := 0.80
	if probes {
		share = 0.95
	}
	limit := max(time.Duration(float64(r.baseline.p99)*1.5), r.baseline.p99+time.Millisecond)
	row := 0
	for i := 0; i+aSecond <= int((e.watched-e.t0)/tick); i++ {
		good, ok, p99 := r.second(e.t0 + time.Duration(i)*tick)
		if row++; ok == 0 || good < share*r.baseline.good || p99 > limit {
			row = 0
		}
		if row == aSecond+1 {
			d := time.Duration(i-aSecond) * tick
			if d > 0 {
				d = r.settled(e.t0+d, limit) - e.t0
			}
			e.steady = &d
			return
		}
	}
	d := max(0, e.watched-e.t0-2*time.Second)
	e.atLeast = &d
}

// settled is when the first call was due after the last that failed or was slow within a tick of t.
func (r *files) settled(t, limit time.Duration) time.Duration {
	list, probes := r.flow()
	var last, next *call
	for _, c := range list {
		if probes && !c.free || c.due < t-tick {
			continue
		}
		if c.due < t+tick && (!c.served || c.done-c.due > limit) {
			last, next = c, nil
		} else if last != nil && next == nil {
			next = c
		}
	}
	if next != nil {
		return next.due
	}
	return t
}

func (v Values) baseline(r *files) {
	if r.baseline == nil {
		return
	}
	_, probes := r.flow()
	v.put("Baseline.ruler", map[bool]string{true: "probes", false: "calls"}[probes])
	v.put("Baseline.from", r.baseline.from)
	v.put("Baseline.to", r.baseline.to)
	v.put("Baseline.windows", r.baseline.windows)
	v.put("Baseline.goodput", r.baseline.good)
	v.put("Baseline.p99", r.baseline.p99)
}
