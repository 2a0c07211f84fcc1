package figure

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/results/failover"
	"github.com/faultline-chaos/faultline/results/internal/synthetic"
)

// beats lets the survivors of every kill tell when they last heard a timed heartbeat of the leader: the
// fault comes at a phase that goes round the interval, and two intervals were not counted.
func beats(s *synthetic.Synthetic) time.Duration {
	at := 4 * synthetic.Sec
	for i := range 8 {
		s.Add("kill", true, at, 2*synthetic.Sec, false)
		w := &s.Troubles[len(s.Troubles)-1]
		for k, n := range s.Others(w.Node) {
			heard := w.Confirmed - time.Duration(i*12+1)*synthetic.Mil - 200*synthetic.Mil - time.Duration(k)*100*synthetic.Mil
			s.Log(n, w.Detected, "%s heard the last timed heartbeat of %s %.3fms ago", s.Ids[n], s.Ids[w.Node], Milliseconds(w.Detected-heard))
		}
		at += 6 * synthetic.Sec
	}
	return at + 2*synthetic.Sec
}

func TestPhaseWithinTheHeartbeat(t *testing.T) {
	a := failover.Analyze(synthetic.Probed(beats))
	require.Len(t, a.Episodes, 8)
	for i := range a.Episodes {
		e := &a.Episodes[i]
		require.Equal(t, time.Duration(i*12+1)*synthetic.Mil, *e.Silence, "less whole intervals")
		require.Equal(t, e.T0-*e.Silence-200*synthetic.Mil, e.Heartbeat.At, "the latest that a survivor tells")
		require.Contains(t, e.Heartbeat.Ref, ".log:")
	}
	p := heartbeats(&a)
	require.NotNil(t, p.table)
	require.Empty(t, phaseNote(&a))
	rows := p.table.records("series", phaseOne)
	require.Len(t, rows, 8)
	for i, r := range rows {
		require.Equal(t, *a.Episodes[i].Silence, r.span("phase_ms"))
		require.Equal(t, *a.Episodes[i].Writes.Took, r.span("outage_ms"))
		require.Equal(t, *a.Episodes[i].Detection, r.span("detection_ms"))
	}
	alone, flat := p.table.records("series", phaseAlone), p.table.records("series", phaseWrites)
	require.Equal(t, 1233*synthetic.Mil, alone[0].span("detection_ms").Truncate(synthetic.Mil), "T - h + T/3 of two survivors")
	require.Equal(t, alone[0].span("detection_ms")-100*synthetic.Mil, alone[1].span("detection_ms"))
	require.Equal(t, flat[0].span("detection_ms"), flat[1].span("detection_ms"))
	require.Contains(t, strings.Join(p.head.subs, " "), "the flat line applies")
	requireReadable(t, &p)
}

// TestNoPhaseIsSaidWhereItIsNotKnown: etcd does not log heartbeats.
func TestNoPhaseIsSaidWhereItIsNotKnown(t *testing.T) {
	run, h := synthetic.GoldenRun()
	run.System = "etcd"
	a := failover.Analyze(run, h)
	require.Nil(t, heartbeats(&a).table)
	require.Contains(t, phaseNote(&a), "etcd on local does not report")
	for i := range a.Episodes {
		require.Nil(t, a.Episodes[i].Silence)
	}
	require.Empty(t, phaseNote(&failover.Analysis{}), "nothing to show")
}

func TestTheilSen(t *testing.T) {
	var points []phasePoint
	for i := range 20 {
		points = append(points, phasePoint{float64(i), 1200 - float64(i) + float64(i*7%5)})
	}
	points[3].y = 9000 // one that is off does not matter
	lo, mid, hi, ok := theilSen(points)
	require.True(t, ok)
	require.InDelta(t, -1, mid, 0.1)
	require.Less(t, lo, mid)
	require.Greater(t, hi, mid)
	_, _, _, ok = theilSen(points[:5])
	require.False(t, ok)
	_, _, _, ok = theilSen(slices.Repeat([]phasePoint{{1, 2}}, 10))
	require.False(t, ok, "all at one phase")
}
