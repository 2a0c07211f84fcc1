package harness_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/harness/realtime"
	"github.com/faultline-chaos/faultline/history"
)

func newFakeEnv() harness.Env { return realtime.New(1) }

// fakeCluster has members that only remember who is broken.
type fakeCluster struct {
	mu     sync.Mutex
	broken map[history.NodeID]bool
	leader history.NodeID
	cut    bool // breaking has no effect
	stuck  bool // healing has no effect
}

func newFakeCluster() *fakeCluster {
	return &fakeCluster{broken: map[history.NodeID]bool{}, leader: "n1"}
}

func (*fakeCluster) Can(c harness.Capability) (string, error) {
	if c != canBreak {
		return "", c.Missing("nobody made it")
	}
	return "imagination", nil
}

const canBreak harness.Capability = "break"

func (*fakeCluster) Runtime() string                              { return "fake" }
func (*fakeCluster) Members() []history.NodeID                    { return []history.NodeID{"n1", "n2", "n3"} }
func (c *fakeCluster) Dial(id history.NodeID) (harness.KV, error) { return &fakeKV{c, id}, nil }

func (c *fakeCluster) Status(_ context.Context, id history.NodeID) (harness.Status, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.broken[id] {
		return harness.Status{}, errors.New("down")
	}
	st := harness.Status{Role: history.Follower, Leader: c.leader, Term: 2, Applied: 5}
	if id == c.leader {
		st.Role = history.Leader
	}
	return st, nil
}

func (c *fakeCluster) set(id history.NodeID, broken bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.broken[id] = broken
}

func (c *fakeCluster) is(id history.NodeID) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.broken[id]
}

type fakeKV struct {
	c  *fakeCluster
	id history.NodeID
}

var errUnknown = errors.New("who knows")

func (k *fakeKV) call() error {
	if k.c.is(k.id) {
		return errUnknown
	}
	return nil
}

func (k *fakeKV) Get(context.Context, string) (harness.Entry, error) {
	return harness.Entry{}, k.call()
}
func (k *fakeKV) Put(context.Context, string, string) (int64, error)   { return 0, k.call() }
func (k *fakeKV) Delete(context.Context, string) (int64, int64, error) { return 0, 0, k.call() }
func (k *fakeKV) CAS(context.Context, string, *string, string) (bool, int64, error) {
	return true, 0, k.call()
}
func (*fakeKV) Close() error { return nil }

// breakage is a fault on the fake cluster.
type breakage struct{}

func (breakage) String() string              { return "breakage" }
func (breakage) Class() string               { return "process" }
func (breakage) Needs() []harness.Capability { return []harness.Capability{canBreak} }
func (breakage) Effect(_, nodes []history.NodeID) history.Effect {
	return history.Effect{Kind: history.Down, Affected: nodes}
}

func (breakage) Inject(_ context.Context, c harness.Cluster, in harness.Injection) error {
	for _, id := range in.Nodes {
		c.(*fakeCluster).set(id, !c.(*fakeCluster).cut)
	}
	return nil
}

func check(c harness.Cluster, in harness.Injection, want bool) error {
	for _, id := range in.Nodes {
		if c.(*fakeCluster).is(id) != want {
			return fmt.Errorf("%s is not %v", id, want)
		}
	}
	return nil
}

func (breakage) Verify(_ context.Context, c harness.Cluster, in harness.Injection) error {
	return check(c, in, true)
}

func (breakage) Heal(_ context.Context, c harness.Cluster, in harness.Injection) error {
	if c.(*fakeCluster).stuck {
		return errors.New("stuck")
	}
	for _, id := range in.Nodes {
		c.(*fakeCluster).set(id, false)
	}
	return nil
}

func (breakage) VerifyHealed(_ context.Context, c harness.Cluster, in harness.Injection) error {
	return check(c, in, false)
}

// writer puts through every member in turn.
type writer struct{ fail error }

func (writer) Name() string                { return "writer" }
func (writer) Checkers() []history.Checker { return nil }
func (writer) Ops() []history.OpKind {
	return []history.OpKind{{Name: "put", Kind: history.KindWrite, Doc: "write the key"}}
}
func (w writer) Run(ctx context.Context, k *harness.Worker) error {
	for i := 0; ctx.Err() == nil; i++ {
		_, _ = k.Do(ctx, harness.Attempt{
			Call: k.NewCall(), F: "put", Node: k.Cluster.Members()[i%3], Timeout: time.Second, Value: k.Unique(),
			Invoke: func(ctx context.Context, kv harness.KV) (any, error) {
				_, err := kv.Put(ctx, "k", "v")
				return nil, err
			},
		})
		if w.fail != nil {
			return w.fail
		}
		_ = k.Env.Sleep(ctx, time.Millisecond)
	}
	return nil
}
func (writer) Final(context.Context, *harness.Worker) error { return nil }

