package recount

import (
	"cmp"
	"encoding/json"
	"slices"
	"strconv"
	"time"
)

// probes are about the ruler.
func (v Values) probes(r *files) {
	var slack, rarest time.Duration
	for _, e := range r.episodes {
		for _, o := range []outage{e.writes, e.reads} {
			if o.slack != nil {
				slack = max(slack, *o.slack)
			}
			rarest = max(rarest, o.resolution)
		}
	}
	v.span("slack", slack)
	v.span("resolution", rarest)
	n := len(r.probes)
	if n == 0 {
		return
	}
	v.calibration(r.run.Calibration, r.run.Runtime)
	v.span("probes.step", r.every())
	v.span("probes.every", r.run.ProbeEvery)
	v["probes.every.exact"] = r.run.ProbeEvery.String()
	v.span("probes.timeout", r.run.ProbeTimeout)
	v.int("probes.n", n)
	v["probes.per_second"] = "0"
	if t := r.probes[n-1].due - r.probes[0].due; t > 0 {
		v["probes.per_second"] = strconv.FormatFloat(float64(n-1)/t.Seconds(), 'f', 0, 64)
	}
	ended := map[string]int{}
	for _, c := range r.probes {
		ended[c.outcome]++
	}
	v.int("probes.ok", ended["ok"])
	v.int("probes.failed", ended["fail"])
	v.int("probes.unknown", ended["info"])
	for _, o := range r.ops {
		var sum struct {
			Unsent  int
			LateMax time.Duration `json:"late_max"`
		}
		if o.F == "probes" && o.Process == -2 && json.Unmarshal(o.Value, &sum) == nil {
			v.int("probes.unsent", sum.Unsent)
			v.span("probes.late_max", sum.LateMax)
		}
	}
	v.quiet(r)
	v.span("probes.write_debt", r.debt(false, 0, r.end+1))
	v.span("probes.read_debt", r.debt(true, 0, r.end+1))
	v.gaps(r)
	v.holes(r)
}

// holes are the times in which no probe of a kind was sent for more than twice the interval, as far as
// they do not touch one another.
func (v Values) holes(r *files) {
	var all []gap
	for _, read := range []bool{false, true} {
		var due []time.Duration
		for _, c := range r.probes {
			if c.read == read {
				due = append(due, c.due)
			}
		}
		slices.Sort(due)
		for i := 1; i < len(due); i++ {
			if due[i]-due[i-1] > 2*r.run.ProbeEvery {
				all = append(all, gap{due[i-1] + r.every(), due[i]})
			}
		}
	}
	slices.SortFunc(all, func(a, b gap) int { return cmp.Compare(a.from, b.from) })
	n, longest, until := 0, gap{}, time.Duration(-1)
	var cur gap
	for _, g := range all {
		if g.from > until {
			n, cur = n+1, g
		}
		until = max(until, g.to)
		if cur.to = until; cur.to-cur.from > longest.to-longest.from {
			longest = cur
		}
	}
	v.int("probes.holes", n)
	v.span("probes.hole", longest.to-longest.from)
	v["probes.hole_at"] = moment(longest.from)
}

// quiet is what probes take while nothing is broken.
func (v Values) quiet(r *files) {
	var took []time.Duration
	served := false
	for _, c := range r.probes {
		served = served || c.outcome == "ok"
		broken := slices.ContainsFunc(r.faults, func(f *fault) bool {
			return len(f.Nodes) > 0 && f.Issued <= c.done && c.due < f.over(r.end)+2*r.wait
		})
		if served && !broken {
			took = append(took, c.done-c.due)
		}
	}
	if n := len(took); n > 0 {
		slices.Sort(took)
		v.int("probes.quiet", n)
		v.span("probes.p50", took[(n-1)/2])
		v.span("probes.p99", took[(99*n+99)/100-1])
	}
}

// gap is a time without service of one kind.
type gap struct{ from, to time.Duration }

