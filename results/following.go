package results

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// Following reads a file that is still written: where the file ends it waits for more, until End. One
// goroutine at a time may call Read.
type Following struct {
	file  *os.File
	ended chan struct{}
	end   func()
}

// followEvery is how often a Following looks whether its file has grown.
const followEvery = 20 * time.Millisecond

// FollowHistory reads the history from its begin, while a run writes it. The caller closes it.
func (f *Folder) FollowHistory() (*Following, error) {
	file, err := os.Open(f.Path(HistoryFile))
	if err != nil {
		return nil, fmt.Errorf("follow history: %w", err)
	}
	ended := make(chan struct{})
	return &Following{file: file, ended: ended, end: sync.OnceFunc(func() { close(ended) })}, nil
}

// Read is that of a file, but io.EOF comes only after End.
func (f *Following) Read(b []byte) (int, error) {
	for {
		last := false
		select {
		case <-f.ended:
			last = true // what was written before End is there now
		default:
		}
		n, err := f.file.Read(b)
		if last || n > 0 || !errors.Is(err, io.EOF) {
			return n, err
		}
		select {
		case <-f.ended:
		case <-time.After(followEvery):
		}
	}
}

// End says that nothing more is written: where the file ends now is its end. It may be called again,
// and beside Read.
func (f *Following) End() { f.end() }

// Close closes the file. Nobody may be reading.
func (f *Following) Close() error {
	f.End()
	if err := f.file.Close(); err != nil {
		return fmt.Errorf("stop following: %w", err)
	}
	return nil
}
