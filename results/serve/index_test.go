package serve

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/faultline-chaos/faultline/history"
	"github.com/faultline-chaos/faultline/results"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func opened(t testing.TB, dir string, rebuild bool) (*index, *bytes.Buffer) {
	var notes bytes.Buffer
	x := openIndex(dir, "v1", rebuild, func(format string, args ...any) { fmt.Fprintf(&notes, format+"\n", args...) })
	t.Cleanup(func() { require.NoError(t, x.Close()) })
	return x, &notes
}

func (x *index) ids(t *testing.T, q query) []string {
	t.Helper()
	out := []string{}
	runs, err := x.runs(t.Context())
	require.NoError(t, err)
	for _, d := range runs.find(q.filter, q.Sort, q.Descending) {
		out = append(out, d.ID)
	}
	return out
}

func all() query { return query{Sort: "time", Descending: true} }

func TestFindFiltersAndSorts(t *testing.T) {
	x, _ := opened(t, folderOfRuns(t), false)
	everything := []string{tornRun, runningRun, badRun, etcdRun, quickRun, slowRun, emptyDir}
	for name, c := range map[string]struct {
		q    query
		want []string
	}{
		"all, newest first":      {all(), everything},
		"verdict":                {query{filter: filter{State: "invalid"}, Sort: "time"}, []string{badRun}},
		"broken":                 {query{filter: filter{State: "broken"}, Sort: "time"}, []string{emptyDir, tornRun}},
		"unfinished":             {query{filter: filter{State: "unfinished"}, Sort: "time"}, []string{runningRun}},
		"system and runtime":     {query{filter: filter{System: "etcd", Runtime: "docker"}, Sort: "time"}, []string{etcdRun}},
		"system, wrong runtime":  {query{filter: filter{System: "etcd", Runtime: "sim"}, Sort: "time"}, []string{}},
		"scenario":               {query{filter: filter{Scenario: "leader-kill"}, Sort: "time"}, []string{etcdRun}},
		"search the reason":      {query{filter: filter{Search: "V7 READ"}, Sort: "time"}, []string{badRun}},
		"all words must match":   {query{filter: filter{Search: "v7 nothing"}, Sort: "time"}, []string{}},
		"no pattern in a search": {query{filter: filter{Search: "%' OR 1=1 --"}, Sort: "time"}, []string{}},
		"p50, unmeasured last":   {query{filter: filter{Scenario: "chaos"}, Sort: "p50"}, []string{quickRun, slowRun, tornRun, runningRun}},
		"p50 descending":         {query{filter: filter{Scenario: "chaos"}, Sort: "p50", Descending: true}, []string{slowRun, quickRun, tornRun, runningRun}},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, c.want, x.ids(t, c.q)) })
	}
	for by := range orders() {
		require.Len(t, x.ids(t, query{Sort: by}), len(everything), by)
	}
}

func TestIndexFollowsTheFolders(t *testing.T) {
	dir := folderOfRuns(t)
	x, notes := opened(t, dir, false)
	before := x.ids(t, all())

	// Gone, new, finished since.
	require.NoError(t, os.RemoveAll(filepath.Join(dir, slowRun)))
	const fresh = "20261124-030000-chaos-0123"
	fake{id: fresh, started: day.AddDate(0, 0, 4), latency: mil, verdict: history.Valid}.write(t, dir)
	require.NoError(t, os.RemoveAll(filepath.Join(dir, runningRun)))
	fake{id: runningRun, started: day.AddDate(0, 0, 2).Add(2 * time.Hour), latency: mil, verdict: history.Valid}.write(t, dir)
	after := x.ids(t, all())
	require.Len(t, after, len(before))
	require.Contains(t, after, fresh)
	require.NotContains(t, after, slowRun)
	require.Contains(t, x.ids(t, query{filter: filter{State: "valid"}, Sort: "time"}), runningRun)
	require.Empty(t, notes.String())
}

// TestIndexReadsOnlyWhatChanged: a digest that was tampered with in the index stays, until its folder
// changes or the index is made anew.
func TestIndexReadsOnlyWhatChanged(t *testing.T) {
	dir := folderOfRuns(t)
	x, _ := opened(t, dir, false)
	require.Len(t, x.ids(t, all()), 7)
	require.NoError(t, x.Close())
	path := filepath.Join(dir, IndexFile)
	lines, err := os.ReadFile(path)
	require.NoError(t, err)
	lines = regexp.MustCompile(`"scenario":"[^"]*"`).ReplaceAll(lines, []byte(`"scenario":"tampered"`))
	require.NoError(t, os.WriteFile(path, lines, 0o600))

	tampered := query{filter: filter{Scenario: "tampered"}, Sort: "time"}
	x, notes := opened(t, dir, false)
	require.Len(t, x.ids(t, tampered), 7)
	now := time.Now()
	require.NoError(t, os.Chtimes(filepath.Join(dir, quickRun, results.RunFile), now, now))
	require.Len(t, x.ids(t, tampered), 6)
	again, _ := opened(t, dir, false)
	require.Len(t, again.ids(t, tampered), 6, "what was read meanwhile is in the file")
	require.NoError(t, os.RemoveAll(filepath.Join(dir, slowRun)))
	fewer, _ := opened(t, dir, false)
	require.Len(t, fewer.ids(t, tampered), 5)
	rebuilt, _ := opened(t, dir, true)
	require.Empty(t, rebuilt.ids(t, tampered))
	require.Empty(t, notes.String())
}

