package sim

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/history"
)

// cluster is the simulated cluster: members, links and clients. It implements harness.Cluster and the
// capabilities Killer, PowerFailer, Stopper, Pauser and Network.
type cluster struct {
	*loop
	abilities
	system  System
	program Program
	copier  Copier // nil: messages are passed as they are
	printer Fingerprinter
	nodes   []*node // node i is nodes[i-1]
	ids     []history.NodeID
	network *rand.Rand
	weather weather

	beats Heartbeats      // nil: the program cannot tell heartbeats
	heard []time.Duration // by number of the sender: when one last reached another member; -1: never

	cut   [][]int             // by node numbers: how many rules cut the link
	rules map[string][][2]int // only looked up
	calls calls
	conns int
}

func newCluster(cfg harness.ClusterConfig, o Options) (*cluster, error) {
	sys, ok := cfg.System.(System)
	if !ok {
		return nil, fmt.Errorf("system %s cannot be simulated: it is not written as machines without I/O (sim.System)", cfg.System.Name())
	}
	if cfg.Nodes < 1 || cfg.Nodes > 7 {
		return nil, fmt.Errorf("%d members: 1 to 7 are allowed", cfg.Nodes)
	}
	program, err := sys.Program(cfg.Nodes)
	if err != nil {
		return nil, fmt.Errorf("system %s: %w", sys.Name(), err)
	}
	l := newLoop(cfg.Seed, o)
	c := &cluster{loop: l, system: sys, program: program, network: l.Rand("sim/network"), rules: map[string][][2]int{}}
	l.handle = c.handle
	c.printer, _ = program.(Fingerprinter)
	c.beats, _ = program.(Heartbeats)
	c.heard = slices.Repeat([]time.Duration{-1}, cfg.Nodes+1)
	if o.Copy == CopyAlways || o.Copy == CopySometimes && l.Rand("sim/copy").IntN(4) == 0 {
		c.copier, _ = program.(Copier)
	}
	if o.Hostile > 0 {
		c.weather = drawWeather(l.Rand("sim/weather"))
		c.weather.pivot, _ = program.(Pivot)
	}
	c.cut = make([][]int, cfg.Nodes+1)
	for i := range c.cut {
		c.cut[i] = make([]int, cfg.Nodes+1)
	}
	for i := range cfg.Nodes {
		n := newNode(c, i+1)
		if cfg.Logs != nil {
			n.output = cfg.Logs(n.id)
		}
		c.nodes, c.ids = append(c.nodes, n), append(c.ids, n.id)
	}
	return c, nil
}

// serveTime is how long members may take to answer a status call after the start.
const serveTime = time.Minute

// startAll boots every member and waits until each has answered.
func (c *cluster) startAll(ctx context.Context) error {
	for _, n := range c.nodes {
		if err := c.boot(n); err != nil {
			return err
		}
	}
	ctx, cancel := c.WithTimeout(ctx, serveTime)
	defer cancel()
	for _, n := range c.nodes {
		for {
			one, done := c.WithTimeout(ctx, harness.StatusTimeout)
			_, err := c.Status(one, n.id)
			done()
			if err == nil {
				break
			}
			if !n.up {
				return n.startError()
			}
			if c.Sleep(ctx, 10*time.Millisecond) != nil {
				return fmt.Errorf("start %s: it answered no status call for %v: %w", n.id, c.now, err)
			}
		}
	}
	return nil
}

// Runtime is sim.
func (c *cluster) Runtime() string { return "sim" }

// Members are n1, n2, ...
func (c *cluster) Members() []history.NodeID { return c.ids }

func (c *cluster) node(id history.NodeID) (*node, error) {
	for _, n := range c.nodes {
		if n.id == id {
			return n, nil
		}
	}
	return nil, fmt.Errorf("%q is not a member: members are %v", id, c.ids)
}

// Dial makes a client of one member.
func (c *cluster) Dial(id history.NodeID) (harness.KV, error) {
	n, err := c.node(id)
	if err != nil {
		return nil, fmt.Errorf("dial: %w", err)
	}
	return c.system.DialSim(c.connect(n)), nil
}

// Status asks one member.
func (c *cluster) Status(ctx context.Context, id history.NodeID) (harness.Status, error) {
	n, err := c.node(id)
	if err != nil {
		return harness.Status{}, fmt.Errorf("status: %w", err)
	}
	if n.status == nil {
		n.status = c.connect(n)
	}
	st, err := c.system.StatusSim(ctx, n.status, c.ids)
	if err != nil {
		return harness.Status{}, fmt.Errorf("status of %s: %w", id, err)
	}
	return st, nil
}

// Hash asks one member, if the system's members can hash their state.
func (c *cluster) Hash(ctx context.Context, id history.NodeID, revision int64) (history.HashValue, error) {
	n, err := c.node(id)
	if err != nil {
		return history.HashValue{}, fmt.Errorf("hash: %w", err)
	}
	s, ok := c.system.(HashingSystem)
	if !ok {
		return history.HashValue{}, fmt.Errorf("hash of %s: system %s: %w", id, c.system.Name(), errors.ErrUnsupported)
	}
	if n.status == nil {
		n.status = c.connect(n)
	}
	v, err := s.HashSim(ctx, n.status, revision)
	if err != nil {
		return history.HashValue{}, fmt.Errorf("hash of %s: %w", id, err)
	}
	return v, nil
}

// Kill ends a member's process. Of its writes, those that had reached the operating system survive.
func (c *cluster) Kill(ctx context.Context, id history.NodeID) error {
	return c.endNode(ctx, "kill", id, killed)
}

// PowerFail kills a member, of whose unsynced writes any prefix survives.
func (c *cluster) PowerFail(ctx context.Context, id history.NodeID) error {
	return c.endNode(ctx, "power-fail", id, powerLost)
}

