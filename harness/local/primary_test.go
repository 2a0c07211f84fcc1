package local_test

import (
	"context"
	"errors"
	"io"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/checker"
	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/harness/harnesstest"
	"github.com/faultline-chaos/faultline/history"
	"github.com/faultline-chaos/faultline/nemesis"
	"github.com/faultline-chaos/faultline/results"
	"github.com/faultline-chaos/faultline/results/failover"
	"github.com/faultline-chaos/faultline/results/page"
	"github.com/faultline-chaos/faultline/workloads"
)

// primaryKV is a system that is no etcd and has no raft: member n1 keeps all values, the others hand on
// what they are asked, and nobody is ever elected. It is what CONTRIBUTING's recipe for a system asks for.
type primaryKV struct{ *harnesstest.Toy }

func (primaryKV) Name() string { return "primarykv" }

func (s primaryKV) Command(self history.NodeID, members []harness.Member, dataDir string) (harness.Command, error) {
	c, err := s.Toy.Command(self, members, dataDir)
	if primary := members[0]; self != primary.ID {
		c.Args = append(c.Args, "-primary", primary.Host+":7000")
	}
	return c, err
}

// Status asks a member whether it serves, so that one whose primary is gone does not.
func (s primaryKV) Status(ctx context.Context, addr string, self history.NodeID, members []harness.Member) (harness.Status, error) {
	st, err := s.Toy.Status(ctx, addr, self, members)
	if err == nil && self == members[0].ID {
		st.Role = history.Leader
	}
	return st, err
}

// TestSystemWithoutRaftIsValid: a run of a system whose log is not raft's is judged valid by what it
// offers, and says who was not asked.
func TestSystemWithoutRaftIsValid(t *testing.T) {
	rt := newRuntime(t)
	folder, err := results.Create(t.TempDir(), "primary")
	require.NoError(t, err)
	sys := primaryKV{buildToy(t)}
	run := results.Run{
		ID: "primary", System: sys.Name(), Runtime: rt.Name(), LogLanguage: sys.LogLanguage(),
		Nodes: []history.NodeID{"n1", "n2", "n3"}, ElectionTimeout: time.Second, HeartbeatInterval: 100 * time.Millisecond,
		Workload: "register", Time: 4 * time.Second, ProbeEvery: 50 * time.Millisecond, ProbeTimeout: time.Second,
		Schedule: []results.Step{
			{At: 500 * time.Millisecond, For: 500 * time.Millisecond, Fault: "kill", Target: history.TargetLeader},
			{At: 2500 * time.Millisecond, For: 500 * time.Millisecond, Fault: "kill", Target: "node=n3"},
		},
	}
	w := workloads.Register{Timeout: 2 * time.Second}
	rc := harness.RunConfig{Workload: w, Workers: 3, Faults: run.Time, ProbeEvery: run.ProbeEvery, ProbeTimeout: run.ProbeTimeout}
	for _, s := range run.Schedule {
		rc.Schedule = append(rc.Schedule, harness.Step{At: s.At, For: s.For, Fault: nemesis.Kill{}, Target: s.Target})
	}
	file, err := folder.CreateHistory()
	require.NoError(t, err)
	var logs []*os.File
	err = rt.Run(t.Context(), harness.ClusterConfig{
		RunID: harnesstest.NewRunID(), Seed: 1, System: sys, Nodes: 3,
		Logs: func(id history.NodeID) io.Writer {
			f, err := folder.CreateLog(id)
			require.NoError(t, err)
			logs = append(logs, f)
			return f
		},
	}, func(ctx context.Context, env harness.Env, c harness.Cluster) error {
		recorder := harness.NewRecorder(env, file, harness.RecorderOptions{})
		return errors.Join(harness.Run(ctx, env, c, recorder, rc), recorder.Flush())
	})
	for _, f := range append(logs, file) {
		require.NoError(t, f.Close())
	}
	require.NoError(t, err)

	require.NoError(t, folder.WriteRun(run))
	h, _, err := folder.ReadHistory()
	require.NoError(t, err)
	facts := checker.RunFacts{LogLanguage: run.LogLanguage, ProbeEvery: run.ProbeEvery, Time: run.Time, ElectionTimeout: run.ElectionTimeout}
	for _, s := range run.Schedule {
		facts.Faults = append(facts.Faults, checker.PlannedFault{At: s.At, For: s.For, Target: s.Target})
	}
	var asked []history.Checker
	asked, run.NotAsked = checker.Choose(w.Checkers(), facts)
	run.Verdicts = checker.Run(t.Context(), asked, h)
	run.Verdict = history.Worst(run.Verdicts)
	for _, v := range run.Verdicts {
		require.Equal(t, history.Valid, v.Validity, "%s: %s", v.Checker, v.Reason)
	}
	require.Equal(t, history.Valid, run.Verdict)
	require.Equal(t, []history.NotAsked{{Checker: "one-leader", Reason: "the system's log is not raft's"}}, run.NotAsked)

	require.NoError(t, folder.WriteRun(run))
	a, err := failover.AnalyzeFolder(folder)
	require.NoError(t, err)
	require.NoError(t, page.Render(folder, a))
	require.Equal(t, 2, a.Landed())
	require.NotEmpty(t, a.Episodes, "the loss of the primary is seen by the poller")
	for _, e := range a.Episodes {
		require.Nil(t, e.SplitVotes)
		require.Nil(t, e.Detected, "no log tells of a campaign")
		require.Contains(t, e.Missing, "votes and split votes: the system's log is not raft's")
		require.True(t, e.Writes.Took != nil || e.Writes.AtLeast != nil, "what clients saw is measured")
	}
	for _, c := range []struct{ file, want string }{
		{results.RunFile, `"log_language": "none"`},
		{results.SummaryFile, "| one-leader | not asked | the system's log is not raft's |"},
		{results.ReportFile, `<span class="muted">not asked</span> · one-leader`},
		{results.JUnitFile, `<skipped message="not asked: the system&#39;s log is not raft&#39;s">`},
	} {
		b, err := os.ReadFile(folder.Path(c.file))
		require.NoError(t, err)
		require.Contains(t, string(b), c.want, c.file)
	}
	require.Contains(t, page.TerminalSummary(a, page.TerminalOptions{}), "skipped  one-leader was not asked: the system's log is not raft's")
}
