package workloads

import (
	"context"
	"strconv"
	"time"

	"github.com/faultline-chaos/faultline/checker"
	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/history"
)

// Set adds unique numbers to a set and reads all of it. An element is a key, so that adding one is a put,
// and a read is one transaction. It needs a system whose KV is a Txner. The zero value is ready to use.
type Set struct {
	Elements int           // at most, so that reads stay short; after that it only reads; 2000
	Think    time.Duration // mean pause of a worker between its calls; 20 ms
	Timeout  time.Duration // of one attempt; 150 ms
}

func (s Set) withDefaults() Set {
	if s.Elements == 0 {
		s.Elements = 2000
	}
	s.Think, s.Timeout = pacing(s.Think, s.Timeout)
	return s
}

// Name is set.
func (Set) Name() string { return "set" }

// Ops are adds and reads.
func (Set) Ops() []history.OpKind {
	return []history.OpKind{
		{Name: "add", Kind: history.KindWrite, Doc: "add an element"},
		{Name: "read", Kind: history.KindRead, Doc: "read all elements"},
	}
}

// Checkers judge its histories.
func (Set) Checkers() []history.Checker { return []history.Checker{checker.Set{}, checker.SetFull{}} }

// setAdd is the value of add: {"element":5}.
type setAdd int

// AppendJSON writes it.
func (v setAdd) AppendJSON(b []byte) []byte {
	return append(strconv.AppendInt(append(b, `{"element":`...), int64(v), 10), '}')
}

// setRead is the value of read: {"elements":[5]}; {} until it was answered.
type setRead struct {
	answered bool
	elements []string
}

// AppendJSON writes it.
func (v setRead) AppendJSON(b []byte) []byte {
	if !v.answered {
		return append(b, "{}"...)
	}
	b = append(b, `{"elements":[`...)
	for i, e := range v.elements {
		b = append(comma(b, i), e...)
	}
	return append(b, "]}"...)
}

// Elements are the values of keys in this range.
const (
	setFrom = "e"
	setTo   = "f"
)

// Run calls until ctx ends.
func (s Set) Run(ctx context.Context, w *harness.Worker) error {
	s = s.withDefaults()
	made := 0
	return loop(ctx, w, s.Think, func() harness.Attempt {
		const readEvery = 20
		if made*w.Count >= s.Elements {
			_ = w.Env.Sleep(ctx, readEvery*s.Think) // reads are as rare as they were; where ctx ends, the read fails
			return s.read()
		}
		if w.Rand.IntN(readEvery) == 0 {
			return s.read()
		}
		made++
		return s.add(made*w.Count + w.ID)
	})
}

func (s Set) add(element int) harness.Attempt {
	v := strconv.Itoa(element)
	return harness.Attempt{F: "add", Value: setAdd(element), Timeout: s.Timeout, Invoke: func(ctx context.Context, kv harness.KV) (any, error) {
		_, err := kv.Put(ctx, setFrom+v, v)
		return setAdd(element), err
	}}
}

func (s Set) read() harness.Attempt {
	return harness.Attempt{F: "read", Value: setRead{}, Timeout: s.Timeout, Invoke: func(ctx context.Context, kv harness.KV) (any, error) {
		t, err := runTxn(ctx, kv, history.Txn{Ops: []history.TxnOp{{Kind: history.TxnRange, Key: setFrom, End: setTo}}})
		if err != nil {
			return setRead{}, err
		}
		done := setRead{answered: true}
		for _, it := range t.Ops[0].Items {
			done.elements = append(done.elements, it.Value)
		}
		return done, nil
	}}
}

// Final reads the set; the workers use different members.
func (s Set) Final(ctx context.Context, w *harness.Worker) error {
	s = s.withDefaults()
	return finalAttempt(ctx, w, s.read(), s.Timeout)
}
