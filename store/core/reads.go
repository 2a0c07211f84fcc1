package core

import (
	"encoding/binary"
	"slices"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"go.etcd.io/raft/v3"

	"github.com/faultline-chaos/faultline/store/internal/bug"
)

// read is a call that waits for its read index (raft thesis, 6.4).
type read struct {
	call  uint64
	req   any
	since int // tick
}

// reads are the linearizable reads under way. One question to the leader serves all reads that came
// before it was asked; those that come later wait for the next.
type reads struct {
	waiting []read
	// asked are those that a question is out for; its attempts have the ids from first to next.
	asked       []read
	first, next uint64
	askedAt     int // tick
	askedOf     drawKey
	confirmed   []confirmed // by arrival
}

// confirmed are reads that may be answered once index is applied.
type confirmed struct {
	index uint64
	reads []read
}

func (r *reads) pending() int {
	n := len(r.waiting) + len(r.asked)
	for _, c := range r.confirmed {
		n += len(c.reads)
	}
	return n
}

func (c *Core) submitRead(call uint64, req any, stale bool) {
	if stale || c.staleRead() {
		c.answer(call, req)
		return
	}
	c.reads.waiting = append(c.reads.waiting, read{call, req, c.ticks})
	c.drain()
}

// askReadIndex asks the leader for a read index if there is somebody to ask for it, and again when
// the leader changed or did not answer. It says whether it asked.
func (c *Core) askReadIndex() bool {
	r := &c.reads
	if c.leader == raft.None || !c.booted {
		return false
	}
	now := drawKey{term: c.term, leader: c.leader}
	if len(r.asked) == 0 {
		if len(r.waiting) == 0 {
			return false
		}
		r.asked, r.waiting = r.waiting, r.asked
		r.first = r.next + 1
	} else if r.askedOf == now && c.ticks-r.askedAt < max(1, c.cfg.ElectionTicks/2) {
		return false
	}
	r.next++
	r.askedOf, r.askedAt = now, c.ticks
	c.node.ReadIndex(binary.BigEndian.AppendUint64(nil, r.next))
	return true
}

// confirmRead takes the leader's answer. One to any attempt will do: all were made after the reads
// came.
func (c *Core) confirmRead(s *raft.ReadState) {
	r := &c.reads
	if len(s.RequestCtx) != 8 || len(r.asked) == 0 {
		return
	}
	if id := binary.BigEndian.Uint64(s.RequestCtx); id < r.first || id > r.next {
		return
	}
	index := s.Index
	if c.bug(bug.ReadIndexNotAwaited) {
		index = 0
	}
	r.confirmed = append(r.confirmed, confirmed{index, r.asked})
	r.asked = nil
}

// answerReads answers the reads whose index is applied. An index confirmed later is not lower, but
// it costs nothing not to rely on it.
func (c *Core) answerReads() {
	kept := c.reads.confirmed[:0]
	for _, b := range c.reads.confirmed {
		if b.index > c.state.index {
			kept = append(kept, b)
			continue
		}
		for _, r := range b.reads {
			c.answer(r.call, r.req)
		}
	}
	clear(c.reads.confirmed[len(kept):])
	c.reads.confirmed = kept
}

// expireReads gives up on reads that wait for too long.
func (c *Core) expireReads() {
	expired := func(r read) bool {
		switch {
		case c.leader == raft.None && c.ticks-r.since >= c.cfg.NoLeaderTicks:
			c.fail(r.call, rpctypes.ErrGRPCNoLeader)
		case c.ticks-r.since >= c.cfg.RequestTicks:
			c.fail(r.call, rpctypes.ErrGRPCTimeout)
		default:
			return false
		}
		return true
	}
	r := &c.reads
	for i := range r.confirmed {
		r.confirmed[i].reads = slices.DeleteFunc(r.confirmed[i].reads, expired)
	}
	r.asked = slices.DeleteFunc(r.asked, expired)
	r.waiting = slices.DeleteFunc(r.waiting, expired)
}
