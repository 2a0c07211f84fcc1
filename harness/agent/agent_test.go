package agent

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fake is a mechanism without effects.
type fake struct {
	release chan struct{} // ends the hanging operations
	healed  chan struct{}
	healing func(context.Context) error
}

func newFake() *fake { return &fake{release: make(chan struct{}), healed: make(chan struct{})} }

func (*fake) Name() string     { return "fake" }
func (*fake) Available() error { return nil }

func (f *fake) Handlers() map[string]Handler {
	return map[string]Handler{
		"double": Handle(func(_ context.Context, n int) (int, error) { return 2 * n, nil }),
		"fail":   Handle(func(context.Context, Nothing) (Nothing, error) { return Nothing{}, errors.New("it broke") }),
		"wait": Handle(func(ctx context.Context, _ Nothing) (Nothing, error) {
			<-ctx.Done()
			return Nothing{}, ctx.Err()
		}),
		"hang": Handle(func(context.Context, Nothing) (Nothing, error) {
			<-f.release
			return Nothing{}, nil
		}),
	}
}

func (f *fake) Heal(ctx context.Context) error {
	close(f.healed)
	if f.healing != nil {
		return f.healing(ctx)
	}
	return nil
}

// serve runs an agent with the mechanism, and returns its client and what Serve returns.
func serve(t *testing.T, events Events, mechanisms ...Mechanism) (*Client, *Writer, <-chan error) {
	inR, inW := io.Pipe()
	outR, outW := io.Pipe()
	out := NewWriter(outW)
	done := make(chan error, 1)
	go func() {
		err := Serve(context.Background(), inR, out, func() (Hello, error) { return Hello{BootID: "b"}, nil }, mechanisms)
		_ = outW.Close()
		done <- err
	}()
	c := NewClient(inW, outR, events)
	t.Cleanup(func() {
		_ = c.Close()
		<-c.Gone()
	})
	return c, out, done
}

func TestCall(t *testing.T) {
	f := newFake()
	c, _, _ := serve(t, Events{}, f)
	var n int
	require.NoError(t, c.Call(t.Context(), "double", 21, &n))
	require.Equal(t, 42, n)
	require.EqualError(t, c.Call(t.Context(), "fail", nil, nil), "it broke")
	require.EqualError(t, c.Call(t.Context(), "no such", nil, nil), `unknown operation "no such"`)
	require.ErrorContains(t, c.Call(t.Context(), "double", "a word", &n), "read arguments")
	var h Hello
	require.NoError(t, c.Call(t.Context(), OpHello, nil, &h))
	require.Equal(t, "b", h.BootID)
}

// A request that hangs must hold up neither others nor the end.
func TestHungRequest(t *testing.T) {
	f := newFake()
	defer close(f.release)
	c, _, done := serve(t, Events{}, f)
	hung := make(chan error, 1)
	go func() { hung <- c.Call(context.Background(), "hang", nil, nil) }()
	var n int
	require.NoError(t, c.Call(t.Context(), "double", 1, &n))
	require.NoError(t, c.Close())
	<-f.healed
	require.NoError(t, <-done)
	require.ErrorIs(t, <-hung, ErrGone)
	require.ErrorIs(t, c.Call(t.Context(), "double", 1, &n), ErrGone)
}

func TestCallEndsWithContext(t *testing.T) {
	f := newFake()
	defer close(f.release)
	c, _, _ := serve(t, Events{}, f)
	cause := errors.New("the caller's cause")
	ctx, cancel := context.WithTimeoutCause(t.Context(), time.Millisecond, cause)
	defer cancel()
	require.ErrorIs(t, c.Call(ctx, "hang", nil, nil), cause)
	c.mu.Lock()
	defer c.mu.Unlock()
	require.Empty(t, c.pending)
}

// One mechanism that cannot heal keeps no other from it, and the agent leaves.
func TestHealingThatFails(t *testing.T) {
	bad, good := newFake(), newFake()
	bad.healing = func(context.Context) error { return errors.New("stuck") }
	c, _, done := serve(t, Events{}, bad, good)
	require.NoError(t, c.Close())
	<-good.healed
	require.EqualError(t, <-done, "heal fake: stuck")
}

func TestEvents(t *testing.T) {
	outputs, exits := make(chan Output, 1), make(chan Exit, 1)
	_, out, _ := serve(t, Events{Output: func(o Output) { outputs <- o }, Exit: func(e Exit) { exits <- e }}, newFake())
	out.Output(Output{At: 7, Text: "a \"line\"\x00"})
	out.Exit(Exit{PID: 3, Code: 137, Tail: "the end"})
	require.Equal(t, Output{At: 7, Text: "a \"line\"\x00"}, <-outputs)
	require.Equal(t, Exit{PID: 3, Code: 137, Tail: "the end"}, <-exits)
}

func TestAgentThatTalksNonsense(t *testing.T) {
	inR, inW := io.Pipe()
	go func() { _, _ = io.Copy(io.Discard, inR) }()
	c := NewClient(inW, strings.NewReader("exec format error\n"), Events{})
	<-c.Gone()
	err := c.Call(t.Context(), OpHello, nil, nil)
	require.ErrorIs(t, err, ErrGone)
	require.ErrorContains(t, err, "exec format error")
	require.NoError(t, c.Close())
}

func TestHarnessThatTalksNonsense(t *testing.T) {
	f := newFake()
	err := Serve(t.Context(), strings.NewReader("nonsense\n"), NewWriter(io.Discard), nil, []Mechanism{f})
	require.ErrorContains(t, err, "read a request")
	<-f.healed
}
