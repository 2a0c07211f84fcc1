package checker

import (
	"context"
	"fmt"
	"math"

	"github.com/faultline-chaos/faultline/history"
)

// Durable judges whether every acknowledged write outlived the faults: what the final reads show of
// a key must be the value of a write that no acknowledged write of that key certainly came after.
// It is a weaker question than linearizability, asked because its answer names the lost write.
type Durable struct{}

// Name is durable.
func (Durable) Name() string { return "durable" }

// effect is a write that happened, or may have.
type effect struct {
	invoke, done int     // positions; done is after all others where the outcome is unknown
	value        *string // nil: the key is gone afterwards
	old          *string // of a cas that happened: the value that it replaced
	acked        bool
}

// ending is what is known about one key.
type ending struct {
	effects []effect
	acked   int
	writers map[string]int // effects by value
	reads   []finalRead
}

type finalRead struct {
	attempt
	shown *string
}

// Check needs final reads of every key with an acknowledged write.
func (Durable) Check(_ context.Context, h history.History) history.Verdict {
	begun, err := phases(h.Ops)
	if err != nil {
		return malformed(err)
	}
	final, ok := begun[history.PhaseFinal]
	if !ok {
		return unknown("the run ended before its final reads")
	}
	keys, names, err := endings(h.Ops, final)
	if err != nil {
		return malformed(err)
	}
	acked, reads, unread := 0, 0, 0
	for _, name := range names {
		k := keys[name]
		acked += k.acked
		reads += len(k.reads)
		if k.acked > 0 && len(k.reads) == 0 {
			unread++
		}
		for _, r := range k.reads {
			if v, lost := k.judge(h.Ops, name, r); lost {
				return v
			}
		}
	}
	switch {
	case acked == 0:
		return unknown("no write was acknowledged, so none can have been lost")
	case unread > 0:
		return unknown("%s with acknowledged writes had no final read", count(unread, "key"))
	}
	return valid("%s of %s: %s found nothing lost", count(acked, "acknowledged write"), count(len(names), "key"), count(reads, "final read"))
}

// endings collects every key's writes and final reads. names are in the order of first use.
func endings(ops []history.Op, final int) (keys map[string]*ending, names []string, err error) {
	all, err := attempts(ops)
	if err != nil {
		return nil, nil, err
	}
	keys = map[string]*ending{}
	for _, a := range all {
		if !a.form.Register() || a.outcome == history.Fail {
			continue
		}
		v, err := a.said.Register()
		if err != nil {
			return nil, nil, err
		}
		k := keys[v.Key]
		if k == nil {
			k = &ending{writers: map[string]int{}}
			keys[v.Key] = k
			names = append(names, v.Key)
		}
		k.add(a, &v, final)
	}
	return keys, names, nil
}

func (k *ending) add(a attempt, v *history.RegisterValue, final int) {
	ok := a.outcome == history.OK
	if a.form == history.FormGet {
		if ok && a.invoke > final {
			k.reads = append(k.reads, finalRead{a, v.Value})
		}
		return
	}
	e := effect{invoke: a.invoke, done: a.done, acked: ok}
	var did bool
	if e.value, did = v.Wrote(a.form, ok); !did && a.form == history.FormCAS {
		return // a delete that found nothing saw absence
	}
	if ok && a.form == history.FormCAS {
		e.old = v.Old
	}
	if e.value != nil {
		k.writers[*e.value]++
	}
	if ok {
		k.acked++
	} else {
		e.done = math.MaxInt // it may act at any later time
	}
	k.effects = append(k.effects, e)
}

// judge says what is lost by one final read.
func (k *ending) judge(ops []history.Op, key string, r finalRead) (history.Verdict, bool) {
	if r.shown != nil && k.writers[*r.shown] == 0 {
		return invalid(evidence(ops, r.invoke, r.done), "key %q: a final read (op %d) shows %s, which nothing wrote", key, ops[r.done].Index, show(r.shown)), true
	}
	var newest *effect // the acknowledged write of another value that was invoked last
	for i := range k.effects {
		e := &k.effects[i]
		if e.acked && e.done < r.invoke && !same(e.value, r.shown) && (newest == nil || e.invoke > newest.invoke) {
			newest = e
		}
	}
	if newest == nil || k.explained(r.shown, newest.invoke) {
		return k.judgeReplaced(ops, key, r)
	}
	at := append(k.writes(r.shown), newest.invoke, newest.done, r.invoke, r.done)
	return invalid(evidence(ops, at...), "key %q: the %s was acknowledged (op %d), but a later final read (op %d) shows %s, which no write at that time or later explains",
		key, newest.what(), ops[newest.done].Index, ops[r.done].Index, show(r.shown)), true
}

// explained says whether something that leads to the value may have come after position p. A delete
// that found nothing counts: it saw absence.
func (k *ending) explained(shown *string, p int) bool {
	for i := range k.effects {
		if e := &k.effects[i]; same(e.value, shown) && e.done >= p {
			return true
		}
	}
	return false
}

// judgeReplaced: a value that was written once and that an acknowledged cas replaced cannot come back.
func (k *ending) judgeReplaced(ops []history.Op, key string, r finalRead) (history.Verdict, bool) {
	if r.shown == nil || k.writers[*r.shown] != 1 {
		return history.Verdict{}, false
	}
	for i := range k.effects {
		if e := &k.effects[i]; e.acked && e.done < r.invoke && e.old != nil && *e.old == *r.shown {
			at := append(k.writes(r.shown), e.invoke, e.done, r.invoke, r.done)
			return invalid(evidence(ops, at...), "key %q: a compare-and-set replaced %s with %s (op %d), but a later final read (op %d) shows %[2]s again",
				key, show(r.shown), show(e.value), ops[e.done].Index, ops[r.done].Index), true
		}
	}
	return history.Verdict{}, false
}

func (e *effect) what() string {
	if e.value == nil {
		return "delete"
	}
	return "write of " + show(e.value)
}

func (k *ending) writes(v *string) (at []int) {
	for i := range k.effects {
		if v != nil && same(k.effects[i].value, v) {
			at = append(at, k.effects[i].invoke)
		}
	}
	return at
}

func same(a, b *string) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}

func show(v *string) string {
	if v == nil {
		return "absence"
	}
	return fmt.Sprintf("%q", *v)
}
