package scripts

import (
	"context"
	"fmt"
	"time"

	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/history"
)

// Failovers kills the leader repeatedly: each time after all members have caught up. The killed member is
// started again once another leader has led for a while. It is as fast as the cluster allows, so that
// hundreds of failovers take minutes. Use it as a harness.RunConfig's Script.
type Failovers struct {
	Fault  harness.Fault
	Trials int
	// Spread is the longest time from a cluster that has caught up to the fault; the time is uniform
	// between 0 and Spread. With a multiple of the heartbeat interval its phase is uniform, too.
	Spread time.Duration
	Limit  time.Duration // longest wait for another leader; then the old one is started again anyway
	Hold   time.Duration // time from a new leader with followers to the restart of the old one
	// Ask makes clients write through the survivors from the fault until one write is answered or the old
	// leader is started again. It is for clusters that are idle otherwise (followers hear from the leader
	// only by heartbeats): it makes the first commit visible.
	Ask bool
	// Done, if it is set, is called with the number of trials that are over.
	Done func(trials int)
}

// Bound is the longest time that all trials may take, if no recovery takes longer than Recovery.
func (f Failovers) Bound(recovery time.Duration) time.Duration {
	return time.Duration(f.Trials) * (f.Spread + f.Limit + f.Hold + recovery + 10*time.Second)
}

// Run does the trials. It returns an error if a fault cannot be healed, if the cluster does not recover
// within 30 s, or if ctx ends.
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
			err = nil // the history shows that the fault was not injected
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

// watch waits for another leader, and then lets it lead for a while.
func (f Failovers) watch(ctx context.Context, s *Stage, in *harness.Injected, trial int) error {
	if len(in.Nodes) != 1 {
		return fmt.Errorf("kill the leader: %d members were killed", len(in.Nodes))
	}
	old := in.Nodes[0]
	watched, stop := s.Env.WithTimeout(ctx, f.Limit+f.Hold+time.Minute)
	defer stop()
	tasks := []harness.Task{func(ctx context.Context) error {
		defer stop() // asking is no longer needed
		if _, err := s.awaitOther(ctx, old, f.Limit); err != nil && ctx.Err() != nil {
			return err // otherwise there is no leader, which the history shows
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

// ask writes through one member until a write is answered. An attempt that was forwarded to the old leader is
// never answered, so attempts must have a short timeout: it would become the result.
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
