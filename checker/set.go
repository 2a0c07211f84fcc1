package checker

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/faultline-chaos/faultline/history"
)

// Set judges a set to which elements are added, ops add {"element":5} and read {"elements":[5]}, by
// its last read: every acknowledged element must be there, and nothing that nobody added.
type Set struct{}

// Name is set.
func (Set) Name() string { return "set" }

// SetFull judges every read of a set, and not the last one alone: an element that was acknowledged, or
// that a read saw, must be in all reads after it. One that is missing for good is lost; one that comes
// back was stale, which is a violation only where reads were promised to be linearizable.
type SetFull struct {
	Stale bool // stale reads are allowed
}

// Name is set-full.
func (SetFull) Name() string { return "set-full" }

// element is what is known of one of them.
type element struct {
	text        string
	add         attempt
	added       bool
	known       int // from here on reads must show it; -1: not
	last        int // invocation of the last read that showed it; -1: none
	missed      int // position of the last read after known that did not show it; -1: none
	missedFirst int
	misses      int
	reads       int // after known
}

type setRead struct {
	attempt
	elements []json.RawMessage
}

// setHistory are the adds and reads of a history.
type setHistory struct {
	ops      []history.Op
	elements []*element
	byText   map[string]*element
	reads    []setRead
	acked    int
}

func sets(ops []history.Op) (*setHistory, error) {
	all, err := attempts(ops)
	if err != nil {
		return nil, err
	}
	s := &setHistory{ops: ops, byText: map[string]*element{}}
	for _, a := range all {
		switch a.form {
		case history.FormAdd:
			v, err := history.Decode[history.SetValue](a.asked)
			if err != nil || v.Element == nil {
				return nil, fmt.Errorf("op %d: value of an add: it needs an element", a.asked.Index)
			}
			e := s.element(v.Element)
			if e.added && e.add.outcome != history.Fail {
				continue // adding it again changes nothing
			}
			e.add, e.added = a, true
			if a.outcome == history.OK {
				e.known = a.done
				s.acked++
			}
		case history.FormRead:
			if a.outcome != history.OK {
				continue
			}
			v, err := history.Decode[history.SetValue](a.said)
			if err != nil {
				return nil, err
			}
			s.reads = append(s.reads, setRead{a, v.Elements})
		}
	}
	return s, nil
}

func (s *setHistory) element(b json.RawMessage) *element {
	e := s.byText[string(b)]
	if e == nil {
		e = &element{text: string(b), known: -1, last: -1, missed: -1, missedFirst: -1}
		s.byText[e.text] = e
		s.elements = append(s.elements, e)
	}
	return e
}

// nonsense finds what no read may show: an element twice, or one that was never added, or whose
// adding certainly failed, or that was only added later.
func (s *setHistory) nonsense(r *setRead) (history.Verdict, bool) {
	seen := make(map[string]bool, len(r.elements))
	index := s.ops[r.done].Index
	for _, b := range r.elements {
		e := s.byText[string(b)]
		switch {
		case seen[string(b)]:
			return invalid(evidence(s.ops, r.invoke, r.done), "duplicated: a read (op %d) shows %s twice", index, b), true
		case e == nil || !e.added:
			return invalid(evidence(s.ops, r.invoke, r.done), "unexpected: a read (op %d) shows %s, which nobody added", index, b), true
		case e.add.outcome == history.Fail:
			return invalid(evidence(s.ops, e.add.invoke, e.add.done, r.invoke, r.done), "unexpected: a read (op %d) shows %s, whose adding failed", index, b), true
		case e.add.invoke > r.done:
			return invalid(evidence(s.ops, e.add.invoke, r.invoke, r.done), "unexpected: a read (op %d) shows %s before it was added", index, b), true
		}
		seen[string(b)] = true
	}
	return history.Verdict{}, false
}

