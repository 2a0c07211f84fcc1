package failover

import (
	"cmp"
	"slices"
	"time"

	"github.com/faultline-chaos/faultline/history"
	"github.com/faultline-chaos/faultline/history/raftlog"
	"github.com/faultline-chaos/faultline/results"
)

// State is what a member was during one segment of its lane.
type State string

const (
	StateUnknown      State = "unknown"
	StateDown         State = "down"
	StatePaused       State = "paused"
	StateFollower     State = "follower"
	StatePreCandidate State = "pre-candidate"
	StateCandidate    State = "candidate"
	StateLeader       State = "leader"
)

// Segment is a time in which a member was one thing in one term.
type Segment struct {
	Node  history.NodeID `json:"node"`
	From  time.Duration  `json:"from"`
	To    time.Duration  `json:"to"`
	State State          `json:"state"`
	Term  uint64         `json:"term,omitempty"`
	Ref   string         `json:"ref,omitempty"` // FILE:LINE that tells its begin
}

// Lanes are every member's segments, without gaps from 0 to end, in the order of nodes.
func lanes(nodes []history.NodeID, events []raftlog.Event, faults []Injected, end time.Duration) [][]Segment {
	out := make([][]Segment, len(nodes))
	for i, node := range nodes {
		out[i] = lane(node, events, faults, end)
	}
	return out
}

type change struct {
	at    time.Duration
	state State // empty: back to what it was before
	term  uint64
	ref   string
	order int
}

func lane(node history.NodeID, events []raftlog.Event, faults []Injected, end time.Duration) []Segment {
	var changes []change
	roles := map[raftlog.Kind]State{
		raftlog.BecameFollower: StateFollower, raftlog.BecamePre: StatePreCandidate, raftlog.BecameCandidate: StateCandidate,
		raftlog.BecameLeader: StateLeader, raftlog.Started: StateFollower,
	}
	for _, e := range events {
		if s, ok := roles[e.Kind]; ok && e.Node == node {
			changes = append(changes, change{at: e.At, state: s, term: e.Term, ref: e.Ref(), order: 1})
		}
	}
	for i := range faults {
		f := &faults[i]
		if !f.Affects(node) || !f.Landed() {
			continue
		}
		switch is := f.Effect.Traits(); {
		case is.Gone:
			changes = append(changes, change{at: f.EffectStart, state: StateDown, ref: LineRef(f.DoneLine), order: 2})
			changes = append(changes, change{at: startAfter(node, events, f, end), state: StateUnknown, order: 0})
		case is.Frozen:
			changes = append(changes, change{at: f.EffectStart, state: StatePaused, ref: LineRef(f.DoneLine), order: 2})
			changes = append(changes, change{at: f.End(end), order: 0})
		}
	}
	slices.SortStableFunc(changes, func(a, b change) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.order, b.order)) })
	return segments(node, changes, end)
}

func LineRef(line int) string { return ref(results.HistoryFile, line) }

// startAfter is when the process ran again: its first line after the healing was issued, or the
// healing's confirmation.
func startAfter(node history.NodeID, events []raftlog.Event, f *Injected, end time.Duration) time.Duration {
	stop := f.End(end)
	if f.HealIssued == nil {
		return stop
	}
	for _, e := range events {
		if e.Node == node && e.At >= *f.HealIssued && e.At <= stop {
			return e.At
		}
	}
	return stop
}

func segments(node history.NodeID, changes []change, end time.Duration) []Segment {
	cur := Segment{Node: node, State: StateUnknown}
	before := cur // what a pause interrupts
	var out []Segment
	for _, c := range changes {
		next := Segment{Node: node, From: c.at, State: c.state, Term: c.term, Ref: c.ref}
		switch {
		case c.state == "":
			if cur.State != StatePaused {
				continue
			}
			next.State, next.Term, next.Ref = before.State, before.Term, before.Ref
		case c.state == StatePaused || c.state == StateDown:
			if cur.State != StatePaused && cur.State != StateDown {
				before = cur
			}
			next.Term = cur.Term
		case cur.State == StatePaused:
			// A line with a time in the pause was on its way when the pause began.
			before = next
			continue
		}
		if next.State == cur.State && next.Term == cur.Term {
			continue
		}
		if next.From > cur.From {
			cur.To = next.From
			out = append(out, cur)
		}
		cur = next
	}
	if end > cur.From {
		cur.To = end
		out = append(out, cur)
	}
	return out
}

// Leadership is one member's time as leader of one term.
type Leadership struct {
	Node history.NodeID `json:"node"`
	Term uint64         `json:"term"`
	From time.Duration  `json:"from"`
	To   time.Duration  `json:"to"` // when it knew that it was over, or its process ended
	Ref  string         `json:"ref"`
	// Stepped is the line that tells the end; empty: its process ended, or the run.
	Stepped string `json:"stepped,omitempty"`
}

// leaderships are in the order of their terms. A pause does not end one: the member does not know.
func leaderships(nodes []history.NodeID, events []raftlog.Event, faults []Injected, end time.Duration) []Leadership {
	var out []Leadership
	for _, node := range nodes {
		cur := -1
		stop := func(at time.Duration, ref string) {
			if cur >= 0 {
				out[cur].To, out[cur].Stepped = at, ref
				cur = -1
			}
		}
		downs := downTimes(node, faults)
		for _, e := range events {
			if e.Node != node {
				continue
			}
			for len(downs) > 0 && downs[0] < e.At {
				stop(downs[0], "")
				downs = downs[1:]
			}
			switch e.Kind {
			case raftlog.BecameLeader:
				if cur >= 0 && out[cur].Term == e.Term {
					continue // the poller repeats what it saw
				}
				stop(e.At, e.Ref())
				cur = len(out)
				out = append(out, Leadership{Node: node, Term: e.Term, From: e.At, To: end, Ref: e.Ref()})
			case raftlog.BecameFollower, raftlog.BecamePre, raftlog.BecameCandidate, raftlog.SteppedDown, raftlog.Started:
				stop(e.At, e.Ref())
			}
		}
		for _, d := range downs {
			if cur >= 0 && d >= out[cur].From {
				stop(d, "")
			}
		}
	}
	slices.SortStableFunc(out, func(a, b Leadership) int { return cmp.Or(cmp.Compare(a.Term, b.Term), cmp.Compare(a.From, b.From)) })
	return out
}

// downTimes are when a node's process was ended.
func downTimes(node history.NodeID, faults []Injected) []time.Duration {
	var out []time.Duration
	for i := range faults {
		if f := &faults[i]; f.Affects(node) && f.Landed() && f.Effect.Traits().Gone {
			out = append(out, f.EffectStart)
		}
	}
	slices.Sort(out)
	return out
}

// leaderAt is who led in the highest term at t, by leaderships that had begun and not ended.
func leaderAt(ls []Leadership, t time.Duration) (l Leadership, ok bool) {
	for _, x := range ls {
		if x.From <= t && t < x.To && (!ok || x.Term > l.Term) {
			l, ok = x, true
		}
	}
	return l, ok
}
