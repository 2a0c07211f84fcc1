package results

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/klauspost/compress/zstd"
)

// CompressedFile is the history of a run whose folder was made smaller. It is read where there is no
// plain one.
const CompressedFile = HistoryFile + ".zst"

// historyBytes reads the history, plain or compressed.
func (f *Folder) historyBytes() ([]byte, error) {
	b, err := os.ReadFile(f.Path(HistoryFile))
	if !errors.Is(err, fs.ErrNotExist) {
		return b, err
	}
	packed, perr := os.Open(f.Path(CompressedFile))
	if errors.Is(perr, fs.ErrNotExist) {
		return nil, err
	}
	if perr != nil {
		return nil, perr
	}
	defer func() { _ = packed.Close() }() // it was only read
	d, err := zstd.NewReader(packed, zstd.WithDecoderConcurrency(1))
	if err != nil {
		return nil, fmt.Errorf("decompress %s: %w", CompressedFile, err)
	}
	defer d.Close()
	if b, err = io.ReadAll(d); err != nil {
		return nil, fmt.Errorf("decompress %s: %w", CompressedFile, err)
	}
	return b, nil
}

// CompressHistory replaces history.jsonl by history.jsonl.zst and returns how many bytes that freed. The
// plain file goes only once the other is whole and on the disk. Where dry is set, nothing is written.
func (f *Folder) CompressHistory(dry bool) (freed int64, err error) {
	plain, err := os.Open(f.Path(HistoryFile))
	if err != nil {
		return 0, fmt.Errorf("compress history: %w", err)
	}
	defer func() { _ = plain.Close() }() // it was only read
	out := io.Writer(io.Discard)
	var file *os.File
	if !dry {
		if file, err = os.CreateTemp(f.dir, ".history-*"); err != nil {
			return 0, fmt.Errorf("compress history: %w", err)
		}
		defer func() { _ = os.Remove(file.Name()) }() // it was renamed, or it is of no use
		out = file
	}
	before, after, err := compress(out, plain)
	if file != nil {
		err = errors.Join(err, file.Chmod(0o644), file.Sync(), file.Close())
	}
	if err != nil {
		return 0, fmt.Errorf("compress history: %w", err)
	}
	if dry {
		return before - after, nil
	}
	if err = os.Rename(file.Name(), f.Path(CompressedFile)); err == nil {
		err = os.Remove(f.Path(HistoryFile))
	}
	if err != nil {
		return 0, fmt.Errorf("compress history: %w", err)
	}
	return before - after, nil
}

func compress(out io.Writer, in io.Reader) (before, after int64, err error) {
	counted := &counter{out: out}
	z, err := zstd.NewWriter(counted, zstd.WithEncoderConcurrency(1))
	if err != nil {
		return 0, 0, err
	}
	before, err = io.Copy(z, in)
	err = errors.Join(err, z.Close()) // closing writes the rest
	return before, counted.n, err
}

type counter struct {
	out io.Writer
	n   int64
}

func (c *counter) Write(b []byte) (int, error) {
	n, err := c.out.Write(b)
	c.n += int64(n)
	return n, err
}

// PointLatest makes the link root/latest point to a run again where the one it named is gone: to the one
// that began last, as run ids begin with their time. Where there is none, the link goes, too.
func PointLatest(root string) error {
	if _, err := os.Lstat(filepath.Join(root, Latest)); errors.Is(err, fs.ErrNotExist) {
		return nil // nobody made one
	}
	if _, err := os.Stat(filepath.Join(root, Latest)); err == nil {
		return nil
	}
	runs, err := filepath.Glob(filepath.Join(root, "*", RunFile))
	if err == nil && len(runs) == 0 {
		err = os.Remove(filepath.Join(root, Latest))
	} else if err == nil {
		last := slices.MaxFunc(runs, strings.Compare)
		err = pointLatest(root, filepath.Base(filepath.Dir(last)))
	}
	if err != nil {
		return fmt.Errorf("point %s to a run: %w", filepath.Join(root, Latest), err)
	}
	return nil
}
