package failover

import (
	"slices"
	"time"

	"github.com/faultline-chaos/faultline/history"
	"github.com/faultline-chaos/faultline/history/raftlog"
)

func (s *study) election(e *Episode) {
	l, ok := s.electedAfter(e, e.Watched)
	stop := e.Watched
	if ok {
		e.Elected, e.NewLeader, e.NewTerm, e.Outcome = mark(l.From, l.Ref), l.Node, l.Term, NewLeader
		e.TermsBurned = int(l.Term - e.OldTerm - 1)
		stop = l.From
	} else if old, led := leaderAt(s.leaders, e.Watched-1); led && old.Term == e.OldTerm && (e.Fault == nil || !e.Fault.Effect.Traits().Gone) {
		e.Outcome = Kept
	} else {
		e.Outcome = NoLeader
	}
	e.Campaigns = s.campaigns(e, stop)
	for i := range e.Campaigns {
		e.Campaigns[i].lost(s.events)
	}
	for _, ev := range s.events {
		if ev.Kind == raftlog.TransferStarted && ev.Node == e.OldLeader && ev.Term == e.OldTerm && ev.At >= e.Begin() && ev.At <= stop {
			e.HandOver = mark(ev.At, ev.Ref())
			break
		}
	}
	if len(e.Campaigns) > 0 {
		e.Detected = mark(e.Campaigns[0].At, e.Campaigns[0].Ref)
	}
	if !s.mute {
		n := splitVotes(e.Campaigns, e.NewTerm)
		e.SplitVotes = &n
	}
	if e.Outcome == Kept {
		stop = e.T0
	}
	e.QuorumLost = s.quorumLost(e.Begin(), stop)
	s.votes(e)
	s.accepted(e)
}

// quorumLost says whether faults together left no majority unharmed at some time in from..to.
func (s *study) quorumLost(from, to time.Duration) bool {
	for i := range s.faults {
		f := &s.faults[i]
		if at := max(from, f.Issued); at <= to && f.activeAt(at, s.end) && harmed(s.faults, f, at, s.end) > (len(s.nodes)-1)/2 {
			return true
		}
	}
	return false
}

// campaigns are those of members that the fault did not hit, or of any after the healing began.
func (s *study) campaigns(e *Episode, stop time.Duration) []Try {
	var out []Try
	last := map[history.NodeID]int{}
	for _, ev := range s.events {
		if ev.At < e.Begin() || ev.At > stop || s.affected(e, ev) {
			continue
		}
		n, open := last[ev.Node]
		switch ev.Kind {
		case raftlog.Campaign:
			last[ev.Node] = len(out)
			out = append(out, Try{Node: ev.Node, At: ev.At, Term: ev.Term + 1, Ref: ev.Ref()})
		case raftlog.BecamePre:
			if !open || out[n].Pre || out[n].Ran != nil {
				n = len(out)
				last[ev.Node] = n
				out = append(out, Try{Node: ev.Node, At: ev.At, Term: ev.Term + 1, Ref: ev.Ref()})
			}
			out[n].Pre = true
		case raftlog.BecameCandidate:
			if !open || out[n].Ran != nil {
				n = len(out)
				last[ev.Node] = n
				out = append(out, Try{Node: ev.Node, At: ev.At, Ref: ev.Ref()})
			}
			out[n].Term, out[n].Ran = ev.Term, mark(ev.At, ev.Ref())
		case raftlog.BecameLeader:
			if open {
				out[n].Won = true
			}
			delete(last, ev.Node)
		case raftlog.BecameFollower:
			delete(last, ev.Node)
		case raftlog.GotPreVote:
			if open {
				out[n].PreVotes++
			}
		case raftlog.GotVote:
			if open {
				out[n].Votes++
			}
		case raftlog.VoteRejected, raftlog.PreVoteRejected: // the candidate hears of it
			if open {
				out[n].refuse(Refusal{By: history.NodeID(ev.Peer), Ref: ev.Ref()})
			}
		case raftlog.Rejected, raftlog.LeaseIgnored: // the voter says so
			if n, open := last[history.NodeID(ev.Peer)]; open {
				out[n].refuse(Refusal{ev.Node, ev.Why, ev.Ref()})
			}
		}
	}
	return out
}

