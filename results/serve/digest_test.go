package serve

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/history"
	"github.com/faultline-chaos/faultline/internal/statistics"
)

func TestDigestFindsWhatTheRunWasMadeOf(t *testing.T) {
	root := t.TempDir()
	f := fake{id: slowRun, started: day, outages: slow, latency: 4 * mil, verdict: history.Valid, unknown: 3}
	f.write(t, root)
	d := digest(root, f.id)
	require.Equal(t, Valid, d.State, d.Reason)
	require.Equal(t, "chaos", d.Scenario)
	require.Equal(t, []string{"kill"}, d.Faults)
	require.Equal(t, 7, d.Landed)
	require.Equal(t, 7, d.Tried)
	require.Equal(t, 3, d.Ops.Unknown)

	out := d.phase(writeOutage)
	require.Len(t, out.Values, len(slow))
	var sum time.Duration
	for i, v := range out.Values {
		// Puts are due every other beat; the outage begins when the last good one was due.
		require.InDelta(t, slow[i], v, float64(4*beat), "outage %d", i)
		sum += v
	}
	require.InDelta(t, sum, d.Unavailable, float64(mil))
	require.Equal(t, d.Ops.OK, d.LoadOK)
	require.Greater(t, d.Load, 20*time.Second)

	l, err := latencies(root, &d)
	require.NoError(t, err)
	require.Equal(t, d.Ops.OK, len(l["put"])+len(l["get"]))
	require.Equal(t, 4*mil, statistics.Median(l["put"]))
	require.Equal(t, 4*mil, statistics.Median(l["get"]))
}

// TestDigestOfProbes: probes tell the outages and what was unavailable, and are no throughput.
func TestDigestOfProbes(t *testing.T) {
	root := t.TempDir()
	f := fake{id: slowRun, started: day, outages: slow, latency: 4 * mil, verdict: history.Valid}
	f.write(t, root)
	plain := digest(root, f.id)
	f.id, f.probes = quickRun, true
	f.write(t, root)
	d := digest(root, f.id)
	require.Equal(t, Valid, d.State, d.Reason)
	require.Equal(t, plain.Ops, d.Ops)
	require.Equal(t, plain.LoadOK, d.LoadOK)
	require.Equal(t, 2*beat, d.ProbeEvery)
	require.Zero(t, plain.ProbeEvery)
	var sum time.Duration
	for _, o := range slow {
		sum += o
	}
	require.InDelta(t, sum, d.Unavailable, float64(time.Duration(len(slow))*2*beat))
	l, err := latencies(root, &d)
	require.NoError(t, err)
	require.Equal(t, 6*mil, statistics.Median(l[history.FProbePut])) // from when they were due
	c := compare(plain, d, nil, l)
	require.Contains(t, c.Unlike, "outages measured by")
}
