package harness

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/faultline-chaos/faultline/history"
)

// RunConfig is one run. Zero durations mean the defaults named beside them.
type RunConfig struct {
	Workload Workload
	Workers  int
	Schedule Schedule
	// Script, where it is set, is what the faults phase does after the schedule's steps have been
	// started; the phase lasts until it returns, and Faults bounds it. Its error breaks the run, unless
	// it is a *NoRecoveryError or a *HealError.
	Script   func(context.Context, Env, Cluster, *Recorder, *Nemesis) error
	Warmup   time.Duration // clients call and nothing is broken, after somebody leads; 2 s
	Faults   time.Duration // length of the faults phase
	Settle   time.Duration // clients go on after all members have caught up; 1 s
	Recovery time.Duration // for all members to catch up, once all is healed; 30 s
	Poll     time.Duration // between looks at every member's role and term; 100 ms

	HashEvery time.Duration // between hashes of every member's state at one revision, at least; 0: none

	// Stop is asked at every Poll: an error ends the run as an interruption does, with it as the cause.
	// Nil: never.
	Stop func() error

	ProbeEvery   time.Duration // Probe.Every; 0: no probes
	ProbeTimeout time.Duration // Probe.Timeout; 50 ms
}

// Defaults of RunConfig that others need to know to tell how long a run takes.
const (
	DefaultWarmup = 2 * time.Second
	DefaultSettle = time.Second
)

func (c RunConfig) withDefaults() RunConfig {
	def := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	def(&c.Warmup, DefaultWarmup)
	def(&c.Settle, DefaultSettle)
	def(&c.Recovery, 30*time.Second)
	def(&c.Poll, 100*time.Millisecond)
	def(&c.ProbeTimeout, 50*time.Millisecond)
	return c
}

// ErrInterrupted wraps the cause of a context that ended while a run went on.
var ErrInterrupted = errors.New("interrupted")

// NoRecoveryError says that members did not catch up although everything was healed: a property of
// the system under test, not of the harness.
type NoRecoveryError struct{ Problem string }

func (e *NoRecoveryError) Error() string {
	return "no recovery after all faults were healed: " + e.Problem
}

// HealError says that something could not be healed.
type HealError struct{ Err error }

func (e *HealError) Error() string { return e.Err.Error() }
func (e *HealError) Unwrap() error { return e.Err }

// Supported says which faults of the schedule the cluster cannot have, and why (an *UnsupportedError),
// and which targets it does not know.
func Supported(s Schedule, c Cluster) error {
	errs := []error{Unsupported(s, c.Runtime(), c)}
	for _, st := range s {
		errs = append(errs, st.Target.Check(c.Members()))
	}
	return errors.Join(errs...)
}

// Run is one run on a cluster that serves: warm-up, faults under load, healing, recovery, final
// reads. All of it is recorded with r. When it returns, whatever its error, no fault is active that
// could be healed. Errors: ErrInterrupted when ctx ended, *NoRecoveryError, *HealError, or a broken
// workload's own.
func Run(ctx context.Context, env Env, c Cluster, r *Recorder, cfg RunConfig) error {
	cfg = cfg.withDefaults()
	if err := Supported(cfg.Schedule, c); err != nil {
		return err
	}
	e := &engine{env: env, cluster: c, recorder: r, cfg: cfg, nemesis: NewNemesis(env, c, r)}
	for i := range cfg.Workers {
		w := NewWorker(env, c, r, cfg.Workload.Ops(), i, cfg.Workers)
		defer w.Close()
		e.workers = append(e.workers, w)
	}
	e.phase(history.PhaseWarmup)
	if err := e.load(ctx); err != nil || ctx.Err() != nil {
		return e.ended(ctx, err)
	}
	if e.stopped != nil {
		return fmt.Errorf("%w: %w", ErrInterrupted, e.stopped)
	}
	e.phase(history.PhaseFinal)
	e.lastHash(ctx)
	if err := e.final(ctx); err != nil || ctx.Err() != nil {
		return e.ended(ctx, err)
	}
	e.phase(history.PhaseEnd)
	return nil
}

