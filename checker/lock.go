package checker

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/faultline-chaos/faultline/history"
)

// Lock judges a lock service: nobody acquires a lock while another certainly holds it; fencing tokens
// grow from one holder to the next; and what the lock protects accepts no act with a token older than
// one that it has seen (Kleppmann, How to do distributed locking, 2016).
//
// A process certainly holds a lock from the end of its acquisition to the beginning of its release, or,
// where the lock has a TTL, until the TTL has passed since the beginning of the acquisition or of the
// last keep-alive that succeeded.
type Lock struct{}

// Name is lock.
func (Lock) Name() string { return "lock" }

// tenure is one holding of a lock.
type tenure struct {
	history.LockValue
	at    attempt
	lost  int           // position of the release's invocation, after everything where there is none
	until time.Duration // certain until then, where there is a TTL
}

// Check reads the ops acquire, release, keep-alive and fenced.
func (Lock) Check(_ context.Context, h history.History) history.Verdict {
	l := locks{ops: h.Ops, held: map[string][]*tenure{}, fenced: map[string][]fencedAct{}, holder: map[holder]*tenure{}}
	if err := l.read(); err != nil {
		return malformed(err)
	}
	if l.acquired < 2 && l.acts < 2 {
		return unknown("%s and %s: a second holder could not have been detected", count(l.acquired, "acquisition"), count(l.acts, "fenced act"))
	}
	for _, name := range l.names {
		for _, v := range []*history.Verdict{l.exclusive(name), l.tokens(name), l.fence(name)} {
			if v != nil {
				return *v
			}
		}
	}
	return valid("%s of %s, one holder at a time; %s accepted in the order of tokens", count(l.acquired, "acquisition"), count(len(l.names), "lock"), count(l.acts, "fenced act"))
}

type fencedAct struct {
	history.LockValue
	at attempt
}

type holder struct {
	process int
	lock    string
}

type locks struct {
	ops            []history.Op
	names          []string
	held           map[string][]*tenure
	fenced         map[string][]fencedAct
	holder         map[holder]*tenure
	acquired, acts int
}

func (l *locks) read() error {
	all, err := attempts(l.ops)
	if err != nil {
		return err
	}
	for _, a := range all {
		switch a.form {
		case history.FormAcquire, history.FormRelease, history.FormKeepAlive, history.FormFenced:
		default:
			continue
		}
		v, err := l.value(a)
		if err != nil {
			return err
		}
		if v.Lock == "" {
			continue // a keep-alive of a bare lease
		}
		if l.held[v.Lock] == nil && l.fenced[v.Lock] == nil {
			l.names = append(l.names, v.Lock)
		}
		l.note(a, v)
	}
	return nil
}

func (l *locks) value(a attempt) (v history.LockValue, err error) {
	for _, op := range []*history.Op{a.asked, a.said} { // an answer says more
		if err := json.Unmarshal(op.Value, &v); err != nil {
			return v, fmt.Errorf("op %d: value of a %s: %w", op.Index, op.F, err)
		}
	}
	return v, nil
}

func (l *locks) note(a attempt, v history.LockValue) {
	who := holder{a.asked.Process, v.Lock}
	t := l.holder[who]
	ok := a.outcome == history.OK
	switch {
	case a.form == history.FormAcquire && ok:
		t = &tenure{LockValue: v, at: a, lost: math.MaxInt, until: math.MaxInt64}
		if v.TTL > 0 {
			t.until = a.asked.Time + v.TTL
		}
		l.holder[who] = t
		l.held[v.Lock] = append(l.held[v.Lock], t)
		l.acquired++
	case a.form == history.FormRelease && t != nil && a.outcome != history.Fail:
		t.lost = a.invoke
		delete(l.holder, who)
	case a.form == history.FormKeepAlive && t != nil && ok && t.TTL > 0:
		t.until = max(t.until, a.asked.Time+t.TTL)
	case a.form == history.FormFenced && ok:
		l.fenced[v.Lock] = append(l.fenced[v.Lock], fencedAct{v, a})
		l.acts++
	}
}

// certain says whether the tenure certainly covers the moment of position p.
func (t *tenure) certain(ops []history.Op, p int) bool {
	return t.at.done < p && p < t.lost && ops[p].Time < t.until
}

// exclusive: an acquisition that certainly overlaps another tenure. Of two holders, one acquired last:
// at its completion, at the latest, both held the lock, so asking there for each is enough. The order
// of the two acquisitions themselves does not matter.
func (l *locks) exclusive(name string) *history.Verdict {
	list := slices.Clone(l.held[name])
	slices.SortFunc(list, func(a, b *tenure) int { return cmp.Compare(a.at.done, b.at.done) })
	var holding []*tenure // those that may still certainly hold
	for _, t := range list {
		p := t.at.done
		holding = slices.DeleteFunc(holding, func(o *tenure) bool { return !o.certain(l.ops, p) })
		if t.lost < p || l.ops[p].Time >= t.until {
			continue // over before it was told
		}
		if len(holding) > 0 {
			o := holding[0]
			return new(invalid(evidence(l.ops, o.at.invoke, o.at.done, t.at.invoke, p), "lock %q: process %d acquired it (op %d) while process %d certainly held it (since op %d)",
				name, l.ops[p].Process, l.ops[p].Index, l.ops[o.at.done].Process, l.ops[o.at.done].Index))
		}
		holding = append(holding, t)
	}
	return nil
}

// tokens: an acquisition that began after another ended has a larger token; no two have the same.
func (l *locks) tokens(name string) *history.Verdict {
	list := slices.DeleteFunc(slices.Clone(l.held[name]), func(t *tenure) bool { return t.Token == 0 })
	acts := make([]fencedAct, len(list))
	seen := map[int64]*tenure{}
	for i, t := range list {
		if o := seen[t.Token]; o != nil {
			return new(invalid(evidence(l.ops, o.at.done, t.at.done), "lock %q: two acquisitions (ops %d and %d) got the fencing token %d", name, l.ops[o.at.done].Index, l.ops[t.at.done].Index, t.Token))
		}
		seen[t.Token] = t
		acts[i] = fencedAct{t.LockValue, t.at}
	}
	return l.growing(name, acts, "lock %q: the acquisition of op %d got the fencing token %d, although the earlier one of op %d had got %d")
}

// fence: an act that began after another was accepted has no smaller token.
func (l *locks) fence(name string) *history.Verdict {
	return l.growing(name, l.fenced[name], "lock %q: the act of op %d was accepted with the fencing token %d, although the earlier one of op %d had been accepted with %d")
}

// growing says where a token is smaller than one of an act that had ended before. The acts are in the
// order of invocation.
func (l *locks) growing(name string, acts []fencedAct, words string) *history.Verdict {
	byEnd := slices.SortedFunc(slices.Values(acts), func(a, b fencedAct) int { return cmp.Compare(a.at.done, b.at.done) })
	ended := 0
	var newest *fencedAct // the largest token of those that ended before
	for i := range acts {
		a := &acts[i]
		for ; ended < len(byEnd) && byEnd[ended].at.done < a.at.invoke; ended++ {
			if newest == nil || byEnd[ended].Token > newest.Token {
				newest = &byEnd[ended]
			}
		}
		if newest != nil && a.Token < newest.Token {
			return new(invalid(evidence(l.ops, newest.at.done, a.at.invoke, a.at.done), words, name, l.ops[a.at.done].Index, a.Token, l.ops[newest.at.done].Index, newest.Token))
		}
	}
	return nil
}
