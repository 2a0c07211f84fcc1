package docker_test

import (
	"context"
	"testing"
	"time"

	"github.com/faultline-chaos/faultline/docker"
	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/harness/harnesstest"
	"github.com/stretchr/testify/require"
)

func TestSmoke(t *testing.T) {
	r := &docker.Runtime{Agent: harnesstest.Build(t, "github.com/faultline-chaos/faultline/docker/testdata/agentd"), AgentArgs: []string{}}
	require.NoError(t, r.Probe(t.Context()))
	toy := harnesstest.BuildToy(t)
	for range 2 {
		start := time.Now()
		err := r.Run(t.Context(), harness.ClusterConfig{RunID: "smoke", System: toy, Nodes: 3}, func(ctx context.Context, env harness.Env, c harness.Cluster) error {
			t.Log(time.Since(start), c.(harness.Timings).StartTimings())
			l := harness.Link{From: "n1", To: "n2"}
			n := c.(harness.Network)
			timed := func(name string, f func() error) {
				s := time.Now()
				err := f()
				t.Log(name, time.Since(s), err)
			}
			timed("probe", func() error { return n.Probe(ctx, l) })
			timed("cut", func() error { return n.Cut(ctx, "a", []harness.Link{l}) })
			timed("probe", func() error { return n.Probe(ctx, l) })
			timed("mend", func() error { return n.Mend(ctx, "a") })
			timed("probe", func() error { return n.Probe(ctx, l) })
			timed("pause", func() error { return c.(harness.Pauser).Pause(ctx, "n1") })
			timed("kill", func() error { return c.(harness.Killer).Kill(ctx, "n1") })
			timed("start", func() error { return c.(harness.Killer).Start(ctx, "n1") })
			start = time.Now()
			return nil
		})
		t.Log("close", time.Since(start))
		require.NoError(t, err)
		left, err := r.Residue(t.Context(), "smoke")
		require.NoError(t, err)
		require.Empty(t, left)
	}
}
