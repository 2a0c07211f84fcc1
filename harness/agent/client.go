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

// ErrGone is wrapped by calls of an agent that has ended.
var ErrGone = errors.New("the agent is gone")

// Events receive what an agent reports on its own. They are called one at a time, in order, and delay
// replies while they run.
type Events struct {
	Output func(Output)
	Exit   func(Exit)
}

// Client is the harness's end. Its methods may be called from several goroutines.
type Client struct {
	in     io.WriteCloser
	events Events
	gone   chan struct{}
	err    error // why the agent is gone; to be read after gone is closed

	writing sync.Mutex // requests are written whole

	mu      sync.Mutex
	last    uint64
	pending map[uint64]chan message
}

// NewClient speaks with the agent behind in and out. It reads out until its end, on a goroutine of
// its own, and then closes it if it can be closed; closing in makes the agent leave.
func NewClient(in io.WriteCloser, out io.Reader, events Events) *Client {
	c := &Client{in: in, events: events, gone: make(chan struct{}), pending: map[uint64]chan message{}}
	go c.read(out)
	return c
}

// Gone is closed when the agent has closed its end.
func (c *Client) Gone() <-chan struct{} { return c.gone }

// Close tells the agent to heal, end the member's process and leave. It does not wait: Gone tells.
func (c *Client) Close() error { return c.in.Close() }

func (c *Client) read(out io.Reader) {
	defer close(c.gone)
	if closer, ok := out.(io.Closer); ok {
		defer closer.Close()
	}
	r := bufio.NewReaderSize(out, 64<<10)
	for {
		line, err := r.ReadBytes('\n')
		if err != nil {
			if !errors.Is(err, io.EOF) {
				c.err = err
			}
			return
		}
		var m message
		if err := json.Unmarshal(line, &m); err != nil {
			c.err = fmt.Errorf("the agent said %.200q: %w", line, err)
			return
		}
		c.dispatch(m)
	}
}

func (c *Client) dispatch(m message) {
	switch {
	case m.Output != nil:
		if c.events.Output != nil {
			c.events.Output(*m.Output)
		}
	case m.Exit != nil:
		if c.events.Exit != nil {
			c.events.Exit(*m.Exit)
		}
	default:
		c.mu.Lock()
		ch := c.pending[m.ID]
		delete(c.pending, m.ID)
		c.mu.Unlock()
		if ch != nil { // else its caller did not wait for it
			ch <- m
		}
	}
}

// Call asks for an operation and waits for its answer or the end of ctx. The agent gives the
// operation as much time as ctx has. value may be nil.
func (c *Client) Call(ctx context.Context, op string, args, value any) error {
	m, err := c.call(ctx, op, args)
	if err != nil {
		return err
	}
	if m.Error != "" {
		return &agentError{m.Error, m.TimedOut}
	}
	if value == nil {
		return nil
	}
	if err := json.Unmarshal(m.Value, value); err != nil {
		return fmt.Errorf("read the agent's answer to %s: %w", op, err)
	}
	return nil
}

// agentError is an operation's own. The agent's clock may end it a moment before the caller's does: to
// the caller that is the same.
type agentError struct {
	text     string
	timedOut bool
}

func (e *agentError) Error() string        { return e.text }
func (e *agentError) Is(target error) bool { return e.timedOut && target == context.DeadlineExceeded }

func (c *Client) call(ctx context.Context, op string, args any) (message, error) {
	r := request{Op: op}
	if deadline, ok := ctx.Deadline(); ok {
		r.Timeout = max(time.Until(deadline), time.Nanosecond)
	}
	if args != nil {
		b, err := json.Marshal(args)
		if err != nil {
			return message{}, fmt.Errorf("encode arguments of %s: %w", op, err)
		}
		r.Args = b
	}
	ch := make(chan message, 1)
	c.mu.Lock()
	c.last++
	r.ID = c.last
	c.pending[r.ID] = ch
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		delete(c.pending, r.ID)
		c.mu.Unlock()
	}()
	if err := c.write(r); err != nil {
		return message{}, err
	}
	select {
	case m := <-ch:
		return m, nil
	case <-ctx.Done():
		return message{}, context.Cause(ctx)
	case <-c.gone:
		select {
		case m := <-ch: // it answered and then left
			return m, nil
		default:
			return message{}, errors.Join(ErrGone, c.err)
		}
	}
}

func (c *Client) write(r request) error {
	b, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("encode a request: %w", err)
	}
	c.writing.Lock()
	defer c.writing.Unlock()
	if _, err := c.in.Write(append(b, '\n')); err != nil {
		return fmt.Errorf("%w: %w", ErrGone, err)
	}
	return nil
}
