package serve

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/history"
	"github.com/faultline-chaos/faultline/results/trends"
)

// TestTrendsOutliveTheFolders: a run whose folder is gone stays in the trends, and nowhere else.
func TestTrendsOutliveTheFolders(t *testing.T) {
	dir := folderOfRuns(t)
	path := filepath.Join(dir, trends.File)
	for _, id := range []string{slowRun, quickRun} {
		d := digest(dir, id)
		require.NoError(t, trends.Append(path, d.Row))
	}
	s := serverOf(t, Options{Dir: dir})
	before := openPage(t, s, "/trends.csv?scenario=chaos&verdict=valid")
	require.NoError(t, os.RemoveAll(filepath.Join(dir, slowRun)))
	require.Equal(t, before, openPage(t, s, "/trends.csv?scenario=chaos&verdict=valid"))
	text := openPage(t, s, "/trends?scenario=chaos&verdict=valid")
	require.Contains(t, text, "2 of 2 runs, 1 of them without a run folder")
	require.NotContains(t, text, "/runs/"+slowRun)
	require.NotContains(t, openPage(t, s, "/"), slowRun)
	resp := ask(t, s, "GET", "/runs/"+slowRun+"/")
	require.Equal(t, http.StatusNotFound, resp.Code)
	require.Contains(t, resp.Body.String(), "The folder of this run is gone")
	require.Contains(t, openPage(t, s, "/compare?run="+slowRun+"&run="+quickRun), "B is faster: large effect")

	// It comes and goes with the file, and a folder wins over its row.
	fake{id: slowRun, started: day, outages: slow, latency: 4 * mil, verdict: history.Valid}.write(t, dir)
	require.Contains(t, openPage(t, s, "/"), slowRun)
	require.NoError(t, os.RemoveAll(filepath.Join(dir, slowRun)))
	require.NoError(t, os.Remove(path))
	require.NotContains(t, openPage(t, s, "/trends.csv"), slowRun)
}

// TestHistoryIsNoWayOut: rows cannot name files, and a link is not followed.
func TestHistoryIsNoWayOut(t *testing.T) {
	dir := folderOfRuns(t)
	path := filepath.Join(dir, trends.File)
	outside := filepath.Join(t.TempDir(), trends.File)
	require.NoError(t, trends.Append(outside, trends.Row{Format: trends.Format, ID: "secret", Started: day}))
	require.NoError(t, os.Symlink(outside, path))
	var notes []string
	s := serverOf(t, Options{Dir: dir, Note: func(format string, _ ...any) { notes = append(notes, format) }})
	require.NotContains(t, openPage(t, s, "/trends.csv"), "secret")
	require.Len(t, notes, 1)
	require.NoError(t, os.Remove(path))
	for _, id := range []string{"../x", "a/b", "", ".", "x\x00"} {
		require.NoError(t, trends.Append(path, trends.Row{Format: trends.Format, ID: id, Started: day}))
	}
	require.Equal(t, 5, strings.Count(openPage(t, s, "/trends.csv?scenario=chaos"), "\n"), "the head and the runs of the folder")
}
