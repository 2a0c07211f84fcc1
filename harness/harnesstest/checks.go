package harnesstest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/history"
)

const (
	checkTime = 60 * time.Second // for one check
	askTime   = 2 * time.Second  // for one call of a client
	pause     = 10 * time.Millisecond
)

// check is one property of a cluster of three that serves. It leaves the cluster as it was.
type check struct {
	name    string
	claimed func(harness.Cluster) bool
	do      func(context.Context, *bench) error
}

func always(harness.Cluster) bool { return true }

// can is what the cluster claims to be able to do on this machine.
func can(all ...harness.Capability) func(harness.Cluster) bool {
	return func(c harness.Cluster) bool {
		return !slices.ContainsFunc(all, func(x harness.Capability) bool { _, err := c.Can(x); return err != nil })
	}
}

func claims[T any](c harness.Cluster) bool {
	_, ok := c.(T)
	return ok
}

var checks = []check{
	{"members", always, checkMembers},
	{"capabilities are answers", always, checkAnswers},
	{"put and get", always, checkPutGet},
	{"statuses", always, checkStatuses},
	{"kill and start", can(harness.CanKill), checkKill},
	{"stop", can(harness.CanStop), checkStop},
	{"power failure", can(harness.CanPowerFail), checkPowerFail},
	{"pause and resume", can(harness.CanPause), checkPause},
	{"pause, then kill", can(harness.CanPause, harness.CanKill), checkPauseKill},
	{"memory", claims[harness.MemoryMeter], checkMemory},
	{"cut and mend", can(harness.CanCut), checkCut},
	{"cut one way", can(harness.CanCut), checkOneWay},
	{"overlapping rules", can(harness.CanCut), checkOverlap},
	{"rule replaced", can(harness.CanCut), checkReplace},
	{"clients are not cut off", can(harness.CanCut), checkClients},
	{"bad links", can(harness.CanCut), checkBadLinks},
	{"rules at once", can(harness.CanCut), checkConcurrent},
	{"kill while cut", can(harness.CanCut, harness.CanKill), checkKillCut},
	{"fault that acts while it lasts", can(harness.CanPause), checkHold},
	{"start timings", claims[harness.Timings], checkTimings},
}

// bench is a cluster under test.
type bench struct {
	env     harness.Env
	cluster harness.Cluster
	runtime string
	able    harness.Abler // what the runtime's Probe said
}

// eventually repeats f until it is nil or ctx ends.
func (b *bench) eventually(ctx context.Context, f func(context.Context) error) error {
	for {
		err := f(ctx)
		if err == nil {
			return nil
		}
		if b.env.Sleep(ctx, pause) != nil {
			return err
		}
	}
}

// use makes one call with a fresh client.
func (b *bench) use(ctx context.Context, id history.NodeID, f func(context.Context, harness.KV) error) error {
	ctx, cancel := b.env.WithTimeout(ctx, askTime)
	defer cancel()
	kv, err := b.cluster.Dial(id)
	if err != nil {
		return err
	}
	return errors.Join(f(ctx, kv), kv.Close())
}

func (b *bench) put(ctx context.Context, id history.NodeID, key, value string) error {
	return b.eventually(ctx, func(ctx context.Context) error {
		return b.use(ctx, id, func(ctx context.Context, kv harness.KV) error {
			_, err := kv.Put(ctx, key, value)
			return err
		})
	})
}

func (b *bench) get(ctx context.Context, id history.NodeID, key, want string) error {
	return b.eventually(ctx, func(ctx context.Context) error {
		return b.use(ctx, id, func(ctx context.Context, kv harness.KV) error {
			e, err := kv.Get(ctx, key)
			if err == nil && e.Value != want {
				err = fmt.Errorf("%s: %s is %q, want %q", id, key, e.Value, want)
			}
			return err
		})
	})
}

func (b *bench) serves(ctx context.Context, id history.NodeID) error {
	return b.eventually(ctx, func(ctx context.Context) error { return b.status(ctx, id) })
}

// status asks once.
func (b *bench) status(ctx context.Context, id history.NodeID) error {
	ctx, cancel := b.env.WithTimeout(ctx, harness.StatusTimeout)
	defer cancel()
	st, err := b.cluster.Status(ctx, id)
	if err == nil && st.Role == history.Unreached {
		err = fmt.Errorf("%s says no role", id)
	}
	return err
}