type engine struct {
	env      Env
	cluster  Cluster
	recorder *Recorder
	cfg      RunConfig
	nemesis  *Nemesis
	workers  []*Worker
	stopped  error // what cfg.Stop said
}

func (e *engine) ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return errors.Join(fmt.Errorf("%w: %w", ErrInterrupted, context.Cause(ctx)), err)
	}
	return err
}

func (e *engine) phase(p history.Phase) {
	e.recorder.Add(history.Op{Process: history.HarnessProcess, Type: history.OK, F: history.FPhase, Value: history.EncodeValue(history.PhaseValue{Phase: p})})
}

// load is everything up to the final reads: clients call while the director breaks and heals.
func (e *engine) load(ctx context.Context) error {
	var directed error
	limit := e.cfg.Warmup + e.cfg.Faults + e.cfg.Settle + 2*e.cfg.Recovery + 2*healTime
	load, stop := e.env.WithTimeout(ctx, limit)
	defer stop()
	tasks := []Task{
		func(ctx context.Context) error {
			defer stop()
			directed = e.direct(ctx)
			return nil
		},
		func(ctx context.Context) error {
			defer stop() // it ends before ctx does only where the run shall end
			return e.poll(ctx)
		},
	}
	if e.cfg.HashEvery > 0 {
		tasks = append(tasks, e.hashes)
	}
	if e.cfg.ProbeEvery > 0 {
		tasks = append(tasks, Probe{e.env, e.cluster, e.recorder, e.cfg.ProbeEvery, e.cfg.ProbeTimeout}.Run)
	}
	for _, w := range e.workers {
		tasks = append(tasks, func(ctx context.Context) error {
			if err := e.cfg.Workload.Run(ctx, w); err != nil && ctx.Err() == nil {
				stop() // a broken workload ends the run
				return fmt.Errorf("workload %s, worker %d: %w", e.cfg.Workload.Name(), w.ID, err)
			}
			return nil
		})
	}
	err := e.env.Parallel(load, tasks...)
	return errors.Join(err, directed)
}

// direct leads through the phases.
func (e *engine) direct(ctx context.Context) error {
	if err := e.awaitLeader(ctx); err != nil {
		return err
	}
	if e.env.Sleep(ctx, e.cfg.Warmup) != nil {
		return nil
	}
	e.phase(history.PhaseFaults)
	if err := e.faults(ctx); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return nil
	}
	e.phase(history.PhaseRecover)
	if err := e.recover(ctx); err != nil {
		return err
	}
	_ = e.env.Sleep(ctx, e.cfg.Settle) // the end of ctx is the caller's to see
	return nil
}

// faults is the phase of that name.
func (e *engine) faults(ctx context.Context) error {
	if e.cfg.Script == nil {
		if err := e.nemesis.Run(ctx, e.cfg.Schedule, e.cfg.Faults); err != nil {
			return &HealError{err}
		}
		return nil
	}
	var scripted error
	run, stop := e.env.WithTimeout(ctx, e.cfg.Faults)
	defer stop()
	err := e.env.Parallel(run,
		func(ctx context.Context) error {
			defer stop()
			scripted = e.nemesis.Conduct(ctx, func(ctx context.Context) error {
				return e.cfg.Script(ctx, e.env, e.cluster, e.recorder, e.nemesis)
			})
			return nil
		},
		func(ctx context.Context) error { return e.nemesis.Run(ctx, e.cfg.Schedule, e.cfg.Faults) },
	)
	if err != nil {
		return &HealError{err}
	}
	return scripted
}

// awaitLeader waits until somebody leads at the start. That nobody does is the system's failure.
func (e *engine) awaitLeader(ctx context.Context) error {
	wait, cancel := e.env.WithTimeout(ctx, e.cfg.Recovery)
	defer cancel()
	for {
		if id, _ := LeaderOf(e.cluster.Members(), Statuses(wait, e.env, e.cluster)); id != "" {
			return nil
		}
		if e.env.Sleep(wait, 20*time.Millisecond) != nil {
			if ctx.Err() != nil {
				return nil
			}
			return &NoRecoveryError{fmt.Sprintf("no member leads %v after the start", e.cfg.Recovery)}
		}
	}
}

