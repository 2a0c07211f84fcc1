// Package harnesstest is the conformance suite that every runtime passes: what a cluster claims to be
// able to do has its effect, can be seen to have it, and heals; and whatever happens, nothing is left
// behind. It also holds a toy system to run it with.
package harnesstest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/history"
)

// Residuer is implemented by runtimes that can say what exists of a run.
type Residuer interface {
	Residue(ctx context.Context, runID string) ([]string, error)
}

// Refuser is implemented by systems that have a variant whose process ends at once, with an exit code
// other than 0 and a word of why. Run closes it where it is an io.Closer.
type Refuser interface{ Refusing() harness.System }

// NewRunID makes a run ID that no other test has.
func NewRunID() string { return fmt.Sprintf("test-%08x", rand.Uint32()) }

// Run is the suite. Everything that it does to a cluster happens inside of the bodies of runs, and
// waits in their Env only.
func Run(t *testing.T, rt harness.Runtime, sys harness.System) {
	s := &suite{runtime: rt, system: sys}
	t.Run("capabilities", s.capabilities)
	t.Run("one member", s.oneMember)
	t.Run("two runs at once", s.twoRuns)
	t.Run("refuse to start", s.refuse)
	t.Run("body fails", s.bodyFails)
	t.Run("body panics", s.bodyPanics)
	t.Run("cancelled in the body", s.cancelled)
	t.Run("cancelled before the start", s.cancelledBefore)
}

type suite struct {
	runtime harness.Runtime
	system  harness.System
}

// run starts one cluster, and sees that nothing of it is left, whatever comes out.
func (s *suite) run(t *testing.T, ctx context.Context, cfg harness.ClusterConfig, body func(context.Context, harness.Env, harness.Cluster) error) error {
	t.Helper()
	cfg.RunID, cfg.Seed = NewRunID(), 1
	if cfg.System == nil {
		cfg.System = s.system
	}
	defer func() {
		if r, ok := s.runtime.(Residuer); ok {
			left, err := r.Residue(context.WithoutCancel(ctx), cfg.RunID)
			require.NoError(t, err)
			require.Empty(t, left, "left behind by the run")
		}
	}()
	return s.runtime.Run(ctx, cfg, body)
}

// capabilities runs every check in one cluster of three. The first that fails is the last: it has
// left the cluster in a state that nobody knows.
func (s *suite) capabilities(t *testing.T) {
	able, err := s.runtime.Probe(t.Context())
	require.NoError(t, err)
	results := map[string]error{}
	logs := &logs{}
	var now time.Duration
	err = s.run(t, t.Context(), harness.ClusterConfig{Nodes: 3, Logs: logs.writer}, func(ctx context.Context, env harness.Env, c harness.Cluster) error {
		defer func() { now = env.Now() }()
		for _, check := range checks {
			if !check.claimed(c) {
				continue
			}
			checkCtx, cancel := env.WithTimeout(ctx, checkTime)
			err := check.do(checkCtx, &bench{env: env, cluster: c, runtime: s.runtime.Name(), able: able})
			cancel()
			results[check.name] = err
			if err != nil {
				return fmt.Errorf("%s: %w", check.name, err)
			}
		}
		return nil
	})
	for _, check := range checks {
		t.Run(check.name, func(t *testing.T) {
			err, done := results[check.name]
			if !done {
				t.Skip("the cluster does not claim it, or a check before it failed")
			}
			require.NoError(t, err)
		})
	}
	require.NoError(t, err)
	t.Run("logs", func(t *testing.T) { logs.check(t, now) })
}

func (s *suite) oneMember(t *testing.T) {
	err := s.run(t, t.Context(), harness.ClusterConfig{Nodes: 1}, func(ctx context.Context, env harness.Env, c harness.Cluster) error {
		b := &bench{env: env, cluster: c}
		return b.serves(ctx, "n1")
	})
	require.NoError(t, err)
}

func (s *suite) twoRuns(t *testing.T) {
	var wg sync.WaitGroup
	errs := make([]error, 2)
	for i := range errs {
		wg.Go(func() {
			errs[i] = s.run(t, t.Context(), harness.ClusterConfig{Nodes: 2}, func(ctx context.Context, env harness.Env, c harness.Cluster) error {
				b := &bench{env: env, cluster: c}
				if err := b.serves(ctx, "n1"); err != nil {
					return err
				}
				if n, ok := c.(harness.Network); ok && can(harness.CanCut)(c) {
					return n.Probe(ctx, harness.Link{From: "n1", To: "n2"})
				}
				return nil
			})
		})
	}
	wg.Wait()
	require.NoError(t, errors.Join(errs...))
}

