package harness

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/faultline-chaos/faultline/history"
)

// Limits of one injection or healing.
const (
	resolveTime = 5 * time.Second  // for somebody to lead, where the target needs a leader
	verifyTime  = 10 * time.Second // for the effect of an injection or healing to be seen
	healTime    = 30 * time.Second // for everything to be healed at the end of a run
	verifyPause = 10 * time.Millisecond
)

// Nemesis injects faults, verifies and records each, and heals them. Several tasks may use it.
type Nemesis struct {
	env      Env
	cluster  Cluster
	recorder *Recorder

	mu     sync.Mutex //seam:ok a leaf lock over the fields below: nothing blocks in Env while it is held
	rand   *rand.Rand
	active []*Injected // in the order of injection
	count  int         // injections so far

	queue     []*Injected // whose Hold Conduct shall run
	conducted bool        // there is, or was, a Conduct
	wake      func()      // ends the wait of Conduct; nil: it does not wait
}

// Injected is one fault that was injected, or tried to be.
type Injected struct {
	history.FaultValue
	fault   Fault
	healing bool   // somebody heals it
	stop    func() // ends its Hold; nil: none runs
	stopped func() // called when Hold has ended; nil: nobody waits for that
}

// NewNemesis makes a nemesis. Its targets are drawn from a stream of the run's seed.
func NewNemesis(env Env, c Cluster, r *Recorder) *Nemesis {
	return &Nemesis{env: env, cluster: c, recorder: r, rand: env.Rand("nemesis/targets")}
}

// Run executes a schedule, each step in a task of its own so that a slow fault starves nobody. It
// ends after d and leaves nothing broken behind, whether it ends by time, by cancellation or by a
// panic. Its error says what could not be healed.
func (n *Nemesis) Run(ctx context.Context, s Schedule, d time.Duration) (err error) {
	defer func() {
		ctx, cancel := n.env.WithTimeout(context.WithoutCancel(ctx), healTime)
		defer cancel()
		err = errors.Join(err, n.HealAll(ctx))
	}()
	start := n.env.Now()
	ctx, cancel := n.env.WithTimeout(ctx, d)
	defer cancel()
	tasks := []Task{func(ctx context.Context) error { // keeps the phase as long as it was asked to be
		_ = n.env.Sleep(ctx, d) // ending early is what cancellation means
		return nil
	}}
	for i, st := range s {
		tasks = append(tasks, func(ctx context.Context) error {
			if n.env.Sleep(ctx, start+st.At-n.env.Now()) != nil {
				return nil // the run ended before this step
			}
			return n.step(ctx, fmt.Sprintf("f%d", i+1), st)
		})
	}
	return n.env.Parallel(ctx, tasks...)
}

// step injects, waits and heals. A failed injection is recorded, not returned: what it means is for
// checkers to say.
func (n *Nemesis) step(ctx context.Context, id string, st Step) error {
	in, err := n.inject(ctx, id, st)
	if err == nil {
		n.last(ctx, in, st.For) // ending early is healed below
	}
	heal, cancel := n.env.WithTimeout(context.WithoutCancel(ctx), healTime)
	defer cancel()
	return n.Heal(heal, in)
}

// Inject injects the fault now; it lasts until it is healed. The error says why the injection failed; it
// is recorded, and the injection must be healed anyway. A Holder needs a Conduct around the call, which
// runs its Hold.
func (n *Nemesis) Inject(ctx context.Context, f Fault, t history.Target) (*Injected, error) {
	n.mu.Lock()
	n.count++
	id := fmt.Sprintf("x%d", n.count)
	n.mu.Unlock()
	in, err := n.inject(ctx, id, Step{Fault: f, Target: t})
	if _, ok := f.(Holder); ok && err == nil {
		n.enqueue(in)
	}
	return in, err
}

func (n *Nemesis) inject(ctx context.Context, id string, st Step) (*Injected, error) {
	in := n.resolve(ctx, id, st)
	if len(in.Nodes) == 0 && ctx.Err() != nil { // the run ended; nothing was tried
		return in, context.Cause(ctx)
	}
	in.Issued = n.env.Now()
	n.record(history.Invoke, history.FInject, in, nil)
	if len(in.Nodes) == 0 {
		err := fmt.Errorf("no member is %s now", st.Target)
		n.record(history.Info, history.FInject, in, err)
		return in, err
	}
	confirmed, err := n.effect(ctx, in, st.Fault.Inject, st.Fault.Verify)
	if err != nil {
		n.record(history.Info, history.FInject, in, err)
		return in, fmt.Errorf("inject %s on %v: %w", st.Fault, in.Nodes, err)
	}
	in.Confirmed = confirmed
	if w, ok := n.cluster.(HeartbeatWatcher); ok && in.Leader != "" {
		if at, ok := w.LastHeartbeat(in.Leader); ok && at <= confirmed {
			in.Heartbeat = at
		}
	}
	n.record(history.OK, history.FInject, in, nil)
	return in, nil
}

