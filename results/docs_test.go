package results

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// describedFiles is an expression of the names that docs/files.md has a row for.
func describedFiles(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile("../docs/files.md")
	require.NoError(t, err)
	var known []string
	for line := range strings.Lines(string(page)) {
		cells := strings.Split(line, "|")
		if len(cells) != 4 || !strings.HasPrefix(line, "| `") {
			continue
		}
		first := ""
		for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(cells[1], -1) {
			name := m[1]
			if strings.HasPrefix(name, ".") {
				name = strings.TrimSuffix(first, filepath.Ext(first)) + name
			} else {
				first = name
			}
			name = strings.ReplaceAll(regexp.QuoteMeta(name), "NODE", `[A-Za-z0-9._-]+`)
			known = append(known, "^"+strings.ReplaceAll(name, "eN", `e\d+`)+"$")
		}
	}
	return strings.Join(known, "|")
}

// TestEveryFigureHasItsPlaceAndRow: docs/files.md says what each kind of figure is, and the page has a
// place for it.
func TestEveryFigureHasItsPlaceAndRow(t *testing.T) {
	known := describedFiles(t)
	for _, k := range figureKinds() {
		require.Contains(t, []Place{InTimeline, UnderTimeline, OverFailovers}, k.place, k.name)
		for _, ext := range []string{".svg", ".png", ".csv"} {
			require.Regexp(t, known, k.name+ext, "docs/files.md does not say what it is")
		}
	}
	_, a := probed(mix)
	for _, p := range plans(&a) {
		require.NotEmpty(t, p.head.title, p.name)
	}
}

// TestEveryFileOfARunIsDescribed: docs/files.md has a row for whatever a run's folder holds.
func TestEveryFileOfARunIsDescribed(t *testing.T) {
	known := describedFiles(t)
	run, h := goldenRun()
	f := writeFolder(t, t.TempDir(), run, h)
	a, err := AnalyzeFolder(f)
	require.NoError(t, err)
	require.NoError(t, Render(f, a))
	require.NoError(t, filepath.WalkDir(f.Dir(), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(f.Dir(), path)
		require.NoError(t, err)
		require.Regexp(t, known, filepath.ToSlash(name), "docs/files.md does not say what it is")
		return nil
	}))
}
