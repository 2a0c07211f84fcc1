package workloads

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/faultline-chaos/faultline/checker"
	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/history"
)

// Register reads and writes single keys through any member. Values are unique. Every attempt of a retried
// call is an op of its own with its own value. Attempts time out well before a failover is over, so that
// an outage shows as failed ops. Every few seconds the workload moves on to new keys, so that no key
// gathers more ops of unknown outcome than a checker can handle. The zero value is ready to use.
type Register struct {
	Keys       int           // in use at a time; 5
	Generation time.Duration // after which it moves on to new keys; 4 s
	Think      time.Duration // mean pause of a worker between its calls; 20 ms
	Timeout    time.Duration // of one attempt; 150 ms
	Patience   time.Duration // after which a call is given up; 10 s
}

func (r Register) withDefaults() Register {
	if r.Keys == 0 {
		r.Keys = 5
	}
	for _, d := range []struct {
		field *time.Duration
		v     time.Duration
	}{
		{&r.Generation, 4 * time.Second},
		{&r.Think, 20 * time.Millisecond},
		{&r.Timeout, 150 * time.Millisecond},
		{&r.Patience, 10 * time.Second},
	} {
		if *d.field == 0 {
			*d.field = d.v
		}
	}
	return r
}

// Pauses between two attempts of a call: a random one up to a limit that doubles.
const (
	backoffFirst = 10 * time.Millisecond
	backoffLast  = 50 * time.Millisecond
)

// Name is register.
func (Register) Name() string { return "register" }

// Ops are reads and writes of one key.
func (Register) Ops() []history.OpKind {
	return []history.OpKind{
		{Name: "get", Kind: history.KindRead, Doc: "read a key"},
		{Name: "put", Kind: history.KindWrite, Doc: "write a key"},
		{Name: "cas", Kind: history.KindWrite, Doc: "write a key if its value is the expected one"},
		{Name: "delete", Kind: history.KindWrite, Doc: "delete a key"},
	}
}

// Checkers judge its histories.
func (Register) Checkers() []history.Checker {
	return []history.Checker{checker.Linearizable{}, checker.Durable{}}
}

// registerState is what one worker knows.
type registerState struct {
	seen map[string]string // the newest value it knows of a key, "" for absence: makes CAS succeed at times
}

// Run calls until ctx ends.
func (r Register) Run(ctx context.Context, w *harness.Worker) error {
	r = r.withDefaults()
	st := &registerState{seen: map[string]string{}}
	w.State = st
	node := w.ID % len(w.Cluster.Members())
	for ctx.Err() == nil {
		node = r.call(ctx, w, st, node)
		if w.Env.Sleep(ctx, time.Duration(w.Rand.ExpFloat64()*float64(r.Think))) != nil {
			return nil
		}
	}
	return nil
}

// call makes one retried call and returns the member to go on with: the one that answered.
func (r Register) call(ctx context.Context, w *harness.Worker, st *registerState, node int) int {
	members := w.Cluster.Members()
	key := r.key(w)
	kind := w.Rand.IntN(20)
	id := w.NewCall()
	limit := backoffFirst
	for end := w.Env.Now() + r.Patience; ctx.Err() == nil && w.Env.Now() < end; {
		a := r.attempt(w, st, kind, key)
		a.Call, a.Node, a.Timeout = id, members[node], r.Timeout
		if t, _ := w.Do(ctx, a); t == history.OK {
			return node
		}
		if len(members) > 1 { // on another member
			node = (node + 1 + w.Rand.IntN(len(members)-1)) % len(members)
		}
		if w.Env.Sleep(ctx, limit/4+time.Duration(w.Rand.Int64N(int64(limit)))) != nil {
			break
		}
		limit = min(2*limit, backoffLast)
	}
	return node
}

// key is one of the current generation.
func (r Register) key(w *harness.Worker) string {
	return keyName(int(w.Env.Now()/r.Generation)*r.Keys + w.Rand.IntN(r.Keys))
}

