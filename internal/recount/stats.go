package recount

import (
	"cmp"
	"math/big"
	"slices"
	"time"
)

// sample is a duration over episodes, of which some are only bounds.
type sample struct{ known, bounds []time.Duration }

func (s *sample) add(d, atLeast *time.Duration) {
	if d != nil {
		s.known = append(s.known, *d)
	} else if atLeast != nil {
		s.bounds = append(s.bounds, *atLeast)
	}
}

func (s *sample) n() int { return len(s.known) + len(s.bounds) }

// quantile is the time by which a share of all is over; of censored samples by Kaplan and Meier: each
// end takes its share of those that were still watched then. Open: it is longer.
func (s *sample) quantile(hundredths int) (d time.Duration, open bool) {
	n := len(s.known)
	if len(s.bounds) == 0 {
		if hundredths == 50 {
			return (s.known[(n-1)/2] + s.known[n/2]) / 2, false
		}
		return s.known[(hundredths*n+99)/100-1], false
	}
	left := big.NewRat(1, 1)
	want := big.NewRat(int64(100-hundredths), 100)
	for i, d := range s.known {
		watched := n - i
		for _, b := range s.bounds {
			if b >= d {
				watched++
			}
		}
		left.Mul(left, big.NewRat(int64(watched-1), int64(watched)))
		if left.Cmp(want) <= 0 {
			return d, false
		}
	}
	return s.longest(), true
}

// longest is the longest of all.
func (s *sample) longest() time.Duration {
	return slices.Max(slices.Concat(s.known, s.bounds))
}

// ranks counts, exactly, how many of 2^n throws of n coins have fewer than k heads.
func ranks(n int) (best int, sure *big.Rat) {
	all := new(big.Int).Lsh(big.NewInt(1), uint(n))
	fewer := new(big.Int)
	for k := 1; 2*k <= n; k++ {
		fewer.Add(fewer, new(big.Int).Binomial(int64(n), int64(k-1)))
		inside := new(big.Rat).SetFrac(new(big.Int).Sub(all, new(big.Int).Lsh(fewer, 1)), all)
		if inside.Cmp(big.NewRat(95, 100)) < 0 {
			break
		}
		best, sure = k, inside
	}
	return best, sure
}

// statistics are over all episodes whose faults left a majority.
func (v Values) statistics(r *files) {
	samples := map[string]*sample{}
	var groups []*group
	for _, e := range r.episodes {
		g := groupOf(&groups, e.fault)
		g.episodes = append(g.episodes, e.id)
		if e.noQuorum {
			g.lost++
			continue
		}
		for name, s := range e.samples() {
			if samples[name] == nil {
				samples[name] = &sample{}
			}
			samples[name].add(s[0], s[1])
		}
		g.writes.add(e.writes.took, e.writes.atLeast)
		g.reads.add(e.reads.took, e.reads.atLeast)
	}
	for name, s := range samples {
		if s.n() > 0 {
			v.sample("Stats."+name+".", s)
		}
	}
	for _, f := range r.faults {
		if r.control(f) {
			g := groupOf(&groups, f)
			g.controls = append(g.controls, f.ID)
			until := f.over(r.load)
			if f.order != nil {
				until = *f.order
			}
			g.gaps.add(r.controlGap(f, until), nil)
		}
	}
	slices.SortFunc(groups, func(a, b *group) int { return cmp.Or(cmp.Compare(a.fault, b.fault), cmp.Compare(a.target, b.target)) })
	for i, g := range groups {
		v.group(key("Groups.%d.", i), g)
	}
}

// sample sets a summary: of nothing, all of it is zero.
func (v Values) sample(name string, s *sample) {
	slices.Sort(s.known)
	slices.Sort(s.bounds)
	n := s.n()
	v.put(name+"N", len(s.known))
	v.put(name+"Censored", len(s.bounds))
	v.put(name+"Min", 0)
	v.put(name+"Coverage", 0)
	for i, d := range s.known {
		v.put(key("%sValues.%d", name, i), d)
	}
	for i, d := range s.bounds {
		v.put(key("%sBounds.%d", name, i), d)
	}
	if len(s.known) > 0 {
		v.put(name+"Min", s.known[0])
	}
	for what, hundredths := range map[string]int{"Median": 50, "P90": 90, "P99": 99, "Max": 100} {
		var d time.Duration
		open := false
		if hundredths == 100 && n > 0 {
			d = s.longest()
			open = slices.Contains(s.bounds, d)
		} else if n > 0 {
			d, open = s.quantile(hundredths)
		}
		v.put(name+what+".at", d)
		v.some(name+what+".open", open)
	}
	// The median lies with at least 95 % between the k-th from below and the k-th from above; where the
	// upper end would be a bound, there is no interval.
	if k, sure := ranks(n); k > 0 && n-k < len(s.known) {
		low := slices.Sorted(slices.Values(slices.Concat(s.known, s.bounds)))
		share, _ := sure.Float64()
		v.put(name+"Interval.0", low[k-1])
		v.put(name+"Interval.1", s.known[n-k])
		v.put(name+"Coverage", share)
	}
}

// samples are all durations of an episode, each known or bounded.
func (e *episode) samples() map[string][2]*time.Duration {
	from := func(t *time.Duration) [2]*time.Duration {
		if t != nil {
			d := *t - e.t0
			return [2]*time.Duration{&d}
		}
		if e.elected == nil && !e.kept {
			d := e.watched - e.t0
			return [2]*time.Duration{nil, &d}
		}
		return [2]*time.Duration{}
	}
	var elected, tax, back *time.Duration
	if e.elected != nil {
		elected = &e.elected.from
	}
	if e.writes.took != nil && e.commit != nil {
		d := *e.writes.took - (*e.commit - e.t0)
		tax = &d
	}
	if e.rejoined != nil {
		d := *e.rejoined - *e.fault.order
		back = &d
	}
	return map[string][2]*time.Duration{
		"write outage": {e.writes.took, e.writes.atLeast}, "read outage": {e.reads.took, e.reads.atLeast},
		"detection": from(e.detected), "election": from(elected), "write-ready": from(e.commit),
		"disturbance": {e.steady, e.atLeast}, "client tax": {tax}, "rejoin": {back},
		"rejoin outage": {e.away}, "stale leadership": {e.stale},
	}
}

// group is what one kind of fault on one kind of target did.
type group struct {
	fault, target       string
	episodes, controls  []string // ids
	lost                int
	writes, reads, gaps sample
}

// groupOf is the group of a fault, or of those that no fault lost.
func groupOf(groups *[]*group, f *fault) *group {
	fault, target := "no fault", ""
	if f != nil {
		fault, target = f.Fault, f.Target
	}
	for _, g := range *groups {
		if g.fault == fault && g.target == target {
			return g
		}
	}
	g := &group{fault: fault, target: target}
	*groups = append(*groups, g)
	return g
}

func (v Values) group(name string, g *group) {
	v.put(name+"Fault", g.fault)
	v.put(name+"Target", g.target)
	v.put(name+"Lost", g.lost)
	for i, id := range g.episodes {
		v.put(key("%sEpisodes.%d", name, i), id)
	}
	for i, id := range g.controls {
		v.put(key("%sControls.%d", name, i), id)
	}
	v.sample(name+"Writes.", &g.writes)
	v.sample(name+"Reads.", &g.reads)
	v.sample(name+"Gaps.", &g.gaps)
}
