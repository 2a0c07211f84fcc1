package failover

import (
	"fmt"
	"slices"
	"time"

	"github.com/faultline-chaos/faultline/history"
	"github.com/faultline-chaos/faultline/history/raftlog"
)

// study is what the episodes are made from.
type study struct {
	nodes   []history.NodeID
	timeout time.Duration // election timeout
	beat    time.Duration // heartbeat interval; 0: not known
	ops     []history.Op
	events  []raftlog.Event
	mute    bool // the log tells no elections: events are what the poller saw
	faults  []Injected
	leaders []Leadership
	calls   []Call // of the workload
	probes  []Call
	probing *Probing // nil: no probes
	end     time.Duration
	base    *Baseline // set by episodes
}

// ruler is what measures an outage of reads or writes.
func (s *study) ruler(reads bool) (list []Call, name string) {
	if slices.ContainsFunc(s.probes, func(c Call) bool { return c.Is(reads) }) {
		return s.probes, "probes"
	}
	return s.calls, "calls"
}

// episodes finds every trouble of a leader, in the order of time.
func (s *study) episodes() []Episode {
	var out []Episode
	taken := map[uint64]bool{} // terms whose election an episode accounts for
	if len(s.leaders) > 0 {
		taken[s.leaders[0].Term] = true // the first election of all is the start
	}
	for i := range s.faults {
		f := &s.faults[i]
		if !f.HitLeader || !f.Landed() {
			continue
		}
		old, ok := leaderAt(s.leaders, f.Issued)
		if !ok {
			old = Leadership{Node: f.Leader, Term: f.Term}
		}
		if n := len(out); n > 0 && out[n-1].Fault != nil && out[n-1].OldTerm == old.Term && out[n-1].Fault.activeAt(f.Issued, s.end) {
			out[n-1].During = append(out[n-1].During, f.ID)
			continue // the same leader is hit again before it is lost
		}
		e := Episode{Fault: f, OldLeader: old.Node, OldTerm: old.Term}
		e.T0, e.T0Ref = s.effect(f, old)
		out = append(out, e)
	}
	for i := range out {
		until := s.end
		if i+1 < len(out) {
			until = out[i+1].Fault.Issued
		}
		if l, ok := s.electedAfter(&out[i], until); ok {
			taken[l.Term] = true
		}
	}
	out = append(out, s.unprovoked(taken)...)
	slices.SortStableFunc(out, func(a, b Episode) int { return int(a.T0 - b.T0) })
	for i := range out {
		out[i].ID = fmt.Sprintf("e%d", i+1)
		out[i].Watched = s.end
		if i+1 < len(out) {
			out[i].Watched = out[i+1].Begin()
		}
	}
	f := s.flow()
	s.base = s.baseline(f, out)
	for i := range out {
		s.fill(&out[i])
		s.disturbance(&out[i], f, s.base)
	}
	return out
}

// effect is when a fault on a leader had its effect: when that was confirmed, or at the first sign of it
// where the leader handed its office over, or was replaced, before. One that is asked to stop does so.
func (s *study) effect(f *Injected, old Leadership) (time.Duration, string) {
	replaced := slices.ContainsFunc(s.leaders, func(l Leadership) bool {
		return l.Term > old.Term && l.From >= f.Issued && l.From < f.Confirmed
	})
	for i := range s.events {
		ev := &s.events[i]
		if ev.At < f.Issued || ev.At >= f.Confirmed {
			continue
		}
		switch ev.Kind {
		case raftlog.TransferStarted:
			if ev.Node == old.Node && ev.Term == old.Term {
				return ev.At, ev.Ref()
			}
		case raftlog.Campaign, raftlog.BecamePre, raftlog.BecameCandidate:
			if replaced && ev.Term >= old.Term {
				return ev.At, ev.Ref()
			}
		}
	}
	return f.Confirmed, LineRef(f.DoneLine)
}

func (s *study) electedAfter(e *Episode, until time.Duration) (Leadership, bool) {
	for _, l := range s.leaders {
		if l.Term > e.OldTerm && l.From >= e.Begin() && l.From <= until {
			return l, true
		}
	}
	return Leadership{}, false
}

// unprovoked are the changes of leaders that no fault on a leader accounts for.
func (s *study) unprovoked(taken map[uint64]bool) []Episode {
	var out []Episode
	for i, l := range s.leaders {
		if i == 0 || taken[l.Term] {
			continue
		}
		old := s.leaders[i-1]
		e := Episode{OldLeader: old.Node, OldTerm: old.Term, T0: l.From, T0Ref: l.Ref}
		if old.Stepped != "" && old.To < e.T0 {
			e.T0, e.T0Ref = old.To, old.Stepped
		}
		earliest := l.From - 10*s.patience()
		for _, ev := range s.events {
			if ev.At > old.From && ev.At >= earliest && ev.At < e.T0 && (ev.Kind == raftlog.Campaign || ev.Kind == raftlog.BecamePre || ev.Kind == raftlog.BecameCandidate || ev.Kind == raftlog.TransferStarted) && ev.Term+1 >= old.Term {
				e.T0, e.T0Ref = ev.At, ev.Ref()
				break
			}
		}
		out = append(out, e)
	}
	return out
}

// patience is the election timeout, or a second where it is not known.
func (s *study) patience() time.Duration {
	if s.timeout > 0 {
		return s.timeout
	}
	return time.Second
}
