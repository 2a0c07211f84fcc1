package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"sync"
	"time"

	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/harness/realtime"
	"github.com/faultline-chaos/faultline/history"
)

// Limits of the parts of a run that are not the body.
const (
	launchTime = 2 * time.Minute  // for hosts and agents; an image may have to be built
	linkTime   = 10 * time.Second // for all links to be open
	serveTime  = 60 * time.Second // for every member to answer a status call
	closeTime  = 30 * time.Second
)

// Host is where one member runs, with its agent started.
type Host struct {
	Address string // IPv4, in the network of the members
	// In and Out are the agent's standard input and output. In is closed by Run.
	In  io.WriteCloser
	Out io.Reader
	// Binary is the system's program, and DataDir where it may write, as the agent sees them.
	Binary, DataDir string
	// Dial is where clients reach the member (host:port).
	Dial string
}

// Launch says what a runtime has to make.
type Launch struct {
	RunID string
	Nodes []LaunchNode
	// Timing records how long a part of the start took.
	Timing func(name string, start time.Time)
}

// LaunchNode is one member.
type LaunchNode struct {
	ID         history.NodeID
	Binary     string // the system's program, on the harness's machine
	ClientPort int
}

// Platform is what tells a runtime from others. Launch makes one host a node, all at once, in the
// order of the nodes. Close removes all that Launch made, also where it failed; the agents have been
// told to leave by then. Leftovers are errors.
type Platform interface {
	Name() string
	Launch(ctx context.Context, l Launch) ([]Host, error)
	Close(ctx context.Context) error
}

// Run is harness.Runtime's Run on a platform made for it.
func Run(ctx context.Context, p Platform, cfg harness.ClusterConfig, body func(context.Context, harness.Env, harness.Cluster) error) (err error) {
	if cfg.Nodes < 1 || cfg.Nodes > 7 {
		return fmt.Errorf("start a cluster of %d members: 1 to 7 are possible", cfg.Nodes)
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	env := realtime.New(cfg.Seed)
	s := &starter{cfg: cfg, env: env, cluster: &Cluster{
		runtime: p.Name(), system: cfg.System, nodes: map[history.NodeID]*node{}, rules: map[string][]harness.Link{},
	}}
	for i := range cfg.Nodes {
		s.cluster.ids = append(s.cluster.ids, history.NodeID(fmt.Sprintf("n%d", i+1)))
	}
	defer func() { // a panic of the body passes through here, too
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTime)
		defer cancel()
		err = errors.Join(err, s.close(ctx, p))
	}()
	if err := s.start(ctx, p); err != nil {
		return err
	}
	return env.Parallel(ctx, func(ctx context.Context) error { return body(ctx, env, s.cluster) })
}

// starter brings a cluster up and down.
type starter struct {
	cfg     harness.ClusterConfig
	env     *realtime.Env
	cluster *Cluster

	mu      sync.Mutex // over the cluster's timings
	clients []*Client
}

func (s *starter) timing(name string, start time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cluster.timings = append(s.cluster.timings, history.Timing{Name: name, Took: time.Since(start)})
}

func (s *starter) start(ctx context.Context, p Platform) error {
	hosts, err := s.launch(ctx, p)
	if err != nil {
		return err
	}
	started := time.Now()
	if err := s.attach(ctx, hosts); err != nil {
		return err
	}
	s.timing("agents answer", started)
	started = time.Now()
	if err := s.links(ctx); err != nil {
		return err
	}
	s.timing("links open", started)
	started = time.Now()
	if err := s.serve(ctx, hosts); err != nil {
		return err
	}
	s.timing("processes serve", started)
	return nil
}

func (s *starter) launch(ctx context.Context, p Platform) ([]Host, error) {
	l := Launch{RunID: s.cfg.RunID, Timing: s.timing}
	// Addresses are not known yet; what is asked for here does not depend on them (RFC 5737).
	var members []harness.Member
	for i, id := range s.cluster.ids {
		members = append(members, harness.Member{ID: id, Host: netip.AddrFrom4([4]byte{192, 0, 2, byte(i + 1)}).String()})
	}
	for _, id := range s.cluster.ids {
		cmd, err := s.cfg.System.Command(id, members, "/data")
		if err != nil {
			return nil, fmt.Errorf("make the command of %s: %w", id, err)
		}
		l.Nodes = append(l.Nodes, LaunchNode{ID: id, Binary: cmd.Binary, ClientPort: cmd.ClientPort})
	}
	ctx, cancel := context.WithTimeout(ctx, launchTime)
	defer cancel()
	hosts, err := p.Launch(ctx, l)
	if err != nil {
		return nil, fmt.Errorf("start the members' hosts: %w", err)
	}
	return hosts, nil
}

