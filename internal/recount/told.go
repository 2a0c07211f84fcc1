package recount

import (
	"strconv"
	"strings"
	"time"
)

// episode is what the page tells of one failover.
func (v Values) episode(r *files, e *episode) {
	set := func(name, text string) { v[e.id+"."+name] = text }
	since := func(name string, t *time.Duration) {
		if t != nil {
			d := *t - e.t0
			t = &d
		}
		v.maybe(e.id+"."+name, t)
	}
	set("cause", e.cause())
	set("old_term", strconv.FormatUint(e.oldTerm, 10))
	set("t0", moment(e.t0))
	for _, o := range r.events {
		if o.what == "transfer" && o.node == e.old && o.term == e.oldTerm && o.at >= e.begin() && v[e.id+".hand_over"] == "" {
			set("hand_over", span(o.at-e.t0))
		}
	}
	set("members", strconv.Itoa(len(r.run.Nodes)))
	if e.fault != nil {
		set("issued", moment(e.fault.Issued))
		set("effect", span(e.t0-e.fault.Issued))
	}
	since("detection", e.detected)
	var elected *time.Duration
	if e.elected != nil {
		elected = &e.elected.from
		set("new_term", strconv.FormatUint(e.elected.term, 10))
		v.int(e.id+".terms_burned", int(e.elected.term-e.oldTerm-1))
	} else {
		set("terms_burned", "0")
	}
	since("election", elected)
	since("accepted", e.accepted)
	since("write_ready", e.commit)
	set("commit", v[e.id+".write_ready"])
	if e.commit != nil && !e.byLog {
		set("commit", "≤ "+v[e.id+".write_ready"])
	}
	v.int(e.id+".votes", e.votes)
	v.int(e.id+".campaigns", len(e.tries))
	v.int(e.id+".split_votes", e.split)
	v.int(e.id+".split", e.split)
	for i, t := range e.tries {
		name := key("campaign.%d.", i)
		set(name+"at", span(t.at-e.t0))
		set(name+"term", strconv.FormatUint(t.term, 10))
		set(name+"pre_votes", strconv.Itoa(t.preVotes))
		if t.ran != nil {
			set(name+"ran", span(*t.ran-t.at))
		}
		for j, w := range t.why {
			set(name+key("why.%d", j), w.why)
		}
	}
	v.away(e, "writes", &e.writes)
	v.away(e, "reads", &e.reads)
	set("client_tax", none)
	if e.writes.took != nil && e.commit != nil {
		set("client_tax", span(*e.writes.took-(*e.commit-e.t0)))
	}
	set("partial", span(e.partial))
	for i, name := range []string{"ok", "fail", "unknown"} {
		v.int(e.id+".calls."+name, e.calls[i])
	}
	v.int(e.id+".ambiguous", e.unsure)
	since("stepped", e.stepped)
	v.maybe(e.id+".stale", e.stale)
	v.int(e.id+".stale_ok", e.staleOK)
	v.healing(e)
	switch {
	case e.steady != nil:
		set("disturbance", span(*e.steady))
	case e.atLeast != nil:
		set("disturbance", "> "+span(*e.atLeast))
	default:
		set("disturbance", none)
	}
	for i, text := range e.missing() {
		set(key("missing.%d", i), text)
	}
}

func (v Values) healing(e *episode) {
	v[e.id+".rejoin"] = none
	if e.fault == nil || e.fault.order == nil {
		return
	}
	v.span(e.id+".heal_start", *e.fault.order-e.t0)
	if e.fault.healed != nil {
		v.span(e.id+".healed", *e.fault.healed-*e.fault.order)
	}
	if e.rejoined != nil {
		v.span(e.id+".rejoin", *e.rejoined-*e.fault.order)
	}
	v.maybe(e.id+".rejoin_outage", e.away)
}

func (v Values) away(e *episode, name string, o *outage) {
	name = e.id + "." + name
	v.maybe(name, o.took)
	v.maybe(name+".took", o.took)
	v.maybe(name+".at_least", o.atLeast)
	if o.took == nil && o.atLeast != nil {
		v[name] = "> " + span(*o.atLeast)
	}
	v.maybe(name+".slack", o.slack)
	v.maybe(name+".debt", o.debt)
	v.int(name+".asked", o.asked)
}

func (e *episode) cause() string {
	switch {
	case e.fault != nil:
		return e.fault.Fault + " " + strings.Join(e.fault.Nodes, "+")
	case len(e.during) > 0:
		return "no fault on the leader; near " + strings.Join(e.during, ", ")
	}
	return "no fault"
}

// missing is what was not seen, in words.
func (e *episode) missing() (out []string) {
	add := func(is bool, text string) {
		if is {
			out = append(out, text)
		}
	}
	add(e.elected == nil && !e.kept, "a new leader, in the "+span(e.watched-e.t0)+" until watching ended")
	add(e.elected != nil && e.detected == nil, "a campaign: no log tells one, and the election was seen otherwise")
	add(e.elected != nil && e.commit == nil, "a commit in the new term: neither does the log tell one nor was a write acknowledged")
	add(e.writes.lastOK == nil, "a write that was acknowledged before")
	add(e.reads.lastOK == nil, "a read that was answered before")
	add(e.writes.atLeast != nil, "5 writes in a row that succeeded, until watching ended")
	add(e.reads.atLeast != nil, "5 reads in a row that succeeded, until watching ended")
	add(e.fault != nil && e.fault.order != nil && e.rejoined == nil, "a sign of "+e.old+" after the healing, neither in its log nor by the poller or a client")
	add(e.noCalm, "how long service was disturbed: the run had too little calm for a baseline")
	add(e.atLeast != nil, "goodput and p99 in the baseline's range for 2000 ms on end, until watching ended")
	return out
}