func runFake(t *testing.T, ctx context.Context, c *fakeCluster, cfg harness.RunConfig) ([]history.Op, error) {
	t.Helper()
	env := newFakeEnv()
	r := harness.NewRecorder(env, &bytes.Buffer{}, harness.RecorderOptions{Keep: true})
	cfg.Warmup, cfg.Settle, cfg.Poll = time.Millisecond, time.Millisecond, time.Millisecond
	cfg.Workers = 2
	if cfg.Workload == nil {
		cfg.Workload = writer{}
	}
	err := harness.Run(ctx, env, c, r, cfg)
	for _, id := range c.Members() {
		require.Equal(t, c.stuck && c.is(id), c.is(id), "nothing that can be healed stays broken")
	}
	return r.Ops(), err
}

func nemesisOps(ops []history.Op) (out []string) {
	for _, op := range ops {
		if op.Process == history.NemesisProcess {
			var v history.FaultValue
			_ = json.Unmarshal(op.Value, &v)
			out = append(out, strings.TrimSpace(fmt.Sprintf("%s %s %v %s", op.F, op.Type, v.Nodes, op.Error)))
		}
	}
	return out
}

func TestRunInjectsVerifiesHeals(t *testing.T) {
	ops, err := runFake(t, t.Context(), newFakeCluster(), harness.RunConfig{
		Faults:   50 * time.Millisecond,
		Schedule: harness.Schedule{{At: time.Millisecond, For: 10 * time.Millisecond, Fault: breakage{}, Target: history.TargetLeader}},
	})
	require.NoError(t, err)
	require.Equal(t, []string{"inject invoke [n1]", "inject ok [n1]", "heal invoke [n1]", "heal ok [n1]"}, nemesisOps(ops))
	var phases []string
	open := map[int]bool{}
	for _, op := range ops {
		if op.F == history.FPhase {
			phases = append(phases, string(op.Value))
		}
		if op.Client() { // a process has one call open, and none after an unknown one
			require.Equal(t, op.Type == history.Invoke, !open[op.Process])
			open[op.Process] = op.Type == history.Invoke || op.Type == history.Info
		}
	}
	require.Equal(t, []string{`{"phase":"warmup"}`, `{"phase":"faults"}`, `{"phase":"recover"}`, `{"phase":"final"}`, `{"phase":"end"}`}, phases)
	unknown := slices.IndexFunc(ops, func(op history.Op) bool { return op.Type == history.Info && op.Client() })
	require.GreaterOrEqual(t, unknown, 0, "some calls met the fault")
}

func TestFaultWithoutEffectIsNotConfirmed(t *testing.T) {
	c := newFakeCluster()
	c.cut = true
	ops, err := runFake(t, t.Context(), c, harness.RunConfig{
		Faults:   50 * time.Millisecond, // ends the look for its effect
		Schedule: harness.Schedule{{Fault: breakage{}, For: time.Millisecond, Target: history.TargetOne}},
	})
	require.NoError(t, err)
	got := nemesisOps(ops)
	require.Len(t, got, 4)
	require.Contains(t, got[1], "inject info")
	require.Contains(t, got[1], "its effect was not seen")
	require.Contains(t, got[3], "heal ok", "a failed injection is healed, too")
}

func TestNoLeaderIsNoTarget(t *testing.T) {
	c := newFakeCluster()
	env := newFakeEnv()
	r := harness.NewRecorder(env, &bytes.Buffer{}, harness.RecorderOptions{Keep: true})
	c.set("n1", true) // who led is gone, nobody else leads
	n := harness.NewNemesis(env, c, r)
	in, err := n.Inject(t.Context(), breakage{}, history.TargetLeader)
	require.ErrorContains(t, err, "no member is leader now")
	require.NoError(t, n.Heal(t.Context(), in))
	require.Equal(t, []string{"inject invoke []", "inject info [] no member is leader now"}, nemesisOps(r.Ops()))
}

