package prune

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/history"
	"github.com/faultline-chaos/faultline/results"
)

var day = time.Date(2026, 11, 1, 2, 0, 0, 0, time.UTC)

func TestPlan(t *testing.T) {
	files := []string{results.RunFile, results.HistoryFile, results.ReportFile, "cdf.png", "window.svg", "logs/n1.csv"}
	run := func(id string, age int, valid bool) Run {
		return Run{ID: id, Finished: day.AddDate(0, 0, -age), Valid: valid, Files: files, Evidence: []string{"window.svg"}, Size: 10}
	}
	var got []string
	for _, s := range Plan([]Run{run("new", 0, true), run("bad", 3, false), run("old", 5, true), run("same", 5, true)}) {
		got = append(got, string(s.Action)+" "+s.Run+" "+strings.Join(s.Files, ","))
	}
	all := strings.Join(files, ",")
	require.Equal(t, []string{
		"compress old history.jsonl", "compress same history.jsonl", "compress bad history.jsonl", "compress new history.jsonl",
		"strip old cdf.png", "strip same cdf.png", "strip new cdf.png",
		"remove old " + all, "remove same " + all, "remove new " + all,
		"strip bad cdf.png", "remove bad " + all,
	}, got)
}

// folderOfRuns has a valid run a day, of which the second is invalid, beside things that are no runs.
func folderOfRuns(t *testing.T) string {
	dir := t.TempDir()
	for i, verdict := range []history.Validity{history.Valid, history.Invalid, history.Valid} {
		f, err := results.Create(dir, []string{"a", "b", "c"}[i])
		require.NoError(t, err)
		require.NoError(t, f.WriteRun(results.Run{ID: filepath.Base(f.Dir()), Verdict: verdict, Finished: day.AddDate(0, 0, i)}))
		h, err := f.CreateHistory()
		require.NoError(t, err)
		_, err = h.WriteString(strings.Repeat(`{"index":0,"time":0,"process":0,"type":"invoke","f":"read"}`+"\n", 1))
		require.NoError(t, err)
		require.NoError(t, h.Close())
		require.NoError(t, f.Write("cdf.svg", make([]byte, 10_000)))
		require.NoError(t, f.Write(results.ReportFile, make([]byte, 5_000)))
	}
	running, err := results.Create(dir, "running")
	require.NoError(t, err)
	require.NoError(t, running.WriteRun(results.Run{ID: "running"}))
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "other"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "other", "big"), make([]byte, 1<<20), 0o644))
	return dir
}

func TestFolder(t *testing.T) {
	for _, tc := range []struct {
		name   string
		limit  int64
		left   []string
		latest string
	}{
		{"large enough", 1 << 20, []string{"a", "b", "c"}, "running"},
		{"figures go", 40_000, []string{"a", "b", "c"}, "running"},
		{"the oldest valid run goes", 22_000, []string{"b", "c"}, "running"},
		{"what found something stays", 17_000, []string{"b"}, "running"},
		{"a limit is a limit", 0, nil, "running"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := folderOfRuns(t)
			dry, err := Folder(dir, tc.limit, true)
			require.NoError(t, err)
			require.DirExists(t, filepath.Join(dir, "a"))
			rep, err := Folder(dir, tc.limit, false)
			require.NoError(t, err)
			require.Equal(t, dry, rep)
			var freed int64
			for _, d := range rep.Done {
				freed += d.Freed
			}
			require.Equal(t, rep.Before-rep.After, freed)
			require.LessOrEqual(t, rep.After, tc.limit)
			var left []string
			for _, id := range []string{"a", "b", "c"} {
				if f, err := results.Open(filepath.Join(dir, id)); err == nil {
					left = append(left, id)
					h, _, err := f.ReadHistory()
					require.NoError(t, err)
					require.Len(t, h.Ops, 1)
					require.FileExists(t, f.Path(results.ReportFile))
				}
			}
			require.Equal(t, tc.left, left)
			require.FileExists(t, filepath.Join(dir, "other", "big"))
			require.DirExists(t, filepath.Join(dir, "running"))
			target, err := os.Readlink(filepath.Join(dir, results.Latest))
			require.NoError(t, err)
			require.Equal(t, tc.latest, target)
			again, err := Folder(dir, tc.limit, false)
			require.NoError(t, err)
			require.Empty(t, again.Done)
			require.Equal(t, rep.After, again.Before)
		})
	}
}

func TestLatestFollows(t *testing.T) {
	dir := folderOfRuns(t)
	require.NoError(t, os.RemoveAll(filepath.Join(dir, "running")))
	_, err := Folder(dir, 17_000, false)
	require.NoError(t, err)
	target, err := os.Readlink(filepath.Join(dir, results.Latest))
	require.NoError(t, err)
	require.Equal(t, "b", target)
	_, err = Folder(dir, 0, false)
	require.NoError(t, err)
	_, err = os.Lstat(filepath.Join(dir, results.Latest))
	require.ErrorIs(t, err, os.ErrNotExist)
}
