package core

import (
	"reflect"
	"unsafe"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
)

// raftInt returns where raft keeps one of its unexported numbers. raft draws its randomized election
// timeout from crypto/rand and offers no way to choose it (resetRandomizedElectionTimeout in raft
// v3.7.0), but a simulation must. A raft without the field panics at start.
func raftInt(node *raft.RawNode, field string) *int {
	outer, ok := reflect.TypeFor[raft.RawNode]().FieldByName("raft")
	if !ok || outer.Type.Kind() != reflect.Pointer {
		panic("seed election timeouts: raft.RawNode has no pointer field raft; raft v3.7.0 is needed")
	}
	inner, ok := outer.Type.Elem().FieldByName(field)
	if !ok || inner.Type.Kind() != reflect.Int {
		panic("seed election timeouts: raft has no field " + field + " int; raft v3.7.0 is needed")
	}
	r := *(*unsafe.Pointer)(unsafe.Add(unsafe.Pointer(node), outer.Offset))
	return (*int)(unsafe.Add(r, inner.Offset))
}

// drawKey is what must change for raft to draw a new timeout.
type drawKey struct {
	term, leader uint64
	state        raft.StateType
}

// seedTimeout replaces raft's draw by one of ElectionRand, once for each role. It runs after every
// input, and raft compares the timeout in ticks only, so raft's own draw is never used.
func (c *Core) seedTimeout() {
	if c.timeout == nil {
		return
	}
	if now := (drawKey{c.term, c.leader, c.role}); now != c.drawnFor || c.drawn == 0 {
		c.drawnFor, c.drawn = now, c.cfg.ElectionRand()
	}
	*c.timeout = c.drawn
}

// timer is a member's election timer before a message.
type timer struct {
	kept           bool
	elapsed, drawn int
}

// timerBefore notes the timer before a message that, with Config.PlainElections, may leave it alone: a vote asked for
// or refused. raft starts it anew whenever a term begins.
func (c *Core) timerBefore(m *raftpb.Message) timer {
	if !c.cfg.PlainElections || c.role == raft.StateLeader || m.GetType() != raftpb.MsgVote && m.GetType() != raftpb.MsgVoteResp {
		return timer{}
	}
	return timer{true, *c.elapsed, c.drawn}
}

// timerAfter puts it back, unless the member granted its vote or won.
func (c *Core) timerAfter(m *raftpb.Message, t timer) {
	granted := m.GetType() == raftpb.MsgVote && c.node.BasicStatus().GetVote() == m.GetFrom()
	if t.kept && !granted && c.role != raft.StateLeader {
		*c.elapsed, c.drawn, *c.timeout = t.elapsed, t.drawn, t.drawn
	}
}