// Check needs an acknowledged add and a read after it.
func (Set) Check(_ context.Context, h history.History) history.Verdict {
	s, err := sets(h.Ops)
	if err != nil {
		return malformed(err)
	}
	if len(s.reads) == 0 || s.acked == 0 {
		return unknown("%s and %s: nothing can have been lost", count(s.acked, "acknowledged add"), count(len(s.reads), "read"))
	}
	last := &s.reads[0]
	for i := range s.reads {
		if s.reads[i].invoke > last.invoke {
			last = &s.reads[i]
		}
	}
	if v, bad := s.nonsense(last); bad {
		return v
	}
	shown := map[string]bool{}
	recovered := 0
	for _, b := range last.elements {
		shown[string(b)] = true
		if s.byText[string(b)].add.outcome == history.Info {
			recovered++
		}
	}
	var lost []string
	var at []int
	due := 0
	for _, e := range s.elements {
		if e.known < 0 || e.known > last.invoke {
			continue
		}
		if due++; !shown[e.text] {
			lost, at = append(lost, e.text), append(at, e.add.invoke, e.add.done)
		}
	}
	switch {
	case len(lost) > 0:
		return invalid(evidence(h.Ops, append(at, last.invoke, last.done)...), "lost: of %s, the last read (op %d) lacks %d: %s", count(due, "acknowledged element"), h.Ops[last.done].Index, len(lost), someOf(lost))
	case due == 0:
		return unknown("no add was acknowledged before the last read began")
	}
	return valid("the last read shows %s, and %d of unknown outcome", count(due, "acknowledged element"), recovered)
}

func someOf(words []string) string {
	const most = 5
	if len(words) > most {
		return strings.Join(words[:most], ", ") + ", …"
	}
	return strings.Join(words, ", ")
}

// Check needs a read after an element was known.
func (c SetFull) Check(_ context.Context, h history.History) history.Verdict {
	s, err := sets(h.Ops)
	if err != nil {
		return malformed(err)
	}
	for i := range s.reads {
		if v, bad := s.nonsense(&s.reads[i]); bad {
			return v
		}
	}
	s.follow()
	var stale, lost *element
	neverRead, checked, recovered := 0, 0, 0
	for _, e := range s.elements {
		if e.reads == 0 {
			neverRead++
		} else {
			checked++
		}
		if e.last >= 0 && e.add.outcome == history.Info {
			recovered++
		}
		switch {
		case e.misses == 0:
		case e.last < e.missed:
			lost = e
		default:
			stale = e
		}
	}
	if lost != nil {
		return s.missing(lost, "lost", "and none after it shows it")
	}
	if stale != nil && !c.Stale {
		return s.missing(stale, "stale", "though a later one shows it again")
	}
	if checked == 0 {
		return unknown("no read followed an element that was known: nothing can have been lost")
	}
	return valid("every read that must show them shows %s%s; %d of unknown outcome were read, %d never",
		count(checked, "element"), map[bool]string{true: ", or later ones do", false: ""}[c.Stale], recovered, neverRead)
}

// follow goes through the reads and notes for every element when it must be shown, and when it was.
func (s *setHistory) follow() {
	for _, r := range s.reads {
		for _, b := range r.elements {
			e := s.byText[string(b)]
			e.last = max(e.last, r.invoke)
			if e.known < 0 || r.done < e.known {
				e.known = r.done
			}
		}
	}
	for _, r := range s.reads {
		shown := make(map[string]bool, len(r.elements))
		for _, b := range r.elements {
			shown[string(b)] = true
		}
		for _, e := range s.elements {
			if e.known < 0 || r.invoke < e.known {
				continue
			}
			e.reads++
			if shown[e.text] {
				continue
			}
			e.misses++
			if e.missedFirst < 0 {
				e.missedFirst = r.done
			}
			e.missed = max(e.missed, r.done)
		}
	}
}

func (s *setHistory) missing(e *element, name, then string) history.Verdict {
	at := e.missedFirst
	return invalid(evidence(s.ops, e.add.invoke, e.add.done, e.known, at), "%s: element %s was known from op %d on, but a read (op %d) does not show it, %s",
		name, e.text, s.ops[e.known].Index, s.ops[at].Index, then)
}
