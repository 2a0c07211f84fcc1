package results

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/faultline-chaos/faultline/history"
	"github.com/stretchr/testify/require"
)

func TestRenderWritesEveryArtifact(t *testing.T) {
	root, workers := os.Getenv("RESULTS_DEMO"), 24 // a folder that keeps a run of 130,000 lines, to look at
	if root == "" {
		root, workers = t.TempDir(), 4
	} else {
		require.NoError(t, os.RemoveAll(filepath.Join(root, "synthetic")))
	}
	_, run, h := standard(workers, 12*mil, 800*mil)
	f := writeFolder(t, root, run, h)
	start := time.Now()
	a, err := AnalyzeFolder(f)
	require.NoError(t, err)
	t.Logf("analyzed %d ops in %v", len(h.Ops), time.Since(start))
	start = time.Now()
	require.NoError(t, Render(f, a))
	t.Logf("rendered in %v", time.Since(start))
	for _, name := range []string{FailoversFile, "swimlane.svg", "swimlane.png", "cdf.png", "phases.png", "throughput.png"} {
		require.FileExists(t, f.Path(name))
	}
}

func TestRenderOfRunsThatBrokeEarly(t *testing.T) {
	for name, c := range map[string]struct {
		run Run
		h   history.History
	}{
		"nothing at all": {Run{ID: "a", Error: "start n1: no memory"}, history.History{}},
		"only a phase":   {Run{ID: "b", Nodes: []history.NodeID{"n1"}}, history.History{Ops: []history.Op{{Process: history.HarnessProcess, Type: history.OK, F: history.FPhase, Value: []byte(`{"phase":"warmup"}`)}}}},
		"one open call":  {Run{ID: "c", Nodes: []history.NodeID{"n1"}}, history.History{Ops: []history.Op{{Time: sec, Type: history.Invoke, F: "get", Node: "n9"}}}},
	} {
		t.Run(name, func(t *testing.T) {
			f := writeFolder(t, t.TempDir(), c.run, c.h)
			a, err := AnalyzeFolder(f)
			require.NoError(t, err)
			require.NoError(t, Render(f, a))
			require.FileExists(t, f.Path(ReportFile))
			require.NotEmpty(t, TerminalSummary(a, TerminalOptions{}))
		})
	}
}

// TestRenderRepeats: a report rendered again is the same, byte for byte.
func TestRenderRepeats(t *testing.T) {
	run, h := goldenRun()
	f := writeFolder(t, t.TempDir(), run, h)
	var before map[string]string
	for range 2 {
		a, err := AnalyzeFolder(f)
		require.NoError(t, err)
		require.NoError(t, Render(f, a))
		now := map[string]string{}
		for _, name := range []string{ReportFile, JUnitFile, SummaryFile, FailoversFile, "swimlane.svg", "swimlane.png", "failover-e1.svg", "cdf.png"} {
			b, err := os.ReadFile(f.Path(name))
			require.NoError(t, err)
			now[name] = string(b)
		}
		if before != nil {
			for name := range now {
				require.Equal(t, before[name], now[name], name)
			}
		}
		before = now
	}
}
