package harness

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/faultline-chaos/faultline/history"
)

// Workload defines what clients do. It is a value without state: the state of a worker is in Run's own
// variables or in Worker.State.
type Workload interface {
	Name() string
	// Ops are the kinds of ops that it makes. A worker makes no others.
	Ops() []history.OpKind
	// Run is one worker, until ctx ends; an ended ctx is no error. It is called once a worker.
	Run(ctx context.Context, w *Worker) error
	// Final is one worker again, once everything is healed and the members have caught up: reads
	// that let checkers judge what is left. It retries until it has its answers or ctx ends.
	Final(ctx context.Context, w *Worker) error
	// Checkers judge its histories.
	Checkers() []history.Checker
}

// Worker is one client thread. Its process changes after each op of unknown outcome; all its other
// properties are keyed by ID, so that a retired process does not change what is done next.
type Worker struct {
	Env     Env
	Cluster Cluster
	Rand    *rand.Rand
	ID      int // from 0
	Count   int // workers in all
	State   any // the workload's own, from Run to Final

	ops      []history.OpKind
	process  int
	seq      int
	calls    int
	conns    map[history.NodeID]KV
	recorder *Recorder
}

// NewWorker makes worker id of count, for these kinds of ops.
func NewWorker(env Env, c Cluster, r *Recorder, ops []history.OpKind, id, count int) *Worker {
	return &Worker{
		Env: env, Cluster: c, Rand: env.Rand(fmt.Sprintf("worker/%d", id)), ID: id, Count: count,
		ops: ops, process: id, conns: map[history.NodeID]KV{}, recorder: r,
	}
}

// Unique returns a value that no other op of the run has.
func (w *Worker) Unique() string {
	w.seq++
	return fmt.Sprintf("%d.%d", w.ID, w.seq)
}

// NewCall numbers one logical call, whose attempts share the number.
func (w *Worker) NewCall() int {
	w.calls++
	return w.ID + 1 + (w.calls-1)*w.Count
}

// Attempt is one attempt of a call on one member.
type Attempt struct {
	Call  int          // from NewCall; 0: an op without retries
	F     string       // get, put, ...
	Kind  history.Kind // where the workload has ops of both kinds with this name; else it is as declared
	Value any          // as invoked; encoded with AppendJSON where it has one, else with encoding/json
	Node  history.NodeID
	// Timeout of this attempt.
	Timeout time.Duration
	// Invoke makes the call and returns the value that it was completed with.
	Invoke func(ctx context.Context, kv KV) (value any, err error)
}

// Do makes one attempt, records its two lines, and says how it ended. It panics for an op that was not
// declared: that is a mistake in a workload.
func (w *Worker) Do(ctx context.Context, a Attempt) (history.Type, error) {
	kind, ok := history.DeclaredKind(w.ops, a.F, a.Kind)
	if !ok {
		panic(fmt.Sprintf("op %q (kind %q) is none of the workload's: declared are %v", a.F, a.Kind, w.ops))
	}
	kv := w.conns[a.Node]
	if kv == nil {
		var err error
		if kv, err = w.Cluster.Dial(a.Node); err != nil {
			return history.Fail, fmt.Errorf("dial %s: %w", a.Node, err)
		}
		w.conns[a.Node] = kv
	}
	op := history.Op{Process: w.process, Type: history.Invoke, F: a.F, Kind: kind, Value: history.EncodeValue(a.Value), Node: a.Node, Call: a.Call}
	w.recorder.Add(op)
	ctx, cancel := w.Env.WithTimeout(ctx, a.Timeout)
	defer cancel()
	value, err := a.Invoke(ctx, kv)
	complete(&op, kind, err)
	if err == nil {
		op.Value = history.EncodeValue(value)
	}
	w.recorder.Add(op)
	if op.Type == history.Info {
		w.retire()
	}
	return op.Type, err
}

// complete makes an invocation its completion: how an op of this kind ended with err.
func complete(op *history.Op, kind history.Kind, err error) {
	op.Kind, op.Sched = "", 0
	if err != nil {
		op.Error = err.Error()
	}
	switch op.Rejected = errors.Is(err, history.ErrRejected); {
	case err == nil:
		op.Type = history.OK
	case op.Rejected || kind == history.KindRead || errors.Is(err, ErrNotApplied):
		op.Type = history.Fail
	default:
		op.Type = history.Info
	}
}

// retire goes on as a new process with new connections.
func (w *Worker) retire() {
	w.Close()
	w.process += w.Count
}

// Close closes the worker's connections.
func (w *Worker) Close() {
	for _, id := range w.Cluster.Members() {
		if kv := w.conns[id]; kv != nil {
			_ = kv.Close() // nothing is lost with a connection that does not close
			delete(w.conns, id)
		}
	}
}
