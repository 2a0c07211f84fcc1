package page

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/history"
	"github.com/faultline-chaos/faultline/results"
	"github.com/faultline-chaos/faultline/results/failover"
	"github.com/faultline-chaos/faultline/results/internal/synthetic"
)

func TestRenderWritesEveryArtifact(t *testing.T) {
	root, workers := os.Getenv("RESULTS_DEMO"), 24 // a folder that keeps a run of 130,000 lines, to look at
	if root == "" {
		root, workers = t.TempDir(), 4
	} else {
		require.NoError(t, os.RemoveAll(filepath.Join(root, "synthetic")))
	}
	_, run, h := synthetic.Standard(workers, 12*synthetic.Mil, 800*synthetic.Mil)
	f := synthetic.WriteFolder(t, root, run, h)
	start := time.Now()
	a, err := failover.AnalyzeFolder(f)
	require.NoError(t, err)
	t.Logf("analyzed %d ops in %v", len(h.Ops), time.Since(start))
	start = time.Now()
	require.NoError(t, Render(f, a))
	t.Logf("rendered in %v", time.Since(start))
	for _, name := range []string{results.FailoversFile, "swimlane.svg", "swimlane.png", "cdf.png", "phases.png", "throughput.png"} {
		require.FileExists(t, f.Path(name))
	}
}

func TestRenderOfRunsThatBrokeEarly(t *testing.T) {
	for name, c := range map[string]struct {
		run results.Run
		h   history.History
	}{
		"nothing at all": {results.Run{ID: "a", Error: "start n1: no memory"}, history.History{}},
		"only a phase":   {results.Run{ID: "b", Nodes: []history.NodeID{"n1"}}, history.History{Ops: []history.Op{{Process: history.HarnessProcess, Type: history.OK, F: history.FPhase, Value: []byte(`{"phase":"warmup"}`)}}}},
		"one open call":  {results.Run{ID: "c", Nodes: []history.NodeID{"n1"}}, history.History{Ops: []history.Op{{Time: synthetic.Sec, Type: history.Invoke, F: "get", Node: "n9"}}}},
	} {
		t.Run(name, func(t *testing.T) {
			f := synthetic.WriteFolder(t, t.TempDir(), c.run, c.h)
			a, err := failover.AnalyzeFolder(f)
			require.NoError(t, err)
			require.NoError(t, Render(f, a))
			require.FileExists(t, f.Path(results.ReportFile))
			require.NotEmpty(t, TerminalSummary(a, TerminalOptions{}))
		})
	}
}

// TestRenderRepeats: a report rendered again is the same, byte for byte.
func TestRenderRepeats(t *testing.T) {
	run, h := synthetic.GoldenRun()
	f := synthetic.WriteFolder(t, t.TempDir(), run, h)
	var before map[string]string
	for range 2 {
		a, err := failover.AnalyzeFolder(f)
		require.NoError(t, err)
		require.NoError(t, Render(f, a))
		now := map[string]string{}
		for _, name := range []string{results.ReportFile, results.JUnitFile, results.SummaryFile, results.FailoversFile, "swimlane.svg", "swimlane.png", "failover-e1.svg", "cdf.png"} {
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
