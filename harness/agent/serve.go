package agent

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// Handler carries out one operation. Several run at once. It may outlive its context only if it
// cannot end: the agent does not wait for it when it leaves.
type Handler func(ctx context.Context, args json.RawMessage) (value any, err error)

// Handle makes a Handler of a function with typed arguments and answer.
func Handle[A, V any](f func(context.Context, A) (V, error)) Handler {
	return func(ctx context.Context, raw json.RawMessage) (any, error) {
		var args A
		if len(raw) > 0 {
			if err := json.Unmarshal(raw, &args); err != nil {
				return nil, fmt.Errorf("read arguments: %w", err)
			}
		}
		return f(ctx, args)
	}
}

// Nothing is the argument or the answer of operations that have none.
type Nothing = struct{}

// Mechanism is one way to make faults real. It is made whether or not it works here.
type Mechanism interface {
	Name() string
	// Available says why it does not work here, in one line.
	Available() error
	// Handlers are its operations, by name.
	Handlers() map[string]Handler
	// Heal undoes everything; it is called once, when the harness has gone or has said goodbye, and
	// while operations may still run.
	Heal(context.Context) error
}

// healTime is how long all healing may take when the harness has gone.
const healTime = 2 * time.Second

// Writer writes messages. It may be used from several goroutines.
type Writer struct {
	mu sync.Mutex
	w  io.Writer
}

// NewWriter makes the agent's end of the way to the harness.
func NewWriter(w io.Writer) *Writer { return &Writer{w: w} }

// Output sends a line of the member's output.
func (w *Writer) Output(o Output) { w.send(message{Output: &o}) }

// Exit tells that the member's process has ended.
func (w *Writer) Exit(e Exit) { w.send(message{Exit: &e}) }

// send drops what cannot be sent: the harness has gone, and the end of standard input says so.
func (w *Writer) send(m message) {
	b, err := json.Marshal(m)
	if err != nil {
		b, _ = json.Marshal(message{ID: m.ID, Error: fmt.Sprintf("encode the answer: %v", err)})
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	_, _ = w.w.Write(append(b, '\n'))
}

// Serve carries out the requests that come from in until it ends or ctx does, then heals and
// returns. Requests that still run are left behind: the agent is about to exit.
func Serve(ctx context.Context, in io.Reader, out *Writer, hello func() (Hello, error), mechanisms []Mechanism) error {
	handlers := map[string]Handler{
		OpHello: Handle(func(context.Context, Nothing) (Hello, error) { return hello() }),
	}
	for _, m := range mechanisms {
		for op, h := range m.Handlers() {
			handlers[op] = h
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- read(ctx, in, out, handlers) }()
	var err error
	select {
	case err = <-ended:
	case <-ctx.Done():
	}
	return errors.Join(err, heal(context.WithoutCancel(ctx), mechanisms))
}

// read does nothing but read and hand over, so that the end of in is always seen at once.
func read(ctx context.Context, in io.Reader, out *Writer, handlers map[string]Handler) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var r request
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			return fmt.Errorf("read a request: %w", err)
		}
		go answer(ctx, out, handlers[r.Op], r)
	}
	return lines.Err()
}

func answer(ctx context.Context, out *Writer, h Handler, r request) {
	if h == nil {
		out.send(message{ID: r.ID, Error: fmt.Sprintf("unknown operation %q", r.Op)})
		return
	}
	if r.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, r.Timeout)
		defer cancel()
	}
	start := time.Now()
	value, err := h(ctx, r.Args)
	m := message{ID: r.ID, Took: time.Since(start)}
	if err == nil {
		m.Value, err = json.Marshal(value)
	}
	if err != nil {
		m.Error, m.TimedOut = err.Error(), errors.Is(err, context.DeadlineExceeded)
	}
	out.send(m)
}

// heal lets every mechanism heal at once, so that one that hangs keeps none from it.
func heal(ctx context.Context, mechanisms []Mechanism) error {
	ctx, cancel := context.WithTimeout(ctx, healTime)
	defer cancel()
	done := make(chan error, len(mechanisms))
	for _, m := range mechanisms {
		go func() {
			err := m.Heal(ctx)
			if err != nil {
				err = fmt.Errorf("heal %s: %w", m.Name(), err)
			}
			done <- err
		}()
	}
	var errs []error
	for range mechanisms {
		select {
		case err := <-done:
			errs = append(errs, err)
		case <-ctx.Done():
			return errors.Join(append(errs, fmt.Errorf("heal: not all done after %v", healTime))...)
		}
	}
	return errors.Join(errs...)
}
