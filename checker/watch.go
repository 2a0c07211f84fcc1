package checker

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/faultline-chaos/faultline/history"
)

// Watch judges what watch streams delivered against the guarantees of etcd's watch API
// (etcd.io/docs/v3.5/learning/api_guarantees): ordered, unique, reliable, atomic, resumable and
// bookmarkable; previous values are those that were. The state of the store is known from what all
// streams delivered and from acknowledged writes that tell their revision.
//
// Reliable is judged within a stream from the first revision that it asked for (or delivered, where it
// asked for what comes from now on) to the last that it delivered or bookmarked.
type Watch struct{}

// Name is watch.
func (Watch) Name() string { return "watch" }

// Check reads the ops watch, compact, put, cas and delete.
func (Watch) Check(_ context.Context, h history.History) history.Verdict {
	w := watching{ops: h.Ops, log: map[int64]map[string]change{}, byKey: map[string]*keyWrites{}}
	if err := w.read(); err != nil {
		return malformed(err)
	}
	if w.events == 0 {
		return unknown("no watch stream delivered an event")
	}
	for _, judge := range []func() *history.Verdict{w.agree, w.written, w.streamsInOrder, w.reliable, w.previous, w.resumable} {
		if v := judge(); v != nil {
			return *v
		}
	}
	return valid("%s delivered %s of %s: ordered, unique, atomic and without a gap", count(len(w.streams), "stream"), count(w.events, "event"), count(len(w.log), "revision"))
}

// delivery is one FWatch op that ended ok.
type delivery struct {
	history.WatchValue
	at attempt
}

// stream is one watch.
type stream struct {
	history.WatchValue // as first asked for
	deliveries         []delivery
}

func (s *stream) covers(key string) bool {
	return key == s.Key || s.Prefix && strings.HasPrefix(key, s.Key)
}

// change is what happened to a key at a revision, and the position that told it.
type change struct {
	value *string // nil: deleted
	at    int
	acked bool // told by the reply of a write
}

// keyWrites are the attempts to write a key.
type keyWrites struct {
	values  map[string][]attempt // put and cas, by value
	deletes []attempt
}

type watching struct {
	ops      []history.Op
	streams  []*stream
	events   int
	log      map[int64]map[string]change
	clash    *history.Verdict // the first contradiction about a revision
	byKey    map[string]*keyWrites
	compacts []compaction
}

type compaction struct {
	rev int64
	at  attempt
}

