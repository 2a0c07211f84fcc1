package scenario

import (
	"context"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/harness/sim"
	"github.com/faultline-chaos/faultline/history"
	"github.com/faultline-chaos/faultline/results"
	"github.com/faultline-chaos/faultline/results/failover"
)

// stalling lets every client's call wait while the path to the members stalls.
type stalling struct {
	harness.Cluster
	env      harness.Env
	from, to time.Duration
}

func (c *stalling) Dial(id history.NodeID) (harness.KV, error) {
	kv, err := c.Cluster.Dial(id)
	return &stallingKV{kv, c}, err
}

type stallingKV struct {
	harness.KV
	c *stalling
}

func (k *stallingKV) wait(ctx context.Context) error {
	if now := k.c.env.Now(); now >= k.c.from && now < k.c.to {
		return k.c.env.Sleep(ctx, k.c.to-now)
	}
	return nil
}

func (k *stallingKV) Put(ctx context.Context, key, value string) (int64, error) {
	if err := k.wait(ctx); err != nil {
		return 0, err
	}
	return k.KV.Put(ctx, key, value)
}

func (k *stallingKV) Get(ctx context.Context, key string) (harness.Entry, error) {
	if err := k.wait(ctx); err != nil {
		return harness.Entry{}, err
	}
	return k.KV.Get(ctx, key)
}

// TestProbesReadBackAStall is the ruler's own calibration: a run without faults reads no outage, and a
// stall of known length in the clients' path is read back within one period, beside the latency of the
// answer that ends it.
func TestProbesReadBackAStall(t *testing.T) {
	for _, c := range []struct {
		name string
		took time.Duration
	}{{"none", 0}, {"300 ms", 300 * time.Millisecond}, {"1.234 s", 1234 * time.Millisecond}} {
		t.Run(c.name, func(t *testing.T) {
			p := Default()
			p.Faults, p.Time, p.Seed, p.Runtime = []string{"none"}, 6*time.Second, 7, "sim"
			w, err := p.NewWorkload()
			require.NoError(t, err)
			system, err := p.NewSystem()
			require.NoError(t, err)
			defer func() { require.NoError(t, system.Close()) }()
			from := 4567 * time.Millisecond
			run := results.Run{ElectionTimeout: p.Election}
			run.ProbeEvery, run.ProbeTimeout = p.Probes()
			var h history.History
			cfg := harness.ClusterConfig{RunID: "stall", Seed: p.Seed, System: system, Nodes: p.Nodes}
			require.NoError(t, new(sim.Runtime).Run(t.Context(), cfg, func(ctx context.Context, env harness.Env, hc harness.Cluster) error {
				r := harness.NewRecorder(env, io.Discard, harness.RecorderOptions{Keep: true})
				err := harness.Run(ctx, env, &stalling{hc, env, from, from + c.took}, r, p.RunConfig(w, nil))
				h = history.History{Nodes: hc.Members(), Ops: r.Ops()}
				return err
			}))
			a := failover.Analyze(run, h)
			require.NotNil(t, a.Probes)
			require.Zero(t, *a.Probes.Unsent)
			require.Zero(t, *a.Probes.LateMax, "virtual time waits for nobody")
			if c.took == 0 {
				require.Empty(t, a.Probes.Gaps)
				require.Zero(t, a.Probes.WriteDebt+a.Probes.ReadDebt)
				return
			}
			require.Len(t, a.Probes.Gaps, 2)
			for _, g := range a.Probes.Gaps {
				require.InDelta(t, from, g.From, float64(run.ProbeEvery))
				require.InDelta(t, from+c.took, g.To, float64(run.ProbeEvery))
				require.InDelta(t, c.took+a.Probes.P50, g.Took, float64(run.ProbeEvery))
				require.LessOrEqual(t, *g.Slack, run.ProbeEvery+a.Probes.P99)
			}
		})
	}
}

func TestProbePeriod(t *testing.T) {
	for _, c := range []struct {
		name                   string
		flag                   Interval
		heartbeat, election    time.Duration
		wantEvery, wantTimeout time.Duration
	}{
		{"default", Auto, 100 * time.Millisecond, time.Second, 10 * time.Millisecond, 100 * time.Millisecond},
		{"a short heartbeat", Auto, 20 * time.Millisecond, 100 * time.Millisecond, 2 * time.Millisecond, 50 * time.Millisecond},
		{"as asked", Interval(50 * time.Millisecond), 20 * time.Millisecond, 100 * time.Millisecond, 50 * time.Millisecond, 50 * time.Millisecond},
		{"off", 0, 100 * time.Millisecond, time.Second, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := Settings{Probe: c.flag, Heartbeat: c.heartbeat, Election: c.election}
			every, timeout := p.Probes()
			require.Equal(t, c.wantEvery, every)
			require.Equal(t, c.wantTimeout, timeout)
		})
	}
}
