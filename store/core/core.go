package core

import (
	"errors"
	"fmt"
	"slices"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/faultline-chaos/faultline/store/internal/bug"
)

// Core is one member. See the package comment.
type Core struct {
	cfg  Config
	node *raft.RawNode
	log  *logStore
	boot uint64
	// booted says that the boot number is on disk: only then may ids that contain it leave.
	booted bool

	state *state
	works []*raftpb.Message // what Work effects asked for, oldest first

	// What raft said last.
	term, leader, commit uint64
	voteTerm, vote       uint64 // written last
	role                 raft.StateType

	out   []Effect
	taken bool // out was handed out: the next input starts anew
	token uint64
	// persists are the writes that somebody waits for, oldest first.
	persists []persist
	// snapshots are those on their way, by the token of their Send.
	snapshots []sending

	ticks     int
	proposals proposals
	reads     reads

	stale []*raftpb.Entry // of withStaleTail

	timeout  *int // raft's election timeout, if ours is used
	drawn    int
	drawnFor drawKey
}

// persist is a write whose end is awaited.
type persist struct {
	token     uint64
	entries   []*raftpb.Entry
	snapshot  *raftpb.SnapshotMetadata
	boot      bool
	responses []*raftpb.Message
}

type sending struct{ token, to uint64 }

// New starts a member from what its disk holds, which it neither changes nor keeps. An error means
// that the configuration or the disk cannot be used.
func New(cfg Config, d *Durable) (*Core, error) {
	cfg.setDefaults()
	if err := cfg.check(); err != nil {
		return nil, err
	}
	if err := d.Check(); err != nil {
		return nil, err
	}
	if d.Boot != 0 && (d.Member != cfg.ID || d.Cluster != cfg.Cluster) {
		return nil, fmt.Errorf("the data belongs to member %x of cluster %x, not to member %x of cluster %x", d.Member, d.Cluster, cfg.ID, cfg.Cluster)
	}
	c := &Core{cfg: cfg, boot: d.Boot + 1, role: raft.StateFollower}
	first := &Record{Boot: c.boot}
	if d.Boot == 0 {
		c.format(first)
	} else if err := c.recover(d); err != nil {
		return nil, err
	}
	if c.bug(bug.ReadIDReused) {
		c.reads.next = 0
	} else {
		c.reads.next = c.boot << 32
	}
	c.log.snapshot = c.makeSnapshot
	if err := c.start(); err != nil {
		return nil, err
	}
	c.write(first, true, &persist{boot: true})
	if h := c.cfg.Hooks.Restored; h != nil {
		h(c.state.index, c.state.term, c.state.hash())
	}
	c.drain()
	return c, nil
}

// format makes the state of a new cluster, the same on all its members: as if entry 1 of term 1 had
// set the configuration.
func (c *Core) format(first *Record) {
	var voters []uint64
	for _, m := range c.cfg.Members {
		voters = append(voters, m.ID)
	}
	slices.Sort(voters)
	c.state = newState(voters)
	c.log = &logStore{index: 1, term: 1, conf: c.state.conf, hardState: hardState(1, 0, 1)}
	first.Member, first.Cluster = c.cfg.ID, c.cfg.Cluster
	first.Replace, first.Changes = true, c.state.changes()
	first.LogIndex, first.LogTerm = 1, 1
	first.HardState = c.log.hardState
}

func (c *Core) recover(d *Durable) error {
	var err error
	c.state, err = loadState(func(yield func(string, []byte) bool) {
		for k, v := range d.State { // the order does not matter to loadState
			if !yield(k, v) {
				return
			}
		}
	})
	if err != nil {
		return fmt.Errorf("recover member %x: %w", d.Member, err)
	}
	c.log = &logStore{index: d.LogIndex, term: d.LogTerm, entries: slices.Clone(d.Entries), conf: c.state.conf}
	if c.state.index < d.LogIndex || c.state.index > c.log.last() {
		return fmt.Errorf("recover member %x: the state is at entry %d, the log holds %d to %d", d.Member, c.state.index, d.LogIndex+1, c.log.last())
	}
	hs := d.HardState
	c.log.hardState = hardState(hs.GetTerm(), hs.GetVote(), max(hs.GetCommit(), c.state.index))
	if commit := c.log.hardState.GetCommit(); commit > c.log.last() {
		return fmt.Errorf("recover member %x: entry %d is committed, but the log ends at %d", d.Member, commit, c.log.last())
	}
	return nil
}

