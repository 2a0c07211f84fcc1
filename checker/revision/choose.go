package revision

import (
	"cmp"
	"context"
	"slices"
)

const nobodyChose = -1

// choice is a gap with the candidate in use, and what is known of the others.
type choice struct {
	slot  int64
	order []int32 // candidates to try, one of each shape
	next  int     // of them
	used  int32   // the candidate in use; -1: none
	why   *cause  // of what it did
	done  []int32 // shapes that were in use here: each leads to a contradiction

	// As long as ruled holds of earlier choices, all candidates that were in use here lead to a
	// contradiction, and so does every one that cannot have at least one effect of each of must.
	ruled conditions
	must  [][]effect

	// What was before.
	undo   int
	call   int64
	caller int32
	gap    int64
}

// search is a replay that tries candidates at gaps.
type search struct {
	*checker
	m     *model
	stack []*choice
	user  []int     // by candidate: the choice that uses it; -1: none
	until []lasting // by shape
}

// replay decides: it does every revision, and at a gap tries the candidates one after the other.
func (c *checker) replay(ctx context.Context) {
	s := &search{checker: c, m: &model{keys: make([]entry, c.keys)}, user: make([]int, len(c.candidates)), until: make([]lasting, len(c.ofShape))}
	for i := range s.user {
		s.user[i] = nobodyChose
	}
	far, farthest := int64(-1), conflict{}
	for slot := int64(0); slot < int64(len(c.writer)); slot++ {
		if slot%1024 == 0 && ctx.Err() != nil {
			c.undecided(c.rev(slot), "time was up")
			return
		}
		p, because := s.forward(slot)
		for p.problem != "" {
			if slot > far {
				far, farthest = slot, p
			}
			if !s.retreat(because) {
				c.result.Others = farthest.others
				c.illegal(farthest.op, c.rev(far), "%s", c.blame(farthest))
				return
			}
			if c.result.Returns++; c.result.Returns > c.limit || c.result.Returns%256 == 0 && ctx.Err() != nil {
				c.undecided(c.rev(far), "after %d tries it is still open which writes of unknown outcome made %d revisions; a watch log of the run would tell", c.result.Returns, c.result.Gaps)
				return
			}
			slot = s.stack[len(s.stack)-1].slot
			p, because = s.explained(c.reads(s.m, slot))
		}
	}
	c.result.Verdict, c.result.Op, c.result.Reason = Legal, -1, ""
}

func (c *checker) blame(p conflict) string {
	if c.result.Gaps == 0 || p.op < 0 {
		return p.problem
	}
	return p.problem + ", whichever writes of unknown outcome made the revisions that no reply tells as its own"
}

// forward does a revision. Where that contradicts, it tells what the contradiction hangs on.
func (s *search) forward(slot int64) (conflict, conditions) {
	if s.writer[slot] != nobody || slot == 0 {
		return s.explained(s.step(s.m, slot, s.writer[slot]))
	}
	ch := &choice{slot: slot, order: s.promisingAt(slot), used: -1, ruled: conditions{}, undo: len(s.m.undo), call: s.m.call, caller: s.m.caller, gap: s.m.gap}
	s.m.note = true
	s.stack = append(s.stack, ch)
	if s.choose(ch) {
		return s.explained(s.reads(s.m, slot))
	}
	s.stack = s.stack[:len(s.stack)-1]
	return conflict{op: -1, problem: "no write of unknown outcome can have made this revision"}, ch.ruled
}

// explained finds the choices that a contradiction hangs on. One of calls and returns hangs on none: a
// candidate was called by the gap's deadline, which is before all that is done later returns.
func (s *search) explained(p conflict) (conflict, conditions) {
	because := conditions{}
	if p.problem != "" {
		s.expand(because, s.m.looks)
	}
	return p, because
}

// retreat goes back to the latest choice that the contradiction hangs on, and makes it anew. It
// answers false where no choice is left.
func (s *search) retreat(because conditions) bool {
	for {
		last := because.last()
		if last < 0 {
			return false
		}
		for len(s.stack) > last+1 {
			s.takeBack(s.stack[len(s.stack)-1])
			s.stack = s.stack[:len(s.stack)-1]
		}
		ch := s.stack[last]
		if on := because[last]; !on.exact {
			ch.must = append(ch.must, on.without)
		}
		delete(because, last)
		for choice, on := range because {
			ch.ruled.add(choice, on)
		}
		ch.done = append(ch.done, s.shape[ch.used])
		s.takeBack(ch)
		if s.choose(ch) {
			return true
		}
		s.stack = s.stack[:last]
		because = ch.ruled
	}
}

func (s *search) takeBack(ch *choice) {
	if ch.used >= 0 {
		s.user[ch.used], ch.used = nobodyChose, -1
	}
	s.m.back(ch.undo)
	s.m.call, s.m.caller, s.m.gap = ch.call, ch.caller, ch.gap
}

// promisingAt are the candidates to try at a gap: of each shape the one that was called first. Those
// come first whose keys are the first to be seen unwritten later: others can wait for another gap.
func (s *search) promisingAt(slot int64) []int32 {
	type option struct {
		candidate int32
		until     int64
	}
	var options []option
	for shape, all := range s.ofShape {
		for _, i := range all {
			o := &s.Ops[s.candidates[i]]
			if o.Call > s.deadline[slot] {
				break
			}
			if s.user[i] < 0 {
				if until := s.until[shape].at(s.checker, o, slot); len(o.If) > 0 || until > slot {
					options = append(options, option{i, until})
				}
				break
			}
		}
	}
	slices.SortFunc(options, func(a, b option) int {
		return cmp.Or(cmp.Compare(a.until, b.until), cmp.Compare(a.candidate, b.candidate))
	})
	order := make([]int32, len(options))
	for i := range options {
		order[i] = options[i].candidate
	}
	return order
}

