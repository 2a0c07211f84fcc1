package failover

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/faultline-chaos/faultline/history"
	"github.com/faultline-chaos/faultline/history/raftlog"
	"github.com/faultline-chaos/faultline/results/format"
)

func (s *study) fill(e *Episode) {
	s.context(e)
	s.election(e)
	s.commit(e)
	s.clients(e)
	s.healing(e)
	s.stale(e)
	e.Detection, e.Election, e.WriteReady = Since(e.Detected, e.T0), Since(e.Elected, e.T0), Since(e.Committed, e.T0)
	if e.Writes.Took != nil && e.WriteReady != nil {
		d := *e.Writes.Took - *e.WriteReady
		e.ClientTax = &d
	}
	e.note()
}

// context names the other faults that may have to do with it.
func (s *study) context(e *Episode) {
	for i := range s.faults {
		f := &s.faults[i]
		if e.Fault != nil && f.ID == e.Fault.ID || len(f.Nodes) == 0 || slices.Contains(e.During, f.ID) {
			continue
		}
		if f.Issued <= e.T0 && e.T0 < f.End(s.end)+2*s.patience() {
			e.During = append(e.During, f.ID)
		}
	}
	if e.Fault != nil {
		e.Issued = mark(e.Fault.Issued, LineRef(e.Fault.Line))
		s.silence(e)
	}
}

func (s *study) clients(e *Episode) {
	e.Writes, e.FirstPut = s.outage(e, false)
	e.Reads, e.FirstGet = s.outage(e, true)
	until := e.Watched
	if e.Writes.Back != nil && e.Reads.Back != nil {
		until = max(e.Writes.Back.At, e.Reads.Back.At)
	} else if e.Writes.Back != nil {
		until = e.Writes.Back.At
	}
	for i := range s.calls {
		c := &s.calls[i]
		if c.From >= e.Begin() && c.From < until {
			e.Calls.Add(c)
		}
		if c.Is(false) && c.Type == history.Info && c.From < until && c.To > e.Begin() {
			e.Ambiguous++
		}
	}
	s.partial(e, until)
}

func (s *study) outage(e *Episode, reads bool) (o Outage, first *Mark) {
	row, back, lastBad := 0, 0, time.Duration(-1)
	before := 0
	list, ruler := s.ruler(reads)
	o.Ruler = ruler
	for i := range list {
		c := &list[i]
		if !c.Is(reads) {
			continue
		}
		if c.From >= e.Begin()-2*time.Second && c.From < e.Begin() {
			before++
		}
		if c.From < e.T0 {
			if c.served() {
				o.LastOK = mark(c.From, LineRef(c.Line))
			}
			continue
		}
		if c.From >= e.Watched {
			break
		}
		if c.Type == history.OK && c.To <= e.Watched && (first == nil || c.To < first.At) {
			first = mark(c.To, LineRef(c.Done))
		}
		if o.Back == nil && ruler == "probes" {
			o.Asked++
		}
		if !c.Unharmed || o.Back != nil {
			continue
		}
		if !c.served() {
			row, lastBad = 0, c.From
			continue
		}
		if row++; row == 1 || c.To < list[back].To {
			back = i
		}
		if row == Sustained {
			back = earliest(list, i, back)
			o.Back = mark(list[back].To, LineRef(list[back].Done))
			switch {
			case ruler == "probes":
				o.Slack = probeSlack(list, back)
			case lastBad >= 0:
				o.Slack = Since(o.Back, lastBad)
			}
		}
	}
	if before > 0 {
		d := min(2*time.Second, e.Begin()) / time.Duration(before)
		o.Resolution = &d
	}
	switch {
	case o.LastOK == nil:
	case o.Back != nil:
		o.Took = Since(o.Back, o.LastOK.At)
	case before > 0:
		d := e.Watched - o.LastOK.At
		o.AtLeast = &d
	}
	s.debt(e, &o, reads)
	return o, first
}