// silent is nil if the member does not answer.
func (b *bench) silent(ctx context.Context, id history.NodeID) error {
	if b.status(ctx, id) == nil {
		return fmt.Errorf("%s still answers", id)
	}
	return nil
}

func is[T comparable](what string, want T) func(T, error) error {
	return func(got T, err error) error {
		if err == nil && got != want {
			err = fmt.Errorf("%s is %v, want %v", what, got, want)
		}
		return err
	}
}

// all is the first error of steps that are done in order.
func all(steps ...func() error) error {
	for i, f := range steps {
		if err := f(); err != nil {
			return fmt.Errorf("step %d: %w", i+1, err)
		}
	}
	return nil
}

func checkMembers(_ context.Context, b *bench) error {
	if want := []history.NodeID{"n1", "n2", "n3"}; !slices.Equal(b.cluster.Members(), want) {
		return fmt.Errorf("members are %v, want %v", b.cluster.Members(), want)
	}
	if b.cluster.Runtime() != b.runtime {
		return fmt.Errorf("the cluster calls its runtime %q, the runtime itself %q", b.cluster.Runtime(), b.runtime)
	}
	if kv, err := b.cluster.Dial("n9"); err == nil {
		return errors.Join(errors.New("there is a client of n9, which is not a member"), kv.Close())
	}
	return nil
}

// checkAnswers holds what the cluster says against what it has methods for, and against what its runtime
// said before the start.
func checkAnswers(ctx context.Context, b *bench) error {
	for _, e := range harness.Capabilities() {
		mechanism, err := b.cluster.Can(e.Capability)
		switch {
		case err == nil && mechanism == "":
			return fmt.Errorf("it can %s, by no mechanism", e.Capability)
		case err == nil && !e.Implements(b.cluster):
			return fmt.Errorf("it can %s, but has no methods for it", e.Capability)
		case err != nil && !strings.Contains(err.Error(), e.Doc):
			return fmt.Errorf("it cannot %s, and does not say so: %w", e.Capability, err)
		}
		if _, before := b.able.Can(e.Capability); before != nil && err == nil {
			return fmt.Errorf("it can %s, and its runtime's Probe denied it: %w", e.Capability, before)
		}
	}
	if _, err := b.cluster.Can("fly"); err == nil {
		return errors.New("it can fly")
	}
	return nil
}

func checkPutGet(ctx context.Context, b *bench) error {
	for _, id := range b.cluster.Members() {
		value := "of-" + string(id)
		if err := errors.Join(b.put(ctx, id, "k-"+string(id), value), b.get(ctx, id, "k-"+string(id), value)); err != nil {
			return err
		}
	}
	return nil
}

func checkStatuses(ctx context.Context, b *bench) error {
	return b.eventually(ctx, func(ctx context.Context) error {
		for i, st := range harness.Statuses(ctx, b.env, b.cluster) {
			if st.Role == history.Unreached {
				return fmt.Errorf("%s does not answer", b.cluster.Members()[i])
			}
		}
		return nil
	})
}

func checkKill(ctx context.Context, b *bench) error {
	return endAndStart(ctx, b, b.cluster.(harness.Killer).Kill)
}

func checkStop(ctx context.Context, b *bench) error {
	return endAndStart(ctx, b, b.cluster.(harness.Stopper).Stop)
}

func checkPowerFail(ctx context.Context, b *bench) error {
	return endAndStart(ctx, b, b.cluster.(harness.PowerFailer).PowerFail)
}

// endAndStart expects acknowledged data back.
func endAndStart(ctx context.Context, b *bench, end func(context.Context, history.NodeID) error) error {
	k := b.cluster.(harness.Killer)
	return all(
		func() error { return b.put(ctx, "n1", "kept", "yes") },
		func() error { return is("alive before", true)(k.Alive(ctx, "n1")) },
		func() error { return end(ctx, "n1") },
		func() error { return is("alive after", false)(k.Alive(ctx, "n1")) },
		func() error { return b.silent(ctx, "n1") },
		func() error { return is("another one alive", true)(k.Alive(ctx, "n2")) },
		func() error { return end(ctx, "n1") }, // idempotent
		func() error { return k.Start(ctx, "n1") },
		func() error { return is("alive again", true)(k.Alive(ctx, "n1")) },
		func() error { return b.serves(ctx, "n1") },
		func() error { return k.Start(ctx, "n1") }, // idempotent
		func() error { return b.get(ctx, "n1", "kept", "yes") },
	)
}

