package systems

import (
	"context"
	"fmt"
	"math/bits"
	"time"

	"go.etcd.io/raft/v3/raftpb"

	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/harness/sim"
	"github.com/faultline-chaos/faultline/history"
	"github.com/faultline-chaos/faultline/store/core"
	"github.com/faultline-chaos/faultline/store/papernode"
)

// Paper is the set-up of figure 16 of the Raft paper (extended version, section 9.3), for one range of
// election timeouts: five servers whose logs all differ, so that two of the four that survive cannot
// win, and a leader whose heartbeats reach the others at the same time and that is crashed at any
// moment between two of them. It exists in simulations, and on real processes in a program of its own
// (PaperProcesses): no table, flag or scenario leads to it.
type Paper struct {
	Min, Max time.Duration // timeouts are uniform between them; heartbeats are sent every half Min
	Tick     time.Duration // the resolution of timers; it divides half of Min
	Delay    sim.Delay     // of each message but the old leader's heartbeats, one way; nothing else takes time
	Cap      time.Duration // after so long without a leader a trial is given up

	awake bool // every tick is called, for tests
}

// PaperMembers is how many servers there are.
const PaperMembers = papernode.Servers

// PaperTrial is what one crash of the leader led to. Times count from the crash.
type PaperTrial struct {
	First     time.Duration // until some survivor heard from the new leader
	Majority  time.Duration // until two of them had, so that a majority of the servers knew it
	All       time.Duration // until every other survivor had heard from the same new leader
	Over      bool          // within Cap; else First, Majority and All are Cap
	Campaigns int           // of survivors
	Discarded int           // trials before this one in which somebody campaigned before the crash
	Raft      sim.Stats
}

// paperDiscards bounds the trials that are thrown away for one.
const paperDiscards = 1000

// Trial crashes a leader. The same seed gives the same trial. A trial in which a member campaigned
// before the crash, since a heartbeat was late, is thrown away and another one is done.
func (p Paper) Trial(ctx context.Context, seed uint64) (PaperTrial, error) {
	if err := p.check(); err != nil {
		return PaperTrial{}, err
	}
	for n := range paperDiscards {
		t, ok, err := p.try(ctx, harness.Stream(seed, fmt.Sprintf("paper/%d", n)).Uint64())
		if err != nil || ok {
			t.Discarded = n
			return t, err
		}
	}
	return PaperTrial{}, p.discarded()
}

func (p Paper) check() error {
	if p.Tick <= 0 || p.Min <= 0 || p.Max < p.Min || p.Min%(2*p.Tick) != 0 || p.Max%p.Tick != 0 || p.Cap <= 0 {
		return fmt.Errorf("trial of election timeouts %v to %v: they must be multiples of two ticks of %v, and the cap of %v positive", p.Min, p.Max, p.Tick, p.Cap)
	}
	return nil
}

func (p Paper) discarded() error {
	return fmt.Errorf("trial of election timeouts %v to %v: in each of %d trials a member campaigned before the leader was crashed", p.Min, p.Max, paperDiscards)
}

func (p Paper) try(ctx context.Context, seed uint64) (t PaperTrial, ok bool, err error) {
	system := &paperSystem{RaftKV: NewRaftKV(Options{}), paper: p}
	defer func() { _ = system.Close() }() // it has no connections
	rt := sim.Runtime{
		Options: sim.Options{Network: p.Delay, Fsync: sim.Delay{Min: 1, Mean: 1}, Apply: sim.Delay{Min: 1, Mean: 1}, Copy: sim.CopyNever, Limit: time.Minute + 2*p.Cap},
		OnEnd:   func(s sim.Stats) { t.Raft = s },
	}
	err = rt.Run(ctx, harness.ClusterConfig{Seed: seed, System: system, Nodes: PaperMembers}, func(ctx context.Context, env harness.Env, c harness.Cluster) error {
		ok, err = system.program.crash(ctx, env, c, &t)
		return err
	})
	return t, ok, err
}

// paperSystem is the store, with programs of its own.
type paperSystem struct {
	*RaftKV
	paper   Paper
	program *paperProgram
}

// Command refuses: servers cannot be like this.
func (*paperSystem) Command(history.NodeID, []harness.Member, string) (harness.Command, error) {
	return harness.Command{}, fmt.Errorf("the paper's set-up exists in simulations only")
}

// Program makes a cluster that will crash its leader n1.
func (s *paperSystem) Program(nodes int) (sim.Program, error) {
	p, err := s.RaftKV.Program(nodes)
	if err != nil {
		return nil, err
	}
	s.program = &paperProgram{raftProgram: p.(*raftProgram), paper: s.paper, heard: map[uint64]uint{}}
	return s.program, nil
}

// paperProgram watches one trial.
type paperProgram struct {
	*raftProgram
	paper     Paper
	led       bool          // n1 leads, or did
	broadcast time.Duration // n1's first heartbeats; 0: none yet
	campaigns int           // that began since n1 led
	crashed   time.Duration // 0: not yet

	heard                map[uint64]uint // by term: bits of members that heard from its leader
	first, majority, all time.Duration   // 0: not yet
}

const paperLeader = papernode.Leader

// Format makes a disk with a log that is shorter the higher the member's number is.
func (p *paperProgram) Format(node int) sim.Disk {
	d := &raftDisk{}
	first, err := core.New(core.Config{ID: uint64(node), Cluster: 1, Members: p.members, ElectionTicks: 10}, &core.Durable{})
	if err != nil {
		panic(fmt.Sprintf("make the disk of n%d: %v", node, err)) // the configuration is good
	}
	for _, e := range first.Effects() {
		if e.Kind == core.Write {
			d.Apply(e.Record)
		}
	}
	for i := range papernode.Entries[node] {
		d.durable.Entries = append(d.durable.Entries, &raftpb.Entry{Term: new(uint64(1)), Index: new(d.durable.LogIndex + 1 + uint64(i)), Type: raftpb.EntryNormal.Enum()})
	}
	return d
}

