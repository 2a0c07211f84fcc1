package sim

import (
	"context"
	"runtime"
	"strings"
	"time"
)

// vctx is a context on virtual time: the loop ends it, without goroutine or timer.
type vctx struct {
	context.Context // where values are looked up
	loop            *loop
	deadline        time.Duration // never: it has none
	done            chan struct{} // made when somebody asks for it
	err             error
	// cause answers package context's question for the cause of the end, if that is not err.
	cause    causer
	waiting  []*task
	first    [1]*task // backs waiting, which is seldom longer
	children []*vctx
	parent   *vctx
	place    int // in parent.children
}

const never = time.Duration(1<<63 - 1)

// epoch is where the instants of deadlines count from.
var epoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// virtualKey finds the vctx that a context adds values to.
type virtualKey struct{}

// virtual returns the vctx that ends with ctx, nil if ctx cannot end.
func virtual(ctx context.Context) *vctx {
	if c, ok := ctx.(*vctx); ok {
		return c
	}
	done := ctx.Done()
	if done == nil {
		return nil
	}
	if c, ok := ctx.Value(virtualKey{}).(*vctx); ok && c.done == done {
		return c
	}
	panic("simulation: a context from outside, or made by package context, ends on real time: derive contexts with Env.WithTimeout from the one that the task got")
}

// newContext makes a child of parent, which is below outer and may be nil.
func (l *loop) newContext(outer context.Context, parent *vctx) *vctx {
	c := &vctx{Context: outer, loop: l, deadline: never, parent: parent}
	c.waiting = c.first[:0]
	if parent == nil {
		return c
	}
	if parent.err != nil {
		c.err, c.cause, c.parent = parent.err, parent.cause, nil
		return c
	}
	c.deadline, c.place = parent.deadline, len(parent.children)
	parent.children = append(parent.children, c)
	return c
}

// WithTimeout is context.WithTimeout on virtual time.
func (l *loop) WithTimeout(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	c := l.newContext(ctx, virtual(ctx))
	if at := l.now + max(d, 0); c.err == nil && at >= l.now && at < c.deadline { // else its parent ends first
		c.deadline = at
		l.after(d, &event{kind: evDeadline, payload: c})
	}
	return c, c.cancel
}

func (c *vctx) cancel() { c.end(context.Canceled, nil) }

// causer is a context of package context's that ended. Only its value for cancelKey counts.
type causer interface{ Value(key any) any }

// causeOf makes a causer that says why ctx ended.
func causeOf(ctx context.Context) causer {
	ended, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	cancel(context.Cause(ctx))
	return ended
}

// end ends the context and its children. Tasks that wait under it are woken by events, never from in
// here. cause nil: err is the cause.
func (c *vctx) end(err error, cause causer) {
	if c.err != nil {
		return
	}
	c.leave()
	c.ended(err, cause)
}

// leave takes the context off its parent's list.
func (c *vctx) leave() {
	p := c.parent
	if p == nil {
		return
	}
	last := len(p.children) - 1
	p.children[c.place] = p.children[last]
	p.children[c.place].place = c.place
	p.children[last] = nil
	p.children = p.children[:last]
	c.parent = nil
}

func (c *vctx) ended(err error, cause causer) {
	c.err, c.cause = err, cause
	if c.done != nil {
		close(c.done)
	}
	for _, t := range c.waiting {
		c.loop.after(0, &event{kind: evWake, task: t, token: t.parks, why: byContext})
	}
	for _, child := range c.children {
		child.parent = nil
		child.ended(err, cause)
	}
	c.children = nil
}

// forget takes a task off those that the end wakes.
func (c *vctx) forget(t *task) {
	last := len(c.waiting) - 1
	c.waiting[t.underAt] = c.waiting[last]
	c.waiting[t.underAt].underAt = t.underAt
	c.waiting[last] = nil
	c.waiting = c.waiting[:last]
	t.under = nil
}

// Err is nil until the context ends.
func (c *vctx) Err() error { return c.err }

// Done may be polled. A blocking receive would stop the simulation.
func (c *vctx) Done() <-chan struct{} {
	if c.done == nil {
		c.done = make(chan struct{})
		if c.err != nil {
			close(c.done)
		}
	}
	return c.done
}

// Deadline counts virtual time from the year 2000.
func (c *vctx) Deadline() (time.Time, bool) {
	return epoch.Add(c.deadline), c.deadline != never
}

// Value also answers package context, which asks with a key of its own for the cause of the end, and
// when it is about to attach a child; that would need a goroutine or a real timer.
func (c *vctx) Value(key any) any {
	switch key {
	case virtualKey{}:
		return c
	case cancelKey:
		if c.err == nil && attaching() {
			panic("simulation: context.WithCancel, WithTimeout, WithDeadline or AfterFunc was called on a context on virtual time: use Env.WithTimeout")
		}
		if c.cause != nil {
			return c.cause.Value(key)
		}
		return nil
	}
	return c.Context.Value(key)
}

// attaching says whether package context is about to attach a child: only functions of its own are
// on the way here.
func attaching() bool {
	var pcs [8]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs[:])])
	for {
		f, more := frames.Next()
		if strings.HasPrefix(f.Function, "context.") && strings.HasSuffix(f.Function, ".propagateCancel") {
			return true
		}
		if !more {
			return false
		}
	}
}

// cancelKey is package context's key for the nearest context of its own kind, found out by letting it
// ask.
var cancelKey = func() any {
	probe := &keyProbe{Context: context.Background(), done: make(chan struct{})}
	_, cancel := context.WithCancel(probe)
	cancel()
	if probe.key == nil {
		panic("package context does not ask its parent with a key any more: harness/sim must be adapted")
	}
	return probe.key
}()

// keyProbe notes the key that it is asked for. Its AfterFunc spares WithCancel a goroutine.
type keyProbe struct {
	context.Context
	done chan struct{}
	key  any
}

func (p *keyProbe) Done() <-chan struct{}               { return p.done }
func (p *keyProbe) AfterFunc(func()) (stop func() bool) { return func() bool { return true } }
func (p *keyProbe) Value(key any) any {
	p.key = key
	return nil
}
