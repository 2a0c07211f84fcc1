// Package register decides whether the history of one register with put, get, compare-and-set and
// delete is linearizable. It knows nothing of harness histories.
//
// Deciding linearizability is NP-hard in general (Gibbons and Korach, Testing Shared Memories, 1997).
// What makes it near-linear here is that every value is written at most once: a read then names its
// writer.
package register

import "math"

// Value is what a register holds. Values other than Absent are names without order.
type Value int32

// Absent is the state of a register that holds nothing, as at the start.
const Absent Value = 0

// Never is the Return of an op of unknown outcome: it may act at any time after its Call, or not at
// all.
const Never int64 = math.MaxInt64

// Kind is what an op did.
type Kind uint8

// The kinds. Get and CASFailed, DeleteFound and DeleteMissed are answers; their Return is not Never.
const (
	Get          Kind = iota // read Value
	Put                      // wrote Value
	CAS                      // replaced Old with Value
	CASFailed                // found that the state is not Old
	Delete                   // leaves absence; does not tell what was there
	DeleteFound              // removed a value
	DeleteMissed             // found absence
)

// Op is one operation. A precedes B where A.Return < B.Call; equal times overlap.
type Op struct {
	Kind       Kind
	Old, Value Value
	Call       int64
	Return     int64
}

// apply is the sequential specification: whether the op can act on the state, and the state after.
func (o *Op) apply(st Value) (next Value, ok bool) {
	switch o.Kind {
	case Get:
		return st, st == o.Value
	case Put:
		return o.Value, true
	case CAS:
		return o.Value, st == o.Old
	case CASFailed:
		return st, st != o.Old
	case DeleteFound:
		return Absent, st != Absent
	case DeleteMissed:
		return Absent, st == Absent
	default:
		return Absent, true
	}
}

// Apply is the sequential specification: whether the op can act on the state, and the state after.
// An op of unknown outcome that cannot act may still have run without effect: that is the same as
// never having run.
func (o Op) Apply(st Value) (next Value, ok bool) { return o.apply(st) }