func checkPause(ctx context.Context, b *bench) error {
	p := b.cluster.(harness.Pauser)
	return all(
		func() error { return b.serves(ctx, "n2") },
		func() error { return is("paused before", false)(p.Paused(ctx, "n2")) },
		func() error { return p.Resume(ctx, "n2") }, // nothing to do
		func() error { return p.Pause(ctx, "n2") },
		func() error { return is("paused", true)(p.Paused(ctx, "n2")) },
		func() error { return b.silent(ctx, "n2") },
		func() error {
			if k, ok := b.cluster.(harness.Killer); ok {
				return is("alive while paused", true)(k.Alive(ctx, "n2"))
			}
			return nil
		},
		func() error { return p.Pause(ctx, "n2") }, // idempotent
		func() error { return is("another one paused", false)(p.Paused(ctx, "n3")) },
		func() error { return p.Resume(ctx, "n2") },
		func() error { return is("paused after", false)(p.Paused(ctx, "n2")) },
		func() error { return b.serves(ctx, "n2") },
		func() error { return p.Resume(ctx, "n2") }, // idempotent
	)
}

func checkPauseKill(ctx context.Context, b *bench) error {
	p, k := b.cluster.(harness.Pauser), b.cluster.(harness.Killer)
	return all(
		func() error { return p.Pause(ctx, "n3") },
		func() error { return k.Kill(ctx, "n3") },
		func() error { return is("alive", false)(k.Alive(ctx, "n3")) },
		func() error { return is("paused", false)(p.Paused(ctx, "n3")) },
		func() error { return p.Resume(ctx, "n3") }, // it is not paused any more
		func() error { return k.Start(ctx, "n3") },
		func() error { return is("paused after the start", false)(p.Paused(ctx, "n3")) },
		func() error { return b.serves(ctx, "n3") },
	)
}

func checkMemory(ctx context.Context, b *bench) error {
	rss, err := b.cluster.(harness.MemoryMeter).RSS(ctx, "n1")
	if err == nil && rss < 1<<16 {
		err = fmt.Errorf("n1 has %d bytes resident, which no process can run in", rss)
	}
	return err
}

func both(a, b history.NodeID) []harness.Link {
	return []harness.Link{{From: a, To: b}, {From: b, To: a}}
}

// open waits until probes come through. It does so more than once: a probe may be late.
func (b *bench) open(ctx context.Context, links ...harness.Link) error {
	for _, l := range links {
		err := b.eventually(ctx, func(ctx context.Context) error { return b.cluster.(harness.Network).Probe(ctx, l) })
		if err != nil {
			return fmt.Errorf("the link from %s to %s should be open: %w", l.From, l.To, err)
		}
	}
	return nil
}

// cut expects no probe to come through, at once.
func (b *bench) cut(ctx context.Context, links ...harness.Link) error {
	for _, l := range links {
		if b.cluster.(harness.Network).Probe(ctx, l) == nil {
			return fmt.Errorf("the link from %s to %s should be cut", l.From, l.To)
		}
	}
	return nil
}

func checkCut(ctx context.Context, b *bench) error {
	n := b.cluster.(harness.Network)
	return all(
		func() error { return b.open(ctx, both("n1", "n2")...) },
		func() error { return n.Cut(ctx, "a", both("n1", "n2")) },
		func() error { return b.cut(ctx, both("n1", "n2")...) },
		func() error { return b.open(ctx, both("n1", "n3")...) },
		func() error { return b.open(ctx, both("n2", "n3")...) },
		func() error { return n.Cut(ctx, "a", both("n1", "n2")) }, // idempotent
		func() error { return n.Mend(ctx, "a") },
		func() error { return b.open(ctx, both("n1", "n2")...) },
		func() error { return n.Mend(ctx, "a") }, // idempotent
		func() error { return n.Mend(ctx, "never was") },
	)
}

func checkOneWay(ctx context.Context, b *bench) error {
	n := b.cluster.(harness.Network)
	l := harness.Link{From: "n3", To: "n1"}
	return all(
		func() error { return n.Cut(ctx, "a", []harness.Link{l}) },
		func() error { return b.cut(ctx, l) },
		func() error { return b.open(ctx, both("n3", "n2")...) },
		func() error { return n.Mend(ctx, "a") },
		func() error { return b.open(ctx, both("n3", "n1")...) },
	)
}

