package revision

import (
	"context"
	"slices"
)

// conflict is a reply that contradicts what went before. A problem of "" is none.
type conflict struct {
	op      int // -1: the log
	problem string
	others  []int // ops that it contradicts
}

// step does one revision: its write and then its reads, which do not order each other. The writer is
// nobody where a gap is passed over.
func (c *checker) step(m *model, slot int64, writer int32) conflict {
	rev := c.rev(slot)
	m.touched = m.touched[:0]
	problem := ""
	switch {
	case writer == logged:
		problem = m.play(c.eventsAt(slot), rev)
	case writer >= 0:
		o := &c.Ops[writer]
		if o.Return < m.call {
			return conflict{int(writer), "it returned before something was called that has an earlier revision", []int{int(m.caller)}}
		}
		m.called(writer, o.Call)
		if o.known() {
			problem = m.definite(o, rev)
		} else if m.unknown(o, rev); len(m.touched) == 0 && m.dirty == nil {
			problem = "its value was seen, but it cannot have changed anything at that revision"
		}
		if events := c.eventsAt(slot); problem == "" && len(events) > 0 {
			problem = m.follows(events, rev)
		}
	}
	if problem != "" {
		return conflict{int(max(writer, nobody)), problem, c.against(m)}
	}
	return c.reads(m, slot)
}

func (c *checker) reads(m *model, slot int64) conflict {
	readers, rev := c.readersAt(slot), c.rev(slot)
	for _, i := range readers {
		o := &c.Ops[i]
		if o.Return < m.call {
			return conflict{int(i), "it returned before something was called that has its revision or an earlier one", []int{int(m.caller)}}
		}
		if problem := m.definite(o, rev); problem != "" {
			return conflict{int(i), problem, c.against(m)}
		}
	}
	for _, i := range readers {
		m.called(i, c.Ops[i].Call)
	}
	return conflict{}
}

// called notes that an op was done.
func (m *model) called(op int32, call int64) {
	if call > m.call {
		m.call, m.caller = call, op
	}
}

// against are the ops that made what the model's last conflict is about.
func (c *checker) against(m *model) (out []int) {
	for _, rev := range m.against {
		if s := c.slot(rev); s > 0 && s < int64(len(c.writer)) && c.writer[s] >= 0 && !slices.Contains(out, int(c.writer[s])) {
			out = append(out, int(c.writer[s]))
		}
	}
	return out
}

// early replays the identified writes alone, and reports what contradicts about keys that no other
// unknown write can have touched: no choice at a gap can repair that.
func (c *checker) early() bool {
	if c.result.Gaps == 0 {
		return true
	}
	m := &model{keys: make([]entry, c.keys), dirty: c.taint()}
	for s := range int64(len(c.writer)) {
		w := c.writer[s]
		if w >= 0 && c.skipped(m.dirty, &c.Ops[w]) {
			m.called(w, c.Ops[w].Call)
			w = nobody
		}
		if p := c.step(m, s, w); p.problem != "" {
			c.result.Others = p.others
			return c.illegal(p.op, c.rev(s), "%s", p.problem)
		}
	}
	return true
}

// skipped says whether nothing at all is known of what an identified write did.
func (c *checker) skipped(dirty []bool, o *Op) bool {
	return !o.known() && writes(o.Then) && writes(o.Else) && slices.ContainsFunc(o.If, func(cmp Compare) bool { return dirty[cmp.Key] })
}

// taint marks the keys that unknown writes may have touched: the candidates, and those identified
// ones of which it is not known which way they went.
func (c *checker) taint() []bool {
	dirty := make([]bool, c.keys)
	mark := func(i int32) {
		for _, branch := range [2][]Action{c.Ops[i].Then, c.Ops[i].Else} {
			for j := range branch {
				if branch[j].Kind == Get {
					continue
				}
				for k, end := branch[j].bounds(); k < end; k++ {
					dirty[k] = true
				}
			}
		}
	}
	for _, i := range c.candidates {
		mark(i)
	}
	done := map[int32]bool{}
	for changed := true; changed; {
		changed = false
		for _, w := range c.writer {
			if w >= 0 && !done[w] && c.skipped(dirty, &c.Ops[w]) {
				mark(w)
				done[w], changed = true, true
			}
		}
	}
	return dirty
}

// choice is a gap with the candidates tried so far.
type choice struct {
	slot  int64
	next  int     // the candidate to try next
	used  int     // the candidate in use; -1: none
	tried []int32 // shapes
	undo  int
	call  int64
	who   int32 // whose call that is
}

// replay decides: it does every revision, and at a gap tries the candidates one after the other.
func (c *checker) replay(ctx context.Context) {
	m := &model{keys: make([]entry, c.keys)}
	used := make([]bool, len(c.candidates))
	var stack []*choice
	far, farthest := int64(-1), conflict{}
	for s := int64(0); s < int64(len(c.writer)); s++ {
		if s%1024 == 0 && ctx.Err() != nil {
			c.undecided(c.rev(s), "time was up")
			return
		}
		var p conflict
		if c.writer[s] == nobody && s > 0 {
			m.note = true
			stack = append(stack, &choice{slot: s, used: -1, undo: len(m.undo), call: m.call, who: m.caller})
			p.problem = "no write of unknown outcome can have made this revision"
			p.op = -1
			if c.choose(m, stack[len(stack)-1], used) {
				p = c.reads(m, s)
			}
		} else {
			p = c.step(m, s, c.writer[s])
		}
		for p.problem != "" {
			if s > far {
				far, farthest = s, p
			}
			for len(stack) > 0 && !c.retry(m, stack[len(stack)-1], used) {
				stack = stack[:len(stack)-1]
			}
			if len(stack) == 0 {
				c.result.Others = farthest.others
				c.illegal(farthest.op, c.rev(far), "%s", c.blame(farthest))
				return
			}
			if c.result.Returns++; c.result.Returns > c.limit || c.result.Returns%256 == 0 && ctx.Err() != nil {
				c.undecided(c.rev(far), "after %d tries it is still open which writes of unknown outcome made %d revisions; a watch log of the run would tell", c.result.Returns, c.result.Gaps)
				return
			}
			s = stack[len(stack)-1].slot
			p = c.reads(m, s)
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

// retry takes the choice back and makes the next one.
func (c *checker) retry(m *model, ch *choice, used []bool) bool {
	if ch.used >= 0 {
		used[ch.used], ch.used = false, -1
	}
	m.back(ch.undo)
	m.call, m.caller = ch.call, ch.who
	return c.choose(m, ch, used)
}

// choose does the first candidate that can have made the choice's revision.
func (c *checker) choose(m *model, ch *choice, used []bool) bool {
	rev := c.rev(ch.slot)
	for ; ch.next < len(c.candidates); ch.next++ {
		i := c.candidates[ch.next]
		o := &c.Ops[i]
		if o.Call > c.deadline[ch.slot] {
			return false
		}
		if used[ch.next] || slices.Contains(ch.tried, c.shape[ch.next]) {
			continue
		}
		ch.tried = append(ch.tried, c.shape[ch.next])
		m.touched = m.touched[:0]
		m.unknown(o, rev)
		if c.fits(m, ch.slot) {
			m.called(i, o.Call)
			ch.used = ch.next
			used[ch.used] = true
			ch.next++
			return true
		}
		m.back(ch.undo)
	}
	return false
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
