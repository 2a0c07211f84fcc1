package serve

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"sync"

	"github.com/faultline-chaos/faultline/results"
)

// IndexFile is the index's name in the folder of the runs.
const IndexFile = "index.jsonl"

// indexFormat changes with the fields of a digest: nothing in an index is worth migrating.
const indexFormat = 1

var idPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$`)

// index is the digests of a folder's runs. It is safe for concurrent use. They are in memory, and those
// of folders also in a file of JSON lines, so that the next start reads only what has changed: first a
// header, then an entry for each digest, of which the last of a run holds.
type index struct {
	dir     string
	version string                           // of the program: others may have computed other numbers
	note    func(format string, args ...any) // says what happened to the index

	mu      sync.Mutex
	entries map[string]entry // by the id of the run
	table   table            // of entries; it is replaced, never changed, as readers have it
	file    *os.File         // nil where it cannot be written
	old     goneRuns
}

type header struct {
	Index   int    `json:"index"`   // its format
	Version string `json:"version"` // of the program that made it
}

// entry is a digest and the stamp of what it was read from.
type entry struct {
	Stamp  string `json:"stamp"`
	Digest Digest `json:"digest"`
}

// openIndex reads the index of the runs in dir and begins its file anew with what still holds; rebuild
// forgets what it knew. The caller closes it.
func openIndex(dir, version string, rebuild bool, note func(string, ...any)) *index {
	x := &index{dir: dir, version: version, note: note, entries: map[string]entry{}}
	path := filepath.Join(dir, IndexFile)
	if !rebuild {
		if err := x.load(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			note("index %s: %v: what is missing is read from the run folders", path, err)
		}
	}
	if err := x.create(path); err != nil {
		note("index %s: %v: kept in memory instead", path, err)
		x.file = nil
	}
	return x
}

// load takes from an index what still holds.
func (x *index) load(path string) error {
	st, err := os.Lstat(path)
	if err != nil {
		return err
	}
	if !st.Mode().IsRegular() {
		return errors.New("it is not a file")
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close() // it was only read
	in := json.NewDecoder(bufio.NewReaderSize(f, 1<<20))
	var h header
	switch err := in.Decode(&h); {
	case err != nil:
		return fmt.Errorf("it is damaged: %w", err)
	case h.Index != indexFormat:
		return fmt.Errorf("its format is %d, not %d", h.Index, indexFormat)
	case h.Version != x.version:
		return errors.New("another version of faultline wrote it")
	}
	for {
		var e entry
		if err := in.Decode(&e); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("it is damaged: %w", err)
		}
		if id := e.Digest.ID; idPattern.MatchString(id) && e.Stamp == stamp(filepath.Join(x.dir, id)) {
			x.entries[id] = e
		}
	}
}

// create begins the file anew. What was there is removed first, so that a link is not followed.
func (x *index) create(path string) (err error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if x.file, err = os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY|os.O_APPEND, 0o644); err != nil {
		return err
	}
	out := bufio.NewWriter(x.file)
	lines := json.NewEncoder(out)
	err = lines.Encode(header{indexFormat, x.version})
	for _, e := range x.entries {
		err = errors.Join(err, lines.Encode(e))
	}
	if err = errors.Join(err, out.Flush()); err != nil {
		return errors.Join(err, x.file.Close())
	}
	return nil
}

// Close closes the file. The index can be used on in memory.
func (x *index) Close() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	f := x.file
	if x.file = nil; f == nil {
		return nil
	}
	return f.Close()
}

// runs brings the index up to date with the folders and gives all there are, in no order.
func (x *index) runs(ctx context.Context) (table, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	changed, err := x.sync(ctx)
	if err != nil {
		return nil, err
	}
	if changed || x.table == nil {
		x.table = make(table, 0, len(x.entries))
		for _, e := range x.entries {
			x.table = append(x.table, e.Digest)
		}
	}
	return x.table, nil
}

// sync digests the folders that are new or have changed, and forgets those that are gone, unless
// trends.jsonl still tells of them.
func (x *index) sync(ctx context.Context) (changed bool, err error) {
	dirs, err := os.ReadDir(x.dir)
	if err != nil {
		return false, fmt.Errorf("read the folder of the runs: %w", err)
	}
	here := map[string]bool{}
	for _, d := range dirs {
		id := d.Name()
		if !d.IsDir() || !idPattern.MatchString(id) {
			continue // also the link latest
		}
		if ctx.Err() != nil {
			x.table = nil // it lacks what was digested so far
			return false, fmt.Errorf("read the folder of the runs: %w", ctx.Err())
		}
		here[id] = true
		now := stamp(filepath.Join(x.dir, id))
		if x.entries[id].Stamp == now {
			continue
		}
		e := entry{now, digest(x.dir, id)}
		x.entries[id], changed = e, true
		x.save(e)
	}
	changed = x.syncGone(here) || changed
	for id := range x.entries {
		if !here[id] {
			delete(x.entries, id)
			changed = true
		}
	}
	return changed, nil
}

// save appends an entry to the file.
func (x *index) save(e entry) {
	if x.file == nil {
		return
	}
	if err := json.NewEncoder(x.file).Encode(e); err != nil {
		x.note("index %s: %v: kept in memory instead", x.file.Name(), errors.Join(err, x.file.Close()))
		x.file = nil
	}
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
