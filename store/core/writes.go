package core

import (
	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/faultline-chaos/faultline/store/internal/bug"
)

// proposal is a call that waits for its entry to be applied.
type proposal struct {
	call  uint64
	seq   uint64
	data  []byte
	since int // tick of the call

	proposed     bool // it may be on its way: its outcome is unknown until it is applied
	term, leader uint64
	at           int // tick of the last attempt
	ended        bool

	put   bool   // for planted mistakes
	index uint64 // likewise
}

// proposals are the writes under way, oldest first.
type proposals struct {
	queue []*proposal
	seq   uint64
	slots [maxPending]*proposal // by number; at most one of each slot is under way
	open  int                   // how many of queue have not ended
	// again and retry are the term, leader and tick of the last look at the whole queue.
	again drawKey
	retry int
}

func (c *Core) submitWrite(call uint64, req any) {
	ps := &c.proposals
	if ps.open == maxPending {
		c.fail(call, rpctypes.ErrGRPCRequestTooManyRequests)
		return
	}
	for ps.seq++; ps.slots[ps.seq%maxPending] != nil; ps.seq++ { // its slot must be free
	}
	data, err := encodeProposal(id{c.cfg.ID, c.boot, ps.seq}, req)
	if err != nil {
		c.fail(call, err)
		return
	}
	if len(data) > maxRequestBytes {
		c.fail(call, rpctypes.ErrGRPCRequestTooLarge)
		return
	}
	p := &proposal{call: call, seq: ps.seq, data: data, since: c.ticks}
	_, p.put = req.(*etcdserverpb.PutRequest)
	ps.slots[p.seq%maxPending] = p
	ps.queue = append(ps.queue, p)
	ps.open++
	c.proposeOne(p)
	if p.proposed && p.put && c.bug(bug.AckBeforeCommit) {
		c.endWrite(p, &etcdserverpb.PutResponse{Header: c.header()}, nil)
	}
	c.drain()
}

// maxRequestBytes is etcd's default limit.
const maxRequestBytes = 1536 << 10

// proposeOne hands p to raft, which forwards it if another member leads.
func (c *Core) proposeOne(p *proposal) bool {
	if c.leader == raft.None || !c.booted {
		return false
	}
	if err := c.node.Propose(p.data); err != nil {
		return false // certainly not proposed, this time
	}
	p.proposed, p.term, p.leader, p.at = true, c.term, c.leader, c.ticks
	return true
}

// propose hands over what waits for a leader, and again what may have been lost: what was handed to
// another leader, and what was forwarded an election timeout ago. That is safe, since an entry is
// applied once.
func (c *Core) propose() (any bool) {
	ps := &c.proposals
	now := drawKey{term: c.term, leader: c.leader}
	if ps.open == 0 || c.leader == raft.None || !c.booted || ps.again == now && ps.retry == c.ticks {
		return false
	}
	ps.again, ps.retry = now, c.ticks
	for _, p := range ps.queue {
		switch {
		case p.ended:
		case !p.proposed, p.term != c.term, p.leader != c.leader,
			c.leader != c.cfg.ID && c.ticks-p.at >= c.cfg.ElectionTicks:
			any = c.proposeOne(p) || any
		}
	}
	return any
}

// endWrite answers a write.
func (c *Core) endWrite(p *proposal, resp any, err error) {
	p.ended = true
	c.proposals.open--
	c.proposals.slots[p.seq%maxPending] = nil
	c.reply(p.call, resp, err)
}

// expire gives up on calls that wait for too long: with ErrGRPCNoLeader if they were certainly not
// proposed.
func (c *Core) expire() {
	c.expireReads()
	ps := &c.proposals
	kept := ps.queue[:0]
	for _, p := range ps.queue {
		if !p.ended && !p.proposed && c.ticks-p.since >= c.cfg.NoLeaderTicks {
			err := rpctypes.ErrGRPCNoLeader
			if c.leader != raft.None { // raft refuses more
				err = rpctypes.ErrGRPCRequestTooManyRequests
			}
			c.endWrite(p, nil, err)
		} else if !p.ended && c.ticks-p.since >= c.cfg.RequestTicks {
			c.endWrite(p, nil, rpctypes.ErrGRPCTimeout)
		}
		if !p.ended {
			kept = append(kept, p)
		}
	}
	clear(ps.queue[len(kept):])
	ps.queue = kept
}

// pendingOf returns the call that waits for the proposal i, nil if none does.
func (c *Core) pendingOf(i id) *proposal {
	if i.member != c.cfg.ID || i.boot != c.boot {
		return nil
	}
	if p := c.proposals.slots[i.seq%maxPending]; p != nil && p.seq == i.seq {
		return p
	}
	return nil
}

// expectAt is the planted mistake ack-any-entry-at-index: it notes where entries should come out.
func (ps *proposals) expectAt(c *Core, entries []*raftpb.Entry) {
	for _, e := range entries {
		if i, err := decodeID(e.GetData()); err == nil {
			if p := c.pendingOf(i); p != nil && c.role == raft.StateLeader {
				p.index = e.GetIndex()
			}
		}
	}
}

// answerAt is the other half of it.
func (ps *proposals) answerAt(c *Core, index uint64) {
	for _, p := range ps.queue {
		if p.index == index && p.put && !p.ended {
			c.endWrite(p, &etcdserverpb.PutResponse{Header: c.header()}, nil)
		}
	}
}
