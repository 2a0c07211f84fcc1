package recount

import (
	"slices"
	"time"
)

// calls are counted by how they ended.
func (v Values) calls(r *files) {
	var ops counts
	byF := map[string]counts{}
	for _, c := range r.all {
		n := byF[c.f]
		n.add(c)
		byF[c.f] = n
		if !c.probe {
			ops.add(c)
		}
	}
	v.counts("Ops.", ops)
	for f, n := range byF {
		v.counts("ByF."+f+".", n)
	}
}

// counts are calls by how they ended.
type counts struct{ ok, failed, rejected, unknown int }

func (n *counts) add(c *call) {
	switch c.outcome {
	case "ok":
		n.ok++
	case "fail":
		n.failed++
	case "rejected":
		n.rejected++
	default:
		n.unknown++
	}
}

func (v Values) counts(name string, n counts) {
	v.put(name+"ok", n.ok)
	v.put(name+"fail", n.failed)
	v.some(name+"rejected", n.rejected)
	v.put(name+"unknown", n.unknown)
}

// fault is one injection and its healing.
func (v Values) fault(name string, f *fault) {
	v.put(name+"id", f.ID)
	v.put(name+"fault", f.Fault)
	v.put(name+"target", f.Target)
	for i, n := range f.Nodes {
		v.put(key("%snodes.%d", name, i), n)
	}
	v.some(name+"leader", f.Leader)
	v.some(name+"term", f.Term)
	v.put(name+"issued", f.Issued)
	v.some(name+"confirmed", f.Confirmed)
	v.put(name+"line", f.lines[0])
	for i, what := range []string{"done_line", "heal_line", "healed_line"} {
		v.some(name+what, f.lines[i+1])
	}
	v.some(name+"error", f.err)
	v.some(name+"heal_error", f.healErr)
	v.put(name+"heal_issued", f.order)
	v.put(name+"healed", f.healed)
	v.put(name+"hit_leader", f.leaderHit)
	v.some(name+"quorum_lost", f.noQuorum)
	v.some(name+"leader_then", f.leaderThen)
}

// episode is a line of failovers.jsonl.
func (v Values) episode(r *files, e *episode) {
	name := "Episodes." + e.id + "."
	since := func(what, mark string, t *time.Duration) {
		if t != nil {
			v.put(name+mark+".at", *t)
			if what != "" {
				v.put(name+what, *t-e.t0)
			}
		}
	}
	v.put(name+"id", e.id)
	v.put(name+"outcome", e.outcome())
	for i, id := range e.during {
		v.put(key("%sduring.%d", name, i), id)
	}
	v.some(name+"quorum_lost", e.noQuorum)
	v.some(name+"old_leader", e.old)
	v.some(name+"old_term", e.oldTerm)
	v.put(name+"t0", e.t0)
	v.put(name+"watched", e.watched)
	v.put(name+"terms_burned", 0)
	if e.elected != nil {
		v.put(name+"new_leader", e.elected.node)
		v.put(name+"new_term", e.elected.term)
		v.put(name+"terms_burned", e.elected.term-e.oldTerm-1)
		since("election", "elected", &e.elected.from)
	}
	since("", "hand_over", r.handOver(e))
	since("detection", "detected", e.detected)
	since("", "accepted", e.accepted)
	since("write_ready", "committed", e.commit)
	if e.commit != nil {
		v.put(name+"commit_by", map[bool]string{true: "log", false: "client"}[e.byLog])
	}
	since("", "first_put", r.first(e, false))
	since("", "first_get", r.first(e, true))
	v.campaigns(name, e)
	v.outage(r, name+"writes.", &e.writes, false)
	v.outage(r, name+"reads.", &e.reads, true)
	if e.writes.took != nil && e.commit != nil {
		v.put(name+"client_tax", *e.writes.took-(*e.commit-e.t0))
	}
	v.counts(name+"calls.", e.calls)
	v.put(name+"ambiguous", e.unsure)
	v.put(name+"partial", e.partial)
	since("", "stepped", e.stepped)
	v.put(name+"stale", e.stale)
	v.put(name+"stale_ok", e.staleOK)
	if e.steady != nil {
		v.put(name+"disturbance", *e.steady)
		v.put(name+"steady.at", e.t0+*e.steady)
	}
	v.put(name+"disturbed_at_least", e.atLeast)
	if e.fault != nil {
		v.fault(name+"fault.", e.fault)
		v.put(name+"issued.at", e.fault.Issued)
		v.healing(name, e)
	}
}

func (e *episode) outcome() string {
	switch {
	case e.elected != nil:
		return "new leader"
	case e.kept:
		return "kept"
	}
	return "no leader"
}