// start makes the raft node.
func (c *Core) start() error {
	option := raft.ReadOnlySafe
	if c.bug(bug.LeaseRead) {
		option = raft.ReadOnlyLeaseBased
	}
	node, err := raft.NewRawNode(&raft.Config{
		ID: c.cfg.ID, ElectionTick: c.cfg.ElectionTicks, HeartbeatTick: c.cfg.HeartbeatTicks,
		Storage: c.log, Applied: c.state.index, AsyncStorageWrites: true,
		MaxSizePerMsg: 1 << 20, MaxCommittedSizePerReady: 4 << 20, MaxUncommittedEntriesSize: 256 << 20,
		MaxInflightMsgs: 512, CheckQuorum: true, PreVote: true, ReadOnlyOption: option,
		Logger: c.cfg.Logger, StepDownOnRemoval: true,
	})
	if err != nil {
		return fmt.Errorf("start member %x: %w", c.cfg.ID, err)
	}
	c.node = node
	c.term, c.commit = c.log.hardState.GetTerm(), c.log.hardState.GetCommit()
	c.voteTerm, c.vote = c.term, c.log.hardState.GetVote()
	if c.cfg.ElectionRand != nil {
		c.timeout = electionTimeout(node)
	}
	return nil
}

func hardState(term, vote, commit uint64) *raftpb.HardState {
	return &raftpb.HardState{Term: &term, Vote: &vote, Commit: &commit}
}

// input starts one input: what was handed out is gone.
func (c *Core) input() {
	if c.taken {
		clear(c.out)
		c.out, c.taken = c.out[:0], false
	}
}

// Effects returns what came out since the last call, in order. The slice is valid until the next
// input.
func (c *Core) Effects() []Effect {
	if c.taken {
		return nil
	}
	c.taken = true
	return c.out
}

// Tick says that a tick has passed.
func (c *Core) Tick() {
	c.input()
	c.ticks++
	c.node.Tick()
	c.drain()
	c.expire()
}

// Step hands over a message from another member. m must not be changed afterwards.
func (c *Core) Step(m *raftpb.Message) {
	c.input()
	switch m.GetType() {
	case raftpb.MsgProp, raftpb.MsgReadIndex:
		m = ownCopy(m)
	case raftpb.MsgSnap:
		if err := checkSnapshot(m.GetSnapshot().GetData()); err != nil {
			c.cfg.Logger.Warningf("%x dropped a snapshot from %x: %v", c.cfg.ID, m.GetFrom(), err)
			return
		}
	}
	if raft.IsLocalMsg(m.GetType()) || m.GetTo() != c.cfg.ID {
		return
	}
	if err := c.node.Step(m); err != nil && !errors.Is(err, raft.ErrProposalDropped) && !errors.Is(err, raft.ErrStepPeerNotFound) {
		c.cfg.Logger.Warningf("%x dropped a %s from %x: %v", c.cfg.ID, m.GetType(), m.GetFrom(), err)
	}
	c.drain()
}

// ownCopy copies those parts of a forwarded request that raft writes to, since the sender and, after
// a duplication on the way, others may hold them too.
func ownCopy(m *raftpb.Message) *raftpb.Message {
	ents := make([]*raftpb.Entry, len(m.GetEntries()))
	for i, e := range m.GetEntries() {
		ents[i] = &raftpb.Entry{Type: e.Type, Data: e.Data}
	}
	return &raftpb.Message{Type: m.Type, To: m.To, From: m.From, Term: m.Term, Entries: ents, Context: m.Context}
}

