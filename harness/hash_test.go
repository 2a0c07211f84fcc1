package harness_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/history"
)

// hashingCluster has one member that is behind, and one that does not answer.
type hashingCluster struct{ *fakeCluster }

func (c hashingCluster) Members() []history.NodeID { return []history.NodeID{"n1", "n2", "n3"} }

func (c hashingCluster) Status(ctx context.Context, id history.NodeID) (harness.Status, error) {
	st, err := c.fakeCluster.Status(ctx, id)
	st.Revision = map[history.NodeID]int64{"n1": 9, "n2": 7}[id]
	return st, err
}

func (hashingCluster) Hash(_ context.Context, id history.NodeID, revision int64) (history.HashValue, error) {
	if id == "n3" {
		return history.HashValue{}, errors.New("down")
	}
	return history.HashValue{Revision: revision, CompactRevision: 2, Hash: 42}, nil
}

func TestHashesAreOfOneRevision(t *testing.T) {
	c := hashingCluster{newFakeCluster()}
	c.set("n3", true)
	env := newFakeEnv()
	r := harness.NewRecorder(env, io.Discard, harness.RecorderOptions{Keep: true})
	_ = harness.Run(t.Context(), env, c, r, harness.RunConfig{
		Workload: idle{}, Workers: 1, Warmup: time.Millisecond, Settle: 50 * time.Millisecond,
		Recovery: 100 * time.Millisecond, HashEvery: 10 * time.Millisecond,
	})
	seen := map[history.NodeID]int{}
	for _, op := range r.Ops() {
		if op.F != history.FHash {
			continue
		}
		var v history.HashValue
		require.NoError(t, json.Unmarshal(op.Value, &v))
		require.Equal(t, history.HashValue{Revision: 7, CompactRevision: 2, Hash: 42}, v, "the newest revision that all who answer have")
		seen[op.Node]++
	}
	require.NotZero(t, seen["n1"])
	require.Equal(t, seen["n1"], seen["n2"])
	require.Zero(t, seen["n3"])
}

// idle is a workload that calls nobody.
type idle struct{}

func (idle) Name() string { return "idle" }
func (idle) Run(ctx context.Context, w *harness.Worker) error {
	_ = w.Env.Sleep(ctx, time.Hour)
	return nil
}
func (idle) Final(context.Context, *harness.Worker) error { return nil }
func (idle) Checkers() []history.Checker                  { return nil }
func (idle) Ops() []history.OpKind                        { return nil }

func TestStopEndsTheRunAndHeals(t *testing.T) {
	c := newFakeCluster()
	why := errors.New("enough")
	polls := 0
	ops, err := runFake(t, t.Context(), c, harness.RunConfig{
		Faults:   time.Minute,
		Schedule: harness.Schedule{{At: 0, For: time.Minute, Fault: breakage{}, Target: "node=n2"}},
		Stop: func() error {
			if polls++; polls > 50 && c.is("n2") {
				return why
			}
			return nil
		},
	})
	require.ErrorIs(t, err, harness.ErrInterrupted)
	require.ErrorIs(t, err, why)
	require.Contains(t, nemesisOps(ops), "heal ok [n2]")
}
