package results

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

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
	packed, perr := os.ReadFile(f.Path(CompressedFile))
	if errors.Is(perr, fs.ErrNotExist) {
		return nil, err
	}
	if perr != nil {
		return nil, perr
	}
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1))
	if err != nil {
		return nil, fmt.Errorf("decompress %s: %w", CompressedFile, err)
	}
	defer d.Close()
	if b, err = d.DecodeAll(packed, nil); err != nil {
		return nil, fmt.Errorf("decompress %s: %w", CompressedFile, err)
	}
	return b, nil
}

// CompressHistory replaces history.jsonl by history.jsonl.zst and returns how many bytes that freed. The
// plain file goes only once the other is whole and on the disk. Where dry is set, nothing is written.
func (f *Folder) CompressHistory(dry bool) (freed int64, err error) {
	plain, err := os.ReadFile(f.Path(HistoryFile))
	if err != nil {
		return 0, fmt.Errorf("compress history: %w", err)
	}
	z, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		return 0, fmt.Errorf("compress history: %w", err)
	}
	packed := z.EncodeAll(plain, nil)
	if freed = int64(len(plain) - len(packed)); dry {
		return freed, nil
	}
	if err = f.Write(CompressedFile, packed); err == nil {
		err = syncFile(f.Path(CompressedFile))
	}
	if err == nil {
		err = os.Remove(f.Path(HistoryFile))
	}
	if err != nil {
		return 0, fmt.Errorf("compress history: %w", err)
	}
	return freed, nil
}

// syncFile brings a file to the disk.
func syncFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
