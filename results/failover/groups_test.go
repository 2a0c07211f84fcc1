package failover

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/history"
)

func TestGroupsSortFaultsByKindAndTarget(t *testing.T) {
	away := func(fault string, d time.Duration, lost bool) Episode {
		return Episode{Fault: &Injected{FaultValue: history.FaultValue{Fault: fault, Target: "leader"}}, Writes: Outage{Took: &d}, QuorumLost: lost}
	}
	gap := 30 * time.Millisecond
	a := Analysis{
		Episodes: []Episode{away("pause", 900*time.Millisecond, false), away("kill", time.Second, false), away("kill", 3*time.Second, false), away("kill", 9*time.Second, true), {}},
		Controls: []Control{{Fault: &Injected{FaultValue: history.FaultValue{Fault: "kill", Target: "follower"}}, LongestGap: &gap}},
	}
	got := a.groups()
	type row struct {
		fault, target     string
		failovers, lost   int
		n                 int
		longest, controls int
	}
	var rows []row
	for _, g := range got {
		rows = append(rows, row{g.Fault, string(g.Target), len(g.Episodes), g.Lost, g.Writes.N, int(g.Writes.Max.At / time.Millisecond), len(g.Controls)})
	}
	require.Equal(t, []row{
		{"kill", "follower", 0, 0, 0, 0, 1},
		{"kill", "leader", 3, 1, 2, 3000, 0},
		{"no fault", "", 1, 0, 0, 0, 0},
		{"pause", "leader", 1, 0, 1, 900, 0},
	}, rows)
	require.Equal(t, gap, got[0].Gaps.Max.At)
	require.Len(t, (&Analysis{Episodes: a.Episodes[:4]}).groups(), 2, "no row of what did not happen")
	require.Same(t, &a.Episodes[2], Worst(got[1].Episodes))
}
