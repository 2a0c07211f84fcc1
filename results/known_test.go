package results

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/history"
)

// known is one trouble of a synthetic run with all its times. The zero value of a time is: never.
type known struct {
	name   string
	fault  string // empty: nothing was injected
	target history.Target
	nodes  []history.NodeID // that were hit
	held   []history.NodeID // that cannot serve: clients of them are refused, or wait
	refuse bool
	slow   time.Duration // what each call takes longer from issued to healed

	issued, confirmed, healStart, healed time.Duration

	broke  time.Duration // from when nobody was served, until committed or restored
	rounds []round
	old    history.NodeID // who led before
	term   uint64         // its term
	leader history.NodeID // who led after the last round; empty: old led on, or nobody
	newT   uint64
	// When the last round was won, its first entry was committed, and nobody was elected but the old leader
	// served again.
	elected, committed, restored time.Duration

	knew     time.Duration // when the old leader knew that it led no longer
	rejoined time.Duration // when its log told that it follows
}

// round is one campaign.
type round struct {
	node    history.NodeID
	at      time.Duration
	term    uint64
	ran     time.Duration // became candidate; 0: it got no pre-votes
	won     time.Duration
	voters  []history.NodeID // who gave it a vote, beside itself
	refused []history.NodeID // whose refusal it heard of
	lease   bool             // they had heard from a leader lately
}

// detected is when the first survivor campaigned.
func (k *known) detected() time.Duration {
	if len(k.rounds) == 0 {
		return 0
	}
	return k.rounds[0].at
}

// back is from when somebody was served again.
func (k *known) back() time.Duration {
	if k.committed > 0 {
		return k.committed
	}
	return k.restored
}

var hexIDs = []string{"8e9e05c52164694d", "91bc3c398fb3c146", "fd422379fda50e48", "ade526a3bcc5fb5f", "b71f75320dc06a6c"}

// newKnown is a cluster whose member n1 leads in term 2 from 307 ms on.
func newKnown(members int) *synthetic {
	s := newSynthetic(5, 25*mil)
	s.timeout = 150 * mil
	s.known = []known{}
	for i := 3; i < members; i++ {
		n := history.NodeID(fmt.Sprintf("n%d", i+1))
		s.nodes, s.ids[n] = append(s.nodes, n), hexIDs[i]
		s.log(n, mil, "%s became follower at term 1", s.ids[n])
		s.log(n, 305*mil, "%s became follower at term 2", s.ids[n])
	}
	return s
}

// trouble adds one, with its lines in the logs.
func (s *synthetic) trouble(k known) {
	for i := range k.rounds {
		again := slices.ContainsFunc(k.rounds[:i], func(r round) bool { return r.node == k.rounds[i].node })
		s.campaign(&k.rounds[i], &k, again)
	}
	if k.committed > 0 {
		s.log(k.leader, k.committed, "committed first entry of term %d", k.newT)
	}
	if k.knew > 0 {
		s.log(k.old, k.knew, "%s stepped down to follower since quorum is not active", s.ids[k.old])
	}
	if k.rejoined > 0 {
		s.log(k.old, k.rejoined, "%s became follower at term %d", s.ids[k.old], k.newT)
		s.log(k.old, k.rejoined, "raft.node: %s elected leader %s at term %d", s.ids[k.old], s.ids[k.leader], k.newT)
	}
	s.known = append(s.known, k)
}

// campaign writes raft's own lines.
func (s *synthetic) campaign(r *round, k *known, again bool) {
	me := s.ids[r.node]
	s.log(r.node, r.at, "%s is starting a new election at term %d", me, r.term-1)
	s.log(r.node, r.at, "%s became pre-candidate at term %d", me, r.term-1)
	if !again {
		s.log(r.node, r.at, "raft.node: %s lost leader %s at term %d", me, s.ids[k.old], k.term)
	}
	s.log(r.node, r.at, "%s received MsgPreVoteResp from %s at term %d", me, me, r.term-1)
	for _, n := range r.refused {
		if r.lease {
			s.log(n, r.at+mil, "%s [logterm: %d, index: 99, vote: 0] ignored MsgPreVote from %s [logterm: %d, index: 99] at term %d: lease is not expired (remaining ticks: 2)", s.ids[n], k.term, me, k.term, k.term)
		}
	}
	if r.ran == 0 {
		return
	}
	for _, n := range slices.Concat(r.voters, r.refused) { // who refuses its vote had promised it
		s.log(r.node, r.ran, "%s received MsgPreVoteResp from %s at term %d", me, s.ids[n], r.term-1)
	}
	s.log(r.node, r.ran, "%s became candidate at term %d", me, r.term)
	s.log(r.node, r.ran, "%s received MsgVoteResp from %s at term %d", me, me, r.term)
	for _, n := range r.refused {
		if !r.lease {
			s.log(r.node, r.ran+2*mil, "%s received MsgVoteResp rejection from %s at term %d", me, s.ids[n], r.term)
		}
	}
	if r.won > 0 {
		for _, n := range r.voters {
			s.log(r.node, r.won, "%s received MsgVoteResp from %s at term %d", me, s.ids[n], r.term)
		}
		s.log(r.node, r.won, "%s became leader at term %d", me, r.term)
		s.log(r.node, r.won, "raft.node: %s elected leader %s at term %d", me, me, r.term)
		for _, n := range r.voters {
			s.log(n, r.won+2*mil, "raft.node: %s elected leader %s at term %d", s.ids[n], me, r.term)
		}
	}
}

// inject writes what the nemesis did.
func (s *synthetic) inject(i int) {
	k := &s.known[i]
	if k.fault == "" {
		return
	}
	v := history.FaultValue{ID: fmt.Sprintf("f%d", i+1), Fault: k.fault, Target: k.target, Nodes: k.nodes, Leader: k.old, Term: k.term, Issued: k.issued}
	says(&v, s.nodes)
	s.nemesis(k.issued, history.Invoke, history.FInject, v)
	v.Confirmed = k.confirmed
	s.nemesis(k.confirmed, history.OK, history.FInject, v)
	if k.healStart == 0 {
		return
	}
	v.Issued, v.Confirmed = k.healStart, 0
	s.nemesis(k.healStart, history.Invoke, history.FHeal, v)
	v.Confirmed = k.healed
	s.nemesis(k.healed, history.OK, history.FHeal, v)
}

var errSlow = errors.New("deadline exceeded")

// answerKnown is what a call of node at a time gets: members that are held answer nothing, and while
// nobody leads the others keep calls until somebody does, or their time is up.
func (s *synthetic) answerKnown(node history.NodeID, at, timeout, latency time.Duration) (time.Duration, error) {
	for i := range s.known {
		if k := &s.known[i]; k.slow > 0 && at >= k.issued && (k.healed == 0 || at < k.healed) {
			latency += k.slow
		}
	}
	for i := range s.known {
		k := &s.known[i]
		if slices.Contains(k.held, node) && at+latency >= k.issued && (k.healed == 0 || at < k.healed) {
			if k.refuse && at >= k.confirmed {
				return 300 * time.Microsecond, fmt.Errorf("dial: connection refused: %w", harness.ErrNotApplied)
			}
			return timeout, errSlow
		}
	}
	for i := range s.known {
		k := &s.known[i]
		if k.broke > 0 && at+latency >= k.broke && (k.back() == 0 || at < k.back()) {
			wait := k.back() - at
			if k.back() == 0 || wait+latency >= timeout {
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
