package harness_test

import (
	"context"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/history"
)

// TestWorkerSaysTheKind: an attempt's kind is the declared one, how it ends follows from it, and what was
// not declared is refused.
func TestWorkerSaysTheKind(t *testing.T) {
	declared := []history.OpKind{
		{Name: "get", Kind: history.KindRead}, {Name: "put", Kind: history.KindWrite},
		{Name: "txn", Kind: history.KindRead}, {Name: "txn", Kind: history.KindWrite},
	}
	lost := fmt.Errorf("lost: %w", history.ErrRejected)
	for name, c := range map[string]struct {
		attempt  harness.Attempt
		err      error
		kind     history.Kind
		ends     history.Type
		rejected bool
		panics   bool
	}{
		"a read fails":                {attempt: harness.Attempt{F: "get"}, err: io.EOF, kind: history.KindRead, ends: history.Fail},
		"a write is open":             {attempt: harness.Attempt{F: "put"}, err: io.EOF, kind: history.KindWrite, ends: history.Info},
		"a write is rejected":         {attempt: harness.Attempt{F: "put"}, err: lost, kind: history.KindWrite, ends: history.Fail, rejected: true},
		"of two kinds":                {attempt: harness.Attempt{F: "txn", Kind: history.KindRead}, kind: history.KindRead, ends: history.OK},
		"of two kinds, which is open": {attempt: harness.Attempt{F: "txn"}, panics: true},
		"of the other kind":           {attempt: harness.Attempt{F: "get", Kind: history.KindWrite}, panics: true},
		"not declared":                {attempt: harness.Attempt{F: "cas"}, panics: true},
	} {
		t.Run(name, func(t *testing.T) {
			env := newFakeEnv()
			rec := harness.NewRecorder(env, io.Discard, harness.RecorderOptions{Keep: true})
			w := harness.NewWorker(env, newFakeCluster(), rec, declared, 0, 1)
			c.attempt.Node, c.attempt.Timeout = "n1", time.Second
			c.attempt.Invoke = func(context.Context, harness.KV) (any, error) { return nil, c.err }
			if c.panics {
				require.Panics(t, func() { _, _ = w.Do(t.Context(), c.attempt) })
				require.Empty(t, rec.Ops())
				return
			}
			typ, err := w.Do(t.Context(), c.attempt)
			require.ErrorIs(t, err, c.err)
			ops := rec.Ops()
			require.Equal(t, c.ends, typ)
			require.Equal(t, c.kind, ops[0].Kind)
			require.Equal(t, history.Op{Index: 1, Time: ops[1].Time, Type: c.ends, F: c.attempt.F, Node: "n1", Rejected: c.rejected, Error: ops[1].Error}, ops[1])
		})
	}
}
