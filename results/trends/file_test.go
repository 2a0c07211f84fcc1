package trends

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func ids(rows []Row) (out []string) {
	for i := range rows {
		out = append(out, rows[i].ID)
	}
	return out
}

func TestAppendAndRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), File)
	rows, skipped, err := ReadFile(path)
	require.NoError(t, err)
	require.Empty(t, rows)
	require.Empty(t, skipped)
	want := steady(3)
	require.NoError(t, Append(path, want[2]))
	require.NoError(t, Append(path, want[:2]...))
	require.NoError(t, Append(path))
	rows, skipped, err = ReadFile(path)
	require.NoError(t, err)
	require.Empty(t, skipped)
	require.Equal(t, want, rows, "oldest first")

	again := want[1]
	again.State = Invalid
	require.NoError(t, Append(path, again))
	rows, _, err = ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, []string{"r00", "r01", "r02"}, ids(rows))
	require.Equal(t, Invalid, rows[1].State, "the last word holds")
}

func TestReadSaysWhatItLeftOut(t *testing.T) {
	for _, c := range []struct{ name, line, want string }{
		{"no JSON", "hello", "line 1: not a row: invalid character 'h'"},
		{"of a later program", `{"format":2,"id":"x"}`, "line 1: its format is 2; this program reads 1"},
		{"nobody's", `{"format":1}`, "line 1: it has no id"},
		{"not sorted", `{"format":1,"id":"x","write_outages":[2,1]}`, "line 1: its write outages are not sorted"},
		{"torn", `{"format":1,"id":"x","sta`, "line 1: not a row: unexpected end of JSON input"},
	} {
		t.Run(c.name, func(t *testing.T) {
			rows, skipped := Parse([]byte(c.line + "\n\n" + `{"format":1,"id":"y"}`))
			require.Len(t, skipped, 1)
			require.Contains(t, skipped[0], c.want)
			require.Equal(t, []string{"y"}, ids(rows))
		})
	}
	_, _, err := ReadFile(t.TempDir())
	require.ErrorContains(t, err, "is not a file")
	require.Error(t, Append(t.TempDir(), steady(1)...))
	require.ErrorContains(t, Append("/dev/null", steady(1)...), "it is not a file")
}

// TestTornAnywhere: a file that ends anywhere keeps every whole row, and takes new ones.
func TestTornAnywhere(t *testing.T) {
	dir := t.TempDir()
	whole := filepath.Join(dir, "whole")
	require.NoError(t, Append(whole, steady(4)...))
	b, err := os.ReadFile(whole)
	require.NoError(t, err)
	path := filepath.Join(dir, File)
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(0, len(b)).Draw(rt, "size")
		require.NoError(rt, os.WriteFile(path, b[:n], 0o600))
		last := Row{Format: Format, ID: "after", Started: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)}
		require.NoError(rt, Append(path, last))
		rows, skipped, err := ReadFile(path)
		require.NoError(rt, err)
		lines := strings.Count(string(b[:n]), "\n")
		if cut := b[:n]; n > 0 && n < len(b) && cut[n-1] == '}' && b[n] == '\n' {
			lines++ // only its end is missing
		}
		require.Equal(rt, append(ids(steady(lines)), "after"), ids(rows))
		require.LessOrEqual(rt, len(skipped), 1)
	})
}

// TestManyAppendAtOnce: every row of every writer arrives whole.
func TestManyAppendAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), File)
	const writers, each = 8, 10
	var wg sync.WaitGroup
	errs := make([]error, writers)
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				if err := Append(path, Row{Format: Format, ID: fmt.Sprintf("%d-%d", w, i), Reason: strings.Repeat("x", 100*w)}); err != nil {
					errs[w] = err
				}
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		require.NoError(t, err)
	}
	rows, skipped, err := ReadFile(path)
	require.NoError(t, err)
	require.Empty(t, skipped)
	require.Len(t, rows, writers*each)
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"format":1,"id":"x","started":"2026-01-01T00:00:00Z","write_outages":[1,2]}` + "\n{"))
	f.Fuzz(func(t *testing.T, b []byte) {
		rows, skipped := Parse(b)
		require.LessOrEqual(t, len(rows)+len(skipped), strings.Count(string(b), "\n")+1)
		Judge(rows, Options{Window: 1, Confirm: 1})
	})
}