// earliest looks on in a row of successes, of which list[i] is one and list[first] was answered first,
// for one that was due later and answered sooner: requests that wait are not answered in their order.
func earliest(list []Call, i, first int) int {
	kind := list[first].kind
	for i++; i < len(list) && list[i].From < list[first].To; i++ {
		switch c := &list[i]; {
		case c.kind != kind || !c.Unharmed:
		case !c.served():
			return first
		case c.To < list[first].To:
			first = i
		}
	}
	return first
}

func (s *study) debt(e *Episode, o *Outage, reads bool) {
	if o.Ruler != "probes" {
		return
	}
	until := e.Watched
	if o.Back != nil {
		until = o.Back.At
		if e.Fault != nil {
			until = max(until, e.Fault.End(s.end))
		}
		until = min(until, e.Watched)
	}
	d := s.probing.debt(s.probes, reads, e.Begin(), until)
	o.Debt = &d
}

const Bin = 100 * time.Millisecond

// partial sums the bins in which a member failed every call that ended there while another answered.
func (s *study) partial(e *Episode, until time.Duration) {
	if e.Fault != nil {
		until = max(until, e.Fault.End(s.end))
	}
	until = min(until, e.Watched)
	if s.probing != nil {
		sum := s.probing.partial(s.probes, e.Begin(), until)
		e.Partial = &sum
		return
	}
	type seen struct{ ok, all map[history.NodeID]bool }
	bins := map[time.Duration]seen{}
	for i := range s.calls {
		c := &s.calls[i]
		if c.To < e.Begin() || c.To >= until {
			continue
		}
		at := (c.To - e.Begin()) / Bin
		b, known := bins[at]
		if !known {
			b = seen{map[history.NodeID]bool{}, map[history.NodeID]bool{}}
			bins[at] = b
		}
		b.all[c.Node] = true
		if c.served() {
			b.ok[c.Node] = true
		}
	}
	var sum time.Duration
	for _, b := range bins {
		if len(b.ok) > 0 && len(b.ok) < len(b.all) {
			sum += Bin
		}
	}
	e.Partial = &sum
}

func (s *study) healing(e *Episode) {
	f := e.Fault
	if f == nil || f.HealIssued == nil {
		return
	}
	e.HealStart = mark(*f.HealIssued, LineRef(f.HealLine))
	if f.Healed != nil {
		e.Healed = mark(*f.Healed, LineRef(f.HealedLine))
	}
	s.rejoined(e, *f.HealIssued)
	e.Rejoin = Since(e.Rejoined, *f.HealIssued)
	if e.Rejoined == nil {
		return
	}
	from, until := *f.HealIssued, min(e.Rejoined.At+2*s.patience(), e.Watched, s.end)
	if e.Writes.Back == nil || e.Writes.Back.At > from {
		return // the outage of the fault itself was still going on
	}
	last, longest := from, time.Duration(0)
	var ends []time.Duration
	list, _ := s.ruler(false)
	for i := range list {
		if c := &list[i]; c.Is(false) && c.served() && c.To >= from && c.To <= until {
			ends = append(ends, c.To)
		}
	}
	slices.Sort(ends)
	for _, t := range append(ends, until) {
		longest, last = max(longest, t-last), t
	}
	if until > from {
		e.RejoinOutage = &longest
	}
}

// rejoined is the first sign that the old leader follows again, or serves: its own log, what the
// poller saw, or a call through it, whichever comes first. Clients may not call it for long.
func (s *study) rejoined(e *Episode, heal time.Duration) {
	sign := func(at time.Duration, ref string, by string) {
		if at >= heal && (e.Rejoined == nil || at < e.Rejoined.At) {
			e.Rejoined, e.RejoinBy = mark(at, ref), by
		}
	}
	for _, list := range [][]Call{s.calls, s.probes} {
		for i := range list {
			if c := &list[i]; c.Node == e.OldLeader && c.Type == history.OK && c.From >= heal {
				sign(c.To, LineRef(c.Done), "client")
			}
		}
	}
	if e.Outcome != NewLeader {
		return
	}
	for _, ev := range s.events {
		if ev.Node == e.OldLeader && ev.Kind == raftlog.LeaderKnown && ev.Term >= e.NewTerm {
			sign(ev.At, ev.Ref(), "log")
		}
	}
	for i := range s.ops {
		op := &s.ops[i]
		if op.Process != history.HarnessProcess || op.F != history.FStatus || op.Node != e.OldLeader || op.Time < heal {
			continue
		}
		var v history.StatusValue
		if json.Unmarshal(op.Value, &v) == nil && v.Role == history.Follower && v.Leader != "" && v.Term >= e.NewTerm {
			sign(op.Time, LineRef(op.Index+1), "poller")
		}
	}
}

