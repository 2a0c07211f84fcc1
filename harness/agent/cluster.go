package agent

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/history"
)

// Cluster is a running system whose members have agents. Everything it can do is done by them. Its
// methods may be called from several tasks.
type Cluster struct {
	runtime string
	system  harness.System
	ids     []history.NodeID
	members []harness.Member
	nodes   map[history.NodeID]*node
	timings []history.Timing

	mu         sync.Mutex // over what follows; nothing is sent while it is held
	rules      map[string][]harness.Link
	generation uint64
}

var _ interface {
	harness.Cluster
	harness.Stopper
	harness.Pauser
	harness.Network
	harness.MemoryMeter
	harness.Hasher
	harness.Timings
} = (*Cluster)(nil)

// node is one member.
type node struct {
	member harness.Member
	client *Client
	addr   string // where clients reach it
	start  Start
	exits  chan Exit // the last one that the harness has not looked at

	mechanisms Mechanisms // what its agent said

	sent []Drop // the last list that the agent has confirmed; under Cluster.mu
}

func (c *Cluster) Runtime() string { return c.runtime }

func (c *Cluster) Members() []history.NodeID { return c.ids }

// StartTimings are the parts of the start, in order.
func (c *Cluster) StartTimings() []history.Timing { return c.timings }

func (c *Cluster) node(id history.NodeID) (*node, error) {
	n, ok := c.nodes[id]
	if !ok {
		return nil, fmt.Errorf("%q is not a member: members are %v", id, c.ids)
	}
	return n, nil
}

// Dial makes a client of one member.
func (c *Cluster) Dial(id history.NodeID) (harness.KV, error) {
	n, err := c.node(id)
	if err != nil {
		return nil, err
	}
	return c.system.Dial(n.addr)
}

// Status asks one member.
func (c *Cluster) Status(ctx context.Context, id history.NodeID) (harness.Status, error) {
	n, err := c.node(id)
	if err != nil {
		return harness.Status{}, err
	}
	return c.system.Status(ctx, n.addr, id, c.members)
}

// Hash asks one member, if the system's members can hash their state.
func (c *Cluster) Hash(ctx context.Context, id history.NodeID, revision int64) (history.HashValue, error) {
	n, err := c.node(id)
	if err != nil {
		return history.HashValue{}, err
	}
	s, ok := c.system.(harness.HashingSystem)
	if !ok {
		return history.HashValue{}, fmt.Errorf("hash of %s: system %s: %w", id, c.system.Name(), errors.ErrUnsupported)
	}
	return s.Hash(ctx, n.addr, revision)
}

// call asks a member's agent.
func (c *Cluster) call(ctx context.Context, id history.NodeID, op string, args, value any) error {
	n, err := c.node(id)
	if err == nil {
		err = n.client.Call(ctx, op, args, value)
	}
	if err != nil {
		return fmt.Errorf("%s %s: %w", op, id, err)
	}
	return nil
}

// Kill ends the member's process group with SIGKILL and waits until it is gone.
func (c *Cluster) Kill(ctx context.Context, id history.NodeID) error {
	_, err := c.KillAt(ctx, id)
	return err
}

// KillAt is Kill, and says when it was: see Killed.
func (c *Cluster) KillAt(ctx context.Context, id history.NodeID) (at int64, err error) {
	var k Killed
	err = c.call(ctx, id, OpKill, nil, &k)
	return k.At, err
}

// Start starts the member's process with the same command and data as before.
func (c *Cluster) Start(ctx context.Context, id history.NodeID) error {
	n, err := c.node(id)
	if err != nil {
		return err
	}
	return c.call(ctx, id, OpStart, n.start, nil)
}

// Stop ends the member's process with SIGTERM and waits until it is gone. A paused one is continued.
func (c *Cluster) Stop(ctx context.Context, id history.NodeID) error {
	return c.call(ctx, id, OpStop, nil, nil)
}

// Alive says whether the member's process runs, paused or not.
func (c *Cluster) Alive(ctx context.Context, id history.NodeID) (bool, error) {
	st, err := c.state(ctx, id)
	return st.PID != 0, err
}

// Pause stops the member's process group with SIGSTOP and waits until every thread has stopped.
func (c *Cluster) Pause(ctx context.Context, id history.NodeID) error {
	return c.call(ctx, id, OpPause, nil, nil)
}

