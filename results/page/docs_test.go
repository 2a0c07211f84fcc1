package page

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/results"
	"github.com/faultline-chaos/faultline/results/failover"
	"github.com/faultline-chaos/faultline/results/internal/synthetic"
)

// TestEveryFileOfARunIsDescribed: docs/files.md has a row for whatever a run's folder holds.
func TestEveryFileOfARunIsDescribed(t *testing.T) {
	known := synthetic.DescribedFiles(t, "../../docs/files.md")
	run, h := synthetic.GoldenRun()
	f := synthetic.WriteFolder(t, t.TempDir(), run, h)
	a, err := failover.AnalyzeFolder(f)
	require.NoError(t, err)
	require.NoError(t, Render(f, a))
	page, err := os.ReadFile(f.Path(results.ReportFile))
	require.NoError(t, err)
	require.NoError(t, filepath.WalkDir(f.Dir(), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(f.Dir(), path)
		require.NoError(t, err)
		if figure, ok := strings.CutSuffix(name, ".svg"); ok && strings.HasPrefix(name, "failover-") {
			require.Contains(t, string(page), `<a href="`+name+`">`)
			require.Contains(t, string(page), `data: <a href="`+figure+`.csv">`)
		}
		require.Regexp(t, known, filepath.ToSlash(name), "docs/files.md does not say what it is")
		return nil
	}))
}
