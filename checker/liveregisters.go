package checker

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"sync/atomic"
	"time"

	"github.com/faultline-chaos/faultline/history"
)

// Limits of a LiveRegisters.
const (
	liveRegisterEvery = time.Second // of the run's clock: all keys are judged at least that often,
	liveRegisterLines = 10_000      // or after so many lines
	liveRegisterKeys  = 1024        // that are kept; that which was called longest ago is forgotten
	liveRegisterOps   = 100_000     // that all keys keep after they were judged
	forgottenBits     = 1 << 23     // a bit for the hash of each key that was forgotten: 1 MiB
)

// LiveRegisters is Streaming beside a run: it takes its ops and tells of a key that is not linearizable
// within about a second of the run's clock. It judges probes and, where the workload is one of single
// registers, the workload's ops. What it finds Linearizable and Probes find in the whole history; what
// they find it may miss.
//
// Its memory is bounded, however long the run, by the limits above and by the calls that are open. A
// key that keeps too much, or that Streaming cannot decide, is not judged any further, nor is one that
// was forgotten. That is counted, and no verdict.
//
// Observe is for one goroutine at a time, the other methods for any.
type LiveRegisters struct {
	workload bool
	stream   *Streaming // nil: it has given up
	line     Line
	gone     []uint64 // forgottenBits of them
	lost     int      // keys that were undecided when they were forgotten
	judged   time.Duration
	lines    int // since then

	undecided atomic.Int64
	violation atomic.Pointer[history.Verdict]
}

// NewLiveRegisters has seen nothing. workload says whether the workload's ops are those of registers.
func NewLiveRegisters(workload bool) *LiveRegisters {
	return &LiveRegisters{workload: workload, stream: NewStreaming(), gone: make([]uint64, forgottenBits/64)}
}

// Violation is the first one, nil if there was none.
func (r *LiveRegisters) Violation() *history.Verdict { return r.violation.Load() }

// Undecided is how many keys were not judged to their end.
func (r *LiveRegisters) Undecided() int { return int(r.undecided.Load()) }

// Observe takes the next op of the history, and keeps nothing of it. Mostly it takes a microsecond, and
// about once a second as long as judging needs, which the budget of a judgement bounds. Where ctx ends
// what is judged then stays undecided.
func (r *LiveRegisters) Observe(ctx context.Context, op *history.Op) {
	if r.stream == nil {
		return
	}
	ok, err := r.read(op)
	if ok {
		r.call(ctx)
		err = r.stream.Add(ctx, &r.line)
	}
	if err != nil {
		r.giveUp() // a line that the checkers at the end will name
		return
	}
	r.lines++
	due := op.Time-r.judged >= liveRegisterEvery || r.lines >= liveRegisterLines
	if due {
		r.judged, r.lines = op.Time, 0
		r.stream.Judge(ctx)
	}
	if v := r.stream.Violation(); v != nil {
		r.violation.Store(v)
		r.stream = nil
	} else if due {
		r.trim()
	}
}

// read makes the line of an op; false for one that is not judged.
func (r *LiveRegisters) read(op *history.Op) (ok bool, err error) {
	if !op.Client() || !op.Probe() && !r.workload {
		return false, nil
	}
	l := &r.line
	*l = Line{Position: op.Index, Process: op.Process, Type: op.Type, Form: op.Form()}
	if !l.Form.Register() || op.Type != history.Invoke && op.Type != history.OK {
		return true, nil
	}
	if len(op.Value) == 0 {
		return false, errors.New("a call without a value")
	}
	if err := l.Parse(op.Value); err != nil {
		return false, fmt.Errorf("op %d: %w", op.Index, err)
	}
	return true, nil
}

// call makes room for the key that the line calls. If it was forgotten, the line becomes one of no
// register: it would be taken for one that is absent.
func (r *LiveRegisters) call(ctx context.Context) {
	l := &r.line
	if l.Type != history.Invoke || !l.Form.Register() || r.stream.keys[string(l.Key)] != nil {
		return
	}
	if word, bit := forgottenBit(l.Key); r.gone[word]&bit != 0 {
		l.Form = history.OtherForm
		return
	}
	for len(r.stream.order) >= liveRegisterKeys {
		k := r.stream.oldest()
		word, bit := forgottenBit([]byte(k.name))
		r.gone[word] |= bit
		r.stream.forget(ctx, k)
		if k.open != wasForgotten {
			r.lost++
		}
	}
}

// forgottenBit is where a key's bit is. The hash is the same in every run, as a simulation is.
func forgottenBit(key []byte) (word int, bit uint64) {
	h := fnv.New64a()
	_, _ = h.Write(key) // never fails (hash.Hash)
	n := h.Sum64() % forgottenBits
	return int(n / 64), 1 << (n % 64)
}

// trim closes the largest keys while all keep too much, and counts those that are closed.
func (r *LiveRegisters) trim() {
	for kept := r.stream.Kept(); kept > liveRegisterOps; kept = r.stream.Kept() {
		largest := r.stream.order[0]
		for _, k := range r.stream.order {
			if k.stream.Len() > largest.stream.Len() {
				largest = k
			}
		}
		largest.close("it keeps too much")
	}
	closed := r.lost
	for _, k := range r.stream.order {
		if k.open != "" {
			closed++
		}
	}
	r.undecided.Store(int64(closed))
}

// giveUp ends all judging.
func (r *LiveRegisters) giveUp() {
	r.undecided.Store(int64(r.lost + len(r.stream.order)))
	r.stream = nil
}
