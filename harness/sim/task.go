package sim

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime"

	"github.com/faultline-chaos/faultline/harness"
)

// wakeReason says why a task that waited goes on.
type wakeReason uint8

const (
	byTimer   wakeReason = iota
	byReply              // the payload is what it waited for
	byError              // the payload is an error
	byContext            // its context ended
	byJoin               // its children returned
)

// task is one coroutine. The loop resumes it, and it runs until it parks.
type task struct {
	loop   *loop
	id     int
	parent *task
	nth    int // of its parent's Parallel
	resume func() (struct{}, bool)
	stop   func()
	yield  func(struct{}) bool
	place  int // in loop.tasks

	// parks counts how often it waited. A wake-up names the one that it is for, so that a reply, a
	// deadline and a timer may race for a task: the first one wins and the others are stale.
	parks   uint64
	parked  bool
	done    bool
	why     wakeReason
	payload any
	under   *vctx // whose end wakes it
	underAt int   // place in under.waiting
}

// errStopped unwinds tasks that still wait when the simulation ends.
var errStopped = errors.New("the simulation is over")

// spawn makes a task, which starts when the loop gets to it. Panics in f other than errStopped go on
// in the loop.
func (l *loop) spawn(ctx context.Context, parent *task, nth int, f func(context.Context)) *task {
	l.made++
	t := &task{loop: l, id: l.made, parent: parent, nth: nth, parked: true, place: len(l.tasks)}
	l.tasks = append(l.tasks, t)
	t.resume, t.stop = iter.Pull(func(yield func(struct{}) bool) {
		t.yield = yield
		defer func() {
			t.end()
			if r := recover(); r != nil && r != errStopped { //nolint:errorlint // a private value
				panic(r)
			}
		}()
		f(ctx)
	})
	l.after(0, &event{kind: evWake, task: t, why: byTimer})
	return t
}

func (t *task) name() string {
	if t.parent == nil {
		return "the run's first task"
	}
	if t.parent.parent == nil {
		return fmt.Sprintf("task %d", t.nth)
	}
	return fmt.Sprintf("%s/%d", t.parent.name(), t.nth)
}

// end takes the task off the loop's list.
func (t *task) end() {
	if t.done {
		return
	}
	t.done = true
	l := t.loop
	last := len(l.tasks) - 1
	l.tasks[t.place] = l.tasks[last]
	l.tasks[t.place].place = t.place
	l.tasks[last] = nil
	l.tasks = l.tasks[:last]
}

// running is the task that calls. Only tasks may wait.
func (l *loop) running(what string) *task {
	if l.stopping {
		panic(errStopped)
	}
	if l.current == nil {
		panic("simulation: " + what + " called outside a task")
	}
	return l.current
}

// park waits until the task is woken, or until ctx ends (byContext).
func (t *task) park(ctx context.Context) wakeReason {
	if c := virtual(ctx); c != nil {
		if c.err != nil {
			return byContext
		}
		t.under, t.underAt = c, len(c.waiting)
		c.waiting = append(c.waiting, t)
	}
	return t.wait()
}

// wait waits until the task is woken.
func (t *task) wait() wakeReason {
	t.parked = true
	if !t.yield(struct{}{}) {
		panic(errStopped)
	}
	return t.why
}

// wake lets a task that parked go on, unless that park is over.
func (l *loop) wake(t *task, park uint64, why wakeReason, payload any) {
	if t.parks != park || !t.parked || t.done {
		return
	}
	t.parks++
	t.parked, t.why, t.payload = false, why, payload
	if c := t.under; c != nil {
		c.forget(t)
	}
	l.note(evWake, t.id, int(why), park, 0)
	l.stats.Switches++
	l.current = t
	t.resume()
	l.current = nil
	if l.opts.Strict {
		l.countGoroutines(t)
	}
}

// countGoroutines panics when there are more goroutines than tasks.
func (l *loop) countGoroutines(t *task) {
	if n := runtime.NumGoroutine() - l.goroutines; n > len(l.tasks) {
		panic(fmt.Sprintf("simulation: %s: there are %d goroutines for %d tasks: somebody started one with go; use Env.Parallel", t.name(), n, len(l.tasks)))
	}
}

// protect is harness.Protect, but errStopped passes through.
func (l *loop) protect(ctx context.Context, f harness.Task) error {
	err := harness.Protect(ctx, f)
	if p, ok := err.(*harness.PanicError); ok && p.Value == errStopped { //nolint:errorlint // private values
		panic(errStopped)
	}
	return err
}
