package serve

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/faultline-chaos/faultline/harness"
)

func TestDigestFindsWhatTheRunWasMadeOf(t *testing.T) {
	root := t.TempDir()
	f := fake{id: slowRun, started: day, outages: slow, latency: 4 * mil, verdict: harness.Valid, unknown: 3}
	f.write(t, root)
	d, l := digest(root, f.id)
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

	puts, err := unpack(l["put"])
	require.NoError(t, err)
	gets, err := unpack(l["get"])
	require.NoError(t, err)
	require.Equal(t, d.Ops.OK, len(puts)+len(gets))
	require.Equal(t, 4*mil, median(puts))
	require.Equal(t, 4*mil, median(gets))
}

// TestDigestOfProbes: probes tell the outages and what was unavailable, and are no throughput.
func TestDigestOfProbes(t *testing.T) {
	root := t.TempDir()
	f := fake{id: slowRun, started: day, outages: slow, latency: 4 * mil, verdict: harness.Valid}
	f.write(t, root)
	plain, _ := digest(root, f.id)
	f.id, f.probes = quickRun, true
	f.write(t, root)
	d, l := digest(root, f.id)
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
	took, err := unpack(l[harness.FProbePut])
	require.NoError(t, err)
	require.Equal(t, 6*mil, median(took)) // from when they were due
	c, err := compare(plain, d, nil, l)
	require.NoError(t, err)
	require.Contains(t, c.Unlike, "outages seen by")
}

func TestPackIsReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.SliceOf(rapid.Int64Range(0, 1<<40)).Draw(t, "µs")
		slices.Sort(v)
		var in []time.Duration
		for _, us := range v {
			in = append(in, time.Duration(us)*time.Microsecond)
		}
		out, err := unpack(pack(in))
		require.NoError(t, err)
		require.Equal(t, in, out)
	})
	_, err := unpack([]byte{0x80})
	require.ErrorIs(t, err, errDamaged)
}
