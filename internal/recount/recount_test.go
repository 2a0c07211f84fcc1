package recount_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/internal/recount"
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
			wrong, seen, err := values.Page(dir)
			require.NoError(t, err)
			inSummary, told, err := values.Summary(dir)
			require.NoError(t, err)
			inFigures, drawn, err := values.Figures(dir)
			require.NoError(t, err)
			for _, w := range slices.Concat(wrong, inSummary, inFigures) {
				t.Error(w)
			}
			t.Logf("%d numbers, %d in the summary and %d in figures", seen, told, drawn)
		})
	}
}