// lasting remembers how long a shape's keys may still be written, which is asked of one gap after the
// other.
type lasting struct{ from, until int64 }

// at is the next slot, from slot on, at which a key was not written that the op may put.
func (l *lasting) at(c *checker, o *Op, slot int64) int64 {
	if l.from > 0 && l.from <= slot && slot < l.until {
		return l.until
	}
	l.from, l.until = slot, Never
	o.eachWritten(func(k Key, kind Kind) {
		if kind == Put {
			l.until = min(l.until, c.nextQuiet(k, slot))
		}
	})
	return l.until
}

// choose does the first candidate that can have made the choice's revision. Where there is none it
// adds to ruled why not.
func (s *search) choose(ch *choice) bool {
	for ch.next < len(ch.order) {
		i := ch.order[ch.next]
		ch.next++
		if !s.promising(ch, i) {
			continue
		}
		if s.try(ch, i) {
			ch.used = i
			s.user[i] = len(s.stack) - 1
			s.m.gap = s.rev(ch.slot)
			return true
		}
		s.m.back(ch.undo)
	}
	s.exhausted(ch)
	return false
}

// promising says whether a candidate is worth a try: not the same as one that was in use here, and
// not ruled out by what it writes.
func (s *search) promising(ch *choice, candidate int32) bool {
	if slices.Contains(ch.done, s.shape[candidate]) {
		return false
	}
	o := &s.Ops[s.candidates[candidate]]
	for _, effects := range ch.must {
		if !o.mayHaveOneOf(effects) {
			return false
		}
	}
	return true
}

// try does a candidate, and says whether it may be what made the gap's revision.
func (s *search) try(ch *choice, candidate int32) bool {
	o, rev := &s.Ops[s.candidates[candidate]], s.rev(ch.slot)
	s.m.touched, s.m.looks, s.m.at = s.m.touched[:0], s.m.looks[:0], rev
	ch.why = s.m.seeing(o, len(s.stack)-1)
	s.m.by = ch.why
	s.m.unknown(o, rev)
	return s.fits(s.m, ch.slot)
}

// exhausted adds to ruled why the candidates that were not in use here were not: they cannot have made
// the revision, or all of the shape are in use elsewhere.
func (s *search) exhausted(ch *choice) {
	for _, all := range s.ofShape {
		if s.Ops[s.candidates[all[0]]].Call > s.deadline[ch.slot] || !s.promising(ch, all[0]) {
			continue
		}
		fits := s.try(ch, all[0])
		s.m.back(ch.undo)
		if !fits {
			s.m.looks = s.m.looks[:0]
			s.m.lookAround(&s.Ops[s.candidates[all[0]]], func(branch []Action) bool { return s.hopeless(branch, ch.slot) })
			s.expand(ch.ruled, s.m.looks)
			continue
		}
		for _, i := range all {
			if s.Ops[s.candidates[i]].Call <= s.deadline[ch.slot] {
				ch.ruled.exactly(s.user[i])
			}
		}
	}
}

// hopeless says whether a branch cannot make a gap's revision, whatever the keys are.
func (s *search) hopeless(branch []Action, slot int64) bool {
	for i := range branch {
		if branch[i].Kind == Put && s.isQuiet(branch[i].Key, slot) {
			return true
		}
	}
	return !writes(branch)
}

// mayHaveOneOf says whether the op may put or delete so.
func (o *Op) mayHaveOneOf(effects []effect) bool {
	may := false
	o.eachWritten(func(k Key, kind Kind) {
		may = may || slices.ContainsFunc(effects, func(e effect) bool { return e.key == k && (e.kind == kind || e.kind == either) })
	})
	return may
}

// expand adds the conditions under which the looks see what they saw.
func (s *search) expand(to conditions, looks []look) {
	seen := map[*cause]bool{}
	var all func(looks []look)
	all = func(looks []look) {
		for _, l := range looks {
			for c := l.why; c != nil && !seen[c]; c = c.before {
				seen[c] = true
				if c.choice >= 0 {
					to.exactly(c.choice)
				}
				all(c.looks)
			}
			s.unwritten(to, l, all)
		}
	}
	all(looks)
}

// unwritten adds that no gap between since and at had the look's effect.
func (s *search) unwritten(to conditions, l look, all func([]look)) {
	without := []effect{{l.key, l.kind}}
	for i := len(s.stack) - 1; i >= 0 && s.rev(s.stack[i].slot) > l.since; i-- {
		ch := s.stack[i]
		switch {
		case s.rev(ch.slot) >= l.at || s.isQuiet(l.key, ch.slot) || s.firstCall[without[0]] > s.deadline[ch.slot]:
		case s.Ops[s.candidates[ch.used]].mayHaveOneOf(without):
			to.exactly(i)
			all(ch.why.looks)
		default:
			to.add(i, condition{without: without})
		}
	}
}

// fits says whether the step under way may be what made a gap's revision.
func (c *checker) fits(m *model, slot int64) bool {
	if len(m.touched) == 0 {
		return false
	}
	for _, k := range m.touched {
		if c.isQuiet(k, slot) {
			return false
		}
	}
	for _, p := range c.need[slot] {
		if e := m.keys[p.key]; e.version == 0 || e.value != p.value || e.mod != c.rev(slot) {
			return false
		}
	}
	return true
}
