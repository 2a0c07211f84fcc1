package results

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/faultline-chaos/faultline/history"
	"github.com/faultline-chaos/faultline/history/raftlog"
	"github.com/stretchr/testify/require"
)

// beats lets the survivors of every kill tell when they last heard a timed heartbeat of the leader: the
// fault comes at a phase that goes round the interval, and two intervals were not counted.
func beats(s *synthetic) time.Duration {
	at := 4 * sec
	for i := range 8 {
		s.add("kill", true, at, 2*sec, false)
		w := &s.troubles[len(s.troubles)-1]
		for k, n := range s.others(w.node) {
			heard := w.confirmed - time.Duration(i*12+1)*mil - 200*mil - time.Duration(k)*100*mil
			s.log(n, w.detected, "%s heard the last timed heartbeat of %s %.3fms ago", s.ids[n], s.ids[w.node], msOf(w.detected-heard))
		}
		at += 6 * sec
	}
	return at + 2*sec
}

func TestPhaseWithinTheHeartbeat(t *testing.T) {
	_, a := probed(beats)
	require.Len(t, a.Episodes, 8)
	for i := range a.Episodes {
		e := &a.Episodes[i]
		require.Equal(t, time.Duration(i*12+1)*mil, *e.Silence, "less whole intervals")
		require.Equal(t, e.T0-*e.Silence-200*mil, e.Heartbeat.At, "the latest that a survivor tells")
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
	require.Equal(t, 1233*mil, alone[0].span("detection_ms").Truncate(mil), "T - h + T/3 of two survivors")
	require.Equal(t, alone[0].span("detection_ms")-100*mil, alone[1].span("detection_ms"))
	require.Equal(t, flat[0].span("detection_ms"), flat[1].span("detection_ms"))
	require.Contains(t, strings.Join(p.head.subs, " "), "the flat line holds")
	requireReadable(t, &p)
}

// TestNoPhaseIsSaidWhereItIsNotKnown: etcd does not log heartbeats.
func TestNoPhaseIsSaidWhereItIsNotKnown(t *testing.T) {
	run, h := goldenRun()
	run.System = "etcd"
	a := Analyze(run, h)
	require.Nil(t, heartbeats(&a).table)
	require.Contains(t, phaseNote(&a), "not known. etcd on local does not tell")
	for i := range a.Episodes {
		require.Nil(t, a.Episodes[i].Silence)
	}
	require.Empty(t, phaseNote(&Analysis{}), "nothing to show")
}

// TestAHeartbeatAfterTheFaultIsNoPhase: the fault did not silence the leader.
func TestAHeartbeatAfterTheFaultIsNoPhase(t *testing.T) {
	s := study{beat: 100 * mil, events: []raftlog.Event{{At: 5 * sec, Node: "n2", Kind: raftlog.LastBeat, Peer: "n1", Ago: 900 * mil}}}
	e := Episode{OldLeader: "n1", T0: 4 * sec, Watched: 9 * sec, Fault: &Injected{FaultValue: history.FaultValue{Nodes: []history.NodeID{"n1"}, Leader: "n1"}}}
	s.silence(&e)
	require.Nil(t, e.Silence)
	e.Fault.FaultValue.Heartbeat = 3950 * mil
	s.events = nil
	s.silence(&e)
	require.Equal(t, 50*mil, *e.Silence)
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
