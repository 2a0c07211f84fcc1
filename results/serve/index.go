package serve

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"

	"modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"github.com/faultline-chaos/faultline/results"
)

// IndexFile is the index's name in the folder of the runs.
const IndexFile = "index.sqlite"

// schema is made anew whenever schemaVersion differs from the file's: nothing in it is worth
// migrating.
const (
	schemaVersion = 3
	schema        = `
CREATE TABLE runs (
	id TEXT PRIMARY KEY, stamp TEXT NOT NULL,
	started INTEGER NOT NULL, scenario TEXT NOT NULL, system TEXT NOT NULL, runtime TEXT NOT NULL,
	nodes INTEGER NOT NULL, seed TEXT NOT NULL, state TEXT NOT NULL, gone INTEGER NOT NULL,
	failovers INTEGER NOT NULL, p50 INTEGER, p95 INTEGER, longest INTEGER,
	ok INTEGER NOT NULL, failed INTEGER NOT NULL, unknown INTEGER NOT NULL, landed INTEGER NOT NULL,
	search TEXT NOT NULL, digest TEXT NOT NULL, latencies TEXT NOT NULL
);
CREATE TABLE maker (version TEXT NOT NULL);
CREATE INDEX runs_started ON runs (started);`
)

var idPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$`)

// index is the digests of a folder's runs in an SQLite file. It is safe for concurrent use. An index
// that is damaged, old or gone is made again from the folders.
type index struct {
	dir     string
	version string                           // of the program: others may have computed other numbers
	note    func(format string, args ...any) // says what happened to the index

	mu  sync.Mutex
	db  *sql.DB
	old history
}

// openIndex opens or makes the index of the runs in dir; rebuild forgets what it knew. Where dir
// cannot be written, the index is in memory. The caller closes it.
func openIndex(ctx context.Context, dir, version string, rebuild bool, note func(string, ...any)) (*index, error) {
	x := &index{dir: dir, version: version, note: note}
	if !rebuild {
		err := x.open(ctx, x.path())
		if err == nil {
			return x, nil
		}
		if ctx.Err() != nil {
			return nil, fmt.Errorf("open %s: %w", x.path(), ctx.Err())
		}
		if !errors.Is(err, fs.ErrNotExist) {
			note("index %s: %v: made again from the folders", x.path(), err)
		}
	}
	return x, x.recreate(ctx)
}

func (x *index) path() string { return filepath.Join(x.dir, IndexFile) }

// open opens an index that is whole and of this schema, and nothing else.
func (x *index) open(ctx context.Context, path string) error {
	st, err := os.Lstat(path)
	if err != nil {
		return err
	}
	if !st.Mode().IsRegular() {
		return errors.New("it is not a file")
	}
	db, err := dial(path)
	if err != nil {
		return err
	}
	var version int
	var health string
	err = db.QueryRowContext(ctx, `PRAGMA quick_check(1)`).Scan(&health)
	if err == nil && health != "ok" {
		err = fmt.Errorf("it is damaged: %s", health)
	}
	if err == nil {
		err = db.QueryRowContext(ctx, `PRAGMA user_version`).Scan(&version)
	}
	if err == nil && version != schemaVersion {
		err = fmt.Errorf("its version is %d, not %d", version, schemaVersion)
	}
	if err == nil { // quick_check does not know which tables there must be
		_, err = db.ExecContext(ctx, `UPDATE runs SET id = id WHERE 0`)
	}
	var maker string
	if err == nil {
		err = db.QueryRowContext(ctx, `SELECT version FROM maker`).Scan(&maker)
	}
	if err == nil && maker != x.version {
		err = errors.New("another version of this program made it")
	}
	if err != nil {
		return errors.Join(err, db.Close())
	}
	x.db = db
	return nil
}

// dial opens an SQLite file. Nothing in it is worth waiting for the disk.
func dial(path string) (*sql.DB, error) {
	name := "file:" + (&url.URL{Path: path}).EscapedPath() + "?_pragma=busy_timeout(5000)&_pragma=journal_mode(MEMORY)&_pragma=synchronous(OFF)"
	if path == ":memory:" {
		name = path
	}
	db, err := sql.Open("sqlite", name)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1) // one writer; and a database in memory lives as long as its connection
	return db, nil
}

// recreate makes an empty index.
func (x *index) recreate(ctx context.Context) error {
	if x.db != nil {
		_ = x.db.Close() // it is damaged
		x.db = nil
	}
	err := os.Remove(x.path())
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	if err == nil {
		err = x.create(ctx, x.path())
	}
	if err == nil || ctx.Err() != nil {
		return err
	}
	x.note("index %s: %v: kept in memory instead", x.path(), err)
	if err := x.create(ctx, ":memory:"); err != nil {
		return fmt.Errorf("make an index in memory: %w", err)
	}
	return nil
}

func (x *index) create(ctx context.Context, path string) error {
	db, err := dial(path)
	if err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, fmt.Sprintf("%s\nPRAGMA user_version = %d;", schema, schemaVersion))
	if err == nil {
		_, err = db.ExecContext(ctx, `INSERT INTO maker VALUES (?)`, x.version)
	}
	if err != nil {
		return errors.Join(err, db.Close())
	}
	x.db = db
	return nil
}

// Close closes the file.
func (x *index) Close() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.db == nil {
		return nil
	}
	return x.db.Close()
}

// use brings the index up to date with the folders and calls f on it. Where the database fails, it is
// made again, once.
func (x *index) use(ctx context.Context, f func(ctx context.Context, db *sql.DB) error) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	attempt := func() error {
		if err := x.sync(ctx); err != nil {
			return err
		}
		return f(ctx, x.db)
	}
	err := attempt()
	if !damaged(err) || ctx.Err() != nil {
		return err
	}
	x.note("index %s: %v: made again from the folders", x.path(), err)
	if err := x.recreate(ctx); err != nil {
		return err
	}
	return attempt()
}

// errDamaged is for an index that SQLite can read and we cannot.
var errDamaged = errors.New("the index is damaged")

// damaged says whether making the index anew can help: not where another program is at it.
func damaged(err error) bool {
	var failed *sqlite.Error
	if errors.As(err, &failed) {
		return failed.Code()&0xff != lib.SQLITE_BUSY && failed.Code()&0xff != lib.SQLITE_LOCKED
	}
	return errors.Is(err, errDamaged)
}

// sync digests the folders that are new or have changed, and forgets those that are gone, unless
// trends.jsonl still tells of them.
func (x *index) sync(ctx context.Context) error {
	known, err := x.stamps(ctx)
	if err != nil {
		return err
	}
	entries, err := os.ReadDir(x.dir)
	if err != nil {
		return fmt.Errorf("read the folder of the runs: %w", err)
	}
	folders := map[string]bool{}
	for _, e := range entries {
		id := e.Name()
		if !e.IsDir() || !idPattern.MatchString(id) {
			continue // also the link latest
		}
		now := stamp(filepath.Join(x.dir, id))
		if known[id] != now {
			d, l := digest(x.dir, id)
			if err := x.put(ctx, now, d, l); err != nil {
				return err
			}
		}
		delete(known, id)
		folders[id] = true
	}
	if err := x.syncGone(ctx, known, folders); err != nil {
		return err
	}
	for id := range known {
		if _, err := x.db.ExecContext(ctx, `DELETE FROM runs WHERE id = ?`, id); err != nil {
			return fmt.Errorf("forget run %s: %w", id, err)
		}
	}
	return nil
}

func (x *index) stamps(ctx context.Context) (map[string]string, error) {
	rows, err := x.db.QueryContext(ctx, `SELECT id, stamp FROM runs`)
	if err != nil {
		return nil, fmt.Errorf("read the index: %w", err)
	}
	defer func() { _ = rows.Close() }() // rows.Err says what failed
	known := map[string]string{}
	for rows.Next() {
		var id, s string
		if err := rows.Scan(&id, &s); err != nil {
			return nil, fmt.Errorf("read the index: %w", err)
		}
		known[id] = s
	}
	return known, rows.Err()
}

// stamp differs when run.json or the history was written again.
func stamp(dir string) string {
	s := ""
	for _, name := range []string{results.RunFile, results.HistoryFile, results.CompressedFile} {
		if st, err := os.Lstat(filepath.Join(dir, name)); err == nil {
			s += fmt.Sprintf("%d:%d ", st.ModTime().UnixNano(), st.Size())
		} else {
			s += "none "
		}
	}
	return s
}

func (x *index) put(ctx context.Context, stamp string, d Digest, l Latencies) error {
	digestJSON, err := json.Marshal(d)
	if err != nil {
		return fmt.Errorf("encode the digest of %s: %w", d.ID, err)
	}
	latencyJSON, err := json.Marshal(l)
	if err != nil {
		return fmt.Errorf("encode the latencies of %s: %w", d.ID, err)
	}
	out := d.phase(writeOutage)
	var p50, p95, longest any // NULL where nothing was measured
	if n := len(out.Values); n > 0 {
		p50, p95, longest = int64(median(out.Values)), int64(quantile(out.Values, 0.95)), int64(out.Values[n-1])
	}
	var started int64
	if !d.Started.IsZero() {
		started = d.Started.UnixNano()
	}
	_, err = x.db.ExecContext(ctx, `INSERT OR REPLACE INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		d.ID, stamp, started, d.Scenario, d.System, d.Runtime, d.Nodes, fmt.Sprint(d.Seed), string(d.State), d.Gone,
		len(out.Values)+out.Censored, p50, p95, longest, d.Ops.OK, d.Ops.Failed, d.Ops.Unknown, d.Landed,
		d.searchText(), string(digestJSON), string(latencyJSON))
	if err != nil {
		return fmt.Errorf("index run %s: %w", d.ID, err)
	}
	return nil
}