// Stop ends a member's process after all its writes. A paused one takes no signal.
func (c *cluster) Stop(ctx context.Context, id history.NodeID) error {
	return c.endNode(ctx, "stop", id, stopped)
}

func (c *cluster) endNode(ctx context.Context, what string, id history.NodeID, how ending) error {
	n, err := c.member(ctx, what, id)
	if err != nil || !n.up {
		return err
	}
	if how == stopped && n.paused {
		return fmt.Errorf("%s %s: it is paused", what, id)
	}
	c.stats.Ends++
	c.down(n, how)
	return nil
}

// member is the node to do something to, unless ctx has ended.
func (c *cluster) member(ctx context.Context, what string, id history.NodeID) (*node, error) {
	if ctx.Err() != nil {
		return nil, fmt.Errorf("%s %s: %w", what, id, context.Cause(ctx))
	}
	n, err := c.node(id)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return n, nil
}

// Start boots a member from its disk. The error is a *harness.StartError if its program refuses.
func (c *cluster) Start(ctx context.Context, id history.NodeID) error {
	n, err := c.member(ctx, "start", id)
	if err != nil || n.up {
		return err
	}
	return c.boot(n)
}

// Alive says whether the member's process runs.
func (c *cluster) Alive(ctx context.Context, id history.NodeID) (bool, error) {
	n, err := c.member(ctx, "look at", id)
	return err == nil && n.up, err
}

// Pause freezes a member: what happens to it waits, and its ticks are lost.
func (c *cluster) Pause(ctx context.Context, id history.NodeID) error {
	n, err := c.member(ctx, "pause", id)
	if err != nil {
		return err
	}
	if !n.up {
		return fmt.Errorf("pause %s: its process does not run", id)
	}
	c.skip(n)
	n.paused = true
	c.doze(n)
	return nil
}

// Resume lets what waited happen: in order for each source, the sources mixed at random.
func (c *cluster) Resume(ctx context.Context, id history.NodeID) error {
	n, err := c.member(ctx, "resume", id)
	if err != nil || !n.paused {
		return err
	}
	n.paused = false
	c.release(n)
	return nil
}

// Paused says whether the member is paused.
func (c *cluster) Paused(ctx context.Context, id history.NodeID) (bool, error) {
	n, err := c.member(ctx, "look at", id)
	return err == nil && n.paused, err
}

// Cut cuts links, in addition to what other rules cut. It replaces a rule of the same name.
func (c *cluster) Cut(ctx context.Context, rule string, links []harness.Link) error {
	if ctx.Err() != nil {
		return fmt.Errorf("cut %s: %w", rule, context.Cause(ctx))
	}
	var pairs [][2]int
	for _, l := range links {
		p, err := c.link(l)
		if err != nil {
			return fmt.Errorf("cut %s: %w", rule, err)
		}
		pairs = append(pairs, p)
	}
	c.mend(rule)
	c.rules[rule] = pairs
	for _, p := range pairs {
		c.cut[p[0]][p[1]]++
	}
	return nil
}

func (c *cluster) link(l harness.Link) (pair [2]int, err error) {
	from, err1 := c.node(l.From)
	to, err2 := c.node(l.To)
	if err := errors.Join(err1, err2); err != nil {
		return pair, fmt.Errorf("link from %s to %s: %w", l.From, l.To, err)
	}
	if from == to {
		return pair, fmt.Errorf("link from %s to itself", l.From)
	}
	return [2]int{from.number, to.number}, nil
}

// Mend removes a rule.
func (c *cluster) Mend(ctx context.Context, rule string) error {
	if ctx.Err() != nil {
		return fmt.Errorf("mend %s: %w", rule, context.Cause(ctx))
	}
	c.mend(rule)
	return nil
}

func (c *cluster) mend(rule string) {
	for _, p := range c.rules[rule] {
		c.cut[p[0]][p[1]]--
	}
	delete(c.rules, rule)
}

// probeTime is how long a probe waits for its answer.
const probeTime = 100 * time.Millisecond

// Probe goes over the link and back like any message; the hosts answer, whatever their members do.
func (c *cluster) Probe(ctx context.Context, l harness.Link) error {
	pair, err := c.link(l)
	if err != nil {
		return fmt.Errorf("probe: %w", err)
	}
	ctx, cancel := c.WithTimeout(ctx, probeTime)
	defer cancel()
	t := c.running("Probe")
	if c.cut[pair[0]][pair[1]] == 0 {
		c.after(c.latency(), &event{kind: evProbe, node: c.nodes[pair[0]-1], source: pair[1], task: t, token: t.parks})
	}
	if t.park(ctx) != byReply {
		return fmt.Errorf("probe from %s to %s: no answer: %w", l.From, l.To, context.Cause(ctx))
	}
	return nil
}

// probed sends a probe's answer back.
func (c *cluster) probed(e *event) {
	if c.cut[e.source][e.node.number] == 0 {
		c.after(c.latency(), &event{kind: evWake, task: e.task, token: e.token, why: byReply})
	}
}

func (c *cluster) latency() time.Duration { return c.opts.Network.draw(c.network) }

var (
	_ harness.Cluster     = (*cluster)(nil)
	_ harness.PowerFailer = (*cluster)(nil)
	_ harness.Stopper     = (*cluster)(nil)
	_ harness.Pauser      = (*cluster)(nil)
	_ harness.Network     = (*cluster)(nil)
	_ harness.Hasher      = (*cluster)(nil)
)

// LastHeartbeat implements harness.HeartbeatWatcher.
func (c *cluster) LastHeartbeat(id history.NodeID) (time.Duration, bool) {
	n := slices.Index(c.ids, id) + 1
	return c.heard[n], c.heard[n] >= 0
}
