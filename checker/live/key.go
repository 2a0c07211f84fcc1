package live

import (
	"container/list"
	"fmt"

	"github.com/faultline-chaos/faultline/history"
)

// Bounds of a Monitor's memory.
const (
	monitorKeys   = 1 << 14
	monitorValues = 1 << 17
)

// write is a write by the index of its invocation and of the line that proves that it happened.
type write struct{ call, known int }

var noWrite = write{-1, -1}

// liveKey is what a Monitor knows of one key, whose values are each written once.
//
// A value v that certainly was in effect by the line known(v) is overwritten, for good, by the end of
// any op that was invoked after known(v) and shows another state: a put, a get of something else, a
// delete, a compare-and-set. Nothing that is invoked after that end may see v. So only few values are
// candidates at a time, and dead ones can be forgotten when all ops have ended that were open when
// they died: who reads one later reads what, for all that is left, was never written.
//
// Absence comes back, so it has a rule of its own: it cannot be seen by an op that is invoked after a
// write had certainly happened, if every delete had ended before that write began.
type liveKey struct {
	name    string
	values  map[string]*liveValue
	alive   []*liveValue // known, and not dead
	dying   []*liveValue // dead, in that order, and not forgotten
	open    []*openOp    // in the order of invocation
	settled write        // of the writes that certainly happened, the one that was invoked last

	deletes    int // open ones, and those of unknown outcome
	lastDelete int // index of the last end of one that did something

	partial bool // some of its past was forgotten: a value that is not here may have been written
	off     bool // a value was written twice
	place   *list.Element
	counted int // of values, in keyTable.values
}

type liveValue struct {
	name  string
	call  int // of its write
	known int // index of the line that proves that the write happened; -1: it may not have
	dead  int // index of the line that proves that it was overwritten; -1: it may not have been
	death int // index of the invocation whose end that is
}

// found is a violation.
type found struct {
	evidence []int
	reason   string
}

// invoked takes a write before it is sent.
func (k *liveKey) invoked(o *openOp) {
	if o.form == history.FormDelete {
		k.deletes++
	}
	v, ok := o.writes()
	switch {
	case !ok || k.off:
	case k.values[v] != nil:
		k.off = true
		k.forget()
	default:
		k.values[v] = &liveValue{name: v, call: o.call, known: -1, dead: -1}
	}
}

// forget drops all values.
func (k *liveKey) forget() {
	k.values, k.alive, k.dying, k.partial, k.settled = map[string]*liveValue{}, nil, nil, true, noWrite
}

// ended takes the end of an op that was not ok.
func (k *liveKey) ended(o *openOp, unknown bool, end int) *found {
	if unknown || k.off {
		return nil // it may happen at any time: nothing changes
	}
	if o.form == history.FormDelete {
		k.deletes--
		return nil
	}
	name, ok := o.writes()
	if v := k.values[name]; ok && v != nil && v.call == o.call {
		if v.known >= 0 {
			return &found{[]int{o.call, end, v.known}, fmt.Sprintf("%s certainly did not happen (op %d), but its value %q had been seen (op %d)", o, end, name, v.known)}
		}
		delete(k.values, name)
	}
	return nil
}

// writes is the value that the op writes, if it does.
func (o *openOp) writes() (string, bool) {
	if v, _ := o.value.Wrote(o.form, false); v != nil {
		return *v, true
	}
	return "", false
}

// answered takes an answer.
func (k *liveKey) answered(o *openOp, v history.RegisterValue, end int) (bad *found) {
	if k.off {
		return nil
	}
	switch o.form {
	case history.FormGet:
		bad = k.shows(o, v.Value, end)
		k.overwrites(o, v.Value, end)
	case history.FormPut:
		k.happened(o, end)
		k.overwrites(o, o.value.Value, end)
	case history.FormDelete:
		k.deletes--
		if v.Deleted != nil && *v.Deleted == 0 {
			bad = k.shows(o, nil, end)
		} else {
			k.lastDelete = end
		}
		k.overwrites(o, nil, end)
	case history.FormCAS:
		bad = k.swapped(o, v, end)
	}
	return bad
}

func (k *liveKey) swapped(o *openOp, v history.RegisterValue, end int) (bad *found) {
	old := o.value.Old
	switch {
	case v.Swapped == nil:
	case *v.Swapped:
		bad = k.shows(o, old, end)
		k.happened(o, end)
		k.overwrites(o, &o.value.New, end)
		if old != nil {
			k.kill(k.values[*old], o, end)
		}
	case old != nil: // the state was another
		if v := k.values[*old]; v != nil && v.known >= 0 && v.known < o.call {
			k.kill(v, o, end)
		}
	}
	return bad
}

