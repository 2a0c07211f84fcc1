// Package sim is the runtime that simulates: all members of a cluster, their network and disks, the
// clients and the nemesis run in one thread, as an event loop over virtual time. The same seed gives
// the same bytes; a minute of a cluster takes a tenth of a second.
//
// # What a simulated system is
//
// A [System] is programs without I/O: a [Machine] is told what happens (a tick, a message, a request,
// a write that is durable) and says what shall happen ([Effect]). Everything between machines is this
// package's: messages take time, overtake each other and are lost on links that are cut; a record is
// durable only once it was synced, and a power failure keeps any prefix of those that were not; a
// machine that panics is a process that ended.
//
// # How blocking code runs
//
// Harness, nemesis and workloads are plain blocking code. Each task is a coroutine (iter.Pull) that
// the loop resumes when what it waits for happened, one at a time, so nothing else runs meanwhile and
// nothing needs a lock. A task blocks only in harness.Env and in calls to a cluster or client.
// Whatever else blocks (a channel, a mutex that another task holds, package time) stops the whole
// simulation; [Options.Watchdog] reports it.
//
// Contexts are on virtual time, too. Package context's own WithCancel, WithTimeout and so on would
// need a goroutine or a real timer and panic here: use Env.WithTimeout. A context from outside that
// can end panics likewise. Polling Done works; receiving from it would block the simulation.
package sim

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/history"
)

// Runtime implements harness.Runtime. Its zero value is ready for use; several runs at once share
// nothing but what Options and OnEnd point to.
type Runtime struct {
	Options Options
	// OnEnd, if not nil, is called at the end of every run, before Run returns.
	OnEnd func(Stats)
}

// Options of a simulation.
type Options struct {
	// Network is how long a message or a client's request takes, one way. Zero: 500 µs at least,
	// 750 µs in the mean.
	Network Delay
	// Fsync is how long the disk needs to make durable what was written meanwhile. Zero: 500 µs at
	// least, 1.5 ms in the mean.
	Fsync Delay
	// Apply is how long a piece of state machine work waits for its turn. Zero: 50 µs at least,
	// 250 µs in the mean.
	Apply Delay
	// TickJitter is how much faster or slower a member's clock runs than virtual time, at most, as a
	// fraction below 1. Every member draws its own rate when it starts. Zero: all clocks are right.
	TickJitter float64
	// Hostile is how long, from the start on, a run's surroundings are hostile: by seed, messages
	// between members get lost, arrive twice or late, members lose power for an instant right after
	// they sent something (a Pivot chooses what), and programs are told (Host.Hostile). None of it is
	// in a schedule or a history: it is for finding bugs, not for measuring. Zero: never.
	Hostile time.Duration
	// Copy says in which runs messages between members are copied on their way, if the Program is a
	// Copier: it makes no difference but for programs that change what they sent. Zero: one in four,
	// by seed.
	Copy Copy
	// Limit is the virtual time after which a run that did not end is given up. Zero: 24 h.
	Limit time.Duration
	// Strict counts goroutines whenever a task blocks, and panics when somebody started one. The count
	// is the process's: nothing else may run beside it.
	Strict bool
	// Watchdog is the real time after which a task that neither blocks in Env nor returns is reported,
	// by a panic with its stack. Zero: never.
	Watchdog time.Duration
	// Trace, if not nil, takes every event as a line of text.
	Trace io.Writer
}

// Copy says when messages are copied.
type Copy int

const (
	CopySometimes Copy = iota // in one run of four, by seed
	CopyAlways
	CopyNever
)

const defaultLimit = 24 * time.Hour

func (o Options) withDefaults() Options {
	o.Network = o.Network.or(Delay{500 * time.Microsecond, 750 * time.Microsecond})
	o.Fsync = o.Fsync.or(Delay{500 * time.Microsecond, 1500 * time.Microsecond})
	o.Apply = o.Apply.or(Delay{50 * time.Microsecond, 250 * time.Microsecond})
	if o.Limit == 0 {
		o.Limit = defaultLimit
	}
	return o
}

func (o Options) check() error {
	for _, d := range []struct {
		name string
		Delay
	}{{"Network", o.Network}, {"Fsync", o.Fsync}, {"Apply", o.Apply}} {
		if d.Min < 0 || d.Mean < d.Min {
			return fmt.Errorf("simulation option %s: the mean %v must not be shorter than the least %v, nor either negative", d.name, d.Mean, d.Min)
		}
	}
	if o.TickJitter < 0 || o.TickJitter >= 1 {
		return fmt.Errorf("simulation option TickJitter: %v must be at least 0 and below 1", o.TickJitter)
	}
	return nil
}

// Stats says what happened in a run.
type Stats struct {
	Seed     uint64
	Hash     uint64        // of every event in order: two runs with the same hash were the same
	Time     time.Duration // virtual
	Events   int
	Skipped  int // ticks that did nothing: see Sleeper
	Switches int // times that a task was resumed
	Messages int // sent between members
	Calls    int // of clients, status calls included
	Ends     int // processes that were killed, stopped or lost power
	Panics   int // processes that ended by themselves
	Trips    int // times that a member lost power for an instant (Options.Hostile)
}

// InvariantError says that the system broke an invariant that its adapter watches, such as one leader
// a term: a property of the system, not of the harness. The run ended there, without healing.
type InvariantError struct {
	Node    history.NodeID // whose machine reported it
	At      time.Duration
	Problem string
}

func (e *InvariantError) Error() string {
	return fmt.Sprintf("invariant broken on %s at %v: %s", e.Node, e.At, e.Problem)
}

// Name is sim.
func (*Runtime) Name() string { return "sim" }

// Probe says what can be simulated: that needs nothing of the machine.
func (*Runtime) Probe(context.Context) (harness.Abler, error) { return abilities{}, nil }

// abilities are those of every simulated cluster.
type abilities struct{}

// Can implements harness.Abler.
func (abilities) Can(c harness.Capability) (string, error) {
	switch c {
	case harness.CanKill, harness.CanStop, harness.CanPowerFail, harness.CanPause, harness.CanCut:
		return "simulation", nil
	}
	return "", c.Missing("")
}

// VirtualTime says that nothing here takes the machine's time.
func (*Runtime) VirtualTime() {}

// Run simulates a cluster and calls body in its first task. The run's clock starts with the machines.
// Besides what harness.Runtime says, the error may be an *InvariantError, and then body did not return
// but was unwound where it waited: its deferred calls ran, but could not block. A panic in body is a
// *harness.PanicError.
func (r *Runtime) Run(ctx context.Context, cfg harness.ClusterConfig, body func(context.Context, harness.Env, harness.Cluster) error) error {
	opts := r.Options.withDefaults()
	if err := opts.check(); err != nil {
		return err
	}
	c, err := newCluster(cfg, opts)
	if err != nil {
		return fmt.Errorf("simulate: %w", err)
	}
	l := c.loop
	err = l.run(ctx, func(ctx context.Context) error {
		if err := c.startAll(ctx); err != nil {
			return err
		}
		return body(ctx, l, c)
	})
	if r.OnEnd != nil {
		s := l.stats
		s.Seed, s.Hash, s.Time = cfg.Seed, l.hash, l.now
		r.OnEnd(s)
	}
	if p := (*harness.PanicError)(nil); errors.As(err, &p) {
		panic(p)
	}
	if l.traceErr != nil {
		err = errors.Join(err, fmt.Errorf("write the simulation's trace: %w", l.traceErr))
	}
	return err
}
