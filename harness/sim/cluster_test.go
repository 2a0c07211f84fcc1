package sim_test

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/harness/sim"
	"github.com/faultline-chaos/faultline/nemesis"
)

// outcome is all that a run leaves behind.
type outcome struct {
	stats   sim.Stats
	history []byte
	logs    string
	err     error
}

// storm runs workers under a storm of faults.
func storm(ctx context.Context, seed uint64, s harness.System, o sim.Options) (out outcome) {
	history, output := &bytes.Buffer{}, logs{}
	r := sim.Runtime{Options: o, OnEnd: func(st sim.Stats) { out.stats = st }}
	cfg := harness.ClusterConfig{RunID: "storm", Seed: seed, System: s, Nodes: 3, Logs: output.of}
	out.err = r.Run(ctx, cfg, func(ctx context.Context, env harness.Env, c harness.Cluster) error {
		rec := harness.NewRecorder(env, history, harness.RecorderOptions{})
		defer func() { _ = rec.Flush() }()
		faults := []harness.Fault{nemesis.Kill{}, nemesis.Stop{}, nemesis.PowerFail{}, nemesis.Pause{}, nemesis.Isolate{}, nemesis.Partition{}}
		return harness.Run(ctx, env, c, rec, harness.RunConfig{
			Workload: counters{20 * time.Millisecond}, Workers: 4, Faults: 20 * time.Second,
			Schedule: nemesis.Storm(env.Rand("schedule"), faults, 20*time.Second, time.Second),
		})
	})
	out.history = history.Bytes()
	for i := range 3 {
		out.logs += output[harness.NodeID(fmt.Sprintf("n%d", i+1))].String()
	}
	return out
}

func TestStorm(t *testing.T) {
	for seed := range uint64(20) {
		out := storm(t.Context(), seed, toy{}, sim.Options{})
		require.NoErrorf(t, out.err, "seed %d", seed)
		require.Positive(t, out.stats.Ends)
		t.Logf("%+v %d bytes", out.stats, len(out.history))
	}
}
