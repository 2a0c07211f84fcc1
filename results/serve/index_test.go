package serve

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/results"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func opened(t testing.TB, dir string, rebuild bool) (*index, *bytes.Buffer) {
	var notes bytes.Buffer
	x, err := openIndex(t.Context(), dir, "v1", rebuild, func(format string, args ...any) { fmt.Fprintf(&notes, format+"\n", args...) })
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, x.Close()) })
	return x, &notes
}

func (x *index) ids(t *testing.T, q query) []string {
	t.Helper()
	out := []string{}
	require.NoError(t, x.use(t.Context(), func(ctx context.Context, db *sql.DB) error {
		found, total, err := find(ctx, db, q.filter, q.Sort, q.Descending, 0, 100)
		require.Len(t, found, total)
		for _, d := range found {
			out = append(out, d.ID)
		}
		return err
	}))
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
		"all, newest first":     {all(), everything},
		"verdict":               {query{filter: filter{State: "invalid"}, Sort: "time"}, []string{badRun}},
		"broken":                {query{filter: filter{State: "broken"}, Sort: "time"}, []string{emptyDir, tornRun}},
		"unfinished":            {query{filter: filter{State: "unfinished"}, Sort: "time"}, []string{runningRun}},
		"system and runtime":    {query{filter: filter{System: "etcd", Runtime: "docker"}, Sort: "time"}, []string{etcdRun}},
		"system, wrong runtime": {query{filter: filter{System: "etcd", Runtime: "sim"}, Sort: "time"}, []string{}},
		"scenario":              {query{filter: filter{Scenario: "leader-kill"}, Sort: "time"}, []string{etcdRun}},
		"search the reason":     {query{filter: filter{Search: "V7 READ"}, Sort: "time"}, []string{badRun}},
		"all words must match":  {query{filter: filter{Search: "v7 nothing"}, Sort: "time"}, []string{}},
		"no SQL in a search":    {query{filter: filter{Search: "%' OR 1=1 --"}, Sort: "time"}, []string{}},
		"p50, unmeasured last":  {query{filter: filter{Scenario: "chaos"}, Sort: "p50"}, []string{quickRun, slowRun, tornRun, runningRun}},
		"p50 descending":        {query{filter: filter{Scenario: "chaos"}, Sort: "p50", Descending: true}, []string{slowRun, quickRun, tornRun, runningRun}},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, c.want, x.ids(t, c.q)) })
	}
	for by := range sortColumns {
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
	fake{id: fresh, started: day.AddDate(0, 0, 4), latency: mil, verdict: harness.Valid}.write(t, dir)
	require.NoError(t, os.RemoveAll(filepath.Join(dir, runningRun)))
	fake{id: runningRun, started: day.AddDate(0, 0, 2).Add(2 * time.Hour), latency: mil, verdict: harness.Valid}.write(t, dir)
	after := x.ids(t, all())
	require.Len(t, after, len(before))
	require.Contains(t, after, fresh)
	require.NotContains(t, after, slowRun)
	require.Contains(t, x.ids(t, query{filter: filter{State: "valid"}, Sort: "time"}), runningRun)
	require.Empty(t, notes.String())
}

// TestIndexReadsOnlyWhatChanged: a digest that was tampered with in the index stays, until the index
// is made anew.
func TestIndexReadsOnlyWhatChanged(t *testing.T) {
	dir := folderOfRuns(t)
	x, _ := opened(t, dir, false)
	require.NoError(t, x.use(t.Context(), func(ctx context.Context, db *sql.DB) error {
		_, err := db.ExecContext(ctx, `UPDATE runs SET scenario = 'tampered'`)
		return err
	}))
	tampered := query{filter: filter{Scenario: "tampered"}, Sort: "time"}
	require.Len(t, x.ids(t, tampered), 7)
	now := time.Now()
	require.NoError(t, os.Chtimes(filepath.Join(dir, quickRun, results.RunFile), now, now))
	require.Len(t, x.ids(t, tampered), 6)
	require.NoError(t, x.Close())
	again, _ := opened(t, dir, false)
	require.Len(t, again.ids(t, tampered), 6)
	require.NoError(t, again.Close())
	rebuilt, _ := opened(t, dir, true)
	require.Empty(t, rebuilt.ids(t, tampered))
}

func TestDamagedIndexIsMadeAgain(t *testing.T) {
	dir := folderOfRuns(t)
	x, _ := opened(t, dir, false)
	want := x.ids(t, all())
	require.NoError(t, x.Close())
	path := filepath.Join(dir, IndexFile)
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	outside := filepath.Join(t.TempDir(), "outside.sqlite")

	for name, damage := range map[string]func() error{
		"not a database": func() error { return os.WriteFile(path, []byte(strings.Repeat("no database ", 999)), 0o600) },
		"cut short":      func() error { return os.WriteFile(path, whole[:len(whole)/2], 0o600) },
		"a page of zeros": func() error {
			return os.WriteFile(path, append(whole[:4096:4096], make([]byte, len(whole)-4096)...), 0o600)
		},
		"empty":  func() error { return os.WriteFile(path, nil, 0o600) },
		"gone":   func() error { return nil },
		"a link": func() error { return os.Symlink(outside, path) },
	} {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, os.Remove(path))
			require.NoError(t, damage())
			x, notes := opened(t, dir, false)
			require.Equal(t, want, x.ids(t, all()))
			require.Equal(t, name == "gone", notes.Len() == 0, notes.String())
			require.NoFileExists(t, outside)
		})
	}
	t.Run("of another version", func(t *testing.T) {
		x, err := openIndex(t.Context(), dir, "v2", false, func(string, ...any) {})
		require.NoError(t, err)
		require.NoError(t, x.Close())
		x, notes := opened(t, dir, false)
		require.Equal(t, want, x.ids(t, all()))
		require.Contains(t, notes.String(), "another version of this program made it")
	})
	t.Run("while it is open", func(t *testing.T) {
		x, notes := opened(t, dir, false)
		require.NoError(t, x.use(t.Context(), func(ctx context.Context, db *sql.DB) error {
			_, err := db.ExecContext(ctx, `DROP TABLE runs`)
			return err
		}))
		require.Equal(t, want, x.ids(t, all()))
		require.Contains(t, notes.String(), "no such table")
	})
	t.Run("a digest that is no JSON", func(t *testing.T) {
		x, notes := opened(t, dir, false)
		require.NoError(t, x.use(t.Context(), func(ctx context.Context, db *sql.DB) error {
			_, err := db.ExecContext(ctx, `UPDATE runs SET digest = 'x' || digest`)
			return err
		}))
		require.Equal(t, want, x.ids(t, all()))
		require.Contains(t, notes.String(), "damaged")
	})
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
	whole := fake{started: day, outages: quick[:1], latency: mil, verdict: harness.Valid}
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
			d, _ := digest(root, id)
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

func TestUseEndsWithItsContext(t *testing.T) {
	x, notes := opened(t, folderOfRuns(t), false)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, x.use(ctx, nothing), context.Canceled)
	require.Empty(t, notes.String())
	require.Len(t, x.ids(t, all()), 7)
}