// stale is about a leader that lost its office without knowing it.
func (s *study) stale(e *Episode) {
	if e.Elected == nil || e.Fault != nil && e.Fault.Effect.Traits().Gone {
		return
	}
	for _, l := range s.leaders {
		if l.Node != e.OldLeader || l.Term != e.OldTerm {
			continue
		}
		if l.Stepped != "" {
			e.SteppedBy = mark(l.To, l.Stepped)
			d := max(0, l.To-e.Elected.At)
			e.Stale = &d
		}
		for _, list := range [][]Call{s.calls, s.probes} {
			for i := range list {
				if c := &list[i]; c.Node == e.OldLeader && c.Type == history.OK && c.From > e.Elected.At && c.To < l.To {
					e.StaleOK++
				}
			}
		}
	}
}

// note says what is missing and why, as far as that can be known.
func (e *Episode) note() {
	add := func(missing bool, text string) {
		if missing {
			e.Missing = append(e.Missing, text)
		}
	}
	if e.Outcome == NoLeader {
		add(true, fmt.Sprintf("a new leader in the %s until watching ended", format.MS(e.Watched-e.T0)))
	}
	add(e.Outcome == NewLeader && e.Detected == nil, "a campaign: no log reports one; the election was observed by other means")
	add(e.Outcome == NewLeader && e.Committed == nil, "a commit in the new term: no log reports one, and no write was acknowledged")
	add(e.SplitVotes == nil, "votes and split votes: the system's log is not raft's")
	add(e.Writes.LastOK == nil, "an acknowledged write before the fault")
	add(e.Reads.LastOK == nil, "an answered read before the fault")
	add(e.Writes.AtLeast != nil, fmt.Sprintf("%d successful writes in a row before watching ended", Sustained))
	add(e.Reads.AtLeast != nil, fmt.Sprintf("%d successful reads in a row before watching ended", Sustained))
	add(e.HealStart != nil && e.Rejoined == nil, fmt.Sprintf("a sign of %s after healing, in its log, by the status poller or by a client", e.OldLeader))
}

// silence finds the last heartbeat of the old leader before the fault: the runtime's word, or else the
// latest of the survivors'. A heartbeat that came after t0 says that the fault did not silence the
// leader, so there is no phase.
func (s *study) silence(e *Episode) {
	if h := e.Fault.Heartbeat; h > 0 && e.Fault.Leader == e.OldLeader {
		e.Heartbeat = mark(h, LineRef(e.Fault.DoneLine))
	}
	for i := range s.events {
		ev := &s.events[i]
		if ev.Kind != raftlog.LastBeat || ev.Peer != string(e.OldLeader) || ev.At < e.T0 || ev.At > e.Watched || e.Fault.Affects(ev.Node) {
			continue
		}
		if at := ev.At - ev.Ago; e.Heartbeat == nil || at > e.Heartbeat.At {
			e.Heartbeat = mark(at, ev.Ref())
		}
	}
	if e.Heartbeat != nil && e.Heartbeat.At > e.T0 {
		e.Heartbeat = nil
	}
	if e.Silence = nil; e.Heartbeat != nil {
		d := e.T0 - e.Heartbeat.At
		if s.beat > 0 {
			d %= s.beat
		}
		e.Silence = &d
	}
}

// OutageAt is the client outage around t0, as that of an episode whose fault was effective then and
// which was watched until then.
func (a *Analysis) OutageAt(t0, until time.Duration, reads bool) Outage {
	s := study{nodes: a.Run.Nodes, calls: a.WorkloadCalls, probes: a.ProbeCalls, probing: a.Probes, end: a.LoadEnd()}
	o, _ := s.outage(&Episode{T0: t0, Watched: until}, reads)
	return o
}
