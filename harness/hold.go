package harness

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/faultline-chaos/faultline/history"
)

// lastTime bounds what lasts until somebody ends it.
const lastTime = 1000 * time.Hour

// last lets a fault that has its effect last for d, or until somebody heals it or ctx ends, and does what
// the fault does meanwhile.
func (n *Nemesis) last(ctx context.Context, in *Injected, d time.Duration) {
	h, ok := in.fault.(Holder)
	if !ok {
		_ = n.env.Sleep(ctx, d) // how it ended does not matter
		return
	}
	ctx, stop := n.env.WithTimeout(ctx, d)
	defer stop()
	if !n.beginHold(in, stop) {
		return
	}
	defer n.heldTo(in)
	if err := h.Hold(ctx, n.cluster, n.injection(in)); err != nil && !ended(ctx, err) {
		n.record(history.Info, history.FHold, in, err)
	}
	_ = n.env.Sleep(ctx, d) // ctx ends it
}

// ended says whether the error, and each of several joined ones, is only that ctx has ended.
func ended(ctx context.Context, err error) bool {
	if several, ok := err.(interface{ Unwrap() []error }); ok {
		return !slices.ContainsFunc(several.Unwrap(), func(err error) bool { return !ended(ctx, err) })
	}
	if wrapped := errors.Unwrap(err); wrapped != nil {
		return ended(ctx, wrapped)
	}
	return ctx.Err() != nil && (errors.Is(err, ctx.Err()) || errors.Is(err, context.Cause(ctx)))
}

// beginHold is false where the injection is being healed already.
func (n *Nemesis) beginHold(in *Injected, stop func()) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if in.healing {
		return false
	}
	in.stop = stop
	return true
}

// heldTo says that Hold has ended to who waits for that.
func (n *Nemesis) heldTo(in *Injected) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if in.stop = nil; in.stopped != nil {
		in.stopped()
	}
}

// endHold ends the Hold of a claimed injection and waits until it has returned. What prevents that is
// recorded; the healing goes on.
func (n *Nemesis) endHold(ctx context.Context, in *Injected) {
	wait, stopped := n.env.WithTimeout(ctx, verifyTime)
	defer stopped()
	n.mu.Lock()
	stop := in.stop
	if stop != nil {
		in.stopped = stopped
	}
	lost := slices.Contains(n.queue, in) && !n.conducted
	n.queue = slices.DeleteFunc(n.queue, func(q *Injected) bool { return q == in })
	n.mu.Unlock()
	if lost {
		n.record(history.Info, history.FHold, in, errors.New("nobody let it do what it does while it lasts: see Nemesis.Conduct"))
	}
	if stop == nil {
		return
	}
	stop()
	_ = n.env.Sleep(wait, verifyTime)
	n.mu.Lock()
	runs := in.stop != nil
	n.mu.Unlock()
	if runs {
		n.record(history.Info, history.FHold, in, fmt.Errorf("it did not stop within %v", verifyTime))
	}
}

// Conduct calls a script, which may Inject and Heal, and beside it does what the faults do while they
// last. It returns the script's error. A script that returns ends that; what it did not heal is for
// HealAll.
func (n *Nemesis) Conduct(ctx context.Context, script Task) error {
	n.mu.Lock()
	n.conducted = true
	n.mu.Unlock()
	var scripted error
	run, stop := n.env.WithTimeout(ctx, lastTime)
	defer stop()
	err := n.env.Parallel(run, func(ctx context.Context) error {
		defer stop()
		scripted = script(ctx)
		return nil
	}, n.conduct)
	if err == nil {
		return scripted
	}
	return errors.Join(err, scripted)
}

// conduct runs the Hold of each injection that comes into the queue, until ctx ends.
func (n *Nemesis) conduct(ctx context.Context) error {
	for ctx.Err() == nil {
		wait, wake := n.env.WithTimeout(ctx, lastTime)
		in := n.dequeue(wake)
		if in == nil {
			_ = n.env.Sleep(wait, lastTime) // until there is one, or ctx ends
		}
		wake()
		if in != nil {
			return n.env.Parallel(ctx, func(ctx context.Context) error { n.last(ctx, in, lastTime); return nil }, n.conduct)
		}
	}
	return nil
}

func (n *Nemesis) enqueue(in *Injected) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.queue = append(n.queue, in)
	if n.wake != nil {
		n.wake()
	}
}

// dequeue takes the next one. Where there is none, enqueue calls wake.
func (n *Nemesis) dequeue(wake func()) *Injected {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.queue) == 0 {
		n.wake = wake
		return nil
	}
	in := n.queue[0]
	n.queue, n.wake = n.queue[1:], nil
	return in
}