func (s *suite) refuse(t *testing.T) {
	r, ok := s.system.(Refuser)
	if !ok {
		t.Skip("the system has no variant that refuses to start")
	}
	refusing := r.Refusing()
	if c, ok := refusing.(io.Closer); ok {
		defer func() { require.NoError(t, c.Close()) }()
	}
	err := s.run(t, t.Context(), harness.ClusterConfig{Nodes: 3, System: refusing}, func(context.Context, harness.Env, harness.Cluster) error {
		return errors.New("the body was called")
	})
	var start *harness.StartError
	require.ErrorAs(t, err, &start)
	require.NotZero(t, start.ExitCode)
	require.NotEmpty(t, start.Output)
	require.Contains(t, []history.NodeID{"n1", "n2", "n3"}, start.Node)
	require.NotContains(t, err.Error(), "the body was called")
}

var errBody = errors.New("the body's own error")

func (s *suite) bodyFails(t *testing.T) {
	err := s.run(t, t.Context(), harness.ClusterConfig{Nodes: 3}, func(ctx context.Context, _ harness.Env, c harness.Cluster) error {
		return errors.Join(errBody, breakAll(ctx, c))
	})
	require.ErrorIs(t, err, errBody)
	require.Equal(t, errBody.Error(), strings.TrimSpace(err.Error()), "nothing else failed")
}

func (s *suite) bodyPanics(t *testing.T) {
	defer func() {
		r := recover()
		p, ok := r.(*harness.PanicError)
		require.True(t, ok, "Run panicked with %v", r)
		require.Equal(t, "the body's own panic", p.Value)
	}()
	err := s.run(t, t.Context(), harness.ClusterConfig{Nodes: 3}, func(ctx context.Context, _ harness.Env, c harness.Cluster) error {
		if err := breakAll(ctx, c); err != nil {
			return err
		}
		panic("the body's own panic")
	})
	require.NoError(t, err)
	t.Error("Run returned")
}

func (s *suite) cancelled(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("the test's own cancellation")
	err := s.run(t, ctx, harness.ClusterConfig{Nodes: 3}, func(ctx context.Context, env harness.Env, c harness.Cluster) error {
		if err := breakAll(ctx, c); err != nil {
			return err
		}
		cancel(cause)
		if err := env.Sleep(ctx, time.Hour); !errors.Is(err, cause) {
			return fmt.Errorf("a sleep ended with %w, not with the cause", err)
		}
		return context.Cause(ctx)
	})
	require.ErrorIs(t, err, cause)
}

func (s *suite) cancelledBefore(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := s.run(t, ctx, harness.ClusterConfig{Nodes: 3}, func(ctx context.Context, _ harness.Env, _ harness.Cluster) error {
		return ctx.Err()
	})
	require.ErrorIs(t, err, context.Canceled)
}

// breakAll leaves faults of every kind that the cluster knows for others to heal.
func breakAll(ctx context.Context, c harness.Cluster) error {
	var errs []error
	if n, ok := c.(harness.Network); ok && can(harness.CanCut)(c) {
		errs = append(errs, n.Cut(ctx, "left", []harness.Link{{From: "n1", To: "n2"}, {From: "n2", To: "n1"}}))
	}
	if p, ok := c.(harness.Pauser); ok {
		errs = append(errs, p.Pause(ctx, "n1"))
	}
	if k, ok := c.(harness.Killer); ok {
		errs = append(errs, k.Kill(ctx, "n2"))
	}
	return errors.Join(errs...)
}

// logs keeps what members print.
type logs struct {
	mu      sync.Mutex
	members map[history.NodeID]*bytes.Buffer
}

func (l *logs) writer(id history.NodeID) io.Writer {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.members == nil {
		l.members = map[history.NodeID]*bytes.Buffer{}
	}
	l.members[id] = &bytes.Buffer{}
	return l.members[id]
}

// check reads every line: times must be of the run and must not go backwards.
func (l *logs) check(t *testing.T, end time.Duration) {
	if l.members == nil {
		t.Skip("the runtime has no logs")
	}
	require.Len(t, l.members, 3)
	for id, b := range l.members {
		require.NotZero(t, b.Len(), "%s printed nothing", id)
		last := time.Duration(0)
		for text := range strings.Lines(b.String()) {
			line, err := history.ParseLogLine(strings.TrimSuffix(text, "\n"))
			require.NoError(t, err)
			require.GreaterOrEqual(t, line.At, last)
			last = line.At
		}
		require.Positive(t, last)
		require.Less(t, last, end+time.Minute) // the last lines come while the cluster is closed
	}
}
