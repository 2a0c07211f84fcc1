package harness_test

import (
	"bytes"
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/history"
)

// restless is a fault that does something while it lasts: it counts, and ends with err.
type restless struct {
	breakage
	begun, over *atomic.Int32
	err         error
	stubborn    bool // it returns err at once
}

func newRestless() restless { return restless{begun: &atomic.Int32{}, over: &atomic.Int32{}} }

func (f restless) Hold(ctx context.Context, _ harness.Cluster, in harness.Injection) error {
	f.begun.Add(1)
	defer f.over.Add(1)
	if f.stubborn {
		return f.err
	}
	err := in.Env.Sleep(ctx, time.Hour)
	return errors.Join(f.err, err)
}

func (f restless) Heal(ctx context.Context, c harness.Cluster, in harness.Injection) error {
	if f.begun.Load() != f.over.Load() {
		return errors.New("healed while it held")
	}
	return f.breakage.Heal(ctx, c, in)
}

var landedAndHealed = []string{"inject invoke [n2]", "inject ok [n2]", "heal invoke [n2]", "heal ok [n2]"}

func TestHoldInASchedule(t *testing.T) {
	f := newRestless()
	step := harness.Step{For: 5 * time.Millisecond, Fault: f, Target: "node=n2"}
	ops, err := runFake(t, t.Context(), newFakeCluster(), harness.RunConfig{Faults: 30 * time.Millisecond, Schedule: harness.Schedule{step}})
	require.NoError(t, err)
	require.Equal(t, landedAndHealed, nemesisOps(ops), "that its time is over is no error")
	require.EqualValues(t, 1, f.over.Load())
}

func TestHoldThatFailsIsRecorded(t *testing.T) {
	f := newRestless()
	f.err, f.stubborn = errors.New("out of breath"), true
	step := harness.Step{For: 5 * time.Millisecond, Fault: f, Target: "node=n2"}
	ops, err := runFake(t, t.Context(), newFakeCluster(), harness.RunConfig{Faults: 30 * time.Millisecond, Schedule: harness.Schedule{step}})
	require.NoError(t, err)
	require.Equal(t, []string{"inject invoke [n2]", "inject ok [n2]", "hold info [n2] out of breath", "heal invoke [n2]", "heal ok [n2]"}, nemesisOps(ops))
}

// script runs one on a fake cluster.
func script(t *testing.T, conduct bool, do func(ctx context.Context, n *harness.Nemesis) error) []string {
	t.Helper()
	env := newFakeEnv()
	r := harness.NewRecorder(env, &bytes.Buffer{}, harness.RecorderOptions{Keep: true})
	n := harness.NewNemesis(env, newFakeCluster(), r)
	if conduct {
		require.NoError(t, n.Conduct(t.Context(), func(ctx context.Context) error { return do(ctx, n) }))
	} else {
		require.NoError(t, do(t.Context(), n))
	}
	require.NoError(t, n.HealAll(t.Context()))
	return nemesisOps(r.Ops())
}

func TestHoldInAScript(t *testing.T) {
	f := newRestless()
	ops := script(t, true, func(ctx context.Context, n *harness.Nemesis) error {
		for range 3 { // one after another, and once at the same time as another fault
			in, err := n.Inject(ctx, f, "node=n2")
			require.NoError(t, err)
			require.Eventually(t, func() bool { return f.begun.Load() == f.over.Load()+1 }, time.Minute, time.Millisecond)
			other, err := n.Inject(ctx, breakage{}, "node=n1")
			require.NoError(t, err)
			require.NoError(t, n.Heal(ctx, other))
			require.NoError(t, n.Heal(ctx, in))
			require.Equal(t, f.begun.Load(), f.over.Load(), "Hold has ended before the healing")
		}
		return nil
	})
	require.EqualValues(t, 3, f.over.Load())
	require.NotContains(t, ops, "hold")
}

func TestHoldThatNobodyHealsEndsWithTheScript(t *testing.T) {
	f := newRestless()
	f.err = errors.New("it could not say goodbye")
	ops := script(t, true, func(ctx context.Context, n *harness.Nemesis) error {
		_, err := n.Inject(ctx, f, "node=n2")
		require.Eventually(t, func() bool { return f.begun.Load() == 1 }, time.Minute, time.Millisecond)
		return err
	})
	require.EqualValues(t, 1, f.over.Load())
	require.Len(t, ops, 5)
	require.Contains(t, ops[2], "hold info [n2] it could not say goodbye")
}

func TestHoldWithoutConductIsNotLost(t *testing.T) {
	f := newRestless()
	ops := script(t, false, func(ctx context.Context, n *harness.Nemesis) error {
		_, err := n.Inject(ctx, f, "node=n2")
		return err
	})
	require.Contains(t, ops, "hold info [n2] nobody let it do what it does while it lasts: see Nemesis.Conduct")
	require.Zero(t, f.begun.Load())
}

func TestOldFaultsGetTheirEffects(t *testing.T) {
	members := []history.NodeID{"n1", "n2", "n3", "n4"}
	for _, tc := range []struct {
		name, value string
		want        history.Effect
	}{
		{"kill", `{"fault":"kill","nodes":["n2"]}`, history.Effect{Kind: history.Down, Affected: members[1:2]}},
		{"pause", `{"fault":"pause","nodes":["n1","n2"]}`, history.Effect{Kind: history.Frozen, Affected: members[:2]}},
		{"larger side of a partition", `{"fault":"partition","nodes":["n1","n2","n3"]}`, history.Effect{Kind: history.Cut, Affected: members[3:]}},
		{"halves", `{"fault":"partition","nodes":["n1","n2"]}`, history.Effect{Kind: history.Cut, Affected: members}},
		{"somebody else's", `{"fault":"loss(30%)","nodes":["n1"]}`, history.Effect{Kind: history.Impaired, Affected: members[:1]}},
		{"it says itself", `{"fault":"kill","nodes":["n1"],"effect":"frozen","affected":["n3"]}`, history.Effect{Kind: history.Frozen, Affected: members[2:3]}},
		{"it says nobody", `{"fault":"kill","nodes":["n1"],"effect":"frozen"}`, history.Effect{Kind: history.Frozen}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			v, err := history.DecodeFault([]byte(tc.value), members)
			require.NoError(t, err)
			require.Equal(t, tc.want, history.Effect{Kind: v.Effect, Affected: v.Affected})
		})
	}
}
