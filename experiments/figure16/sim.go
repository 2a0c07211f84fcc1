package figure16

import (
	"context"
	"fmt"
	"time"

	"go.etcd.io/raft/v3/raftpb"

	"github.com/faultline-chaos/faultline/experiments/figure16/server"
	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/harness/sim"
	"github.com/faultline-chaos/faultline/history"
	"github.com/faultline-chaos/faultline/scenario"
	"github.com/faultline-chaos/faultline/store/core"
	"github.com/faultline-chaos/faultline/systems"
)

// Simulate crashes a leader in a simulation. The same seed gives the same trial.
func (s Setup) Simulate(ctx context.Context, seed uint64) (Outcome, error) {
	return s.repeat(ctx, seed, s.simulate)
}

func (s Setup) simulate(ctx context.Context, seed uint64) (o Outcome, ok bool, err error) {
	system := &simSystem{RaftKV: systems.NewRaftKV(systems.Options{}), setup: s}
	defer func() { _ = system.Close() }() // it has no connections
	var stats sim.Stats
	rt := &sim.Runtime{
		Options: sim.Options{Network: s.Delay, Fsync: sim.Delay{Min: 1, Mean: 1}, Apply: sim.Delay{Min: 1, Mean: 1}, Copy: sim.CopyNever, Limit: time.Minute + 2*s.Cap},
		OnEnd:   func(s sim.Stats) { stats = s },
	}
	_, err = scenario.Job{
		Runtime: rt, Cluster: harness.ClusterConfig{Seed: seed, System: system, Nodes: server.Servers}, Silent: true,
		Do: func(ctx context.Context, env harness.Env, c harness.Cluster, _ *harness.Recorder) (err error) {
			o, ok, err = system.program.crash(ctx, env, c)
			return err
		},
	}.Perform(ctx)
	o.Raft = stats
	return o, ok, err
}

// simSystem is the store, with programs of its own.
type simSystem struct {
	*systems.RaftKV
	setup   Setup
	program *simProgram
}

// Command refuses: servers of the store cannot be like this.
func (*simSystem) Command(history.NodeID, []harness.Member, string) (harness.Command, error) {
	return harness.Command{}, fmt.Errorf("the paper's set-up exists in simulations only")
}

// Program makes a cluster that will crash its leader n1.
func (s *simSystem) Program(nodes int) (sim.Program, error) {
	p, err := s.RaftKV.Program(nodes)
	if err != nil {
		return nil, err
	}
	s.program = &simProgram{RaftProgram: p.(*systems.RaftProgram), setup: s.setup, watch: newWatch(), heard: map[heardFrom]bool{}}
	return s.program, nil
}

// simProgram watches one trial.
type simProgram struct {
	*systems.RaftProgram
	setup Setup
	led   bool // n1 leads, or did
	watch *watch
	died  bool
	heard map[heardFrom]bool
}

// heardFrom is a member that heard from a new leader.
type heardFrom struct {
	node int
	term uint64
}

// simDisk is what is durable on a member.
type simDisk struct{ *core.Durable }

func (d simDisk) Apply(record any) { d.Durable.Apply(record.(*core.Record)) }

// Format makes a disk with a log that is shorter the higher the member's number is.
func (p *simProgram) Format(node int) sim.Disk {
	d, _, err := server.Format(node)
	if err != nil {
		panic(fmt.Sprintf("make the disk of n%d: %v", node, err)) // the configuration is good
	}
	return simDisk{d}
}

// Boot starts a member. n1 campaigns at once and the others wait, until n1 leads.
func (p *simProgram) Boot(node int, disk sim.Disk, host sim.Host) (sim.Machine, error) {
	cfg := p.setup.server(node).Config(host.Rand, &p.led)
	cfg.Hooks = p.Hooks(node, host)
	one := cfg.Hooks.BecameLeader
	cfg.Hooks.BecameLeader = func(term uint64) { p.led = true; one(term) }
	c, err := core.New(cfg, disk.(simDisk).Durable)
	if err != nil {
		return nil, err
	}
	return &simMachine{p.Machine(c, node, host), p, c, node, host}, nil
}

// simMachine is a member whose messages the trial watches.
type simMachine struct {
	sim.Machine
	trial *simProgram
	core  *core.Core
	node  int
	host  sim.Host
}

func (m *simMachine) TickEvery() time.Duration { return m.trial.setup.Tick }

// Quiet and Skip leave out ticks that do nothing, which almost all are.
func (m *simMachine) Quiet() int {
	if m.trial.setup.awake {
		return 0
	}
	return m.core.Quiet()
}

func (m *simMachine) Skip(ticks int) { m.core.Skip(ticks) }

func (m *simMachine) Deliver(from int, message any) {
	if m.trial.died && from != server.Leader {
		m.trial.hear(m.node, message.(*raftpb.Message), m.host.Now())
	}
	m.Machine.Deliver(from, message)
}

// hear notes that a member got a message of a new leader.
func (p *simProgram) hear(node int, m *raftpb.Message, now time.Duration) {
	from := heardFrom{node, m.GetTerm()}
	if t := m.GetType(); (t == raftpb.MsgApp || t == raftpb.MsgHeartbeat) && !p.heard[from] {
		p.heard[from] = true
		p.watch.hear(server.EvHeard, int64(now), m.GetTerm())
	}
}

// Effects holds back what would make all logs equal, and lets n1's heartbeats arrive at once.
func (m *simMachine) Effects() []sim.Effect {
	out := m.Machine.Effects()
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
func (p *simProgram) sends(node int, e *sim.Effect, now time.Duration) bool {
	switch e.Payload.(*raftpb.Message).GetType() {
	case raftpb.MsgApp, raftpb.MsgSnap:
		return node != server.Leader
	case raftpb.MsgHeartbeat:
		if e.Instant = node == server.Leader; e.Instant {
			p.watch.hear(server.EvBroadcast, int64(now), 0)
		}
	case raftpb.MsgVote:
		if p.led && e.To == int(server.FirstOther(node)) {
			p.watch.hear(server.EvCampaign, int64(now), 0)
		}
	}
	return true
}

// crash waits for a broadcast of heartbeats, kills the leader within the next interval, and waits for
// what comes of it. It is false if somebody campaigned before.
func (p *simProgram) crash(ctx context.Context, env harness.Env, c harness.Cluster) (o Outcome, ok bool, err error) {
	interval := p.setup.Min / 2
	for p.watch.broadcast == 0 {
		if err := env.Sleep(ctx, interval/4); err != nil {
			return o, false, err
		}
	}
	at := time.Duration(p.watch.broadcast) + interval + time.Duration(env.Rand("paper").Float64()*float64(interval))
	if err := env.Sleep(ctx, at-env.Now()); err != nil {
		return o, false, err
	}
	if p.watch.campaigns > 0 {
		return o, false, nil
	}
	if err := c.(harness.Killer).Kill(ctx, nodeID(server.Leader)); err != nil {
		return o, false, err
	}
	p.died = true
	crashed := env.Now()
	for !p.watch.over() && env.Now()-crashed < p.setup.Cap {
		if err := env.Sleep(ctx, interval/4); err != nil {
			return o, false, err
		}
	}
	return p.watch.outcome(int64(crashed), p.setup.Cap), true, nil
}
