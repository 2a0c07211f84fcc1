package scripts

import (
	"context"
	"fmt"
	"time"

	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/history"
)

// Failovers kills the leader again and again, each time once all members have caught up, and lets it
// come back once another one has led for a while: as fast as the cluster allows, so that hundreds of
// failovers of one cluster take minutes. It is a harness.RunConfig's Script.
type Failovers struct {
	Fault  harness.Fault
	Trials int
	// Spread is the time from a cluster that has caught up to the fault: uniform between 0 and this. A
	// multiple of the heartbeat interval makes the phase within it uniform too.
	Spread time.Duration
	Limit  time.Duration // for another leader; then the old one comes back all the same
	Hold   time.Duration // from when another leader is followed to when the old one comes back
	// Ask lets clients write through the survivors from the fault on, until one is answered or the old
	// leader comes back: for clusters that are idle otherwise, so that followers hear from their leader
	// by heartbeats only, and the first commit is seen all the same.
	Ask bool
	// Done, where it is set, is told how many trials are over.
	Done func(trials int)
}

// Bound is how long all of it takes at most, but for recoveries that take longer than Recovery.
func (f Failovers) Bound(recovery time.Duration) time.Duration {
	return time.Duration(f.Trials) * (f.Spread + f.Limit + f.Hold + recovery + 10*time.Second)
}

// Run does the trials. An error is what cannot be healed, a cluster that did not recover within 30 s,
// or the end of ctx.
func (f Failovers) Run(ctx context.Context, env harness.Env, c harness.Cluster, rec *harness.Recorder, n *harness.Nemesis) error {
	r := env.Rand("failovers")
	s := &Stage{Env: env, Cluster: c, Recorder: rec, Nemesis: n}
	for i := range f.Trials {
		if err := harness.AwaitConverged(ctx, env, c, recoveryLimit); err != nil {
			return err
		}
		if err := env.Sleep(ctx, time.Duration(r.Int64N(int64(f.Spread)+1))); err != nil {
			return err
		}
		in, err := n.Inject(ctx, f.Fault, history.TargetLeader)
		if err == nil {
			err = f.watch(ctx, s, in, i)
		} else if ctx.Err() == nil {
			err = nil // that it did not land is in the history
		}
		if healed := s.heal(ctx, in); healed != nil {
			return &harness.HealError{Err: healed}
		}
		if err != nil {
			return err
		}
		if f.Done != nil {
			f.Done(i + 1)
		}
	}
	return nil
}

const recoveryLimit = 30 * time.Second

// watch waits for another leader, and lets it lead for a while.
func (f Failovers) watch(ctx context.Context, s *Stage, in *harness.Injected, trial int) error {
	if len(in.Nodes) != 1 {
		return fmt.Errorf("kill the leader: %d members were hit", len(in.Nodes))
	}
	old := in.Nodes[0]
	watched, stop := s.Env.WithTimeout(ctx, f.Limit+f.Hold+time.Minute)
	defer stop()
	tasks := []harness.Task{func(ctx context.Context) error {
		defer stop() // nobody need ask any more
		if _, err := s.awaitOther(ctx, old, f.Limit); err != nil && ctx.Err() != nil {
			return err // else nobody leads, and the history tells that
		}
		return s.Env.Sleep(ctx, f.Hold)
	}}
	for i, id := range s.Cluster.Members() {
		if f.Ask && id != old {
			tasks = append(tasks, func(ctx context.Context) error { f.ask(ctx, s, i, id, trial); return nil })
		}
	}
	err := s.Env.Parallel(watched, tasks...)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// ask writes through one member until a write is answered. An attempt that was passed on to the old
// leader is lost and never answered, so it must end soon: its timeout would become the result.
func (f Failovers) ask(ctx context.Context, s *Stage, i int, id history.NodeID, trial int) {
	members := len(s.Cluster.Members())
	w := harness.NewWorker(s.Env, s.Cluster, s.Recorder, calls(), trial*members+i, f.Trials*members)
	defer w.Close()
	for ctx.Err() == nil {
		key, v := fmt.Sprintf("asked-%d", trial), w.Unique()
		t, _ := w.Do(ctx, harness.Attempt{
			F: "put", Node: id, Timeout: askTimeout, Value: history.RegisterValue{Key: key, Value: &v},
			Invoke: func(ctx context.Context, kv harness.KV) (any, error) {
				rev, err := kv.Put(ctx, key, v)
				return history.RegisterValue{Key: key, Value: &v, Rev: rev}, err
			},
		})
		if t == history.OK || s.Env.Sleep(ctx, look) != nil {
			return
		}
	}
}

const askTimeout = 50 * time.Millisecond
