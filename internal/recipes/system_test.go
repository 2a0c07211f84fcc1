package recipes

import (
	"context"
	"html"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/checker"
	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/harness/harnesstest"
	"github.com/faultline-chaos/faultline/harness/local"
	"github.com/faultline-chaos/faultline/history"
	"github.com/faultline-chaos/faultline/results"
	"github.com/faultline-chaos/faultline/results/page"
	"github.com/faultline-chaos/faultline/scenario"
)

// primaryKV is a system that is no etcd and has no raft: member n1 keeps all values, the others hand on
// what they are asked, and nobody is ever elected. Its program and protocol are toykv's.
type primaryKV struct{ *harnesstest.Toy }

func (primaryKV) Name() string { return "primarykv" }

func (primaryKV) Close() error { return nil }

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

// TestSystem: a run of a system whose log is not raft's is judged valid by what it offers, and says who
// was not asked.
func TestSystem(t *testing.T) {
	rt := &local.Runtime{TempDir: t.TempDir()}
	if _, err := rt.Probe(t.Context()); err != nil {
		t.Skipf("runtime local cannot be used here: %v", err)
	}
	s := scenario.Default()
	s.Time, s.Concurrency, s.Seed = 4*time.Second, 3, 1
	s.Probe = scenario.Interval(50 * time.Millisecond)
	s.Schedule = []scenario.Step{
		{At: 500 * time.Millisecond, For: 500 * time.Millisecond, Fault: "kill", Target: history.TargetLeader},
		{At: 2500 * time.Millisecond, For: 500 * time.Millisecond, Fault: "kill", Target: "node=n3"},
	}
	entry := checker.Entry{Name: "campaigned", New: func() history.Checker { return campaigned{} }}
	out := perform(t, s, scenario.Options{Runtime: rt, System: primaryKV{harnesstest.BuildToy(t)}, Checkers: []checker.Entry{entry}})
	run := out.Analysis.Run
	require.Equal(t, "primarykv", run.System)
	require.Equal(t, []history.NotAsked{
		{Checker: "one-leader", Reason: "the system's log is not raft's"},
		{Checker: "campaigned", Reason: "the system's log is not raft's"},
	}, run.NotAsked)

	require.Equal(t, 2, out.Analysis.Landed())
	require.NotEmpty(t, out.Analysis.Episodes, "the loss of the primary is seen by the poller")
	for _, e := range out.Analysis.Episodes {
		require.Nil(t, e.SplitVotes)
		require.Nil(t, e.Detected, "no log tells of a campaign")
		require.Contains(t, e.Missing, "votes and split votes: the system's log is not raft's")
		require.True(t, e.Writes.Took != nil || e.Writes.AtLeast != nil, "what clients saw is measured")
	}
	for _, name := range []string{results.RunFile, results.SummaryFile, results.ReportFile, results.JUnitFile} {
		text := html.UnescapeString(file(t, out, name))
		require.Contains(t, text, "one-leader", name)
		require.Contains(t, text, "the system's log is not raft's", name)
	}
	require.Contains(t, page.TerminalSummary(out.Analysis, page.TerminalOptions{}), "the system's log is not raft's")
}
