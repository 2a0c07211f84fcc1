package seamlint_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/internal/seamlint"
)

// TestRules holds the findings against the "want" comments of the test data: each line has the finding
// that its comment is the beginning of, or of the line as far below as the number says.
func TestRules(t *testing.T) {
	for dir, rules := range map[string]seamlint.Rules{"seam": seamlint.Seam(), "core": seamlint.Core()} {
		t.Run(dir, func(t *testing.T) {
			path := filepath.Join("testdata", dir)
			found, err := seamlint.Check(path, rules)
			require.NoError(t, err)
			got := map[int]string{}
			for _, f := range found {
				require.Equal(t, dir+".go", f.File)
				require.Empty(t, got[f.Line], "two findings on line %d", f.Line)
				got[f.Line] = f.Text
			}
			for line, want := range wants(t, filepath.Join(path, dir+".go")) {
				require.True(t, strings.HasPrefix(got[line], want), "line %d: want %q, got %q", line, want, got[line])
				delete(got, line)
			}
			require.Empty(t, got, "nobody expected these")
		})
	}
}

func wants(t *testing.T, file string) map[int]string {
	t.Helper()
	src, err := os.ReadFile(file)
	require.NoError(t, err)
	want := regexp.MustCompile(`// want "([^"]*)"(?: (-\d+))?`)
	out := map[int]string{}
	for i, line := range strings.Split(string(src), "\n") {
		if m := want.FindStringSubmatch(line); m != nil {
			offset, _ := strconv.Atoi(m[2]) // none: this line
			out[i+1+offset] = m[1]
		}
	}
	require.NotEmpty(t, out)
	return out
}

func TestBrokenPackage(t *testing.T) {
	_, err := seamlint.Check("testdata", seamlint.Seam())
	require.ErrorContains(t, err, "lint testdata: go list")
}

// TestSimulated checks every package of the module that runs in simulations.
func TestSimulated(t *testing.T) {
	for _, p := range []struct {
		dir   string
		rules seamlint.Rules
	}{
		{"harness", seamlint.Seam()},
		{"scripts", seamlint.Seam()},
		{"nemesis", seamlint.Seam()},
		{"workloads", seamlint.Seam()},
		{"store/core", seamlint.Core()},
		{"store/mvcc", seamlint.Core()},
	} {
		t.Run(p.dir, func(t *testing.T) {
			found, err := seamlint.Check(filepath.Join("..", "..", p.dir), p.rules)
			require.NoError(t, err)
			for _, f := range found {
				t.Errorf("%s/%s", p.dir, f)
			}
		})
	}
}