func TestDamagedIndexIsMadeAgain(t *testing.T) {
	dir := folderOfRuns(t)
	x, _ := opened(t, dir, false)
	want := x.ids(t, all())
	path := filepath.Join(dir, IndexFile)
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	outside := filepath.Join(t.TempDir(), "outside.jsonl")
	header, _, _ := bytes.Cut(whole, []byte("\n"))

	for name, c := range map[string]struct {
		damage func() error
		note   string
	}{
		"not JSON":           {func() error { return os.WriteFile(path, []byte(strings.Repeat("no index ", 999)), 0o600) }, "it is damaged"},
		"cut short":          {func() error { return os.WriteFile(path, whole[:len(whole)/2], 0o600) }, "it is damaged"},
		"zeros":              {func() error { return os.WriteFile(path, append(whole[:999:999], make([]byte, 999)...), 0o600) }, "it is damaged"},
		"empty":              {func() error { return os.WriteFile(path, nil, 0o600) }, "it is damaged"},
		"nothing known":      {func() error { return os.WriteFile(path, header, 0o600) }, ""},
		"gone":               {func() error { return nil }, ""},
		"a link":             {func() error { return os.Symlink(outside, path) }, "it is not a file"},
		"of another version": {func() error { return os.WriteFile(path, bytes.Replace(whole, []byte("v1"), []byte("v2"), 1), 0o600) }, "another version of faultline wrote it"},
		"of another format":  {func() error { return os.WriteFile(path, bytes.Replace(whole, []byte(":1"), []byte(":9"), 1), 0o600) }, "its format is 9, not 1"},
		"names what is no id": {func() error {
			return os.WriteFile(path, append(header[:len(header):len(header)], `{"digest":{"id":"../x"}}`...), 0o600)
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, os.Remove(path))
			require.NoError(t, c.damage())
			x, notes := opened(t, dir, false)
			require.Equal(t, want, x.ids(t, all()))
			require.Contains(t, notes.String(), c.note)
			require.Equal(t, c.note == "", notes.Len() == 0, notes.String())
			require.NoFileExists(t, outside)
			made, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Len(t, bytes.Split(bytes.TrimSpace(made), []byte("\n")), 1+len(want))
		})
	}
}

func TestIndexInMemoryWhereNoFileCanBe(t *testing.T) {
	dir := folderOfRuns(t)
	require.NoError(t, os.MkdirAll(filepath.Join(dir, IndexFile, "full"), 0o700)) // cannot be removed or opened
	x, notes := opened(t, dir, false)
	require.Len(t, x.ids(t, all()), 8) // the folder of that name is one without a run, too
	require.Contains(t, notes.String(), "in memory")
}

// TestBrokenFoldersStayInView, each with what is wrong with it.
func TestBrokenFoldersStayInView(t *testing.T) {
	root := t.TempDir()
	secret := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(secret, []byte("top secret line"), 0o600))
	whole := fake{started: day, outages: quick[:1], latency: mil, verdict: history.Valid}
	for id, c := range map[string]struct {
		damage func(dir string) error
		want   string
	}{
		"no-run-json": {func(dir string) error { return os.Remove(filepath.Join(dir, results.RunFile)) }, "has no run.json"},
		"no-history":  {func(dir string) error { return os.Remove(filepath.Join(dir, results.HistoryFile)) }, "history"},
		"not-json":    {func(dir string) error { return os.WriteFile(filepath.Join(dir, results.RunFile), []byte("?"), 0o600) }, "invalid character"},
		"newer-format": {func(dir string) error {
			return os.WriteFile(filepath.Join(dir, results.RunFile), []byte(`{"format":9}`), 0o600)
		}, "its format is 9"},
		"torn-history": {func(dir string) error {
			return os.WriteFile(filepath.Join(dir, results.HistoryFile), []byte("?\n{}\n"), 0o600)
		}, "line 1"},
		"a-link-beside": {func(dir string) error {
			return os.Symlink(secret, filepath.Join(dir, "x"))
		}, ""},
		"history-is-a-link": {func(dir string) error {
			path := filepath.Join(dir, results.HistoryFile)
			if err := os.Remove(path); err != nil {
				return err
			}
			return os.Symlink(secret, path)
		}, "neither a file nor a folder"},
		"log-is-a-link": {func(dir string) error { return os.Symlink(secret, filepath.Join(dir, results.LogsDir, "n2.log")) }, "neither a file nor a folder"},
	} {
		f := whole
		f.id = id
		f.write(t, root)
		require.NoError(t, c.damage(filepath.Join(root, id)))
		t.Run(id, func(t *testing.T) {
			d := digest(root, id)
			require.Equal(t, id, d.ID)
			require.NotContains(t, d.Reason, "secret line")
			if c.want == "" {
				require.Equal(t, Valid, d.State)
				return
			}
			require.Equal(t, Broken, d.State)
			require.Contains(t, d.Reason, c.want)
		})
	}
	x, _ := opened(t, root, false)
	require.Len(t, x.ids(t, all()), 8)
}

func TestRunsEndWithTheirContext(t *testing.T) {
	x, notes := opened(t, folderOfRuns(t), false)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := x.runs(ctx)
	require.ErrorIs(t, err, context.Canceled)
	require.Empty(t, notes.String())
	require.Len(t, x.ids(t, all()), 7)
}