// shows judges a state that an op saw; nil: absence.
func (k *liveKey) shows(o *openOp, state *string, end int) *found {
	if state == nil {
		if w := o.after; w.call >= 0 && k.deletes == 0 && k.lastDelete < w.call {
			return &found{[]int{w.call, w.known, o.call, end}, fmt.Sprintf("a write was lost: %s (op %d) found nothing, but the write of op %d had happened before it was invoked (op %d), and nothing was deleted since", o, end, w.call, w.known)}
		}
		return nil
	}
	v := k.values[*state]
	switch {
	case v == nil && k.partial:
	case v == nil:
		return &found{[]int{o.call, end}, fmt.Sprintf("%s (op %d) saw %q, which was never written, or was overwritten long before it was invoked", o, end, *state)}
	case v.dead >= 0 && v.dead < o.call:
		return &found{[]int{v.call, v.death, v.dead, o.call, end}, fmt.Sprintf("a stale answer: %s (op %d) saw %q of op %d, which had been overwritten before it was invoked, as op %d shows", o, end, *state, v.call, v.dead)}
	default:
		k.seen(v, end)
	}
	return nil
}

// happened notes that the op's own write did.
func (k *liveKey) happened(o *openOp, end int) {
	if name, ok := o.writes(); ok {
		if v := k.values[name]; v != nil && v.call == o.call {
			k.seen(v, end)
		}
	}
}

func (k *liveKey) seen(v *liveValue, end int) {
	if v.known >= 0 {
		return
	}
	v.known = end
	if v.dead < 0 {
		k.alive = append(k.alive, v)
	}
	if v.call > k.settled.call {
		k.settled = write{v.call, end}
	}
}

// overwrites is the end of an op that shows a state: what was in effect before it was invoked, and is
// another, is gone.
func (k *liveKey) overwrites(o *openOp, state *string, end int) {
	for i := len(k.alive) - 1; i >= 0; i-- {
		if v := k.alive[i]; v.known < o.call && (state == nil || v.name != *state) {
			k.kill(v, o, end)
		}
	}
}

func (k *liveKey) kill(v *liveValue, o *openOp, end int) {
	if v == nil || v.dead >= 0 {
		return
	}
	v.dead, v.death = end, o.call
	k.dying = append(k.dying, v)
	for i, w := range k.alive {
		if w == v {
			k.alive = append(k.alive[:i], k.alive[i+1:]...)
			break
		}
	}
}

// keptDead is how many dead values of a key are kept for the sake of the explanation.
const keptDead = 8

// bury forgets dead values that no open op may see any more.
func (k *liveKey) bury() {
	n := 0
	for len(k.dying) > n+keptDead && (len(k.open) == 0 || k.dying[n].dead < k.open[0].call) {
		delete(k.values, k.dying[n].name)
		n++
	}
	k.dying = k.dying[n:]
}

// keyTable holds the keys that were used last.
type keyTable struct {
	keys    map[string]*liveKey
	used    *list.List // of *liveKey, the last used first
	values  int
	evicted bool
}

func newKeyTable() keyTable { return keyTable{keys: map[string]*liveKey{}, used: list.New()} }

func (t *keyTable) get(name string) *liveKey {
	k := t.keys[name]
	if k == nil {
		k = &liveKey{name: name, values: map[string]*liveValue{}, settled: noWrite, lastDelete: -1, partial: t.evicted}
		if t.evicted {
			k.deletes = 1 // there may have been one of unknown outcome
		}
		k.place = t.used.PushFront(k)
		t.keys[name] = k
	}
	t.used.MoveToFront(k.place)
	return k
}

func (t *keyTable) opened(o *openOp) {
	o.key.open = append(o.key.open, o)
	o.key.invoked(o)
	t.count(o.key)
	for e := t.used.Back(); e != nil && (t.values > monitorValues || len(t.keys) > monitorKeys); {
		k := e.Value.(*liveKey)
		e = e.Prev()
		k.forget()
		t.count(k)
		if len(k.open) == 0 {
			delete(t.keys, k.name)
			t.used.Remove(k.place)
			t.evicted = true
		}
	}
}

func (t *keyTable) closed(o *openOp) {
	k := o.key
	for i, p := range k.open {
		if p == o {
			k.open = append(k.open[:i], k.open[i+1:]...)
			break
		}
	}
	k.bury()
	t.count(k)
}

func (t *keyTable) count(k *liveKey) {
	t.values += len(k.values) - k.counted
	k.counted = len(k.values)
}
