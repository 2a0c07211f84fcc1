package recount

import (
	"encoding/json"
	"slices"
	"time"
)

// outage is how long one kind of call was away.
type outage struct {
	lastOK     *time.Duration // when it was due
	back       *time.Duration
	took       *time.Duration
	atLeast    *time.Duration
	slack      *time.Duration
	resolution *time.Duration
	asked      int
	debt       *time.Duration
}

func (o *outage) length() *time.Duration {
	if o.took != nil {
		return o.took
	}
	return o.atLeast
}

func (r *files) outage(e *episode, read bool) (o outage) {
	list, probes := r.ruler(read)
	var mine []*call
	for _, c := range list {
		if c.read == read {
			mine = append(mine, c)
		}
	}
	before := 0
	var row []*call
	var failed *call // the last that did, before it was back
	for _, c := range mine {
		if c.due >= e.begin()-2*time.Second && c.due < e.begin() {
			before++
		}
		switch {
		case c.due < e.t0:
			if c.served {
				o.lastOK = &c.due
			}
		case c.due < e.watched && o.back == nil:
			if probes {
				o.asked++
			}
			if !c.free {
				continue
			}
			if !c.served {
				row, failed = nil, c
				continue
			}
			if row = append(row, c); len(row) < 5 {
				continue
			}
			first := answered(mine, row)
			o.back = &first.done
			if probes {
				o.slack = slackOf(mine, first)
			} else if failed != nil {
				d := first.done - failed.due
				o.slack = &d
			}
		}
	}
	if before > 0 {
		d := min(2*time.Second, e.begin()) / time.Duration(before)
		o.resolution = &d
	}
	if o.lastOK != nil {
		if o.back != nil {
			d := *o.back - *o.lastOK
			o.took = &d
		} else if before > 0 {
			d := e.watched - *o.lastOK
			o.atLeast = &d
		}
	}
	if probes {
		until := e.watched
		if o.back != nil {
			until = *o.back
			if e.fault != nil {
				until = max(until, e.fault.over(r.load))
			}
			until = min(until, e.watched)
		}
		d := r.debt(read, e.begin(), until)
		o.debt = &d
	}
	return o
}

// answered is the call of a row of successes that was answered first, whether or not it is among the
// five that make the row.
func answered(mine, row []*call) *call {
	first := slices.MinFunc(row, func(a, b *call) int { return int(a.done - b.done) })
	for _, c := range mine[slices.Index(mine, row[4])+1:] {
		switch {
		case c.due >= first.done:
			return first
		case !c.free:
		case !c.served:
			return first
		case c.done < first.done:
			first = c
		}
	}
	return first
}

// slackOf is since when the newest probe that had no answer before the first answer was due.
func slackOf(mine []*call, first *call) *time.Duration {
	var newest *call
	for _, c := range mine {
		if c != first && c.free && c.due < first.done && (c.outcome != "ok" || c.done >= first.done) {
			newest = c
		}
	}
	if newest == nil {
		return nil
	}
	d := first.done - newest.due
	return &d
}

// every is the time from one probe of a kind to the next.
func (r *files) every() time.Duration {
	return max(1, r.run.ProbeEvery/time.Duration((len(r.run.Nodes)-1)/2+1))
}

// debt is how many probes had no timely success, times the time between them.
func (r *files) debt(read bool, from, until time.Duration) time.Duration {
	var first, last *time.Duration
	good := 0
	served := false
	for _, c := range r.probes {
		if c.read != read {
			continue
		}
		if !served && c.outcome == "ok" {
			served = true
			at := max(from, c.due)
			first = &at
		}
		if !served || c.due < from || c.due >= until {
			continue
		}
		last = &c.due
		if c.outcome == "ok" {
			good++
		}
	}
	if first == nil || last == nil || *last < *first {
		return 0
	}
	due := 1 + int((*last-*first)/r.every())
	return time.Duration(max(0, due-good)) * r.every()
}