// Persisted says that the Write with this token, and all before it, are durable.
func (c *Core) Persisted(token uint64) {
	c.input()
	n := 0
	for n < len(c.persists) && c.persists[n].token <= token {
		n++
	}
	done := c.persists[:n]
	c.persists = c.persists[n:] // what they lead to is added behind
	for i := range done {
		c.persisted(&done[i])
		done[i] = persist{}
	}
	c.drain()
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

// Sent tells what became of a message whose Send effect had a token.
func (c *Core) Sent(token uint64, ok bool) {
	c.input()
	for i, s := range c.snapshots {
		if s.token == token {
			c.snapshots = slices.Delete(c.snapshots, i, i+1)
			status := raft.SnapshotFinish
			if !ok {
				status = raft.SnapshotFailure
			}
			c.node.ReportSnapshot(s.to, status)
			c.drain()
			return
		}
	}
}

// ReportUnreachable tells raft that a message to member to was lost, so that a leader stops sending
// ahead. It is never needed.
func (c *Core) ReportUnreachable(to uint64) {
	c.input()
	c.node.ReportUnreachable(to)
	c.drain()
}

// TransferLeader asks the leader, if this member knows one, to hand over to member to.
func (c *Core) TransferLeader(to uint64) {
	c.input()
	c.node.TransferLeader(to)
	c.drain()
}

func (c *Core) nextToken() uint64 { c.token++; return c.token }

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

// drain carries out what raft asks for until it has no more.
func (c *Core) drain() {
	for {
		for c.node.HasReady() {
			c.ready(c.node.Ready())
		}
		c.seedTimeout()
		if !c.advance() {
			return
		}
	}
}

// advance moves calls on: proposals and reads that wait for a leader, reads whose index is applied.
// It says whether raft may have something to say about it.
func (c *Core) advance() bool {
	c.answerReads()
	proposed := c.propose()
	asked := c.askReadIndex()
	return proposed || asked
}

func (c *Core) ready(rd raft.Ready) {
	for i := range rd.ReadStates {
		c.confirmRead(&rd.ReadStates[i])
	}
	if !raft.IsEmptyHardState(rd.HardState) {
		c.term = rd.HardState.GetTerm()
		if commit := rd.HardState.GetCommit(); commit > c.commit {
			c.commit = commit
			if h := c.cfg.Hooks.Committed; h != nil {
				h(commit)
			}
		}
	}
	if rd.SoftState != nil {
		c.changeRole(rd.SoftState)
	}
	for _, m := range rd.Messages {
		switch m.GetTo() {
		case raft.LocalAppendThread:
			c.store(m)
		case raft.LocalApplyThread:
			c.works = append(c.works, m)
			c.out = append(c.out, Effect{Kind: Work, Token: c.nextToken()})
		default:
			c.send(m)
		}
	}
}

// changeRole notes raft's role and leader and logs the latter as etcd's raft.node does.
func (c *Core) changeRole(s *raft.SoftState) {
	if s.RaftState == raft.StateLeader && c.role != raft.StateLeader {
		if h := c.cfg.Hooks.BecameLeader; h != nil {
			h(c.term)
		}
	}
	switch {
	case s.Lead == c.leader:
	case s.Lead == raft.None:
		c.cfg.Logger.Infof("raft.node: %x lost leader %x at term %d", c.cfg.ID, c.leader, c.term)
	case c.leader == raft.None:
		c.cfg.Logger.Infof("raft.node: %x elected leader %x at term %d", c.cfg.ID, s.Lead, c.term)
	default:
		c.cfg.Logger.Infof("raft.node: %x changed leader from %x to %x at term %d", c.cfg.ID, c.leader, s.Lead, c.term)
	}
	c.leader, c.role = s.Lead, s.RaftState
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
