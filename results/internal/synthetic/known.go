package synthetic

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/history"
)

// Known is one trouble of a synthetic run with all its times. The zero value of a time is: never.
type Known struct {
	Name   string
	Fault  string // empty: nothing was injected
	Target history.Target
	Nodes  []history.NodeID // that were hit
	Held   []history.NodeID // that cannot serve: clients of them are refused, or wait
	Refuse bool
	Slow   time.Duration // what each call takes longer from issued to healed

	Issued, Confirmed, HealStart, Healed time.Duration

	Broke  time.Duration // from when nobody was served, until committed or restored
	Rounds []Round
	Old    history.NodeID // who led before
	Term   uint64         // its term
	Leader history.NodeID // who led after the last round; empty: old led on, or nobody
	NewT   uint64
	// When the last round was won, its first entry was committed, and nobody was elected but the old leader
	// served again.
	Elected, Committed, Restored time.Duration

	Knew     time.Duration // when the old leader knew that it led no longer
	Rejoined time.Duration // when its log told that it follows
}

// Round is one campaign.
type Round struct {
	Node    history.NodeID
	At      time.Duration
	Term    uint64
	Ran     time.Duration // became candidate; 0: it got no pre-votes
	Won     time.Duration
	Voters  []history.NodeID // who gave it a vote, beside itself
	Refused []history.NodeID // whose refusal it heard of
	Lease   bool             // they had heard from a leader lately
}

// Detected is when the first survivor campaigned.
func (k *Known) Detected() time.Duration {
	if len(k.Rounds) == 0 {
		return 0
	}
	return k.Rounds[0].At
}

// Back is from when somebody was served again.
func (k *Known) Back() time.Duration {
	if k.Committed > 0 {
		return k.Committed
	}
	return k.Restored
}

var hexIDs = []string{"8e9e05c52164694d", "91bc3c398fb3c146", "fd422379fda50e48", "ade526a3bcc5fb5f", "b71f75320dc06a6c"}

// NewKnown is a cluster whose member n1 leads in term 2 from 307 ms on.
func NewKnown(members int) *Synthetic {
	s := NewSynthetic(5, 25*Mil)
	s.Timeout = 150 * Mil
	s.Known = []Known{}
	for i := 3; i < members; i++ {
		n := history.NodeID(fmt.Sprintf("n%d", i+1))
		s.Nodes, s.Ids[n] = append(s.Nodes, n), hexIDs[i]
		s.Log(n, Mil, "%s became follower at term 1", s.Ids[n])
		s.Log(n, 305*Mil, "%s became follower at term 2", s.Ids[n])
	}
	return s
}

// Trouble adds one, with its lines in the logs.
func (s *Synthetic) Trouble(k Known) {
	for i := range k.Rounds {
		again := slices.ContainsFunc(k.Rounds[:i], func(r Round) bool { return r.Node == k.Rounds[i].Node })
		s.campaign(&k.Rounds[i], &k, again)
	}
	if k.Committed > 0 {
		s.Log(k.Leader, k.Committed, "committed first entry of term %d", k.NewT)
	}
	if k.Knew > 0 {
		s.Log(k.Old, k.Knew, "%s stepped down to follower since quorum is not active", s.Ids[k.Old])
	}
	if k.Rejoined > 0 {
		s.Log(k.Old, k.Rejoined, "%s became follower at term %d", s.Ids[k.Old], k.NewT)
		s.Log(k.Old, k.Rejoined, "raft.node: %s elected leader %s at term %d", s.Ids[k.Old], s.Ids[k.Leader], k.NewT)
	}
	s.Known = append(s.Known, k)
}

