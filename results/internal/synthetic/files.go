package synthetic

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/results"
)

// DescribedFiles is an expression of the names that docs/files.md, at path, has a row for.
func DescribedFiles(t *testing.T, path string) string {
	t.Helper()
	page, err := os.ReadFile(path)
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

// Number is that of a cell.
func Number(t *testing.T, s string) float64 {
	t.Helper()
	v, err := strconv.ParseFloat(s, 64)
	require.NoError(t, err)
	return v
}

// TableRows are the rows of a CSV file of a run, by the names of their columns.
func TableRows(t *testing.T, f *results.Folder, name string) []map[string]string {
	t.Helper()
	b, err := os.ReadFile(f.Path(name))
	require.NoError(t, err)
	rows, err := csv.NewReader(strings.NewReader(string(b))).ReadAll()
	require.NoError(t, err)
	var out []map[string]string
	for _, r := range rows[1:] {
		m := map[string]string{}
		for i, head := range rows[0] {
			m[head] = r[i]
		}
		out = append(out, m)
	}
	return out
}