func checkOverlap(ctx context.Context, b *bench) error {
	n := b.cluster.(harness.Network)
	return all(
		func() error { return n.Cut(ctx, "a", both("n1", "n2")) },
		func() error { return n.Cut(ctx, "b", append(both("n1", "n2"), both("n1", "n3")...)) },
		func() error { return n.Mend(ctx, "a") },
		func() error { return b.cut(ctx, both("n1", "n2")...) },
		func() error { return b.cut(ctx, both("n1", "n3")...) },
		func() error { return b.open(ctx, both("n2", "n3")...) },
		func() error { return n.Mend(ctx, "b") },
		func() error { return b.open(ctx, append(both("n1", "n2"), both("n1", "n3")...)...) },
	)
}

func checkReplace(ctx context.Context, b *bench) error {
	n := b.cluster.(harness.Network)
	return all(
		func() error { return n.Cut(ctx, "a", both("n1", "n2")) },
		func() error { return n.Cut(ctx, "a", both("n2", "n3")) },
		func() error { return b.open(ctx, both("n1", "n2")...) },
		func() error { return b.cut(ctx, both("n2", "n3")...) },
		func() error { return n.Mend(ctx, "a") },
		func() error { return b.open(ctx, both("n2", "n3")...) },
	)
}

func checkClients(ctx context.Context, b *bench) error {
	n := b.cluster.(harness.Network)
	return all(
		func() error { return n.Cut(ctx, "a", append(both("n1", "n2"), both("n1", "n3")...)) },
		func() error { return b.serves(ctx, "n1") },
		func() error { return b.cut(ctx, both("n1", "n2")...) },
		func() error { return n.Mend(ctx, "a") },
		func() error { return b.open(ctx, both("n1", "n2")...) },
	)
}

func checkBadLinks(ctx context.Context, b *bench) error {
	n := b.cluster.(harness.Network)
	for _, l := range []harness.Link{{From: "n1", To: "n9"}, {From: "n9", To: "n1"}, {From: "n1", To: "n1"}} {
		if n.Cut(ctx, "bad", []harness.Link{l}) == nil {
			return fmt.Errorf("the link from %s to %s was cut, but there is none", l.From, l.To)
		}
	}
	return b.open(ctx, both("n1", "n2")...)
}

// checkConcurrent has rules come and go at once; the lists of agents may overtake each other.
func checkConcurrent(ctx context.Context, b *bench) error {
	n := b.cluster.(harness.Network)
	var tasks []harness.Task
	for i := range 6 {
		rule := fmt.Sprintf("r%d", i)
		links := [][]harness.Link{both("n1", "n2"), both("n2", "n3"), both("n1", "n3")}[i%3]
		tasks = append(tasks, func(ctx context.Context) error {
			for range 10 {
				if err := errors.Join(n.Cut(ctx, rule, links), n.Mend(ctx, rule)); err != nil {
					return err
				}
			}
			if i == 0 {
				return n.Cut(ctx, rule, links)
			}
			return nil
		})
	}
	return all(
		func() error { return b.env.Parallel(ctx, tasks...) },
		func() error { return b.cut(ctx, both("n1", "n2")...) },
		func() error { return b.open(ctx, append(both("n2", "n3"), both("n1", "n3")...)...) },
		func() error { return n.Mend(ctx, "r0") },
		func() error { return b.open(ctx, both("n1", "n2")...) },
	)
}

func checkKillCut(ctx context.Context, b *bench) error {
	n, k := b.cluster.(harness.Network), b.cluster.(harness.Killer)
	return all(
		func() error { return n.Cut(ctx, "a", both("n1", "n2")) },
		func() error { return k.Kill(ctx, "n1") },
		func() error { return k.Start(ctx, "n1") },
		func() error { return b.cut(ctx, both("n1", "n2")...) }, // rules outlive processes
		func() error { return k.Kill(ctx, "n1") },
		func() error { return n.Mend(ctx, "a") },
		func() error { return k.Start(ctx, "n1") },
		func() error { return b.serves(ctx, "n1") },
		func() error { return b.open(ctx, both("n1", "n2")...) },
	)
}

func checkTimings(_ context.Context, b *bench) error {
	timings := b.cluster.(harness.Timings).StartTimings()
	if len(timings) == 0 {
		return errors.New("there are none")
	}
	for _, t := range timings {
		if t.Name == "" || t.Took <= 0 {
			return fmt.Errorf("one has the name %q and took %v", t.Name, t.Took)
		}
	}
	return nil
}
