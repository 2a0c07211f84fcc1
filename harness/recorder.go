package harness

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/faultline-chaos/faultline/history"
)

// Recorder appends ops in the order in which they happen and writes each as one line at once into
// its buffer. It may be used by any task.
type Recorder struct {
	env  Env
	mu   sync.Mutex //seam:ok a leaf lock: nothing blocks in Env while it is held
	w    *bufio.Writer
	n    int
	err  error
	keep bool
	ops  [][]history.Op // in chunks: one slice of this size would be copied again and again as it grows
	see  func(*history.Op)
	// flushed is the time of the op at which the buffer was flushed last.
	flushed time.Duration
}

// RecorderOptions says what happens to ops beside being written. The zero value: nothing.
type RecorderOptions struct {
	// Keep keeps the ops in memory for Ops.
	Keep bool
	// Observe is called with every op, in order, while the recorder is locked: it must be quick, and
	// must not block or record. The op must not be changed or kept.
	Observe func(*history.Op)
}

const recorderChunk = 1024

// recorderFlush is how far, on the run's clock, what is written may be behind what was recorded as
// long as ops come: who reads the history beside a run is no further behind, and who ends without
// Flush loses no more.
const recorderFlush = 100 * time.Millisecond

// NewRecorder makes a recorder that stamps ops with env's clock and writes them to w. The caller
// calls Flush before it closes w.
func NewRecorder(env Env, w io.Writer, o RecorderOptions) *Recorder {
	return &Recorder{env: env, w: bufio.NewWriterSize(w, 64<<10), keep: o.Keep, see: o.Observe}
}

// Add completes op with its index and the current time, and records it. It returns the time. Errors
// of the writer are kept for Flush.
func (r *Recorder) Add(op history.Op) (at history.Op) {
	r.mu.Lock()
	defer r.mu.Unlock()
	op.Index, op.Time = r.n, r.env.Now()
	if r.keep {
		if r.n%recorderChunk == 0 {
			r.ops = append(r.ops, make([]history.Op, 0, recorderChunk))
		}
		last := &r.ops[len(r.ops)-1]
		*last = append(*last, op)
	}
	r.n++
	if _, err := r.w.Write(op.AppendJSON(r.w.AvailableBuffer())); err != nil && r.err == nil {
		r.err = fmt.Errorf("write op %d of the history: %w", op.Index, err)
	}
	if op.Time-r.flushed >= recorderFlush {
		r.flushed = op.Time
		if err := r.w.Flush(); err != nil && r.err == nil {
			r.err = fmt.Errorf("write the history up to op %d: %w", op.Index, err)
		}
	}
	if r.see != nil {
		r.see(&op)
	}
	return op
}

// Ops is the history so far, if the recorder keeps it.
func (r *Recorder) Ops() []history.Op {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Concat(r.ops...)
}

// Len is the number of ops so far.
func (r *Recorder) Len() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.n
}

// Flush writes what is buffered, and returns the first error that there was.
func (r *Recorder) Flush() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return errors.Join(r.err, r.w.Flush())
}
