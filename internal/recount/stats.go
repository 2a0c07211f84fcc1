package recount

import (
	"math/big"
	"slices"
	"strconv"
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
// end takes its share of those that were still watched then.
func (s *sample) quantile(hundredths int) string {
	slices.Sort(s.known)
	slices.Sort(s.bounds)
	n := len(s.known)
	if len(s.bounds) == 0 {
		if hundredths == 50 {
			return span((s.known[(n-1)/2] + s.known[n/2]) / 2)
		}
		return span(s.known[(hundredths*n+99)/100-1])
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
			return span(d)
		}
	}
	return "> " + span(slices.Max(append(slices.Clone(s.known), s.bounds...)))
}

// longest is the longest of all.
func (s *sample) longest() string {
	most := slices.Max(append(slices.Clone(s.known), s.bounds...))
	if slices.Contains(s.bounds, most) {
		return "> " + span(most)
	}
	return span(most)
}

// interval holds the median with at least 95 %: between the k-th from below and the k-th from above.
func (s *sample) interval() string {
	n := s.n()
	k, sure := ranks(n)
	if k == 0 || n-k >= len(s.known) { // the upper end would be a bound
		return none
	}
	low := slices.Sorted(slices.Values(append(slices.Clone(s.known), s.bounds...)))
	slices.Sort(s.known)
	percent, _ := new(big.Rat).Mul(sure, big.NewRat(100, 1)).Float64()
	return span(low[k-1]) + " – " + span(s.known[n-k]) + " (" + strconv.FormatFloat(percent, 'f', 1, 64) + " %)"
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
	groups := map[string]*group{}
	out := 0
	for _, e := range r.episodes {
		g := groupOf(groups, e.fault, "no fault")
		g.failovers++
		if e.noQuorum {
			out++
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
		if d := e.writes.length(); d != nil && (g.longest == nil || *d > *g.longest.writes.length()) {
			g.longest = e
		}
	}
	v.int("stats.left_out", out)
	for name, s := range samples {
		if s.n() > 0 {
			v.sample("stat."+name+".", s)
		}
	}
	for _, f := range r.faults {
		if r.control(f) {
			g := groupOf(groups, f, "")
			g.controls++
			until := f.over(r.load)
			if f.order != nil {
				until = *f.order
			}
			g.gaps.add(r.controlGap(f, until), nil)
		}
	}
	for name, g := range groups {
		v.group("group."+name+".", g)
	}
	tried := map[string]int{}
	for _, f := range r.faults {
		tried[f.Fault+"."+f.Target]++
	}
	v.cells(groups, tried)
}

func (v Values) sample(name string, s *sample) {
	v.int(name+"n", len(s.known))
	v.int(name+"censored", len(s.bounds))
	v[name+"min"] = none
	if len(s.known) > 0 {
		v.span(name+"min", slices.Min(s.known))
	}
	v[name+"median"], v[name+"p90"], v[name+"p99"] = s.quantile(50), s.quantile(90), s.quantile(99)
	v[name+"max"], v[name+"interval"] = s.longest(), s.interval()
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
	fault               string
	failovers, controls int
	writes, reads, gaps sample
	longest             *episode
}

func groupOf(groups map[string]*group, f *fault, none string) *group {
	name, kind := none+".", none
	if f != nil {
		name, kind = f.Fault+"."+f.Target, f.Fault
	}
	if groups[name] == nil {
		groups[name] = &group{fault: kind}
	}
	return groups[name]
}

func (v Values) group(name string, g *group) {
	v[name+"fault"] = g.fault
	v.int(name+"failovers", g.failovers)
	v.int(name+"controls", g.controls)
	v[name+"writes"], v[name+"interval"], v[name+"max"], v[name+"reads"], v[name+"gap"], v[name+"longest"] = none, "", none, none, none, ""
	if g.writes.n() > 0 {
		v[name+"writes"], v[name+"interval"], v[name+"max"] = g.writes.quantile(50), g.writes.interval(), g.writes.longest()
	}
	if g.reads.n() > 0 {
		v[name+"reads"] = g.reads.quantile(50)
	}
	if g.gaps.n() > 0 {
		v[name+"gap"] = g.gaps.longest()
	}
	if g.longest != nil {
		v[name+"longest"] = g.longest.id
	}
}