func (v Values) campaigns(name string, e *episode) {
	v.put(name+"split_votes", e.split)
	for i, t := range e.tries {
		name := key("%scampaigns.%d.", name, i)
		v.put(name+"node", t.node)
		v.put(name+"at", t.at)
		v.put(name+"term", t.term)
		v.some(name+"pre", t.pre)
		v.put(name+"ran.at", t.ran)
		v.put(name+"pre_votes", t.preVotes)
		v.put(name+"votes", t.votes)
		v.some(name+"won", t.won)
		for j, w := range t.why {
			v.put(key("%srefused.%d.by", name, j), w.by)
			v.some(key("%srefused.%d.why", name, j), w.why)
		}
	}
	for i, b := range e.votes {
		v.put(key("%svotes.%d.from", name, i), b.from)
		v.put(key("%svotes.%d.granted", name, i), b.granted)
		v.put(key("%svotes.%d.at", name, i), b.at)
	}
}

func (v Values) outage(r *files, name string, o *outage, read bool) {
	_, probes := r.ruler(read)
	v.put(name+"ruler", map[bool]string{true: "probes", false: "calls"}[probes])
	v.put(name+"last_ok.at", o.lastOK)
	v.put(name+"back.at", o.back)
	v.put(name+"took", o.took)
	v.put(name+"at_least", o.atLeast)
	v.put(name+"slack", o.slack)
	v.put(name+"resolution", o.resolution)
	v.some(name+"asked", o.asked)
	v.put(name+"debt", o.debt)
}

func (v Values) healing(name string, e *episode) {
	if e.fault.order == nil {
		return
	}
	v.put(name+"heal_start.at", e.fault.order)
	v.put(name+"healed.at", e.fault.healed)
	v.put(name+"rejoined.at", e.rejoined)
	if e.rejoined != nil {
		v.put(name+"rejoin", *e.rejoined-*e.fault.order)
		v.put(name+"rejoin_by", e.rejoinBy)
	}
	v.put(name+"rejoin_outage", e.away)
}

// handOver is when the old leader began to hand its office over.
func (r *files) handOver(e *episode) *time.Duration {
	until := e.watched
	if e.elected != nil {
		until = e.elected.from
	}
	for i := range r.events {
		if o := &r.events[i]; o.what == "transfer" && o.node == e.old && o.term == e.oldTerm && o.at >= e.begin() && o.at <= until {
			return &o.at
		}
	}
	return nil
}

// first is when the first call of a kind that was due after t0 was acknowledged.
func (r *files) first(e *episode, read bool) (at *time.Duration) {
	list, _ := r.ruler(read)
	for _, c := range list {
		if c.read == read && c.due >= e.t0 && c.due < e.watched && c.outcome == "ok" && c.done <= e.watched && (at == nil || c.done < *at) {
			at = &c.done
		}
	}
	return at
}

// controls are faults that left the leader alone.
func (v Values) controls(r *files) {
	n := 0
	for _, f := range r.faults {
		if !r.control(f) {
			continue
		}
		name := key("Controls.%d.", n)
		n++
		until := f.over(r.load)
		if f.order != nil {
			until = *f.order
		}
		v.fault(name+"fault.", f)
		v.put(name+"from", f.Confirmed)
		v.put(name+"to", until)
		v.seen(r, name, f.Confirmed, until)
		changes := 0
		for _, g := range r.reigns {
			changes += one(g.from > f.Confirmed && g.from < until)
		}
		v.put(name+"leader_changes", changes)
		v.put(name+"longest_gap", r.controlGap(f, until))
	}
}

// seen is what calls and probes through unaffected members saw in that time.
func (v Values) seen(r *files, name string, from, until time.Duration) {
	var calls, asked counts
	var bad []int
	_, probed := r.ruler(false)
	for _, c := range r.all {
		if c.due < from || c.due >= until || !c.free {
			continue
		}
		if !c.probe {
			calls.add(c)
		}
		if c.probe == probed {
			asked.add(c)
		}
		if !c.served && (!c.probe || probed) {
			bad = append(bad, max(c.line, c.last))
		}
	}
	v.put(name+"ruler", map[bool]string{true: "probes", false: "calls"}[probed])
	v.counts(name+"calls.", calls)
	v.counts(name+"asked.", asked)
	slices.Sort(bad)
	for i, l := range bad[:min(len(bad), 20)] {
		v.put(key("%serrors.%d", name, i), l)
	}
}

func (r *files) control(f *fault) bool {
	overlaps := slices.ContainsFunc(r.faults, func(g *fault) bool {
		return g.leaderHit && g.landed && g.Issued < f.over(r.load) && g.over(r.load) > f.Issued
	})
	return f.landed && !f.leaderHit && !f.noQuorum && !overlaps
}

func (r *files) controlGap(f *fault, until time.Duration) *time.Duration {
	list, _ := r.ruler(false)
	if !slices.ContainsFunc(list, func(c *call) bool { return !c.read && c.free && c.due >= f.Confirmed && c.due < until }) {
		return nil
	}
	d := r.longestGap(f.Confirmed, until, func(c *call) bool { return c.free })
	return &d
}