// filter picks runs; an empty field picks all, but for those whose folder is gone: they are for trends.
type filter struct {
	Search, State, System, Runtime, Scenario string
	Gone                                     bool // these, too
}

func (f filter) where() (string, []any) {
	conds, args := []string{"1"}, []any(nil)
	for _, c := range []struct{ column, value string }{{"state", f.State}, {"system", f.System}, {"runtime", f.Runtime}, {"scenario", f.Scenario}} {
		if c.value != "" {
			conds, args = append(conds, c.column+" = ?"), append(args, c.value)
		}
	}
	if !f.Gone {
		conds = append(conds, "gone = 0")
	}
	for _, word := range strings.Fields(strings.ToLower(f.Search)) {
		conds, args = append(conds, "instr(search, ?) > 0"), append(args, word)
	}
	return strings.Join(conds, " AND "), args
}

// sortColumns are the orders that can be asked for.
var sortColumns = map[string]string{
	"time": "started", "scenario": "scenario", "system": "system", "runtime": "runtime", "nodes": "nodes", "seed": "length(seed), seed",
	"verdict": "state", "failovers": "failovers", "p50": "p50", "p95": "p95", "max": "longest",
	"ok": "ok", "failed": "failed", "unknown": "unknown", "faults": "landed",
}

// order is how runs are sorted; what was not measured comes last either way.
func order(by string, descending bool) string {
	direction := " ASC"
	if descending {
		direction = " DESC"
	}
	var terms []string
	for c := range strings.SplitSeq(sortColumns[by], ", ") {
		terms = append(terms, c+" IS NULL", c+direction)
	}
	return strings.Join(append(terms, "started DESC", "id DESC"), ", ")
}

