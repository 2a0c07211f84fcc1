package trends

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"syscall"
)

// File is the name of the file beside the run folders.
const File = "trends.jsonl"

// maxFile bounds what is read: about a hundred years of thirty runs a night.
const maxFile = 1 << 30

// Append adds rows to the file, which is made where there is none. The rows are written in one piece
// and are on the disk when it returns. It is safe for concurrent use, by several programs, too: the
// file is locked meanwhile (flock). A last line that a crash left without its end gets one first, so
// that it spoils no other.
func Append(path string, rows ...Row) (err error) {
	if len(rows) == 0 {
		return nil
	}
	var lines []byte
	for i := range rows {
		line, err := json.Marshal(&rows[i])
		if err != nil {
			return fmt.Errorf("append run %s to %s: %w", rows[i].ID, path, err)
		}
		lines = append(append(lines, line...), '\n')
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o644)
	if err != nil {
		return fmt.Errorf("append to trends: %w", err)
	}
	defer func() {
		if cerr := f.Close(); cerr != nil && err == nil { // it unlocks, too
			err = fmt.Errorf("append to trends: %w", cerr)
		}
	}()
	if err := appendLocked(f, lines); err != nil {
		return fmt.Errorf("append to %s: %w", path, err)
	}
	return nil
}

func appendLocked(f *os.File, lines []byte) error {
	st, err := f.Stat()
	if err == nil && !st.Mode().IsRegular() {
		err = fmt.Errorf("it is not a file (%s)", st.Mode().Type())
	}
	if err == nil {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
	}
	if err == nil {
		st, err = f.Stat() // as it is under the lock
	}
	if err != nil {
		return err
	}
	if size := st.Size(); size > 0 {
		var last [1]byte
		if _, err := f.ReadAt(last[:], size-1); err != nil {
			return err
		}
		if last[0] != '\n' {
			lines = append([]byte{'\n'}, lines...)
		}
	}
	if _, err := f.Write(lines); err != nil {
		return err
	}
	return f.Sync()
}

// ReadFile reads a file of rows, oldest first; one that is missing has none. skipped says which lines
// were left out and why.
func ReadFile(path string) (rows []Row, skipped []string, err error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a pipe must not hold the reader
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("read trends: %w", err)
	}
	defer func() { _ = f.Close() }() // it was only read
	if st, err := f.Stat(); err != nil || !st.Mode().IsRegular() {
		return nil, nil, errors.Join(fmt.Errorf("read trends: %s is not a file", path), err)
	}
	b, err := io.ReadAll(io.LimitReader(f, maxFile))
	if err != nil {
		return nil, nil, fmt.Errorf("read trends: %w", err)
	}
	rows, skipped = Parse(b)
	return rows, skipped, nil
}

// Parse reads rows, oldest first, one of each run: the last one. skipped says which lines were left
// out and why: those that a crash cut off, and those of a format that is not known.
func Parse(b []byte) (rows []Row, skipped []string) {
	for n := 1; len(b) > 0; n++ {
		var line []byte
		line, b, _ = bytes.Cut(b, []byte{'\n'})
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		row, err := parseRow(line)
		if err != nil {
			skipped = append(skipped, fmt.Sprintf("line %d: %v", n, err))
			continue
		}
		rows = append(rows, row)
	}
	return Merge(rows), skipped
}

func parseRow(line []byte) (row Row, err error) {
	if err := json.Unmarshal(line, &row); err != nil {
		return row, fmt.Errorf("not a row: %w", err)
	}
	switch {
	case row.Format != Format:
		return row, fmt.Errorf("its format is %d; this program reads %d", row.Format, Format)
	case row.ID == "":
		return row, errors.New("it has no id")
	case !slices.IsSorted(row.WriteOutages):
		return row, errors.New("its write outages are not sorted")
	}
	return row, nil
}

// Merge puts rows in order of time, one of each run: of several the last one given holds.
func Merge(lists ...[]Row) []Row {
	at := map[string]int{}
	var out []Row
	for _, row := range slices.Concat(lists...) {
		if i, ok := at[row.ID]; ok {
			out[i] = row
			continue
		}
		at[row.ID] = len(out)
		out = append(out, row)
	}
	slices.SortStableFunc(out, func(a, b Row) int { return a.Started.Compare(b.Started) })
	return out
}