// Resume continues the member's process.
func (c *Cluster) Resume(ctx context.Context, id history.NodeID) error {
	return c.call(ctx, id, OpResume, nil, nil)
}

// Paused says whether every thread of the member's process is stopped.
func (c *Cluster) Paused(ctx context.Context, id history.NodeID) (bool, error) {
	st, err := c.state(ctx, id)
	return st.Paused, err
}

// RSS is the resident memory of the member's process group, in bytes; 0 if it does not run.
func (c *Cluster) RSS(ctx context.Context, id history.NodeID) (int64, error) {
	st, err := c.state(ctx, id)
	return st.RSS, err
}

func (c *Cluster) state(ctx context.Context, id history.NodeID) (st State, err error) {
	err = c.call(ctx, id, OpState, nil, &st)
	return st, err
}

// Cut adds a rule, or replaces the one of that name. Packets of a cut link are dropped twice: where
// they leave and where they arrive, so that those on their way are lost as well.
func (c *Cluster) Cut(ctx context.Context, rule string, links []harness.Link) error {
	for _, l := range links {
		for _, id := range []history.NodeID{l.From, l.To} {
			if _, err := c.node(id); err != nil {
				return fmt.Errorf("cut the link from %s to %s: %w", l.From, l.To, err)
			}
		}
		if l.From == l.To {
			return fmt.Errorf("cut the link from %s to itself: there is none", l.From)
		}
	}
	c.mu.Lock()
	c.rules[rule] = slices.Clone(links)
	c.mu.Unlock()
	if err := c.push(ctx); err != nil {
		return fmt.Errorf("cut %d links: %w", len(links), err)
	}
	return nil
}

// Mend removes a rule.
func (c *Cluster) Mend(ctx context.Context, rule string) error {
	c.mu.Lock()
	delete(c.rules, rule)
	c.mu.Unlock()
	if err := c.push(ctx); err != nil {
		return fmt.Errorf("mend: %w", err)
	}
	return nil
}

// push sends its list to every agent that is not known to have it, all at once. What did not arrive
// is sent again by the next push.
func (c *Cluster) push(ctx context.Context) error {
	c.mu.Lock()
	c.generation++
	generation := c.generation
	lists := dropLists(c.members, c.rules)
	var stale []history.NodeID
	for _, id := range c.ids {
		if !slices.Equal(lists[id], c.nodes[id].sent) {
			c.nodes[id].sent = unconfirmed
			stale = append(stale, id)
		}
	}
	c.mu.Unlock()
	errs := make([]error, len(stale))
	var wg sync.WaitGroup
	for i, id := range stale {
		wg.Go(func() {
			errs[i] = c.call(ctx, id, OpRules, Rules{Generation: generation, Drops: lists[id]}, nil)
		})
	}
	wg.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, id := range stale {
		if errs[i] == nil && generation == c.generation {
			c.nodes[id].sent = lists[id]
		}
	}
	return errors.Join(errs...)
}

// unconfirmed differs from every list that there can be.
var unconfirmed = []Drop{{}}

// dropLists are the rules of each member's agent: without duplicates, in a fixed order.
func dropLists(members []harness.Member, rules map[string][]harness.Link) map[history.NodeID][]Drop {
	cut := map[harness.Link]bool{}
	for _, links := range rules {
		for _, l := range links {
			cut[l] = true
		}
	}
	lists := map[history.NodeID][]Drop{}
	for _, self := range members {
		for _, peer := range members {
			if cut[harness.Link{From: self.ID, To: peer.ID}] {
				lists[self.ID] = append(lists[self.ID], Drop{Peer: peer.Host, Direction: Out})
			}
			if cut[harness.Link{From: peer.ID, To: self.ID}] {
				lists[self.ID] = append(lists[self.ID], Drop{Peer: peer.Host, Direction: In})
			}
		}
	}
	return lists
}

// Probe lets the agents of both members exchange a nonce. It says nothing about their processes.
func (c *Cluster) Probe(ctx context.Context, l harness.Link) error {
	to, err := c.node(l.To)
	if err != nil {
		return err
	}
	return c.call(ctx, l.From, OpProbe, Probe{Peer: to.member.Host}, nil)
}

// Dropped says how many packets each member's rules have dropped since its list was last changed.
func (c *Cluster) Dropped(ctx context.Context, id history.NodeID) (counters []Counter, err error) {
	err = c.call(ctx, id, OpCounters, nil, &counters)
	return counters, err
}