// campaign writes raft's own lines.
func (s *Synthetic) campaign(r *Round, k *Known, again bool) {
	me := s.Ids[r.Node]
	s.Log(r.Node, r.At, "%s is starting a new election at term %d", me, r.Term-1)
	s.Log(r.Node, r.At, "%s became pre-candidate at term %d", me, r.Term-1)
	if !again {
		s.Log(r.Node, r.At, "raft.node: %s lost leader %s at term %d", me, s.Ids[k.Old], k.Term)
	}
	s.Log(r.Node, r.At, "%s received MsgPreVoteResp from %s at term %d", me, me, r.Term-1)
	for _, n := range r.Refused {
		if r.Lease {
			s.Log(n, r.At+Mil, "%s [logterm: %d, index: 99, vote: 0] ignored MsgPreVote from %s [logterm: %d, index: 99] at term %d: lease is not expired (remaining ticks: 2)", s.Ids[n], k.Term, me, k.Term, k.Term)
		}
	}
	if r.Ran == 0 {
		return
	}
	for _, n := range slices.Concat(r.Voters, r.Refused) { // who refuses its vote had promised it
		s.Log(r.Node, r.Ran, "%s received MsgPreVoteResp from %s at term %d", me, s.Ids[n], r.Term-1)
	}
	s.Log(r.Node, r.Ran, "%s became candidate at term %d", me, r.Term)
	s.Log(r.Node, r.Ran, "%s received MsgVoteResp from %s at term %d", me, me, r.Term)
	for _, n := range r.Refused {
		if !r.Lease {
			s.Log(r.Node, r.Ran+2*Mil, "%s received MsgVoteResp rejection from %s at term %d", me, s.Ids[n], r.Term)
		}
	}
	if r.Won > 0 {
		for _, n := range r.Voters {
			s.Log(r.Node, r.Won, "%s received MsgVoteResp from %s at term %d", me, s.Ids[n], r.Term)
		}
		s.Log(r.Node, r.Won, "%s became leader at term %d", me, r.Term)
		s.Log(r.Node, r.Won, "raft.node: %s elected leader %s at term %d", me, me, r.Term)
		for _, n := range r.Voters {
			s.Log(n, r.Won+2*Mil, "raft.node: %s elected leader %s at term %d", s.Ids[n], me, r.Term)
		}
	}
}

// inject writes what the nemesis did.
func (s *Synthetic) inject(i int) {
	k := &s.Known[i]
	if k.Fault == "" {
		return
	}
	v := history.FaultValue{ID: fmt.Sprintf("f%d", i+1), Fault: k.Fault, Target: k.Target, Nodes: k.Nodes, Leader: k.Old, Term: k.Term, Issued: k.Issued}
	says(&v, s.Nodes)
	s.nemesis(k.Issued, history.Invoke, history.FInject, v)
	v.Confirmed = k.Confirmed
	s.nemesis(k.Confirmed, history.OK, history.FInject, v)
	if k.HealStart == 0 {
		return
	}
	v.Issued, v.Confirmed = k.HealStart, 0
	s.nemesis(k.HealStart, history.Invoke, history.FHeal, v)
	v.Confirmed = k.Healed
	s.nemesis(k.Healed, history.OK, history.FHeal, v)
}

var errSlow = errors.New("deadline exceeded")

// answerKnown is what a call of node at a time gets: members that are held answer nothing, and while
// nobody leads the others keep calls until somebody does, or their time is up.
func (s *Synthetic) answerKnown(node history.NodeID, at, timeout, latency time.Duration) (time.Duration, error) {
	for i := range s.Known {
		if k := &s.Known[i]; k.Slow > 0 && at >= k.Issued && (k.Healed == 0 || at < k.Healed) {
			latency += k.Slow
		}
	}
	for i := range s.Known {
		k := &s.Known[i]
		if slices.Contains(k.Held, node) && at+latency >= k.Issued && (k.Healed == 0 || at < k.Healed) {
			if k.Refuse && at >= k.Confirmed {
				return 300 * time.Microsecond, fmt.Errorf("dial: connection refused: %w", harness.ErrNotApplied)
			}
			return timeout, errSlow
		}
	}
	for i := range s.Known {
		k := &s.Known[i]
		if k.Broke > 0 && at+latency >= k.Broke && (k.Back() == 0 || at < k.Back()) {
			wait := k.Back() - at
			if k.Back() == 0 || wait+latency >= timeout {
				return timeout, errSlow
			}
			return wait + latency, nil
		}
	}
	if latency >= timeout {
		return timeout, errSlow
	}
	return latency, nil
}