// recover waits until one member leads, all others follow it, and every member has applied what the
// furthest had applied when all first answered.
func (e *engine) recover(ctx context.Context) error {
	err := AwaitConverged(ctx, e.env, e.cluster, e.cfg.Recovery)
	var missing *NoRecoveryError
	if errors.As(err, &missing) {
		e.recorder.Add(history.Op{Process: history.HarnessProcess, Type: history.Info, F: history.FPhase, Value: history.EncodeValue(history.PhaseValue{Phase: history.PhaseRecover}), Error: err.Error()})
		return err
	}
	return nil // the end of ctx is the caller's to see
}

// AwaitConverged waits until one member leads, all others follow it, and every member has applied
// what the furthest had applied when all first answered; at most limit, and then the error is a
// *NoRecoveryError. Where ctx ends first, it is the context's cause.
func AwaitConverged(ctx context.Context, env Env, c Cluster, limit time.Duration) error {
	wait, cancel := env.WithTimeout(ctx, limit)
	defer cancel()
	var goal uint64
	for {
		problem := converged(c.Members(), Statuses(wait, env, c), &goal)
		if problem == "" {
			return nil
		}
		if env.Sleep(wait, 50*time.Millisecond) != nil {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return &NoRecoveryError{fmt.Sprintf("after %v %s", limit, problem)}
		}
	}
}

// converged says what is still missing, "" when nothing is. goal is set when all members answer for
// the first time.
func converged(members []history.NodeID, statuses []Status, goal *uint64) string {
	leader, term := LeaderOf(members, statuses)
	if leader == "" {
		return "no member leads"
	}
	var top uint64
	for i, st := range statuses {
		switch {
		case st.Role == history.Unreached:
			return fmt.Sprintf("%s does not answer", members[i])
		case st.Term != term || st.Leader != leader:
			return fmt.Sprintf("%s does not follow %s in term %d", members[i], leader, term)
		}
		top = max(top, st.Applied)
	}
	if *goal == 0 {
		*goal = top
	}
	for i, st := range statuses {
		if st.Applied < *goal {
			return fmt.Sprintf("%s has applied up to %d of %d", members[i], st.Applied, *goal)
		}
	}
	return ""
}

// statusEvery is after how long an unchanged status is recorded again, for what it has applied.
const statusEvery = time.Second

// poll records every change of a member's role, term or leader.
func (e *engine) poll(ctx context.Context) error {
	members := e.cluster.Members()
	last := make([]history.StatusValue, len(members))
	seen := make([]time.Duration, len(members))
	for ctx.Err() == nil {
		if e.cfg.Stop != nil {
			if e.stopped = e.cfg.Stop(); e.stopped != nil {
				return nil
			}
		}
		for i, st := range Statuses(ctx, e.env, e.cluster) {
			v := history.StatusValue{Role: st.Role, Term: st.Term, Leader: st.Leader, Applied: st.Applied}
			now := e.env.Now()
			again := v != last[i] && now-seen[i] >= statusEvery
			if (!v.Same(last[i]) || again) && ctx.Err() == nil {
				last[i], seen[i] = v, now
				e.recorder.Add(history.Op{Process: history.HarnessProcess, Type: history.OK, F: history.FStatus, Node: members[i], Value: history.EncodeValue(v)})
			}
		}
		_ = e.env.Sleep(ctx, e.cfg.Poll) // the loop's condition sees the end of ctx
	}
	return nil
}

func (e *engine) final(ctx context.Context) error {
	ctx, cancel := e.env.WithTimeout(ctx, 2*e.cfg.Recovery)
	defer cancel()
	var tasks []Task
	for _, w := range e.workers {
		tasks = append(tasks, func(ctx context.Context) error { return e.cfg.Workload.Final(ctx, w) })
	}
	if err := e.env.Parallel(ctx, tasks...); err != nil {
		return &NoRecoveryError{fmt.Sprintf("final reads: %v", err)}
	}
	return nil
}
