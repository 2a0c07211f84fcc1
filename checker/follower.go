package checker

import (
	"context"
	"slices"

	"github.com/faultline-chaos/faultline/history"
	"github.com/faultline-chaos/faultline/internal/control"
)

// FollowerFaults is the negative control of leader faults: while faults affect only followers, too few to
// lose the quorum, and the leader stays the same, calls through the other members must go on
// succeeding. If they do not, an outage that a leader fault seems to cause may have
// another reason.
//
// A call counts where it was made of a member that no fault touches or that has answered since, and
// where it began after the fault was seen to have its effect and ended before its healing began.
//
// The baseline is the part of the run in which no fault affects any member: see control.Rates.
type FollowerFaults struct {
	// Tolerate is the share of such calls that may fail without a verdict of Invalid, to allow for
	// the machine's own hiccups; 0 means 0.01. Up to two failures are always tolerated. The reason
	// tells how many there were.
	Tolerate float64
}

// Name is follower-faults.
func (FollowerFaults) Name() string { return "follower-faults" }

// JudgesRun with faults on followers. In hostile surroundings there is no time at which nothing else was
// broken.
func (FollowerFaults) JudgesRun(r RunFacts) history.Checker {
	if r.Script || r.Hostile || !r.targets(history.TargetFollower) {
		return nil
	}
	return FollowerFaults{}
}

// Check reads all ops.
func (c FollowerFaults) Check(_ context.Context, h history.History) history.Verdict {
	list, err := faults(h.Ops)
	if err != nil {
		return malformed(err)
	}
	calls, err := attempts(h.Ops)
	if err != nil {
		return malformed(err)
	}
	w := windows{h: h, faults: list}
	w.find()
	if len(w.quiet) == 0 {
		return unknown("at no time did faults affect only a minority of followers while the leader stayed")
	}
	failed, total := w.failures(calls, w.quiet)
	baseline, baselineTotal := w.failures(calls, w.baseline)
	tolerate := c.Tolerate
	if tolerate == 0 {
		tolerate = 0.01
	}
	if len(failed) <= 2 {
		tolerate = 1
	}
	rates := control.Rates{Failed: len(failed), Calls: total, BaselineFailed: len(baseline), BaselineCalls: baselineTotal}
	switch rates.Judge(tolerate) {
	case control.Undisturbed:
		return valid("%d of %s through healthy members failed while faults affected only followers (%s) and the leader stayed", len(failed), count(total, "call"), count(len(w.quiet), "time"))
	case control.TooBusy:
		return unknown("%d of %s through healthy members failed while faults affected only followers, but so did %d of %s in the baseline: the machine was too busy to decide",
			len(failed), count(total, "call"), len(baseline), count(baselineTotal, "call"))
	case control.TooFew:
		if total == 0 {
			return unknown("no call was made through a healthy member while faults affected only followers")
		}
		return unknown("%d of %s through healthy members failed while faults affected only followers, and %d of %s in the baseline: too few to compare",
			len(failed), count(total, "call"), len(baseline), count(baselineTotal, "call"))
	}
	return invalid(evidence(h.Ops, failed[:min(len(failed), 20)]...), "%d of %s through healthy members failed while faults affected only followers (%s) and the leader stayed, and %d of %s in the baseline; up to %g %% are tolerated",
		len(failed), count(total, "call"), count(len(w.quiet), "time"), len(baseline), count(baselineTotal, "call"), 100*tolerate)
}

// failures are the completions of the calls in the windows that failed, and how many calls there were. One
// that was rejected by its own condition was served.
func (w *windows) failures(calls []attempt, in []window) (failed []int, total int) {
	for _, a := range calls {
		if !w.counts(a, in) {
			continue
		}
		total++
		if a.outcome != history.OK && !(a.done < len(w.h.Ops) && w.h.Ops[a.done].Rejected) {
			failed = append(failed, a.done)
		}
	}
	return failed, total
}

// window is a stretch of positions, both ends outside.
type window struct{ from, to int }

// windows finds the times that count.
type windows struct {
	h        history.History
	faults   []*fault
	quiet    []window // faults affect only a minority of followers, one leader leads
	baseline []window // no fault affects any member, one leader leads
	ill      map[history.NodeID][]window
}

// find sweeps over the history with what is broken and who leads at each time. A stretch that ends
// with a change of the leader does not count at all: the poller saw the change later than it was.
func (w *windows) find() {
	w.sick()
	var leader history.NodeID
	var term uint64
	start, broken := -1, false
	end := func(i int) {
		if start >= 0 && i > start+1 {
			if broken {
				w.quiet = append(w.quiet, window{start, i})
			} else {
				w.baseline = append(w.baseline, window{start, i})
			}
		}
		start = -1
	}
	for i := range w.h.Ops {
		op := &w.h.Ops[i]
		v, polled := status(op)
		switch {
		case op.Process == history.NemesisProcess:
			end(i)
		case polled && v.Role == history.Leader && v.Term >= term:
			if op.Node != leader || v.Term > term {
				start = -1
			}
			leader, term = op.Node, v.Term
		case polled && op.Node == leader:
			leader, start = "", -1
		}
		if start < 0 {
			switch w.broken(i, leader) {
			case followersBroken:
				start, broken = i, true
			case nothingBroken:
				start, broken = i, false
			}
		}
	}
	end(len(w.h.Ops))
}

// sick finds for each member when a fault may touch it: from the injection until it answers again.
func (w *windows) sick() {
	w.ill = map[history.NodeID][]window{}
	for _, f := range w.faults {
		for _, id := range f.touched() {
			w.ill[id] = append(w.ill[id], window{f.injectAt, w.answered(id, f.healedAt)})
		}
	}
}

// answered is the position at which a call that began after p succeeded on the member.
func (w *windows) answered(id history.NodeID, p int) int {
	if p < 0 {
		return len(w.h.Ops)
	}
	open := map[int]bool{}
	for i := p; i < len(w.h.Ops); i++ {
		op := &w.h.Ops[i]
		if !op.Client() || op.Node != id {
			continue
		}
		if op.Type == history.OK && open[op.Process] {
			return i
		}
		open[op.Process] = op.Type == history.Invoke
	}
	return len(w.h.Ops)
}

func (w *windows) healthy(id history.NodeID, from, to int) bool {
	return !slices.ContainsFunc(w.ill[id], func(x window) bool { return from < x.to && to > x.from })
}

// damage is what is broken at some time.
type damage int

const (
	otherwiseBroken damage = iota // more than a minority, the leader, or nobody leads
	followersBroken               // a minority without the leader, and at least one fault has its effect
	nothingBroken                 // no fault touches any member
)

// broken says what is broken just after position i.
func (w *windows) broken(i int, leader history.NodeID) damage {
	broken := map[history.NodeID]bool{}
	for id, list := range w.ill {
		for _, x := range list {
			if x.from <= i && i < x.to {
				broken[id] = true
			}
		}
	}
	active := false
	for _, f := range w.faults {
		active = active || f.landed() && f.landedAt <= i && i < f.until(w.h.Ops)
	}
	switch {
	case leader == "" || broken[leader] || len(broken) > (len(w.h.Nodes)-1)/2:
		return otherwiseBroken
	case active:
		return followersBroken
	case len(broken) == 0:
		return nothingBroken
	}
	return otherwiseBroken
}

// counts says whether the call lies in one of the windows and was made of a healthy member.
func (w *windows) counts(a attempt, in []window) bool {
	return slices.ContainsFunc(in, func(x window) bool { return x.from < a.invoke && a.done < x.to }) &&
		w.healthy(w.h.Ops[a.invoke].Node, a.invoke, a.done)
}
