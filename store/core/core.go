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
	untried              bool   // it leads and has committed nothing yet
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
	elapsed  *int // raft's ticks since the timer started, with Config.PlainElections
	beaten   *int // raft's ticks since a leader's last heartbeats, with Config.PlainElections
	drawn    int
	drawnFor drawKey
}

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
	if d.Boot == 0 && cfg.InitialAdvance {
		for range cfg.ElectionTicks - 1 { // raft campaigns after ElectionTicks at the earliest
			c.node.Tick()
		}
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
		for k, v := range d.State { //seam:ok the order does not matter to loadState
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
		MaxInflightMsgs: 512, CheckQuorum: !c.cfg.PlainElections, PreVote: !c.cfg.PlainElections, ReadOnlyOption: option,
		Logger: c.cfg.Logger, StepDownOnRemoval: true,
	})
	if err != nil {
		return fmt.Errorf("start member %x: %w", c.cfg.ID, err)
	}
	c.node = node
	c.term, c.commit = c.log.hardState.GetTerm(), c.log.hardState.GetCommit()
	c.voteTerm, c.vote = c.term, c.log.hardState.GetVote()
	if c.cfg.ElectionRand != nil {
		c.timeout = raftInt(node, "randomizedElectionTimeout")
	}
	if c.cfg.PlainElections {
		c.elapsed = raftInt(node, "electionElapsed")
		c.beaten = raftInt(node, "heartbeatElapsed")
	}
	return nil
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
	before := c.timerBefore(m)
	if err := c.node.Step(m); err != nil && !errors.Is(err, raft.ErrProposalDropped) && !errors.Is(err, raft.ErrStepPeerNotFound) {
		c.cfg.Logger.Warningf("%x dropped a %s from %x: %v", c.cfg.ID, m.GetType(), m.GetFrom(), err)
	}
	c.drain()
	c.timerAfter(m, before)
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
			c.noteFirstCommit()
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

// noteFirstCommit logs when a leader can serve writes: what it commits first is of its own term (Raft
// paper, section 5.4.2).
func (c *Core) noteFirstCommit() {
	if c.untried && c.role == raft.StateLeader {
		c.untried = false
		c.cfg.Logger.Infof("%x committed first entry of term %d", c.cfg.ID, c.term)
	}
}

// changeRole notes raft's role and leader and logs the latter as etcd's raft.node does.
func (c *Core) changeRole(s *raft.SoftState) {
	if s.RaftState == raft.StateLeader && c.role != raft.StateLeader {
		c.untried = true
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
	lost := c.leader
	c.leader, c.role = s.Lead, s.RaftState
	if h := c.cfg.Hooks.LeaderLost; h != nil && lost != s.Lead && lost != raft.None && lost != c.cfg.ID {
		h(lost)
	}
}
