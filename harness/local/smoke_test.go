package local_test

import (
	"context"
	"testing"
	"time"

	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/harness/harnesstest"
	"github.com/stretchr/testify/require"
)

func TestSmoke(t *testing.T) {
	r := newRuntime(t)
	toy := harnesstest.BuildToy(t)
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
		timed("probe", func() error { return n.Probe(ctx, l) })
		timed("cut", func() error { return n.Cut(ctx, "a", []harness.Link{l}) })
		timed("probe", func() error { return n.Probe(ctx, l) })
		timed("probe back", func() error { return n.Probe(ctx, harness.Link{From: "n2", To: "n1"}) })
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
}
