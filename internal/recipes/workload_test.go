package recipes

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/history"
	"github.com/faultline-chaos/faultline/scenario"
)

// reader only reads, and always the same keys, which nobody writes.
type reader struct{}

// look is the value of its ops.
type look struct {
	Key   string `json:"key"`
	Found bool   `json:"found"`
}

func (reader) Name() string { return "reader" }

func (reader) Ops() []history.OpKind {
	return []history.OpKind{{Name: "look", Kind: history.KindRead, Doc: "look whether there is a key"}}
}

func (reader) Checkers() []history.Checker { return []history.Checker{untouched{}} }

// Run reads until ctx ends.
func (r reader) Run(ctx context.Context, w *harness.Worker) error {
	members := w.Cluster.Members()
	for w.Env.Sleep(ctx, time.Duration(w.Rand.Int64N(int64(40*time.Millisecond)))) == nil {
		r.look(ctx, w, members[w.Rand.IntN(len(members))])
	}
	return nil
}

// Final reads until it is answered.
func (r reader) Final(ctx context.Context, w *harness.Worker) error {
	for r.look(ctx, w, w.Cluster.Members()[0]) != history.OK {
		if w.Env.Sleep(ctx, 50*time.Millisecond) != nil {
			return nil
		}
	}
	return nil
}

func (reader) look(ctx context.Context, w *harness.Worker, node history.NodeID) history.Type {
	v := look{Key: fmt.Sprint("nobody/", w.ID)}
	typ, _ := w.Do(ctx, harness.Attempt{F: "look", Value: v, Node: node, Timeout: 150 * time.Millisecond, Invoke: func(ctx context.Context, kv harness.KV) (any, error) {
		e, err := kv.Get(ctx, v.Key)
		v.Found = e.Found
		return v, err
	}})
	return typ
}

func TestWorkload(t *testing.T) {
	s := onSim()
	s.Faults = []string{"kill"}
	out := perform(t, s, scenario.Options{Workload: reader{}})
	require.Equal(t, "reader", out.Analysis.Run.Workload)
	require.Contains(t, verdictOf(t, out.Analysis.Run, "untouched").Reason, "found nothing")

	h, _, err := out.Folder.ReadHistory()
	require.NoError(t, err)
	for _, op := range h.Ops {
		if op.F == "look" && op.Type == history.Invoke {
			require.Equal(t, history.KindRead, op.Kind, "the line says that it reads")
		}
	}
	require.NotEmpty(t, out.Analysis.Episodes)
	for _, e := range out.Analysis.Episodes {
		require.Zero(t, e.Ambiguous, "nobody took its reads for writes")
	}
}
