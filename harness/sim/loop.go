package sim

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync/atomic"
	"time"

	"github.com/faultline-chaos/faultline/harness"
)

// loop is the event loop: virtual time, tasks and contexts. It implements harness.Env. What happens
// in the cluster is handle's.
type loop struct {
	opts   Options
	seed   uint64
	now    time.Duration
	seq    uint64
	queue  queue
	handle func(*event)
	failed error // ends the run
	hash   uint64
	stats  Stats

	tasks    []*task // that have not ended
	made     int     // tasks so far
	current  *task   // nil: the loop itself runs
	stopping bool

	goroutines int // of the process, before the first task
	progress   atomic.Uint64
	traceErr   error
}

func newLoop(seed uint64, o Options) *loop {
	return &loop{seed: seed, opts: o, hash: 14695981039346656037}
}

// after lets e happen d from now, behind what happens then already.
func (l *loop) after(d time.Duration, e *event) {
	l.seq++
	l.queue.push(l.now+max(d, 0), l.seq, e)
}

// note mixes what happens now into the hash, and traces it.
func (l *loop) note(kind eventKind, node, source int, token, what uint64) {
	const prime = 1099511628211
	h := (l.hash ^ word(l.now)) * prime
	h = (h ^ uint64(kind)<<56 ^ word(node)<<48 ^ word(source)) * prime
	h = (h ^ token) * prime
	h = (h ^ what) * prime
	l.hash = h ^ h>>31
	if l.opts.Trace != nil {
		l.trace(kind, node, source, token, what)
	}
}

// word is a number for the hash.
func word[T ~int | ~int64](x T) uint64 { return uint64(x) }

func (l *loop) trace(kind eventKind, node, source int, token, what uint64) {
	if _, err := fmt.Fprintf(l.opts.Trace, "%d %s n%d %d %x %x\n", l.now, eventNames[kind], node, source, token, what); err != nil && l.traceErr == nil {
		l.traceErr = err
	}
}

// run runs body as the first task until it returns. ctx is real: when it ends, the virtual context
// that body has ends too, with the same cause, and body winds up on virtual time.
func (l *loop) run(ctx context.Context, body harness.Task) (err error) {
	defer l.stop()
	if l.opts.Watchdog > 0 {
		quit, ended := make(chan struct{}), make(chan struct{})
		defer func() { close(quit); <-ended }()
		go func() { defer close(ended); l.watch(quit) }()
	}
	l.goroutines = runtime.NumGoroutine()
	root := l.newContext(context.WithoutCancel(ctx), nil)
	first := l.spawn(root, nil, 0, func(ctx context.Context) { err = l.protect(ctx, body) }) //nolint:contextcheck // root is ctx on virtual time
	var e event
	for !first.done && l.failed == nil {
		if l.stats.Events%1024 == 0 {
			l.progress.Add(1)
			if ctx.Err() != nil {
				root.end(context.Canceled, causeOf(ctx))
			}
		}
		at, ok := l.queue.pop(&e)
		if !ok {
			return fmt.Errorf("simulate: deadlock at %v: nothing will ever happen, and these tasks wait: %s", l.now, l.taskNames())
		}
		if at > l.opts.Limit {
			return fmt.Errorf("simulate: the run did not end within %v of virtual time; these tasks wait: %s", l.opts.Limit, l.taskNames())
		}
		l.now = at
		l.stats.Events++
		l.step(&e)
	}
	if l.failed != nil {
		err = errors.Join(l.failed, err)
	}
	return err
}

func (l *loop) step(e *event) {
	switch e.kind {
	case evWake:
		l.wake(e.task, e.token, e.why, e.payload)
	case evDeadline:
		if c := e.payload.(*vctx); c.err == nil {
			l.note(evDeadline, 0, 0, word(c.deadline), 0)
			c.end(context.DeadlineExceeded, nil)
		}
	default:
		l.handle(e)
	}
}

func (l *loop) taskNames() string {
	var names []string
	for _, t := range l.tasks {
		names = append(names, t.name())
	}
	return strings.Join(names, ", ")
}

// stop unwinds every task that waits, children before parents, and runs their deferred calls.
func (l *loop) stop() {
	l.stopping = true
	for len(l.tasks) > 0 {
		newest := l.tasks[0]
		for _, t := range l.tasks {
			if t.id > newest.id {
				newest = t
			}
		}
		newest.stop()
		newest.end() // it may never have started
	}
}

// watch reports a task that goes on for too long: the loop makes no progress then. There is no way to
// stop it but to end the process.
func (l *loop) watch(quit chan struct{}) {
	tick := time.NewTicker(l.opts.Watchdog)
	defer tick.Stop()
	last := l.progress.Load()
	for {
		select {
		case <-quit:
			return
		case <-tick.C:
		}
		now := l.progress.Load()
		if now == last {
			panic(fmt.Sprintf("simulation: a task has blocked or spun outside Env for %v:\n%s", l.opts.Watchdog, taskStacks()))
		}
		last = now
	}
}

// taskStacks are the stacks of tasks that do not wait in Env.
func taskStacks() string {
	all := make([]byte, 1<<20)
	all = all[:runtime.Stack(all, true)]
	var found []string
	for g := range strings.SplitSeq(string(all), "\n\n") {
		head, _, _ := strings.Cut(g, "\n")
		if strings.Contains(g, "sim.(*loop).spawn") && !strings.Contains(head, "[coroutine") {
			found = append(found, g)
		}
	}
	return strings.Join(found, "\n\n")
}

// Now is the virtual time.
func (l *loop) Now() time.Duration { return l.now }

// Rand returns the named stream of the run's seed.
func (l *loop) Rand(stream string) *rand.Rand { return harness.Stream(l.seed, stream) }

// Sleep waits for d or the end of ctx.
func (l *loop) Sleep(ctx context.Context, d time.Duration) error {
	t := l.running("Sleep")
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	l.after(d, &event{kind: evWake, task: t, token: t.parks, why: byTimer})
	if t.park(ctx) == byContext {
		return context.Cause(ctx)
	}
	return nil
}

// Parallel runs each task as a coroutine of its own.
func (l *loop) Parallel(ctx context.Context, tasks ...harness.Task) error {
	parent := l.running("Parallel")
	shared := l.newContext(ctx, virtual(ctx))
	defer shared.end(context.Canceled, nil)
	left := len(tasks)
	errs := make([]error, left)
	for i, f := range tasks {
		l.spawn(shared, parent, i, func(ctx context.Context) { //nolint:contextcheck // shared is below ctx
			defer func() { // also when unwound
				if left--; left == 0 {
					l.after(0, &event{kind: evWake, task: parent, token: parent.parks, why: byJoin})
				}
			}()
			errs[i] = l.protect(ctx, f)
			if errs[i] != nil && panicked(errs[i]) {
				shared.end(context.Canceled, nil)
			}
		})
	}
	for left > 0 {
		parent.wait()
	}
	return harness.JoinErrors(errs)
}

func panicked(err error) bool {
	p := (*harness.PanicError)(nil)
	return errors.As(err, &p)
}

var _ harness.Env = (*loop)(nil)
