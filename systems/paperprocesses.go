package systems

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/history"
	"github.com/faultline-chaos/faultline/store/papernode"
)

// PaperProcesses runs trials of the paper's set-up on five real processes, which serve for many trials:
// the leader's is killed in each and started again. See package papernode for why it is a program of
// its own.
type PaperProcesses struct {
	cluster paperCluster
	system  *paperNodes
	nodes   [PaperMembers + 1]*paperNode
	said    chan paperSaid
	trials  uint32
	killed  bool // the leader, since it was connected
}

// paperCluster is what a runtime must be able to do.
type paperCluster interface {
	harness.Killer
	// KillAt is Kill, and says when the signal was sent, in nanoseconds of CLOCK_MONOTONIC: to notice
	// a broken connection takes some milliseconds longer, as the kernel first frees a process's memory.
	KillAt(context.Context, history.NodeID) (int64, error)
}

// PaperRuler is how exact a trial on real processes is.
type PaperRuler struct {
	Delays []time.Duration // that messages between survivors really took
	Late   []time.Duration // of the survivors' timers
}

// RunPaperProcesses starts the servers as processes of binary, whose arguments args are followed by a
// server's own, and calls body. The runtime kills them, and removes everything in the end.
func RunPaperProcesses(ctx context.Context, rt harness.Runtime, runID, binary string, args []string, body func(context.Context, *PaperProcesses) error) error {
	s := &paperNodes{binary: binary, args: args, controls: map[string]string{}}
	cfg := harness.ClusterConfig{RunID: runID, Seed: 1, System: s, Nodes: PaperMembers}
	return rt.Run(ctx, cfg, func(ctx context.Context, _ harness.Env, c harness.Cluster) (err error) {
		killer, ok := c.(paperCluster)
		if !ok {
			return fmt.Errorf("runtime %s cannot say when it killed a process: %w", rt.Name(), errors.ErrUnsupported)
		}
		p := &PaperProcesses{cluster: killer, system: s, said: make(chan paperSaid, 1024)}
		defer p.close()
		for i := 1; i <= PaperMembers; i++ {
			if err := p.connect(ctx, i); err != nil {
				return err
			}
		}
		return body(ctx, p)
	})
}

func (p *PaperProcesses) close() {
	for _, n := range p.nodes {
		if n != nil {
			_ = n.conn.Close()
		}
	}
}

func paperID(i int) history.NodeID { return history.NodeID("n" + strconv.Itoa(i)) }

// Trial crashes a leader. A trial in which a server campaigned before the crash is thrown away, and
// another one is done.
func (p *PaperProcesses) Trial(ctx context.Context, set Paper, seed uint64) (t PaperTrial, r PaperRuler, err error) {
	if err := set.check(); err != nil {
		return t, r, err
	}
	for n := range paperDiscards {
		t, r, ok, err := p.try(ctx, set, harness.Stream(seed, fmt.Sprintf("paper/%d", n)).Uint64())
		if err != nil || ok {
			t.Discarded = n
			return t, r, err
		}
	}
	return t, r, set.discarded()
}

func (p *PaperProcesses) try(ctx context.Context, set Paper, seed uint64) (t PaperTrial, r PaperRuler, ok bool, err error) {
	if err := p.prepare(ctx, set, seed); err != nil {
		return t, r, false, err
	}
	w := newPaperWatch(p.trials)
	if _, err := p.ask(ctx, paperLeader, papernode.Request{Op: papernode.OpCampaign}); err != nil {
		return t, r, false, err
	}
	if err := p.watch(ctx, w, paperPatience, func() bool { return w.broadcast > 0 }); err != nil {
		return t, r, false, err
	}
	if w.broadcast == 0 { // a follower was asked too late, or a message was lost: it happens on a busy machine
		return t, r, false, nil
	}
	interval := set.Min / 2
	at := w.broadcast + int64(interval) + int64(harness.Stream(seed, "crash").Float64()*float64(interval))
	if err := p.watch(ctx, w, time.Duration(at-papernode.Now()), func() bool { return false }); err != nil {
		return t, r, false, err
	}
	crashed, err := p.cluster.KillAt(ctx, paperID(paperLeader))
	if err != nil {
		return t, r, false, err
	}
	p.killed = true
	left := set.Cap - time.Duration(papernode.Now()-crashed)
	if err := p.watch(ctx, w, left, func() bool { return w.heardBy(PaperMembers-2) > 0 }); err != nil {
		return t, r, false, err
	}
	if w.campaign > 0 && w.campaign < crashed {
		return t, r, false, nil
	}
	if r, err = p.ruler(ctx); err != nil {
		return t, r, false, err
	}
	return w.trial(crashed, set.Cap), r, true, nil
}

// paperPatience is how long a leader may take to come to lead while nobody stands against it.
const paperPatience = 5 * time.Second

// prepare starts all servers anew.
func (p *PaperProcesses) prepare(ctx context.Context, set Paper, seed uint64) error {
	p.trials++
	if err := p.cluster.Start(ctx, paperID(paperLeader)); err != nil {
		return err
	}
	if p.killed {
		if err := p.connect(ctx, paperLeader); err != nil {
			return err
		}
		p.killed = false
	}
	trial := papernode.Trial{Number: p.trials, Min: set.Min, Max: set.Max, Tick: set.Tick, Delay: [2]time.Duration{set.Delay.Min, set.Delay.Mean}, Seed: seed}
	p.system.mu.Lock()
	trial.Peers = p.system.peers
	p.system.mu.Unlock()
	errs := make(chan error, PaperMembers)
	for i := 1; i <= PaperMembers; i++ {
		own := trial
		own.Self = i
		go func() {
			_, err := p.ask(ctx, i, papernode.Request{Op: papernode.OpTrial, Trial: &own})
			errs <- err
		}()
	}
	var all []error
	for range PaperMembers {
		all = append(all, <-errs)
	}
	return errors.Join(all...)
}

// watch takes in what servers say for so long, or until enough is true.
func (p *PaperProcesses) watch(ctx context.Context, w *paperWatch, d time.Duration, enough func() bool) error {
	after := time.NewTimer(max(d, 0))
	defer after.Stop()
	for !enough() {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-after.C:
			return nil
		case s := <-p.said:
			w.hear(s)
		}
	}
	return nil
}

// ruler collects the survivors'.
func (p *PaperProcesses) ruler(ctx context.Context) (r PaperRuler, err error) {
	for i := paperLeader + 1; i <= PaperMembers; i++ {
		own, err := p.ask(ctx, i, papernode.Request{Op: papernode.OpRuler})
		if err != nil {
			return r, err
		}
		if own.Ruler == nil {
			return r, fmt.Errorf("ruler of %s: it told none", paperID(i))
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
