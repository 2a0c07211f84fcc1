package scenario

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/harness/realtime"
	"github.com/faultline-chaos/faultline/history"
	"github.com/faultline-chaos/faultline/results"
)

// liveCheckRun is a recorder whose history is judged concurrently.
type liveCheckRun struct {
	*harness.Recorder
	b *liveCheck
}

func newLiveCheckRun(t *testing.T, judge func(context.Context, *history.Op)) *liveCheckRun {
	folder, err := results.Create(t.TempDir(), "run")
	require.NoError(t, err)
	history, err := folder.CreateHistory()
	require.NoError(t, err)
	t.Cleanup(func() { history.Close() })
	r := &liveCheckRun{}
	r.b, err = startLiveCheck(t.Context(), folder, judge)
	require.NoError(t, err)
	r.Recorder = harness.NewRecorder(realtime.New(1), history, harness.RecorderOptions{Observe: r.b.record})
	return r
}

// call records a get and its answer.
func (r *liveCheckRun) call() {
	for _, typ := range []history.Type{history.Invoke, history.OK} {
		r.Add(history.Op{Type: typ, F: "get", Value: json.RawMessage(`{"key":"k","value":null}`)})
	}
}

// TestLiveCheckLags: judging that is slower than the run loses nothing, and says how far it is behind.
func TestLiveCheckLags(t *testing.T) {
	const calls = 50_000 // far more than any buffer holds
	var seen []int
	gate := make(chan struct{})
	r := newLiveCheckRun(t, func(_ context.Context, op *history.Op) {
		<-gate
		seen = append(seen, op.Index)
	})
	for range calls {
		r.call()
	}
	ops, _ := r.b.behind()
	require.Equal(t, 2*calls, ops)
	close(gate)
	require.NoError(t, r.Flush())
	got := r.b.stop(time.Hour)
	require.Empty(t, got.Problem)
	require.Equal(t, []int{2 * calls, 0}, []int{got.Judged, got.Left})
	require.Len(t, seen, 2*calls)
	for i, index := range seen {
		require.Equal(t, i, index)
	}
	ops, lag := r.b.behind()
	require.Zero(t, ops)
	require.Zero(t, lag)
}

// TestLiveCheckGivesBack: what judging does not come to in time is counted, and a damaged file is told.
func TestLiveCheckGivesBack(t *testing.T) {
	r := newLiveCheckRun(t, func(ctx context.Context, op *history.Op) {
		if op.Index == 5 {
			<-ctx.Done()
		}
	})
	for range 10 {
		r.call()
	}
	require.NoError(t, r.Flush())
	got := r.b.stop(time.Millisecond)
	require.Empty(t, got.Problem)
	require.Equal(t, 20, got.Judged+got.Left)
	require.NotZero(t, got.Left)

	r = newLiveCheckRun(t, func(context.Context, *history.Op) {})
	r.Add(history.Op{Type: history.OK, F: "get"})
	require.NoError(t, r.Flush())
	require.Contains(t, r.b.stop(time.Hour).Problem, "judge the history during the run: line 1")
}