// load0 is what became of the workload meanwhile.
func (r *files) load0(e *episode) {
	until := e.watched
	if e.writes.back != nil {
		until = *e.writes.back
		if e.reads.back != nil {
			until = max(until, *e.reads.back)
		}
	}
	for _, c := range r.calls {
		if c.due >= e.begin() && c.due < until {
			e.calls.add(c)
		}
		if !c.read && c.outcome == "info" && c.due < until && c.done > e.begin() {
			e.unsure++
		}
	}
	if e.fault != nil {
		until = max(until, e.fault.over(r.load))
	}
	e.partial = r.partial(e.begin(), min(until, e.watched))
}

// partial counts the steps in which one member answered and another, which was asked, did not.
func (r *files) partial(from, until time.Duration) time.Duration {
	list, step := r.calls, 100*time.Millisecond
	if len(r.probes) > 0 {
		list, step = r.probes, r.every()*time.Duration(len(r.run.Nodes))
	}
	type cell struct {
		step int
		node string
	}
	asked, answered := map[cell]bool{}, map[cell]bool{}
	for _, c := range list {
		if c.probe {
			if c.due < from || c.due >= until {
				continue
			}
			asked[cell{int((c.due - from) / step), c.node}] = true
			at := c.due
			if c.done-c.due > step {
				at = c.done
			}
			if c.outcome == "ok" && at < until {
				answered[cell{int((at - from) / step), c.node}] = true
			}
			continue
		}
		if c.done < from || c.done >= until {
			continue
		}
		k := cell{int((c.done - from) / step), c.node}
		asked[k] = true
		if c.served {
			answered[k] = true
		}
	}
	some, failed := map[int]bool{}, map[int]bool{}
	for k := range answered {
		some[k.step] = true
	}
	for k := range asked {
		if !answered[k] {
			failed[k.step] = true
		}
	}
	n := 0
	for s := range failed {
		if some[s] {
			n++
		}
	}
	return time.Duration(n) * step
}

// rejoining is about the old leader after the order to heal.
func (r *files) rejoining(e *episode) {
	if e.fault == nil || e.fault.order == nil {
		return
	}
	heal := *e.fault.order
	sign := func(at time.Duration, by string) {
		if at >= heal && (e.rejoined == nil || at < *e.rejoined) {
			e.rejoined, e.rejoinBy = &at, by
		}
	}
	for _, c := range r.all {
		if c.node == e.old && c.outcome == "ok" && c.due >= heal {
			sign(c.done, "client")
		}
	}
	if e.elected != nil {
		for _, v := range r.events {
			if v.node == e.old && v.what == "knows" && v.term >= e.elected.term {
				sign(v.at, "log")
			}
		}
		for _, o := range r.ops {
			var s status
			if o.F == "status" && o.Process == -2 && o.Node == e.old && json.Unmarshal(o.Value, &s) == nil && s.Role == "follower" && s.Leader != "" && s.Term >= e.elected.term {
				sign(o.Time, "poller")
			}
		}
	}
	if e.rejoined == nil || e.writes.back == nil || *e.writes.back > heal {
		return
	}
	until := min(*e.rejoined+2*r.wait, e.watched, r.load)
	if until <= heal {
		return
	}
	d := r.longestGap(heal, until, func(*call) bool { return true })
	e.away = &d
}

// longestGap is the longest time between acknowledged writes.
func (r *files) longestGap(from, until time.Duration, which func(*call) bool) time.Duration {
	list, _ := r.ruler(false)
	at := []time.Duration{from, until}
	for _, c := range list {
		if !c.read && c.served && c.done >= from && c.done <= until && which(c) {
			at = append(at, c.done)
		}
	}
	slices.Sort(at)
	longest := time.Duration(0)
	for i := 1; i < len(at); i++ {
		longest = max(longest, at[i]-at[i-1])
	}
	return longest
}

// staleness is about an old leader that does not know.
func (r *files) staleness(e *episode) {
	if e.elected == nil || e.fault != nil && e.fault.Effect.Gone {
		return
	}
	for i := range r.reigns {
		g := &r.reigns[i]
		if g.node != e.old || g.term != e.oldTerm {
			continue
		}
		if g.knew {
			d := max(0, g.to-e.elected.from)
			e.stepped, e.stale = &g.to, &d
		}
		for _, c := range r.all {
			if c.node == e.old && c.outcome == "ok" && c.due > e.elected.from && c.done < g.to {
				e.staleOK++
			}
		}
	}
}
