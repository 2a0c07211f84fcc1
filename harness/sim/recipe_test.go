package sim_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/history"
	"github.com/faultline-chaos/faultline/scenario"
)

// owned is a system that its user closes.
type owned struct{ toy }

func (owned) Close() error { return nil }

// TestSystemWithoutRaft: a whole run of a system that is neither etcd nor raft, on virtual time, is valid and
// says who was not asked. internal/recipes has one in processes.
func TestSystemWithoutRaft(t *testing.T) {
	s := scenario.Default()
	s.Runtime, s.Seed, s.Time, s.Hash, s.Faults = "sim", 3, 10*time.Second, 0, []string{"kill", "pause"}
	run, err := scenario.Run(t.Context(), s, scenario.Options{Out: t.TempDir(), System: owned{}, Workload: counters{think: 20 * time.Millisecond}})
	require.NoError(t, err)
	for _, v := range run.Verdicts {
		require.Equal(t, history.Valid, v.Validity, "%s: %s", v.Checker, v.Reason)
	}
	require.Equal(t, history.Valid, run.Verdict, run.Error)
	require.Equal(t, []history.NotAsked{{Checker: "one-leader", Reason: "the system's log is not raft's"}}, run.NotAsked)
}