// refuse notes a member's refusal once: the voter's own word, which tells why, over the candidate's.
func (t *Try) refuse(r Refusal) {
	i := slices.IndexFunc(t.Refused, func(o Refusal) bool { return o.By == r.By })
	switch {
	case i < 0:
		t.Refused = append(t.Refused, r)
	case t.Refused[i].Why == "":
		t.Refused[i] = r
	}
}

func (s *study) affected(e *Episode, ev raftlog.Event) bool {
	f := e.Fault
	return f != nil && f.Affects(ev.Node) && (f.HealIssued == nil || ev.At < *f.HealIssued)
}

func splitVotes(tries []Try, won uint64) int {
	ran := map[uint64]int{}
	for _, t := range tries {
		if t.Ran != nil && t.Term != won {
			ran[t.Term]++
		}
	}
	n := 0
	for _, c := range ran {
		if c > 1 {
			n++
		}
	}
	return n
}

// votes are the answers to the winner since its last campaign.
func (s *study) votes(e *Episode) {
	if e.Elected == nil {
		return
	}
	from := e.Begin()
	for _, t := range e.Campaigns {
		if t.Node == e.NewLeader {
			from = t.At
		}
	}
	for _, ev := range s.events {
		// A vote may be logged in the same line batch as the victory, or later: the majority was enough.
		if ev.Node != e.NewLeader || ev.At < from || ev.At > e.Elected.At {
			continue
		}
		switch ev.Kind {
		case raftlog.GotVote, raftlog.GotPreVote:
			e.Votes = append(e.Votes, Vote{From: ev.Peer, Pre: ev.Kind == raftlog.GotPreVote, Granted: true, At: ev.At, Ref: ev.Ref()})
		case raftlog.VoteRejected, raftlog.PreVoteRejected:
			e.Votes = append(e.Votes, Vote{From: ev.Peer, Pre: ev.Kind == raftlog.PreVoteRejected, At: ev.At, Ref: ev.Ref()})
		}
	}
}

// accepted is when a majority, the leader included, had said whom they follow in the new term.
func (s *study) accepted(e *Episode) {
	if e.Elected == nil {
		return
	}
	known := map[history.NodeID]bool{e.NewLeader: true}
	for _, ev := range s.events {
		if ev.Kind == raftlog.LeaderKnown && ev.Term == e.NewTerm && ev.At <= e.Watched && ev.Peer == string(e.NewLeader) {
			known[ev.Node] = true
			if len(known) > len(s.nodes)/2 {
				e.Accepted = mark(max(ev.At, e.Elected.At), ev.Ref())
				return
			}
		}
	}
}

func (s *study) commit(e *Episode) {
	if e.Elected == nil {
		return
	}
	for _, ev := range s.events {
		if ev.Kind == raftlog.FirstCommit && ev.Term == e.NewTerm && ev.At <= e.Watched {
			e.Committed, e.CommitBy = mark(ev.At, ev.Ref()), "log"
			return
		}
	}
	// A write that any member acknowledges from then on was committed by the new leader: the others
	// pass it on. What the fault holds is left out.
	list, _ := s.ruler(false)
	for i := range list {
		c := &list[i]
		if c.Type == history.OK && c.Is(false) && (c.Unharmed || c.Node == e.NewLeader) && c.To >= e.Elected.At && c.To <= e.Watched && (e.Committed == nil || c.To < e.Committed.At) {
			e.Committed, e.CommitBy = mark(c.To, LineRef(c.Done)), "client"
		}
	}
}

// lost finds the line in which a campaign's member said that it had lost its leader: raft says so
// where it begins one. It campaigns for one of two reasons: its election timeout, or the leader's word.
func (t *Try) lost(events []raftlog.Event) {
	for i := range events {
		ev := &events[i]
		switch {
		case ev.Node != t.Node || ev.At < t.At-lostWithin || ev.At > t.At+lostWithin:
		case ev.Kind == raftlog.TimeoutNow && ev.At <= t.At:
			t.Asked = mark(ev.At, ev.Ref())
		case ev.Kind == raftlog.LeaderLost && ev.At >= t.At && ev.Term+1 >= t.Term && t.Lost == nil:
			t.Lost, t.LostLeader = mark(ev.At, ev.Ref()), history.NodeID(ev.Peer)
		}
	}
}

// lostWithin is how long before or after its campaign began a member may say so: the lines are written
// in one turn of its loop.
const lostWithin = 20 * time.Millisecond
