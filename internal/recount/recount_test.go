package recount_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/internal/recount"
	"github.com/faultline-chaos/faultline/results"
	"github.com/faultline-chaos/faultline/results/failover"
)

// TestFolders recounts the runs that RECOUNT names, as a pattern of folders: any run of yours.
func TestFolders(t *testing.T) {
	if os.Getenv("RECOUNT") == "" {
		t.Skip("RECOUNT names no folders")
	}
	dirs, err := filepath.Glob(os.Getenv("RECOUNT"))
	require.NoError(t, err)
	for _, dir := range dirs {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			values, err := recount.Of(dir)
			require.NoError(t, err)
			f, err := results.Open(dir)
			require.NoError(t, err)
			a, err := failover.AnalyzeFolder(f)
			require.NoError(t, err)
			wrong, compared, err := values.Compare(a)
			require.NoError(t, err)
			require.Empty(t, wrong)
			wrong, err = values.Failovers(dir)
			require.NoError(t, err)
			require.Empty(t, wrong)
			t.Logf("%d numbers", compared)
		})
	}
}
