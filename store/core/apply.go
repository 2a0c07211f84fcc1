package core

import (
	"fmt"

	"github.com/cespare/xxhash/v2"
	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"github.com/faultline-chaos/faultline/store/internal/bug"
	"github.com/faultline-chaos/faultline/store/mvcc"
)

// Apply does the oldest piece of work that a Work effect asked for: it applies committed entries,
// writes their changes and the applied index in one record, and answers their calls.
func (c *Core) Apply(uint64) {
	c.input()
	if len(c.works) == 0 {
		return
	}
	m := c.works[0]
	c.works[0] = nil
	c.works = c.works[1:]

	var b mvcc.Batch
	before := c.state.index
	at := len(c.out) // replies follow the record
	for _, e := range m.GetEntries() {
		c.applyEntry(e, &b)
	}
	if c.state.index > before {
		c.writeApplied(&b, at)
	}
	c.deliver(m.GetResponses())
	c.compactLog()
	c.drain()
}

// writeApplied emits the record of what was applied, before the effects from position at on.
func (c *Core) writeApplied(b *mvcc.Batch, at int) {
	if c.bug(bug.DedupeNotDurable) {
		b.Changes = withoutSlots(b.Changes)
	}
	if c.bug(bug.ApplyNotAtomic) && len(b.Changes) > 0 {
		c.insert(at, Effect{Kind: Write, Record: &Record{Changes: withoutSlots(b.Changes)}})
		at++
	}
	b.Set(appliedKey, c.state.appliedValue())
	c.insert(at, Effect{Kind: Write, Record: &Record{Changes: b.Changes}})
}

func (c *Core) insert(at int, e Effect) {
	c.out = append(c.out, Effect{})
	copy(c.out[at+1:], c.out[at:])
	c.out[at] = e
}

func withoutSlots(all []mvcc.Change) (kept []mvcc.Change) {
	for _, ch := range all {
		if ch.Key[0] != slotPrefix {
			kept = append(kept, ch)
		}
	}
	return kept
}

func (c *Core) applyEntry(e *raftpb.Entry, b *mvcc.Batch) {
	s := c.state
	if e.GetIndex() <= s.index {
		return // a snapshot overtook it
	}
	if e.GetIndex() != s.index+1 {
		panic(fmt.Sprintf("apply entry %d: the state is at %d", e.GetIndex(), s.index))
	}
	s.index, s.term = e.GetIndex(), e.GetTerm()
	switch {
	case e.GetType() != raftpb.EntryNormal:
		c.applyConf(e, b)
	case len(e.GetData()) > 0: // a new leader's first entry is empty
		c.applyProposal(e.GetData(), b)
	}
	if c.bug(bug.AckAnyEntryAtIndex) {
		c.proposals.answerAt(c, e.GetIndex())
	}
	if h := c.cfg.Hooks.Applied; h != nil {
		h(s.index, s.term, xxhash.Sum64(e.GetData()), s.hash())
	}
}

func (c *Core) applyConf(e *raftpb.Entry, b *mvcc.Batch) {
	var cc raftpb.ConfChangeV2
	if e.GetType() == raftpb.EntryConfChange {
		var v1 raftpb.ConfChange
		if err := proto.Unmarshal(e.GetData(), &v1); err != nil {
			panic(fmt.Sprintf("apply entry %d: %v", e.GetIndex(), err))
		}
		c.state.conf = c.node.ApplyConfChange(&v1)
	} else {
		if err := proto.Unmarshal(e.GetData(), &cc); err != nil {
			panic(fmt.Sprintf("apply entry %d: %v", e.GetIndex(), err))
		}
		c.state.conf = c.node.ApplyConfChange(&cc)
	}
	b.Set(confKey, c.state.confValue())
}

// applyProposal applies a request unless that was done, and answers the call that waits for it.
func (c *Core) applyProposal(data []byte, b *mvcc.Batch) {
	i, req, err := decodeProposal(data)
	if err != nil {
		panic(fmt.Sprintf("apply entry %d: %v", c.state.index, err)) // it was encoded by a member
	}
	if c.state.done.slot(i).covers(i) && !c.bug(bug.DoubleApply) {
		return
	}
	c.state.done.mark(i)
	b.Set(slotKey(i.member, i.seq), slotValue(slot{i.boot, i.seq}))
	resp, err := c.execute(req, b)
	if p := c.pendingOf(i); p != nil {
		c.endWrite(p, resp, err)
	}
}

// execute runs a request against the state. Its outcome depends on the state alone, an error too.
func (c *Core) execute(req any, b *mvcc.Batch) (any, error) {
	switch r := req.(type) {
	case *etcdserverpb.PutRequest:
		resp, err := c.state.kv.Put(r, b)
		if err != nil {
			return nil, err
		}
		c.sign(resp.Header)
		return resp, nil
	case *etcdserverpb.DeleteRangeRequest:
		resp := c.state.kv.DeleteRange(r, b)
		c.sign(resp.Header)
		return resp, nil
	case *etcdserverpb.TxnRequest:
		resp, err := c.state.kv.Txn(r, b)
		if err != nil {
			return nil, err
		}
		c.sign(resp.Header)
		return resp, nil
	case *etcdserverpb.CompactionRequest:
		if err := c.state.kv.Compact(r.GetRevision(), b); err != nil {
			return nil, err
		}
		return &etcdserverpb.CompactionResponse{Header: c.header()}, nil
	}
	panic(fmt.Sprintf("apply entry %d: %T cannot be applied", c.state.index, req))
}
