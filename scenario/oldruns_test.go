package scenario

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/history"
	"github.com/faultline-chaos/faultline/results"
)

// TestOldRunsAreJudgedAsTheyWere: what earlier versions left is read for ever, with the same verdicts, exit
// code, episodes and numbers. Fields may have been added since, and words may have changed. A folder of
// testdata/runs is a run as it was made, with logs compressed and pictures left out: a next format is one
// more.
func TestOldRunsAreJudgedAsTheyWere(t *testing.T) {
	dirs, err := filepath.Glob("testdata/runs/*")
	require.NoError(t, err)
	require.NotEmpty(t, dirs)
	for _, dir := range dirs {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			t.Parallel()
			folder, before, list, err := OpenRun(unpacked(t, dir))
			require.NoError(t, err)
			a, err := Judge(t.Context(), folder, before, list, Default().CheckTime)
			require.NoError(t, err)
			now := a.Run
			require.Equal(t, before.Verdict, now.Verdict)
			require.Equal(t, before.ExitCode, now.ExitCode)
			require.Empty(t, now.NotAsked)
			require.Equal(t, judged(before.Verdicts), judged(now.Verdicts))

			was, is := episodes(t, dir), episodes(t, folder.Dir())
			require.Len(t, is, len(was))
			for i := range was {
				requireKept(t, fmt.Sprintf("line %d of %s", i+1, results.FailoversFile), was[i], is[i])
			}
			for _, name := range []string{results.ReportFile, results.SummaryFile, results.JUnitFile} {
				require.FileExists(t, folder.Path(name))
			}
		})
	}
}

// unpacked is a copy of a run's folder, with its logs as they were.
func unpacked(t *testing.T, dir string) string {
	t.Helper()
	to := t.TempDir()
	require.NoError(t, os.CopyFS(to, os.DirFS(dir)))
	logs, err := filepath.Glob(filepath.Join(to, "logs", "*.zst"))
	require.NoError(t, err)
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1))
	require.NoError(t, err)
	defer d.Close()
	for _, path := range logs {
		packed, err := os.ReadFile(path)
		require.NoError(t, err)
		plain, err := d.DecodeAll(packed, nil)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(strings.TrimSuffix(path, ".zst"), plain, 0o600))
	}
	return to
}

var numbers = regexp.MustCompile(`\d[\d.,]*`)

// judged are verdicts, with what they count and which lines they name, and without their words.
func judged(list []history.Verdict) (out []string) {
	for _, v := range list {
		out = append(out, fmt.Sprintf("%s is %s: %v, lines %v", v.Checker, v.Validity, numbers.FindAllString(v.Reason, -1), v.Evidence))
	}
	return out
}

func episodes(t *testing.T, dir string) (out []any) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, results.FailoversFile))
	require.NoError(t, err)
	for line := range strings.Lines(string(b)) {
		var e any
		require.NoError(t, json.Unmarshal([]byte(line), &e))
		out = append(out, e)
	}
	return out
}

// requireKept: whatever was there is there still, with the same value. Sentences may be worded anew.
func requireKept(t *testing.T, path string, was, is any) {
	t.Helper()
	switch was := was.(type) {
	case map[string]any:
		require.IsType(t, was, is, path)
		for name, v := range was {
			requireKept(t, path+"."+name, v, is.(map[string]any)[name])
		}
	case []any:
		require.IsType(t, was, is, path)
		require.Len(t, is, len(was), path)
		for i, v := range was {
			requireKept(t, fmt.Sprintf("%s[%d]", path, i), v, is.([]any)[i])
		}
	case string:
		if strings.Count(was, " ") < 3 {
			require.Equal(t, any(was), is, path)
			return
		}
		require.Equal(t, numbers.FindAllString(was, -1), numbers.FindAllString(fmt.Sprint(is), -1), path)
	default:
		require.Equal(t, was, is, path)
	}
}
