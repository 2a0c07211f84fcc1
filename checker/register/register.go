// Package register decides whether the history of one register with put, get, compare-and-set and
// delete is linearizable. It knows nothing of harness histories.
//
// Deciding linearizability is NP-hard in general (Gibbons and Korach, Testing Shared Memories, 1997).
// What makes it near-linear here is that every value is written at most once, so that a read names
// its writer. Three steps:
//
//   - prepare.go sorts the ops into roles: which unknown writes must have run, which chains of
//     compare-and-sets hang together, what can be dropped.
//   - sweep.go goes through calls and deadlines in the order of time and keeps the set of
//     configurations that are still possible. Writes are postponed until a deadline needs them;
//     observations are made as soon as they are true.
//   - moves.go has the steps from one configuration to the next, and why those suffice.
//
// stream.go does the same while the history goes on, and forgets what is decided.
package register

import (
	"context"
	"math"

	"github.com/faultline-chaos/faultline/checker/verdict"
)

// Value is what a register holds. Values other than Absent are names without order; they are used
// as indexes, so they should be dense from 1.
type Value int32

// Absent is the state of a register that holds nothing, as at the start.
const Absent Value = 0

// Never is the Return of an op of unknown outcome: it may act at any time after its Call, or not at
// all.
const Never int64 = math.MaxInt64

// Kind is what an op did.
type Kind uint8

// The kinds. Get, CASFailed, DeleteFound and DeleteMissed are answers. One whose Return is Never
// says nothing, except that a DeleteFound is a Delete then.
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

// Apply is the sequential specification: whether the op can act on the state, and the state after.
// An op of unknown outcome that cannot act is the same as one that never ran.
func (o Op) Apply(st Value) (next Value, ok bool) {
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

// Looks is the value that the op compares the state with, where it does that.
func (o Op) Looks() (Value, bool) {
	switch o.Kind {
	case Get:
		return o.Value, true
	case CAS, CASFailed:
		return o.Old, true
	case DeleteMissed:
		return Absent, true
	default:
		return Absent, false
	}
}

// Verdict is what Check found. The zero value is Undecided.
type Verdict = verdict.Verdict

// The verdicts.
const (
	Undecided = verdict.Undecided
	Legal     = verdict.Legal
	Illegal   = verdict.Illegal
)

// Result is a verdict with its reason.
type Result struct {
	Verdict Verdict
	Op      int    // the op at which it is illegal or the search gave up; -1: none
	Reason  string // why it is illegal or undecided
	Steps   int64  // transitions tried
	// Frontier is how many ways in which all may have happened were left when the search ended.
	Frontier int
}

// DefaultBudget is a number of transitions that takes 5 to 10 s of one core. Creates and deletes by 64
// clients at once need up to 86 million.
const DefaultBudget = 100_000_000

// Check decides whether the ops of one register, in any order, have a linearization that starts from
// absence. It gives up after budget transitions (0 means DefaultBudget) and a quarter as many for a
// simpler question, at the end of ctx, where it would take more than some 300 MB, where a value that somebody looks at was written twice, and where
// more than 128 ops are in flight.
func Check(ctx context.Context, ops []Op, budget int64) Result {
	if budget <= 0 {
		budget = DefaultBudget
	}
	r := check(ctx, ops, budget)
	if r.Verdict != Undecided || r.Reason == reasonRepeated || ctx.Err() != nil {
		return r
	}
	// Dropping observations and letting definite deletes be unknown only adds orders: what is illegal
	// even so is illegal.
	var relaxed []Op
	var from []int
	for i, o := range ops {
		if o.Kind == CASFailed {
			continue
		}
		if o.Kind == DeleteFound {
			o.Kind, o.Return = Delete, Never
		}
		relaxed, from = append(relaxed, o), append(from, i)
	}
	again := check(ctx, relaxed, budget/4+1)
	r.Steps += again.Steps
	if again.Verdict == Illegal {
		again.Op, again.Steps = from[again.Op], r.Steps
		return again
	}
	return r
}

func check(ctx context.Context, ops []Op, budget int64) Result {
	s := &search{ctx: ctx, budget: budget, from: minTime, frontier: []config{{state: Absent}}}
	v := s.prepare(ops)
	if v == Legal {
		v = s.sweep(minTime, nil)
	}
	r := Result{Verdict: v, Op: s.failOp, Reason: s.reason, Steps: s.steps, Frontier: len(s.frontier)}
	if v == Legal {
		r.Op, r.Reason = -1, ""
	}
	return r
}
