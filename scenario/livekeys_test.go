package scenario

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/history"
	"github.com/faultline-chaos/faultline/results"
	"github.com/faultline-chaos/faultline/workloads"
)

// twiceSwapped is the register workload of a store in which every call creates a key for each of two
// workers at the same time: no invariant of live.Monitor of the checkers is hurt.
type twiceSwapped struct{ workloads.Register }

func (twiceSwapped) Run(ctx context.Context, w *harness.Worker) error {
	type cas struct {
		Key     string  `json:"key"`
		Old     *string `json:"old"`
		New     string  `json:"new"`
		Swapped bool    `json:"swapped,omitempty"`
	}
	for ctx.Err() == nil {
		at := (w.Env.Now()/time.Second + 1) * time.Second
		if w.Env.Sleep(ctx, at-w.Env.Now()) != nil {
			return nil
		}
		c := cas{Key: fmt.Sprint("k", at), New: fmt.Sprint(w.ID)}
		_, _ = w.Do(ctx, harness.Attempt{F: "cas", Value: c, Node: w.Cluster.Members()[0], Timeout: time.Second, Invoke: func(ctx context.Context, _ harness.KV) (any, error) {
			c.Swapped = true
			return c, w.Env.Sleep(ctx, 100*time.Millisecond)
		}})
	}
	return nil
}

func (twiceSwapped) Final(context.Context, *harness.Worker) error { return nil }

// simRun does a run on sim that ends at a violation, and returns its history, too.
func simRun(t *testing.T, change func(*Prepared)) (*Prepared, string) {
	s := Default()
	s.Runtime, s.Seed, s.Time, s.Stop = "sim", 11, 8*time.Second, true
	r, err := Prepare(t.Context(), s, Options{Out: t.TempDir()})
	require.NoError(t, err)
	change(r)
	require.NoError(t, r.execute(t.Context(), func(*history.Op) {}))
	require.Empty(t, r.run.Error)
	history, err := os.ReadFile(r.folder.Path(results.HistoryFile))
	require.NoError(t, err)
	return r, string(history)
}

// TestLiveKeysStopARun: a key that is not linearizable ends a run, and one of a good store is the same
// whether keys are judged while it goes on or not.
func TestLiveKeysStopARun(t *testing.T) {
	bad, _ := simRun(t, func(r *Prepared) { r.workload = twiceSwapped{} })
	require.Nil(t, bad.monitor.Violation())
	require.Contains(t, bad.run.Stopped, "is not linearizable")

	with, history := simRun(t, func(*Prepared) {})
	require.Empty(t, with.run.Stopped)
	require.Zero(t, with.live.Undecided())
	without, same := simRun(t, func(r *Prepared) { r.live = nil })
	require.Empty(t, without.run.Stopped)
	require.Equal(t, history, same)
}
