// Package revision decides whether a history of multi-key transactions over a store with revisions,
// as etcd is one, is linearizable. It knows nothing of harness histories.
//
// Deciding that is NP-hard where replies say nothing of the order. Here every definite reply carries
// the store's revision: an effective write its own, anything else the one that it saw. That fixes the
// order, up to the writes whose outcome is unknown:
//
//   - prepare.go puts ops in the order of revisions and finds the gaps, revisions that no definite
//     write has. An unknown write whose value was seen with a revision fills that gap; for each of the
//     others it collects which unknown writes could.
//   - replay.go applies everything to a model of the store and compares every reply; at a gap it tries
//     the candidates, and comes back for the next one when a reply contradicts.
//
// It needs every writer to be in the history, or a watch log of the revisions that others made, and
// the revision in every definite reply. Stale (serializable) reads are not its business.
package revision

import (
	"context"
	"math"

	"github.com/faultline-chaos/faultline/checker/verdict"
)

// Key names a key; the order of Keys is the order of the store's keys. They are used as indexes, so
// they should be dense from 0.
type Key int32

// Value names a value. Values have no order.
type Value int32

// Never is the Return of an op of unknown outcome: it may act at any time after its Call, or not at
// all.
const Never int64 = math.MaxInt64

// Target is what a comparison looks at.
type Target uint8

// The targets. Of an absent key the numbers are 0, and no comparison of its value holds.
const (
	ByValue   Target = iota
	ByMod            // revision of the key's last write
	ByCreate         // revision at which it came into being
	ByVersion        // writes since then, that one included
)

// Relation is how a comparison compares; of values, Equal and NotEqual only.
type Relation uint8

// The relations.
const (
	Equal Relation = iota
	NotEqual
	Less
	Greater
)

// Compare is one comparison of a transaction.
type Compare struct {
	Key      Key
	Target   Target
	Relation Relation
	Value    Value // for ByValue
	Number   int64 // for the others
}

// Kind is what an action does.
type Kind uint8

// The kinds.
const (
	Get Kind = iota
	Put
	Delete
)

// Action is one step of a transaction. It sees what the actions before it left. Get and Delete act on
// the keys from Key up to, and without, End; an End not beyond Key means the one key.
type Action struct {
	Kind  Kind
	Key   Key
	End   Key
	Value Value // of a Put
}

// Item is one key that a Get found.
type Item struct {
	Key   Key
	Value Value
	Mod   int64 // revision of the key's last write; 0: not reported
}

// Output is the answer of one action.
type Output struct {
	Items []Item // of a Get: what it found, in the order of keys
	Count int64  // of a Delete: how many keys there were
}

// Op is one transaction. A precedes B where A.Return < B.Call; equal times overlap.
type Op struct {
	If         []Compare
	Then, Else []Action // Then where every comparison of If holds
	Call       int64
	Return     int64

	// The reply; without meaning where Return is Never.
	Succeeded bool     // every comparison held
	Outputs   []Output // of each action that ran
	Rev       int64    // the op's own revision if it changed something, else the one it saw
}

func (o *Op) known() bool { return o.Return != Never }

// ran are the actions that a definite op says ran.
func (o *Op) ran() []Action {
	if o.Succeeded {
		return o.Then
	}
	return o.Else
}

// Event is one change in a watch log.
type Event struct {
	Rev     int64
	Key     Key
	Deleted bool
	Value   Value
}

// Log is what a watch told: every change of every key at the revisions From to To. The zero Log tells
// nothing.
type Log struct {
	From, To int64
	Events   []Event // in the order of revisions
}

func (l *Log) covers(rev int64) bool { return l.From > 0 && l.From <= rev && rev <= l.To }

// History is what is judged.
type History struct {
	Ops     []Op
	Log     Log
	Initial int64 // revision of the empty store before the first op; 0 means 1, as etcd's is
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
	Op      int    // the op at which it is illegal; -1: none
	Others  []int  // further ops that show it
	Rev     int64  // the revision at which it is illegal, or that could not be decided; 0: none
	Reason  string // why it is illegal or undecided
	Gaps    int    // revisions without a known writer
	Returns int    // to an earlier gap, for another candidate
}

// MaxReturns is how often Check goes back to an earlier gap before it gives up.
const MaxReturns = 65_536

// Check decides whether the ops, in any order, have a linearization that starts from the empty store.
// It gives up after MaxReturns returns to a gap and at the end of ctx.
func Check(ctx context.Context, h History) Result {
	return check(ctx, h, MaxReturns)
}

func check(ctx context.Context, h History, returns int) Result {
	if h.Initial <= 0 {
		h.Initial = 1
	}
	c := &checker{History: h, limit: returns, result: Result{Op: -1}}
	if c.prepare() && c.early() {
		c.replay(ctx)
	}
	return c.result
}