// attach speaks with every agent, and learns what works there.
func (s *starter) attach(ctx context.Context, hosts []Host) error {
	ctx, cancel := context.WithTimeout(ctx, launchTime)
	defer cancel()
	c := s.cluster
	stamps := make([]stamper, len(hosts))
	for i, h := range hosts {
		id := c.ids[i]
		n := &node{member: harness.Member{ID: id, Host: h.Address}, addr: h.Dial, exits: make(chan Exit, 1)}
		var logs io.Writer
		if s.cfg.Logs != nil {
			logs = s.cfg.Logs(id)
		}
		stamps[i].init(logs)
		n.client = NewClient(h.In, h.Out, Events{Output: stamps[i].output, Exit: n.exited})
		s.clients = append(s.clients, n.client)
		c.members = append(c.members, n.member)
		c.nodes[id] = n
	}
	return s.env.Parallel(ctx, eachNode(c, func(ctx context.Context, i int, n *node) error {
		return hello(ctx, s.env, n, &stamps[i])
	})...)
}

// eachNode makes a task for each member.
func eachNode(c *Cluster, f func(ctx context.Context, i int, n *node) error) []harness.Task {
	var tasks []harness.Task
	for i, id := range c.ids {
		tasks = append(tasks, func(ctx context.Context) error {
			if err := f(ctx, i, c.nodes[id]); err != nil {
				if e := (*harness.StartError)(nil); errors.As(err, &e) {
					return err
				}
				return fmt.Errorf("start %s: %w", id, err)
			}
			return nil
		})
	}
	return tasks
}

// links waits until every member reaches every other: a network takes a moment to come up, and what
// is lost meanwhile would be repeated late. Where nobody can probe, nothing is waited for.
func (s *starter) links(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, linkTime)
	defer cancel()
	c := s.cluster
	if !c.canProbe() {
		return nil
	}
	return s.env.Parallel(ctx, eachNode(c, func(ctx context.Context, _ int, n *node) error {
		for _, to := range c.ids {
			if to == n.member.ID {
				continue
			}
			for {
				err := c.Probe(ctx, harness.Link{From: n.member.ID, To: to})
				if err == nil {
					break
				}
				if s.env.Sleep(ctx, 5*time.Millisecond) != nil {
					return err
				}
			}
		}
		return nil
	})...)
}

// hello asks a member's agent what works there, and the time.
func hello(ctx context.Context, env harness.Env, n *node, s *stamper) error {
	asked := monotonic()
	var h Hello
	if err := n.client.Call(ctx, OpHello, nil, &h); err != nil {
		return fmt.Errorf("ask its agent: %w", err)
	}
	s.align(env, h, asked)
	n.mechanisms = h.Mechanisms
	return h.Mechanisms.check(MechanismProcess) // without it nothing can be started
}

// Ask asks an agent what works there.
func Ask(ctx context.Context, c *Client) (Mechanisms, error) {
	var h Hello
	if err := c.Call(ctx, OpHello, nil, &h); err != nil {
		return nil, fmt.Errorf("ask the agent: %w", err)
	}
	return h.Mechanisms, nil
}

// serve starts every member's process and waits until each answers.
func (s *starter) serve(ctx context.Context, hosts []Host) error {
	ctx, cancel := context.WithTimeoutCause(ctx, serveTime, fmt.Errorf("it does not answer a status call within %v", serveTime))
	defer cancel()
	c := s.cluster
	return s.env.Parallel(ctx, eachNode(c, func(ctx context.Context, i int, n *node) error {
		cmd, err := s.cfg.System.Command(n.member.ID, c.members, hosts[i].DataDir)
		if err != nil {
			return err
		}
		n.start = Start{Path: hosts[i].Binary, Args: cmd.Args, Env: cmd.Env, Dir: hosts[i].DataDir}
		if err := c.Start(ctx, n.member.ID); err != nil {
			return err
		}
		if err := s.awaitStatus(ctx, n); err != nil {
			cancel() // the others need not be waited for
			return err
		}
		return nil
	})...)
}

// awaitStatus has no event to wait for but the end of the process.
func (s *starter) awaitStatus(ctx context.Context, n *node) error {
	for pause := 2 * time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		ask, cancel := context.WithTimeout(ctx, harness.StatusTimeout)
		_, err := s.cluster.Status(ask, n.member.ID)
		cancel()
		if err == nil {
			return nil
		}
		select {
		case e := <-n.exits:
			return &harness.StartError{Node: n.member.ID, ExitCode: e.Code, Output: e.Tail}
		case <-n.client.Gone():
			return errors.Join(ErrGone, n.client.err)
		case <-ctx.Done():
			return fmt.Errorf("%w (last answer: %w)", context.Cause(ctx), err)
		case <-time.After(pause):
		}
	}
}

// exited keeps the last exit; nobody has to look.
func (n *node) exited(e Exit) {
	select {
	case <-n.exits:
	default:
	}
	n.exits <- e
}

// close lets the agents heal and leave, and then removes everything whether they did or not.
func (s *starter) close(ctx context.Context, p Platform) error {
	for _, c := range s.clients {
		_ = c.Close() // an agent that is gone already needs no telling
	}
	leave, cancel := context.WithTimeout(ctx, 2*healTime)
	defer cancel()
	for _, c := range s.clients {
		select {
		case <-c.Gone():
		case <-leave.Done():
		}
	}
	if err := p.Close(ctx); err != nil {
		return fmt.Errorf("remove what the run left: %w", err)
	}
	for _, c := range s.clients { // no line may be written to the logs once Run has returned
		select {
		case <-c.Gone():
		case <-ctx.Done():
			return errors.New("an agent has not ended")
		}
	}
	return nil
}