func TestExclusiveFaultsPickOthers(t *testing.T) {
	c := newFakeCluster()
	env := newFakeEnv()
	n := harness.NewNemesis(env, c, harness.NewRecorder(env, &bytes.Buffer{}, harness.RecorderOptions{}))
	held := map[history.NodeID]bool{}
	for range 3 {
		in, err := n.Inject(t.Context(), breakage{}, history.TargetOne)
		require.NoError(t, err)
		require.False(t, held[in.Nodes[0]])
		held[in.Nodes[0]] = true
	}
	require.NoError(t, n.HealAll(t.Context()))
	for _, id := range c.Members() {
		require.False(t, c.is(id))
	}
}

// slowHeal lets a second fault in while the first one heals.
type slowHeal struct {
	breakage
	during func()
}

func (f slowHeal) Heal(ctx context.Context, c harness.Cluster, in harness.Injection) error {
	f.during()
	return f.breakage.Heal(ctx, c, in)
}

// TestMembersAreHeldUntilHealed: seed 228 of the simulation paused a member again while an earlier
// pause of it healed, and the healing looked as if it had no effect.
func TestMembersAreHeldUntilHealed(t *testing.T) {
	c := newFakeCluster()
	env := newFakeEnv()
	n := harness.NewNemesis(env, c, harness.NewRecorder(env, &bytes.Buffer{}, harness.RecorderOptions{}))
	var second *harness.Injected
	first, err := n.Inject(t.Context(), slowHeal{during: func() {
		var err error
		second, err = n.Inject(t.Context(), breakage{}, "one")
		require.NoError(t, err)
	}}, "node=n2")
	require.NoError(t, err)
	require.NoError(t, n.Heal(t.Context(), first))
	require.NotContains(t, second.Nodes, history.NodeID("n2"))
	require.NoError(t, n.HealAll(t.Context()))
	again, err := n.Inject(t.Context(), breakage{}, "node=n2")
	require.NoError(t, err, "once healed it can be hit again")
	require.NoError(t, n.Heal(t.Context(), again))
	require.NoError(t, n.Heal(t.Context(), again), "healing twice does nothing")
}

func TestInterruptedRunHeals(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	ops, err := runFake(t, ctx, newFakeCluster(), harness.RunConfig{
		Faults:   time.Hour,
		Schedule: harness.Schedule{{Fault: breakage{}, For: time.Hour, Target: history.TargetMajority}},
	})
	require.ErrorIs(t, err, harness.ErrInterrupted)
	got := nemesisOps(ops)
	require.Contains(t, got[len(got)-1], "heal ok")
}

func TestUnhealedIsToldApart(t *testing.T) {
	c := newFakeCluster()
	c.stuck = true
	_, err := runFake(t, t.Context(), c, harness.RunConfig{
		Faults:   20 * time.Millisecond,
		Schedule: harness.Schedule{{Fault: breakage{}, For: time.Millisecond, Target: "node=n2"}},
		Recovery: 50 * time.Millisecond,
	})
	var unhealed *harness.HealError
	require.ErrorAs(t, err, &unhealed)
}

func TestBrokenWorkloadEndsTheRun(t *testing.T) {
	boom := errors.New("boom")
	_, err := runFake(t, t.Context(), newFakeCluster(), harness.RunConfig{Faults: time.Hour, Workload: writer{fail: boom}})
	require.ErrorIs(t, err, boom)
}

// needy needs more than there is.
type needy struct{ breakage }

func (needy) String() string { return "needy" }
func (needy) Needs() []harness.Capability {
	return []harness.Capability{canBreak, harness.CanPowerFail}
}

func TestUnsupportedIsRefusedBefore(t *testing.T) {
	err := harness.Supported(harness.Schedule{{Fault: breakage{}, Target: "leadr"}}, newFakeCluster())
	require.ErrorContains(t, err, "unknown target")
	ops, err := runFake(t, t.Context(), newFakeCluster(), harness.RunConfig{
		Schedule: harness.Schedule{{Fault: needy{}, Target: "one"}, {Fault: breakage{}, Target: "one"}, {Fault: needy{}, Target: "all"}},
	})
	require.ErrorIs(t, err, errors.ErrUnsupported)
	require.EqualError(t, err, "fault needy is not supported on runtime fake: it cannot lose what a member has not synced: nobody made it")
	require.Empty(t, ops, "nothing was done")
}
