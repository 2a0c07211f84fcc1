package checker

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/history"
	"github.com/faultline-chaos/faultline/history/raftlog"
)

func TestChoose(t *testing.T) {
	const s = time.Second
	leader, follower := PlannedFault{0, s, history.TargetLeader}, PlannedFault{2 * s, s, history.TargetFollower}
	for _, c := range []struct {
		name  string
		facts RunFacts
		want  []string
	}{
		{"no faults", RunFacts{Time: 10 * s}, []string{"live", "coverage", "recovered", "one-leader", "no-panic", "all-healed"}},
		{"a language that is recorded", RunFacts{LogLanguage: raftlog.Language}, []string{"live", "coverage", "recovered", "one-leader", "no-panic", "all-healed"}},
		{"a log that is not raft's", RunFacts{LogLanguage: history.NoLogLanguage}, []string{"live", "coverage", "recovered", "no-panic", "all-healed"}},
		{"probes", RunFacts{ProbeEvery: s}, []string{"probes", "live", "coverage", "recovered", "one-leader", "no-panic", "all-healed"}},
		{"followers too", RunFacts{Faults: []PlannedFault{leader, follower}}, []string{"live", "coverage", "recovered", "follower-faults", "one-leader", "no-panic", "all-healed"}},
		{"long enough", RunFacts{Time: 30 * s, Faults: []PlannedFault{leader}}, []string{"live", "coverage", "recovered", "availability", "one-leader", "no-panic", "all-healed"}},
		{"slow elections", RunFacts{Time: 30 * s, ElectionTimeout: 2 * s}, []string{"live", "coverage", "recovered", "one-leader", "no-panic", "all-healed"}},
		{"a majority hit", RunFacts{Time: 30 * s, Faults: []PlannedFault{{Target: history.TargetMajority}}}, []string{"live", "coverage", "recovered", "one-leader", "no-panic", "all-healed"}},
		{"hostile", RunFacts{Hostile: true, Time: 30 * s, Faults: []PlannedFault{follower}}, []string{"live", "coverage", "recovered", "one-leader", "no-panic", "all-healed"}},
		{"a script", RunFacts{Script: true, Time: 60 * s}, []string{"one-leader", "no-panic", "all-healed"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			asked, left := Choose([]history.Checker{Bank{}}, c.facts)
			var names []string
			for _, a := range asked {
				names = append(names, a.Name())
			}
			require.Equal(t, append([]string{"bank"}, c.want...), names)
			if raftlog.Spoken(c.facts.LogLanguage) {
				require.Empty(t, left)
			} else {
				require.Equal(t, []history.NotAsked{{Checker: "one-leader", Reason: "the system's log is not raft's"}}, left)
			}
		})
	}
}

func TestChooseTakesCoverageFromTheSchedule(t *testing.T) {
	of := func(faults ...PlannedFault) history.Checker {
		return Coverage{}.JudgesRun(RunFacts{Faults: faults})
	}
	require.Equal(t, Coverage{NoFaultsAsked: true}, of())
	require.Equal(t, Coverage{}, of(PlannedFault{At: 0, For: 1}, PlannedFault{At: 1, For: 1}))
	require.Equal(t, Coverage{Overlapping: true}, of(PlannedFault{At: 0, For: 2}, PlannedFault{At: 1, For: 1}))
}