// Boot starts a member. n1 campaigns at once and the others wait, until n1 leads.
func (p *paperProgram) Boot(node int, disk sim.Disk, host sim.Host) (sim.Machine, error) {
	ticks := int(p.paper.Min / p.paper.Tick)
	spread := int((p.paper.Max - p.paper.Min) / p.paper.Tick)
	cfg := core.Config{
		ID: uint64(node), Cluster: 1, Members: p.members, Hooks: p.watch.hooks(node, host),
		ElectionTicks: ticks, HeartbeatTicks: ticks / 2, PlainElections: true,
	}
	one := cfg.Hooks.BecameLeader
	cfg.Hooks.BecameLeader = func(term uint64) { p.led = true; one(term) }
	asked := false
	cfg.ElectionRand = func() int {
		switch {
		case p.led && spread > 0: // a timer that starts between two ticks is up to one tick short
			return ticks + 1 + host.Rand.IntN(spread)
		case p.led:
			return ticks
		case node == paperLeader && !asked: // once: it must win this campaign
			asked = true
			return 2
		default:
			return 1 << 30
		}
	}
	c, err := core.New(cfg, &disk.(*raftDisk).durable)
	if err != nil {
		return nil, err
	}
	return &paperMachine{raftMachine{core: c, program: p.raftProgram, node: node, host: host}, p}, nil
}

// paperMachine is a member whose messages the trial watches.
type paperMachine struct {
	raftMachine
	trial *paperProgram
}

func (m *paperMachine) TickEvery() time.Duration { return m.trial.paper.Tick }

// Quiet and Skip leave out ticks that do nothing, which almost all are.
func (m *paperMachine) Quiet() int {
	if m.trial.paper.awake {
		return 0
	}
	return m.core.Quiet()
}

func (m *paperMachine) Skip(ticks int) { m.core.Skip(ticks) }

func (m *paperMachine) Deliver(from int, message any) {
	if m.trial.crashed > 0 && from != paperLeader {
		m.trial.hear(m.node, message.(*raftpb.Message), m.host.Now())
	}
	m.raftMachine.Deliver(from, message)
}

// hear notes that a member got a message of a new leader.
func (p *paperProgram) hear(node int, m *raftpb.Message, now time.Duration) {
	if t := m.GetType(); t != raftpb.MsgApp && t != raftpb.MsgHeartbeat {
		return
	}
	if p.first == 0 {
		p.first = now
	}
	p.heard[m.GetTerm()] |= 1 << node
	n := bits.OnesCount(p.heard[m.GetTerm()])
	if p.majority == 0 && n == PaperMembers/2 {
		p.majority = now
	}
	if p.all == 0 && n == PaperMembers-2 {
		p.all = now
	}
}

// Effects holds back what would make all logs equal, and lets n1's heartbeats arrive at once.
func (m *paperMachine) Effects() []sim.Effect {
	out := m.raftMachine.Effects()
	kept := out[:0]
	for _, e := range out {
		if e.Kind == sim.Send && !m.trial.sends(m.node, &e, m.host.Now()) {
			continue
		}
		kept = append(kept, e)
	}
	return kept
}

// sends says whether a message leaves.
func (p *paperProgram) sends(node int, e *sim.Effect, now time.Duration) bool {
	switch e.Payload.(*raftpb.Message).GetType() {
	case raftpb.MsgApp, raftpb.MsgSnap:
		return node != paperLeader
	case raftpb.MsgHeartbeat:
		if e.Instant = node == paperLeader; e.Instant && p.broadcast == 0 {
			p.broadcast = now
		}
	case raftpb.MsgVote:
		if p.led && e.To == firstOther(node) {
			p.campaigns++
		}
	}
	return true
}

// firstOther is the member to which a campaign's first message goes.
func firstOther(node int) int {
	if node == 1 {
		return 2
	}
	return 1
}

// crash waits for a broadcast of heartbeats, kills the leader within the next interval, and waits for
// what comes of it. It is false if somebody campaigned before.
func (p *paperProgram) crash(ctx context.Context, env harness.Env, c harness.Cluster, t *PaperTrial) (bool, error) {
	interval := p.paper.Min / 2
	for p.broadcast == 0 {
		if err := env.Sleep(ctx, interval/4); err != nil {
			return false, err
		}
	}
	at := p.broadcast + interval + time.Duration(env.Rand("paper").Float64()*float64(interval))
	if err := env.Sleep(ctx, at-env.Now()); err != nil {
		return false, err
	}
	if p.campaigns > 0 {
		return false, nil
	}
	if err := c.(harness.Killer).Kill(ctx, "n1"); err != nil {
		return false, err
	}
	p.crashed = env.Now()
	for p.all == 0 && env.Now()-p.crashed < p.paper.Cap {
		if err := env.Sleep(ctx, interval/4); err != nil {
			return false, err
		}
	}
	t.Campaigns = p.campaigns
	t.First, t.Majority, t.All = p.paper.Cap, p.paper.Cap, p.paper.Cap
	if p.all > 0 {
		t.First, t.Majority, t.All, t.Over = p.first-p.crashed, p.majority-p.crashed, p.all-p.crashed, true
	}
	return true, nil
}
