package recount

import (
	"cmp"
	"encoding/json"
	"slices"
	"time"
)

// probes are about the ruler.
func (v Values) probes(r *files) {
	n := len(r.probes)
	if n == 0 {
		return
	}
	v.put("Probes.every", r.run.ProbeEvery)
	v.put("Probes.timeout", r.run.ProbeTimeout)
	v.put("Probes.step", r.every())
	v.put("Probes.period", r.every()*time.Duration(len(r.run.Nodes)))
	v.put("Probes.per_second", 0)
	if t := r.probes[n-1].due - r.probes[0].due; t > 0 {
		v.put("Probes.per_second", float64(n-1)/t.Seconds())
	}
	var ended counts
	for _, c := range r.probes {
		ended.add(c)
	}
	v.counts("Probes.calls.", ended)
	for _, o := range r.ops {
		var sum struct {
			Unsent  int
			LateMax time.Duration `json:"late_max"`
		}
		if o.F == "probes" && o.Process == -2 && json.Unmarshal(o.Value, &sum) == nil {
			v.put("Probes.unsent", sum.Unsent)
			v.put("Probes.late_max", sum.LateMax)
		}
	}
	v.quiet(r)
	v.put("Probes.write_debt", r.debt(false, 0, r.end+1))
	v.put("Probes.read_debt", r.debt(true, 0, r.end+1))
	v.gaps(r)
	v.holes(r)
}

// holes are the times in which no probe of a kind was sent for more than twice the interval, as far as
// they do not touch one another.
func (v Values) holes(r *files) {
	var all, out []gap
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
				all = append(all, gap{from: due[i-1] + r.every(), to: due[i]})
			}
		}
	}
	slices.SortFunc(all, func(a, b gap) int { return cmp.Compare(a.from, b.from) })
	until := time.Duration(-1)
	for _, g := range all {
		if g.from > until {
			out = append(out, g)
		}
		until = max(until, g.to)
		out[len(out)-1].to = until
	}
	for i, g := range out {
		v.put(key("Probes.holes.%d.from", i), g.from)
		v.put(key("Probes.holes.%d.to", i), g.to)
	}
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
	n := len(took)
	v.put("Probes.quiet", n)
	v.put("Probes.p50", 0)
	v.put("Probes.p99", 0)
	if n > 0 {
		slices.Sort(took)
		v.put("Probes.p50", took[(n-1)/2])
		v.put("Probes.p99", took[(99*n+99)/100-1])
	}
}

// gap is a time without service of one kind.
type gap struct {
	read     bool
	from, to time.Duration
	slack    *time.Duration
	open     bool
}

// gaps are all times without service, each with the failover that explains it.
func (v Values) gaps(r *files) {
	out := append(r.without(false), r.without(true)...)
	slices.SortStableFunc(out, func(a, b gap) int { return cmp.Compare(a.from, b.from) })
	for i, g := range out {
		name := key("Probes.gaps.%d.", i)
		v.put(name+"reads", g.read)
		v.put(name+"from", g.from)
		v.put(name+"to", g.to)
		v.put(name+"took", g.to-g.from)
		v.put(name+"slack", g.slack)
		v.some(name+"open", g.open)
		if n := slices.IndexFunc(r.episodes, func(e *episode) bool { return g.to >= e.begin() && g.from < r.over(e) }); n >= 0 {
			v.put(name+"episode", r.episodes[n].id)
		}
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
			out = append(out, gap{read, last.due, first.done, slackOf(mine, first), false})
			last, row, failing = c, nil, false
		}
	}
	if failing {
		out = append(out, gap{read, last.due, r.probes[len(r.probes)-1].due, nil, true})
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