// effect does something and verifies its effect. It returns the end of do if the first check saw the effect,
// and otherwise the start of the check that saw it: probes that must fail need time to fail.
func (n *Nemesis) effect(ctx context.Context, in *Injected, do, verify func(context.Context, Cluster, Injection) error) (time.Duration, error) {
	inj := n.injection(in)
	if err := do(ctx, n.cluster, inj); err != nil {
		return 0, err
	}
	seen := n.env.Now()
	ctx, cancel := n.env.WithTimeout(ctx, verifyTime)
	defer cancel()
	for {
		err := verify(ctx, n.cluster, inj)
		if err == nil {
			return seen, nil
		}
		if n.env.Sleep(ctx, verifyPause) != nil {
			return 0, fmt.Errorf("its effect was not seen within %v: %w", verifyTime, err)
		}
		seen = n.env.Now()
	}
}

func (n *Nemesis) injection(in *Injected) Injection {
	return Injection{ID: in.ID, Nodes: in.Nodes, Env: n.env, CutByOthers: n.cutByOthers(in)}
}

// Heal heals one injection; healing it again does nothing. The injection reserves its members until it is
// healed: a second fault on them would look like a healing without effect.
func (n *Nemesis) Heal(ctx context.Context, in *Injected) error {
	if !n.claim(in) {
		return nil
	}
	defer n.release(in)
	n.endHold(ctx, in)
	h := Injected{FaultValue: in.FaultValue}
	h.Issued, h.Confirmed = n.env.Now(), 0
	n.record(history.Invoke, history.FHeal, &h, nil)
	confirmed, err := n.effect(ctx, &h, in.fault.Heal, in.fault.VerifyHealed)
	if err != nil {
		n.record(history.Info, history.FHeal, &h, err)
		return fmt.Errorf("heal %s on %v: %w", in.Fault, in.Nodes, err)
	}
	h.Confirmed = confirmed
	n.record(history.OK, history.FHeal, &h, nil)
	return nil
}

// HealAll heals every injection that is still active, the newest first.
func (n *Nemesis) HealAll(ctx context.Context) error {
	var errs []error
	for {
		in := n.newest()
		if in == nil {
			return errors.Join(errs...)
		}
		errs = append(errs, n.Heal(ctx, in))
	}
}

// newest is the newest injection that nobody heals.
func (n *Nemesis) newest() *Injected {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, in := range slices.Backward(n.active) {
		if !in.healing {
			return in
		}
	}
	return nil
}

// claim lets the caller heal the injection; false if it holds nothing, or somebody heals it.
func (n *Nemesis) claim(in *Injected) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if in.healing || !slices.Contains(n.active, in) {
		return false
	}
	in.healing = true
	return true
}

// release ends the injection's hold on its members.
func (n *Nemesis) release(in *Injected) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.active = slices.DeleteFunc(n.active, func(a *Injected) bool { return a == in })
}

// resolve picks the members, and holds them from then on so that a failed injection is healed too.
// It waits for a leader where the target needs one, for a while.
func (n *Nemesis) resolve(ctx context.Context, id string, st Step) *Injected {
	in := &Injected{FaultValue: history.FaultValue{ID: id, Fault: st.Fault.String(), Target: st.Target, Nodes: []history.NodeID{}}, fault: st.Fault}
	ctx, cancel := n.env.WithTimeout(ctx, resolveTime)
	defer cancel()
	for {
		statuses := Statuses(ctx, n.env, n.cluster)
		in.Leader, in.Term = LeaderOf(n.cluster.Members(), statuses)
		if in.Leader != "" || !st.Target.NeedsLeader() {
			if nodes := n.pick(in, st); len(nodes) > 0 {
				return in
			}
		}
		if n.env.Sleep(ctx, verifyPause*5) != nil {
			return in
		}
	}
}

func (n *Nemesis) pick(in *Injected, st Step) []history.NodeID {
	n.mu.Lock()
	defer n.mu.Unlock()
	members := n.cluster.Members()
	var free []history.NodeID
	for _, id := range members {
		if !n.held(in.fault, id) {
			free = append(free, id)
		}
	}
	if nodes := st.Target.Resolve(members, free, in.Leader, n.rand); len(nodes) > 0 {
		in.Nodes = nodes
		e := in.fault.Effect(members, nodes)
		in.Effect, in.Affected = e.Kind, e.Affected
		n.active = append(n.active, in)
	}
	return in.Nodes
}

// held reports whether an active fault on the member excludes f there.
func (n *Nemesis) held(f Fault, id history.NodeID) bool {
	class := func(f Fault) string {
		if x, ok := f.(Exclusive); ok {
			return x.Class()
		}
		return ""
	}
	c := class(f)
	return c != "" && slices.ContainsFunc(n.active, func(a *Injected) bool {
		return class(a.fault) == c && slices.Contains(a.Nodes, id)
	})
}

func (n *Nemesis) cutByOthers(in *Injected) func(Link) bool {
	return func(l Link) bool {
		n.mu.Lock()
		defer n.mu.Unlock()
		return slices.ContainsFunc(n.active, func(a *Injected) bool {
			c, ok := a.fault.(Cutter)
			return ok && a.ID != in.ID && slices.Contains(c.Links(n.cluster.Members(), a.Nodes), l)
		})
	}
}

func (n *Nemesis) record(t history.Type, f string, in *Injected, err error) {
	op := history.Op{Process: history.NemesisProcess, Type: t, F: f, Value: history.EncodeValue(in.FaultValue)}
	if err != nil {
		op.Error = err.Error()
	}
	n.recorder.Add(op)
}
