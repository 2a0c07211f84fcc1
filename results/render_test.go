package results

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestRenderWritesEveryArtifact(t *testing.T) {
	root := os.Getenv("RESULTS_DEMO") // keeps the folder, to look at
	if root == "" {
		root = t.TempDir()
	} else {
		require.NoError(t, os.RemoveAll(filepath.Join(root, "synthetic")))
	}
	_, run, h := standard(24, 12*mil, 800*mil)
	f := writeFolder(t, root, run, h)
	start := time.Now()
	a, err := f.Analyze()
	require.NoError(t, err)
	t.Logf("analyzed %d ops in %v", len(h.Ops), time.Since(start))
	start = time.Now()
	require.NoError(t, f.Render(a))
	t.Logf("rendered in %v", time.Since(start))
	for _, name := range []string{FailoversFile, "swimlane.svg", "swimlane.png", "cdf.png", "phases.png", "throughput.png"} {
		require.FileExists(t, f.Path(name))
	}
}
