package figure16

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/faultline-chaos/faultline/experiments/figure16/server"
	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/history"
	"github.com/faultline-chaos/faultline/scenario"
)

// processes are five servers, which serve for many trials: the leader's is killed in each and started
// again.
type processes struct {
	cluster killer
	system  *system
	servers [server.Servers + 1]*connection
	said    chan server.Reply
	trials  uint32
	killed  bool // the leader, since it was connected
}

// killer is what a runtime's cluster must be.
type killer interface {
	harness.Killer
	// KillAt is Kill, and says when the signal was sent, in nanoseconds of CLOCK_MONOTONIC: to notice
	// a broken connection takes some milliseconds longer, as the kernel first frees a process's memory.
	KillAt(context.Context, history.NodeID) (int64, error)
}

// runProcesses starts the servers as processes of binary, whose arguments args are followed by a
// server's own, and calls body. The runtime kills them, and removes everything in the end.
func runProcesses(ctx context.Context, rt harness.Runtime, runID, binary string, args []string, body func(context.Context, *processes) error) error {
	s := &system{binary: binary, args: args, controls: map[string]string{}}
	_, err := scenario.Job{
		Runtime: rt, Cluster: harness.ClusterConfig{RunID: runID, Seed: 1, System: s, Nodes: server.Servers}, Silent: true,
		Do: func(ctx context.Context, _ harness.Env, c harness.Cluster, _ *harness.Recorder) error {
			cluster, ok := c.(killer)
			if !ok {
				return fmt.Errorf("runtime %s cannot say when it killed a process: %w", rt.Name(), errors.ErrUnsupported)
			}
			p := &processes{cluster: cluster, system: s, said: make(chan server.Reply, 1024)}
			defer p.close()
			for i := 1; i <= server.Servers; i++ {
				if err := p.connect(ctx, i); err != nil {
					return err
				}
			}
			return body(ctx, p)
		},
	}.Perform(ctx)
	return err
}

func (p *processes) close() {
	for _, n := range p.servers {
		if n != nil {
			_ = n.conn.Close()
		}
	}
}

// crash crashes a leader.
func (p *processes) crash(ctx context.Context, set Setup, seed uint64) (Outcome, error) {
	return set.repeat(ctx, seed, func(ctx context.Context, seed uint64) (Outcome, bool, error) { return p.try(ctx, set, seed) })
}

func (p *processes) try(ctx context.Context, set Setup, seed uint64) (o Outcome, ok bool, err error) {
	if err := p.prepare(ctx, set, seed); err != nil {
		return o, false, err
	}
	w := newWatch()
	if _, err := p.ask(ctx, server.Leader, server.Request{Op: server.OpCampaign}); err != nil {
		return o, false, err
	}
	if err := p.watch(ctx, w, patience, func() bool { return w.broadcast > 0 }); err != nil {
		return o, false, err
	}
	if w.broadcast == 0 { // a follower was asked too late, or a message was lost: it happens on a busy machine
		return o, false, nil
	}
	interval := set.Min / 2
	at := w.broadcast + int64(interval) + int64(harness.Stream(seed, "crash").Float64()*float64(interval))
	if err := p.watch(ctx, w, time.Duration(at-server.Now()), func() bool { return false }); err != nil {
		return o, false, err
	}
	crashed, err := p.cluster.KillAt(ctx, nodeID(server.Leader))
	if err != nil {
		return o, false, err
	}
	p.killed = true
	left := set.Cap - time.Duration(server.Now()-crashed)
	if err := p.watch(ctx, w, left, w.over); err != nil {
		return o, false, err
	}
	if w.campaign > 0 && w.campaign < crashed {
		return o, false, nil
	}
	o = w.outcome(crashed, set.Cap)
	o.Ruler, err = p.ruler(ctx)
	return o, err == nil, err
}

// patience is how long a leader may take to come to lead while nobody stands against it.
const patience = 5 * time.Second

// prepare starts all servers anew.
func (p *processes) prepare(ctx context.Context, set Setup, seed uint64) error {
	p.trials++
	if err := p.cluster.Start(ctx, nodeID(server.Leader)); err != nil {
		return err
	}
	if p.killed {
		if err := p.connect(ctx, server.Leader); err != nil {
			return err
		}
		p.killed = false
	}
	p.system.mu.Lock()
	peers := p.system.peers
	p.system.mu.Unlock()
	errs := make(chan error, server.Servers)
	for i := 1; i <= server.Servers; i++ {
		trial := set.server(i)
		trial.Number, trial.Seed, trial.Peers = p.trials, seed, peers
		go func() {
			_, err := p.ask(ctx, i, server.Request{Op: server.OpTrial, Trial: &trial})
			errs <- err
		}()
	}
	var all []error
	for range server.Servers {
		all = append(all, <-errs)
	}
	return errors.Join(all...)
}

// watch takes in what servers say for so long, or until enough is true.
func (p *processes) watch(ctx context.Context, w *watch, d time.Duration, enough func() bool) error {
	after := time.NewTimer(max(d, 0))
	defer after.Stop()
	for !enough() {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-after.C:
			return nil
		case r := <-p.said:
			if r.Trial == p.trials { // else it is of a trial before
				w.hear(r.Event, r.At, r.Term)
			}
		}
	}
	return nil
}

// ruler collects the survivors'.
func (p *processes) ruler(ctx context.Context) (r Ruler, err error) {
	for i := server.Leader + 1; i <= server.Servers; i++ {
		own, err := p.ask(ctx, i, server.Request{Op: server.OpRuler})
		if err != nil {
			return r, err
		}
		if own.Ruler == nil {
			return r, fmt.Errorf("lateness of %s: it reported none", nodeID(i))
		}
		for _, d := range own.Ruler.Delays {
			r.Delays = append(r.Delays, time.Duration(d))
		}
		for _, d := range own.Ruler.Late {
			r.Late = append(r.Late, time.Duration(d))
		}
	}
	return r, nil
}

// connect reaches server i, whose process may have been started a moment ago.
func (p *processes) connect(ctx context.Context, i int) error {
	if n := p.servers[i]; n != nil {
		_ = n.conn.Close()
	}
	for pause := time.Millisecond; ; pause = min(2*pause, 20*time.Millisecond) {
		n, err := dial(ctx, p.system.control(i))
		if err == nil {
			go n.read(p.said)
			if _, err = n.ask(ctx, server.Request{Op: server.OpHello}); err == nil {
				p.servers[i] = n
				return nil
			}
			_ = n.conn.Close()
		}
		select {
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("connect to %s: %w", nodeID(i), err), context.Cause(ctx))
		case <-time.After(pause): // its runtime's port is open before it is
		}
	}
}

func (p *processes) ask(ctx context.Context, i int, q server.Request) (server.Reply, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, 4*patience, errors.New("it does not answer"))
	defer cancel()
	r, err := p.servers[i].ask(ctx, q)
	if err != nil {
		return r, fmt.Errorf("%s of %s: %w", q.Op, nodeID(i), err)
	}
	return r, nil
}