// gaps counts those that no failover explains.
func (v Values) gaps(r *files) {
	var out []gap
	for _, read := range []bool{false, true} {
		for _, g := range r.without(read) {
			if !slices.ContainsFunc(r.episodes, func(e *episode) bool { return g.to >= e.begin() && g.from < r.over(e) }) {
				out = append(out, g)
			}
		}
	}
	v.int("probes.gaps", len(out))
	if len(out) > 0 {
		slices.SortStableFunc(out, func(a, b gap) int { return cmp.Compare(a.from, b.from) })
		longest := out[0]
		for _, g := range out {
			if g.to-g.from > longest.to-longest.from {
				longest = g
			}
		}
		v.span("probes.gap", longest.to-longest.from)
		v["probes.gap_at"] = moment(longest.from)
	}
}

// without are the times from the last success before a failure to the first of five in a row.
func (r *files) without(read bool) (out []gap) {
	var last *call
	var row []*call
	failing := false
	var mine []*call
	for _, c := range r.probes {
		if c.read == read && c.free {
			mine = append(mine, c)
		}
	}
	for _, c := range mine {
		if c.outcome != "ok" {
			failing, row = last != nil, nil
			continue
		}
		if !failing {
			last = c
			continue
		}
		if row = append(row, c); len(row) == 5 {
			first := answered(mine, row)
			out = append(out, gap{last.due, first.done})
			last, row, failing = c, nil, false
		}
	}
	if failing {
		out = append(out, gap{last.due, r.probes[len(r.probes)-1].due})
	}
	return out
}

// over is when nothing of an episode goes on any more.
func (r *files) over(e *episode) time.Duration {
	if e.writes.atLeast != nil || e.reads.atLeast != nil || e.elected == nil && !e.kept {
		return e.watched
	}
	end := e.t0
	for _, t := range []*time.Duration{e.writes.back, e.reads.back} {
		if t != nil {
			end = max(end, *t)
		}
	}
	if e.elected != nil {
		end = max(end, e.elected.from)
	}
	if e.fault != nil {
		for _, t := range []*time.Duration{e.fault.order, e.fault.healed, e.rejoined} {
			if t != nil && (t != e.fault.healed || e.fault.order != nil) {
				end = max(end, *t+2*r.wait)
			}
		}
	}
	return min(end, e.watched)
}

// calibration is how exact the ruler was found to be.
func (v Values) calibration(c *calibration, runtime string) {
	if c == nil {
		v["terminal.exact"] = "not calibrated here: faultline calibrate --runtime " + runtime + " says how exact that is"
		return
	}
	const name = "calibration."
	signed := func(d time.Duration) string {
		if d < 0 {
			return "−" + span(-d)
		}
		return "+" + span(d)
	}
	word := map[bool]string{true: "calibrated ", false: "NOT AS IT SAYS, calibrated "}[c.Exact]
	v[name+"at"] = c.At.UTC().Format("2006-01-02")
	v[name+"system"], v[name+"exact"] = c.System, map[bool]string{true: "yes", false: "no"}[c.Exact]
	v.span(name+"every", c.Every)
	v.span(name+"noise", c.Noise)
	v.int(name+"outages", c.Outages)
	read, n := 0, 0
	var errors, lengths []time.Duration
	for _, s := range c.Stalls {
		read, n, lengths = read+s.Read, n+s.N, append(lengths, s.Length)
		if s.Read > 0 {
			errors = append(errors, s.Low, s.High)
		}
	}
	if read == 0 {
		v["terminal.exact"] = word + v[name+"at"] + ": no stall was read"
		return
	}
	v.int(name+"read", read)
	v.int(name+"n", n)
	v.span(name+"shortest", slices.Min(lengths))
	v.span(name+"longest", slices.Max(lengths))
	v[name+"low"], v[name+"high"] = signed(slices.Min(errors)), signed(slices.Max(errors))
	v["terminal.exact"] = key("%s%s: %d of %d stalls read, errors %s to %s", word, v[name+"at"], read, n, v[name+"low"], v[name+"high"])
}