// read collects streams, writes and compactions.
func (w *watching) read() error {
	all, err := attempts(w.ops)
	if err != nil {
		return err
	}
	byName := map[string]*stream{}
	for _, a := range all {
		switch a.form {
		case history.FormWatch:
			err = w.watch(byName, a)
		case history.FormCompact:
			var v history.CompactValue
			if v, err = history.Decode[history.CompactValue](a.asked); err == nil && a.outcome != history.Fail {
				w.compacts = append(w.compacts, compaction{v.Rev, a})
			}
		case history.FormPut, history.FormCAS, history.FormDelete:
			err = w.write(a)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (w *watching) watch(byName map[string]*stream, a attempt) error {
	asked, err := history.Decode[history.WatchValue](a.asked)
	if err != nil {
		return err
	}
	s := byName[asked.Watch]
	if s == nil {
		s = &stream{WatchValue: asked}
		byName[asked.Watch] = s
		w.streams = append(w.streams, s)
	}
	if a.outcome != history.OK {
		return nil
	}
	got, err := history.Decode[history.WatchValue](a.said)
	if err != nil {
		return err
	}
	for _, e := range got.Events {
		if e.Type != history.EventPut && e.Type != history.EventDelete {
			return fmt.Errorf("op %d: value of a %s: an event is a %q, not a put or a delete", a.asked.Index, a.asked.F, e.Type)
		}
		w.events++
		c := change{at: a.done}
		if e.Type == history.EventPut {
			c.value = &e.Value
		}
		w.note(e.Rev, e.Key, c)
	}
	s.deliveries = append(s.deliveries, delivery{got, a})
	return nil
}

func (w *watching) write(a attempt) error {
	v, err := a.said.Register()
	if err != nil {
		return err
	}
	k := w.byKey[v.Key]
	if k == nil {
		k = &keyWrites{values: map[string][]attempt{}}
		w.byKey[v.Key] = k
	}
	ok := a.outcome == history.OK
	c := change{at: a.done, acked: true}
	var wrote bool
	c.value, wrote = v.Wrote(a.form, ok)
	if c.value != nil {
		if !wrote {
			a.outcome = history.Fail
		}
		k.values[*c.value] = append(k.values[*c.value], a)
	} else {
		k.deletes = append(k.deletes, a)
	}
	if ok && wrote && v.Rev > 0 {
		w.note(v.Rev, v.Key, c)
	}
	return nil
}

// note keeps the first telling of a change, and the first contradiction.
func (w *watching) note(rev int64, key string, c change) {
	keys := w.log[rev]
	if keys == nil {
		keys = map[string]change{}
		w.log[rev] = keys
	}
	old, ok := keys[key]
	if ok && !same(old.value, c.value) && w.clash == nil {
		v := invalid(evidence(w.ops, old.at, c.at), "two tellings of revision %d: key %q became %s (op %d) and %s (op %d)",
			rev, key, show(old.value), w.ops[old.at].Index, show(c.value), w.ops[c.at].Index)
		w.clash = &v
	}
	if !ok || c.acked && !old.acked {
		keys[key] = c
	}
}

func (w *watching) agree() *history.Verdict { return w.clash }

// written: an event's value is of a write that may have happened by then, where the history has the
// writes of its key.
func (w *watching) written() *history.Verdict {
	for _, s := range w.streams {
		for _, d := range s.deliveries {
			for _, e := range d.Events {
				k := w.byKey[e.Key]
				if k == nil || k.possible(e, d.at.done) {
					continue
				}
				return new(invalid(evidence(w.ops, d.at.invoke, d.at.done), "watch %q delivered a %s of key %q at revision %d that no write can have made by then", s.Watch, eventText(e), e.Key, e.Rev))
			}
		}
	}
	return nil
}

func (k *keyWrites) possible(e history.WatchEvent, by int) bool {
	writers := k.deletes
	if e.Type == history.EventPut {
		writers = k.values[e.Value]
	}
	return slices.ContainsFunc(writers, func(a attempt) bool { return a.outcome != history.Fail && a.invoke < by })
}

func eventText(e history.WatchEvent) string {
	if e.Type == history.EventDelete {
		return "delete"
	}
	return fmt.Sprintf("put of %q", e.Value)
}

// streamsInOrder judges each stream by itself: ordered, unique, atomic, bookmarks, and only what was
// asked for.
func (w *watching) streamsInOrder() *history.Verdict {
	for _, s := range w.streams {
		last, mark := int64(0), int64(0) // the newest revision delivered, the newest bookmark
		lastAt := -1
		seen := map[string]bool{} // keys delivered at last
		for _, d := range s.deliveries {
			for i, e := range d.Events {
				if why := s.misplaced(e, i == 0, last, mark, seen); why != "" {
					return new(invalid(evidence(w.ops, lastAt, d.at.done), "watch %q delivered a %s of key %q at revision %d %s", s.Watch, eventText(e), e.Key, e.Rev, why))
				}
				if e.Rev != last {
					clear(seen)
				}
				seen[e.Key], last, lastAt = true, e.Rev, d.at.done
			}
			if d.Progress > 0 {
				if d.Progress < max(last, mark) {
					return new(invalid(evidence(w.ops, lastAt, d.at.done), "watch %q bookmarked revision %d after it had been at %d", s.Watch, d.Progress, max(last, mark)))
				}
				mark = d.Progress
			}
		}
	}
	return nil
}

func (s *stream) misplaced(e history.WatchEvent, first bool, last, mark int64, seen map[string]bool) string {
	switch {
	case !s.covers(e.Key):
		return "which it was not asked for"
	case e.Rev < s.From:
		return fmt.Sprintf("though it was asked from %d on", s.From)
	case e.Rev < last:
		return fmt.Sprintf("after one at %d: not ordered", last)
	case e.Rev <= mark:
		return fmt.Sprintf("after it had bookmarked %d: not bookmarkable", mark)
	case e.Rev == last && seen[e.Key]:
		return "twice: not unique"
	case e.Rev == last && first:
		return "apart from the rest of that revision: not atomic"
	}
	return ""
}

// reliable: no change that anybody knows of is missing between what a stream began and ended with.
func (w *watching) reliable() *history.Verdict {
	revs := slices.Sorted(maps.Keys(w.log))
	for _, s := range w.streams {
		from, to, got := s.reach()
		i, _ := slices.BinarySearch(revs, from)
		for ; i < len(revs) && revs[i] <= to; i++ {
			for _, key := range slices.Sorted(maps.Keys(w.log[revs[i]])) {
				if !s.covers(key) || got[place{revs[i], key}] {
					continue
				}
				c := w.log[revs[i]][key]
				return new(invalid(evidence(w.ops, c.at), "watch %q went from revision %d to %d and left out that key %q became %s at revision %d (op %d): not reliable",
					s.Watch, from, to, key, show(c.value), revs[i], w.ops[c.at].Index))
			}
		}
	}
	return nil
}

type place struct {
	rev int64
	key string
}

// reach is the range of revisions that a stream must have delivered in full, and what it delivered.
func (s *stream) reach() (from, to int64, got map[place]bool) {
	got = map[place]bool{}
	from = s.From
	for _, d := range s.deliveries {
		for _, e := range d.Events {
			if from == 0 {
				from = e.Rev
			}
			to = max(to, e.Rev)
			got[place{e.Rev, e.Key}] = true
		}
		if from > 0 {
			to = max(to, d.Progress)
		}
	}
	return from, to, got
}

// previous: a previous value is the last one before, as far as that is known.
func (w *watching) previous() *history.Verdict {
	past := map[string][]versioned{} // of a key, by revision
	for _, rev := range slices.Sorted(maps.Keys(w.log)) {
		for key, c := range w.log[rev] {
			past[key] = append(past[key], versioned{rev, c})
		}
	}
	for _, s := range w.streams {
		from, _, _ := s.reach()
		for _, d := range s.deliveries {
			for _, e := range d.Events {
				if why := w.wrongPrevious(s, from, e, past[e.Key]); why != "" {
					return new(invalid(evidence(w.ops, d.at.done), "watch %q delivered a %s of key %q at revision %d %s", s.Watch, eventText(e), e.Key, e.Rev, why))
				}
			}
		}
	}
	return nil
}

type versioned struct {
	rev int64
	change
}

// wrongPrevious says what is wrong with an event's previous value. Between two changes that are known
// there may have been one that nobody was told of, unless this stream has covered the time since.
func (w *watching) wrongPrevious(s *stream, from int64, e history.WatchEvent, versions []versioned) string {
	i, _ := slices.BinarySearchFunc(versions, e.Rev, func(v versioned, rev int64) int { return cmp.Compare(v.rev, rev) })
	var before versioned
	if i > 0 {
		before = versions[i-1]
	}
	sure := i > 0 && from > 0 && before.rev >= from
	switch {
	case e.Prev == nil && s.PrevKV && sure && before.value != nil && len(w.compacts) == 0:
		return fmt.Sprintf("without the previous value, %s of revision %d", show(before.value), before.rev)
	case e.Prev == nil:
		return ""
	case e.Prev.Rev >= e.Rev:
		return fmt.Sprintf("with a previous value of revision %d, which is not before it", e.Prev.Rev)
	case i == 0 || e.Prev.Rev > before.rev && !sure || e.Prev.Rev == 0 && !sure:
		return ""
	case !same(before.value, &e.Prev.Value) || e.Prev.Rev != 0 && e.Prev.Rev != before.rev:
		return fmt.Sprintf("with the previous value %q of revision %d, but it was %s of revision %d", e.Prev.Value, e.Prev.Rev, show(before.value), before.rev)
	}
	return ""
}

// resumable: a stream is refused history only where somebody may have had it compacted.
func (w *watching) resumable() *history.Verdict {
	for _, s := range w.streams {
		for _, d := range s.deliveries {
			if d.Compacted == 0 || slices.ContainsFunc(w.compacts, func(c compaction) bool { return c.at.invoke < d.at.done && c.rev >= d.Compacted }) {
				continue
			}
			return new(invalid(evidence(w.ops, d.at.invoke, d.at.done), "the store told watch %q that revisions below %d were compacted, but nobody had compacted them: not resumable", s.Watch, d.Compacted))
		}
	}
	return nil
}