func keyName(i int) string { return "k" + strconv.Itoa(i) }

// attempt is one attempt of the kind of call that was drawn.
func (r Register) attempt(w *harness.Worker, st *registerState, kind int, key string) harness.Attempt {
	switch {
	case kind < 8:
		return r.get(st, key)
	case kind < 14:
		return r.put(st, key, w.Unique())
	case kind < 19:
		return r.cas(st, key, w.Unique())
	default:
		return r.delete(st, key)
	}
}

func (Register) get(st *registerState, key string) harness.Attempt {
	v := history.RegisterValue{Form: history.FormGet, Key: key}
	return harness.Attempt{F: "get", Value: v, Invoke: func(ctx context.Context, kv harness.KV) (any, error) {
		e, err := kv.Get(ctx, key)
		if err == nil {
			st.seen[key] = e.Value
		}
		got := v
		if got.Mod, got.Rev = e.ModRev, e.Rev; e.Found {
			got.Value = &e.Value
		}
		return got, err
	}}
}

func (Register) put(st *registerState, key, value string) harness.Attempt {
	v := history.RegisterValue{Form: history.FormPut, Key: key, Value: &value}
	return harness.Attempt{F: "put", Value: v, Invoke: func(ctx context.Context, kv harness.KV) (_ any, err error) {
		done := v
		if done.Rev, err = kv.Put(ctx, key, value); err == nil {
			st.seen[key] = value
		}
		return done, err
	}}
}

// cas compares with the value that this worker saw last; if it saw none, it creates the key.
func (Register) cas(st *registerState, key, value string) harness.Attempt {
	v := history.RegisterValue{Form: history.FormCAS, Key: key, New: value}
	if seen := st.seen[key]; seen != "" {
		v.Old = &seen
	}
	return harness.Attempt{F: "cas", Value: v, Invoke: func(ctx context.Context, kv harness.KV) (any, error) {
		swapped, rev, err := kv.CAS(ctx, key, v.Old, value)
		if err == nil && swapped {
			st.seen[key] = value
		} else if err == nil {
			delete(st.seen, key)
		}
		done := v
		done.Swapped, done.Rev = &swapped, rev
		return done, err
	}}
}

func (Register) delete(st *registerState, key string) harness.Attempt {
	v := history.RegisterValue{Form: history.FormDelete, Key: key}
	return harness.Attempt{F: "delete", Value: v, Invoke: func(ctx context.Context, kv harness.KV) (any, error) {
		n, rev, err := kv.Delete(ctx, key)
		if err == nil {
			delete(st.seen, key)
		}
		done := v
		done.Deleted, done.Rev = &n, rev
		return done, err
	}}
}

// Final reads every key of the run, and those of the last generations from every member: all must
// have caught up.
func (r Register) Final(ctx context.Context, w *harness.Worker) error {
	r = r.withDefaults()
	members := w.Cluster.Members()
	keys := (int(w.Env.Now()/r.Generation) + 1) * r.Keys
	for k := w.ID; k < keys; k += w.Count {
		from := members[k%len(members) : k%len(members)+1]
		if k >= keys-2*r.Keys {
			from = members
		}
		for _, node := range from {
			if err := r.finalRead(ctx, w, keyName(k), node); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r Register) finalRead(ctx context.Context, w *harness.Worker, key string, node history.NodeID) error {
	st := &registerState{seen: map[string]string{}}
	call := w.NewCall()
	for {
		a := r.get(st, key)
		a.Call, a.Node, a.Timeout = call, node, 4*r.Timeout
		t, err := w.Do(ctx, a)
		if t == history.OK {
			return nil
		}
		if w.Env.Sleep(ctx, backoffLast) != nil {
			return fmt.Errorf("final read of %s on %s: %w", key, node, err)
		}
	}
}