// find gives the runs of a filter, at most limit of them from offset on, and how many there are.
func find(ctx context.Context, db *sql.DB, f filter, by string, descending bool, offset, limit int) (out []Digest, total int, err error) {
	where, args := f.where()
	//nolint:gosec // where is of our own words; what is asked for are arguments
	if err := db.QueryRowContext(ctx, `SELECT count(*) FROM runs WHERE `+where, args...).Scan(&total); err != nil {
		return nil, 0, fmt.Errorf("count runs: %w", err)
	}
	//nolint:gosec // and order is one of sortColumns
	rows, err := db.QueryContext(ctx, `SELECT digest FROM runs WHERE `+where+` ORDER BY `+order(by, descending)+` LIMIT ? OFFSET ?`, append(args, limit, offset)...)
	if err != nil {
		return nil, 0, fmt.Errorf("find runs: %w", err)
	}
	defer func() { _ = rows.Close() }() // rows.Err says what failed
	for rows.Next() {
		var text string
		var d Digest
		if err := rows.Scan(&text); err != nil {
			return nil, 0, fmt.Errorf("find runs: %w", err)
		}
		if err := json.Unmarshal([]byte(text), &d); err != nil {
			return nil, 0, fmt.Errorf("find runs: %w: %w", errDamaged, err)
		}
		out = append(out, d)
	}
	return out, total, rows.Err()
}

// errNoRun is for a run that is not in the folder.
var errNoRun = errors.New("there is no such run")

// get gives one run and its latencies.
func get(ctx context.Context, db *sql.DB, id string) (d Digest, l Latencies, err error) {
	var digestJSON, latencyJSON string
	err = db.QueryRowContext(ctx, `SELECT digest, latencies FROM runs WHERE id = ?`, id).Scan(&digestJSON, &latencyJSON)
	if errors.Is(err, sql.ErrNoRows) {
		return d, nil, errNoRun
	}
	if err == nil {
		if err = errors.Join(json.Unmarshal([]byte(digestJSON), &d), json.Unmarshal([]byte(latencyJSON), &l)); err != nil {
			err = fmt.Errorf("%w: %w", errDamaged, err)
		}
	}
	if err != nil {
		return d, nil, fmt.Errorf("read run %s from the index: %w", id, err)
	}
	return d, l, nil
}

// choices are the values that a column takes, for the filters; folders that cannot be read have none
// worth choosing but their state.
func choices(ctx context.Context, db *sql.DB, column string) ([]string, error) {
	//nolint:gosec // column is one of ours
	rows, err := db.QueryContext(ctx, `SELECT DISTINCT `+column+` FROM runs WHERE `+column+` <> '' AND ('state' = ? OR state <> ?) ORDER BY 1`, column, string(Broken))
	if err != nil {
		return nil, fmt.Errorf("list values of %s: %w", column, err)
	}
	defer func() { _ = rows.Close() }() // rows.Err says what failed
	var out []string
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			return nil, fmt.Errorf("list values of %s: %w", column, err)
		}
		out = append(out, s)
	}
	return out, rows.Err()
}
