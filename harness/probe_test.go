package harness_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/history"
)

// hangingCluster has members of which n1 never answers.
type hangingCluster struct{ *fakeCluster }

func (c *hangingCluster) Dial(id history.NodeID) (harness.KV, error) {
	return &hangingKV{fakeKV{c.fakeCluster, id}}, nil
}

type hangingKV struct{ fakeKV }

func (k *hangingKV) wait(ctx context.Context) error {
	if k.id != "n1" {
		return nil
	}
	<-ctx.Done()
	return context.Cause(ctx)
}

func (k *hangingKV) Put(ctx context.Context, _, _ string) (int64, error) { return 7, k.wait(ctx) }
func (k *hangingKV) Get(ctx context.Context, _ string) (harness.Entry, error) {
	return harness.Entry{Value: "x", Found: true, Rev: 8}, k.wait(ctx)
}

func TestProbesKeepTheirScheduleWhateverAnswers(t *testing.T) {
	const every, timeout = 6 * time.Millisecond, 50 * time.Millisecond
	env := newFakeEnv()
	r := harness.NewRecorder(env, &bytes.Buffer{}, harness.RecorderOptions{Keep: true})
	ctx, cancel := env.WithTimeout(t.Context(), 400*time.Millisecond)
	defer cancel()
	require.NoError(t, harness.Probe{Env: env, Cluster: &hangingCluster{newFakeCluster()}, Recorder: r, Every: every, Timeout: timeout}.Run(ctx))

	ops := r.Ops()
	var sum history.ProbesValue
	last := ops[len(ops)-1]
	require.Equal(t, history.FProbes, last.F)
	require.NoError(t, json.Unmarshal(last.Value, &sum))
	sent := 0
	open := map[int]history.Op{}
	retired := map[int]bool{}
	values := map[string]bool{}
	due := map[string][]time.Duration{}
	for _, op := range ops[:len(ops)-1] {
		require.True(t, op.Probe())
		require.GreaterOrEqual(t, op.Process, history.ProbeProcess)
		if op.Type == history.Invoke {
			require.NotContains(t, open, op.Process)
			require.NotContains(t, retired, op.Process)
			require.LessOrEqual(t, op.Sched, op.Time)
			require.LessOrEqual(t, op.Time-op.Sched, sum.LateMax)
			open[op.Process] = op
			key := string(op.Node) + op.F
			due[key] = append(due[key], op.Sched)
			sent++
			if op.F == history.FProbePut {
				require.NotContains(t, values, string(op.Value))
				values[string(op.Value)] = true
			}
			continue
		}
		require.Contains(t, open, op.Process)
		delete(open, op.Process)
		want := history.OK
		if op.Node == "n1" {
			want = history.Fail
			if op.F == history.FProbePut {
				want = history.Info
				retired[op.Process] = true
			}
		}
		require.Equal(t, want, op.Type)
		require.Zero(t, op.Sched)
	}
	require.Empty(t, open, "probes under way at the end are waited for")
	require.Equal(t, sent, sum.Sent)
	require.Len(t, due, 6)
	for _, times := range due {
		for _, at := range times {
			require.Zero(t, (at-times[0])%(3*every/2), "always on the grid")
		}
	}
}

// deafCluster cannot be dialled.
type deafCluster struct{ *fakeCluster }

func (*deafCluster) Dial(history.NodeID) (harness.KV, error) { return nil, errors.New("no such host") }

func TestProbesThatCannotBeSentAreCounted(t *testing.T) {
	env := newFakeEnv()
	r := harness.NewRecorder(env, &bytes.Buffer{}, harness.RecorderOptions{Keep: true})
	ctx, cancel := env.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	require.NoError(t, harness.Probe{Env: env, Cluster: &deafCluster{newFakeCluster()}, Recorder: r, Every: 5 * time.Millisecond, Timeout: 20 * time.Millisecond}.Run(ctx))
	ops := r.Ops()
	require.Len(t, ops, 1)
	var sum history.ProbesValue
	require.NoError(t, json.Unmarshal(ops[0].Value, &sum))
	require.Zero(t, sum.Sent)
	require.Positive(t, sum.Unsent)
}

func TestProbesAskAnyMajorityOftenEnough(t *testing.T) {
	for members := 1; members <= 7; members++ {
		step := history.ProbeStep(10*time.Millisecond, members)
		down := (members - 1) / 2
		require.LessOrEqual(t, step*time.Duration(down+1), 10*time.Millisecond, "members in turn are down")
		require.Greater(t, step*time.Duration(down+1), 9*time.Millisecond)
	}
}
