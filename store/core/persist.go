package core

import (
	"fmt"
	"slices"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/faultline-chaos/faultline/store/internal/bug"
)

// persist is a write whose end is awaited.
type persist struct {
	token     uint64
	entries   []*raftpb.Entry
	snapshot  *raftpb.SnapshotMetadata
	boot      bool
	responses []*raftpb.Message
}

type sending struct{ token, to uint64 }

func hardState(term, vote, commit uint64) *raftpb.HardState {
	return &raftpb.HardState{Term: &term, Vote: &vote, Commit: &commit}
}

func (c *Core) persisted(p *persist) {
	if p.boot {
		c.booted = true
	}
	if s := p.snapshot; s != nil {
		c.log.reset(s.GetIndex(), s.GetTerm())
	}
	c.log.append(p.entries)
	c.deliver(p.responses)
}

// deliver sends messages, those to this member at once.
func (c *Core) deliver(messages []*raftpb.Message) {
	for _, m := range messages {
		if m.GetTo() == c.cfg.ID {
			_ = c.node.Step(m) // raft ignores what is outdated
		} else {
			c.send(m)
		}
	}
}

func (c *Core) send(m *raftpb.Message) {
	e := Effect{Kind: Send, To: m.GetTo(), Message: m}
	if m.GetType() == raftpb.MsgSnap && !c.bug(bug.SnapshotNotReported) {
		e.Token = c.nextToken()
		c.snapshots = append(c.snapshots, sending{e.Token, e.To})
	}
	c.out = append(c.out, e)
}

// write emits a record. p, if not nil, is what follows once it is durable.
func (c *Core) write(r *Record, sync bool, p *persist) {
	if c.bug(bug.NoFsync) {
		sync = false
	}
	e := Effect{Kind: Write, Record: r, Sync: sync}
	if p != nil {
		e.Token = c.nextToken()
		p.token = e.Token
		c.persists = append(c.persists, *p)
	}
	c.out = append(c.out, e)
}

// store carries out a MsgStorageAppend: it writes, and what depends on the write waits for it. Term,
// vote, entries and snapshots are synced; the commit index alone is not.
func (c *Core) store(m *raftpb.Message) {
	r, p := &Record{Entries: m.GetEntries()}, persist{entries: m.GetEntries(), responses: m.GetResponses()}
	if m.Term != nil {
		r.HardState = hardState(m.GetTerm(), m.GetVote(), m.GetCommit())
	}
	if s := m.GetSnapshot(); !raft.IsEmptySnap(s) {
		p.snapshot = s.GetMetadata()
		c.install(s, r)
	}
	if !c.changesVote(r.HardState) && len(r.Entries) == 0 && p.snapshot == nil {
		if r.HardState != nil { // the commit index alone can be found out again
			c.write(r, false, nil)
		}
		c.afterWrites(p.responses)
		return
	}
	sync := true
	if c.bug(bug.AckAnyEntryAtIndex) {
		c.proposals.expectAt(c, r.Entries)
	}
	if c.bug(bug.VoteNotPersisted) && r.HardState != nil {
		r.HardState.Vote = new(uint64)
	}
	if c.bug(bug.SuffixNotTruncated) && len(r.Entries) > 0 {
		r.Entries = c.withStaleTail(r.Entries)
	}
	if c.bug(bug.HardStateNotSynced) && len(r.Entries) == 0 && p.snapshot == nil {
		sync = false
	}
	if c.bug(bug.SendBeforeSync) {
		p.responses = c.sendNow(p.responses)
	}
	c.write(r, sync, &p)
}

// withStaleTail is the planted mistake suffix-not-truncated: what was on disk behind entries stays,
// until it is overwritten.
func (c *Core) withStaleTail(entries []*raftpb.Entry) []*raftpb.Entry {
	last := entries[len(entries)-1].GetIndex()
	if tail := c.log.after(last); len(tail) > 0 {
		c.stale = tail
	}
	for len(c.stale) > 0 && c.stale[0].GetIndex() <= last {
		c.stale = c.stale[1:]
	}
	return append(slices.Clone(entries), c.stale...)
}

// changesVote says whether hs has another term or vote than the one written last.
func (c *Core) changesVote(hs *raftpb.HardState) bool {
	if hs == nil || hs.GetTerm() == c.voteTerm && hs.GetVote() == c.vote {
		return false
	}
	c.voteTerm, c.vote = hs.GetTerm(), hs.GetVote()
	return true
}

// afterWrites delivers messages that need nothing written but what was asked for before.
func (c *Core) afterWrites(responses []*raftpb.Message) {
	if n := len(c.persists); n > 0 {
		last := &c.persists[n-1]
		last.responses = append(slices.Clip(last.responses), responses...)
		return
	}
	c.deliver(responses)
}

// sendNow is the planted mistake send-before-sync; it returns what is left to deliver.
func (c *Core) sendNow(responses []*raftpb.Message) (own []*raftpb.Message) {
	for _, m := range responses {
		if m.GetTo() == c.cfg.ID {
			own = append(own, m)
		} else {
			c.send(m)
		}
	}
	return own
}

// install replaces the state by a snapshot at once, so that entries that were handed out before it
// are recognised as old, and adds it to r.
func (c *Core) install(s *raftpb.Snapshot, r *Record) {
	md := s.GetMetadata()
	next, err := decodeSnapshot(s.GetData())
	if err != nil { // Step has checked it
		panic(fmt.Sprintf("install snapshot %d of term %d: %v", md.GetIndex(), md.GetTerm(), err))
	}
	if next.index != md.GetIndex() || next.term != md.GetTerm() {
		panic(fmt.Sprintf("install snapshot %d of term %d: it holds the state at %d of term %d", md.GetIndex(), md.GetTerm(), next.index, next.term))
	}
	c.state = next
	r.Replace, r.Changes = true, next.changes()
	r.LogIndex, r.LogTerm = next.index, next.term
	if h := c.cfg.Hooks.Restored; h != nil {
		h(next.index, next.term, next.hash())
	}
}

// makeSnapshot is what raft sends to followers that are behind the log. It is of the applied index,
// so that its configuration is the newest that this member knows.
func (c *Core) makeSnapshot() *raftpb.Snapshot {
	return &raftpb.Snapshot{
		Data:     c.encodeSnapshot(),
		Metadata: &raftpb.SnapshotMetadata{Index: new(c.state.index), Term: new(c.state.term), ConfState: c.state.conf},
	}
}

// compactLog cuts the log when it is long. The state of what is cut was written before, and a disk
// keeps records in order.
func (c *Core) compactLog() {
	if c.state.index < c.log.index+c.cfg.SnapshotEvery+c.cfg.KeepEntries || c.state.index > c.log.last() {
		return // short, or about to be replaced by a snapshot
	}
	c.log.compact(c.state.index - c.cfg.KeepEntries)
	c.write(&Record{LogIndex: c.log.index, LogTerm: c.log.term}, false, nil)
}
