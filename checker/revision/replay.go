package revision

import "slices"

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
	m.touched, m.looks, m.at, m.by = m.touched[:0], m.looks[:0], rev, nil
	problem := ""
	switch {
	case writer == logged:
		problem = m.play(c.eventsAt(slot), rev)
	case writer >= 0:
		o := &c.Ops[writer]
		if o.Return < m.call {
			return conflict{int(writer), returnedBefore + "an earlier revision", []int{int(m.caller)}}
		}
		m.called(writer, o.Call)
		events := c.eventsAt(slot)
		if m.note && len(events) > 0 { // what it did may be wrong, but is known only when it is done
			m.lookAround(o, func([]Action) bool { return false })
		}
		if o.known() {
			problem = m.definite(o, rev)
		} else {
			problem = m.identified(o, rev)
		}
		if problem == "" && len(events) > 0 {
			problem = m.follows(events, rev)
		}
	}
	if problem != "" {
		return conflict{op: int(max(writer, nobody)), problem: problem, others: c.against(m)}
	}
	return c.reads(m, slot)
}

const returnedBefore = "it returned before something was called that has "

// identified does an op without a reply whose revision is known.
func (m *model) identified(o *Op, rev int64) string {
	m.by = m.seeing(o, nobodyChose)
	m.unknown(o, rev)
	if len(m.touched) == 0 && m.dirty == nil {
		m.lookAround(o, func(branch []Action) bool { return !writes(branch) })
		return "its value was seen, but it cannot have changed anything at that revision"
	}
	o.eachWritten(m.spare)
	return ""
}

func (c *checker) reads(m *model, slot int64) conflict {
	readers, rev := c.readersAt(slot), c.rev(slot)
	m.looks, m.at, m.by = m.looks[:0], rev+1, nil
	for _, i := range readers {
		o := &c.Ops[i]
		if o.Return < m.call {
			return conflict{int(i), returnedBefore + "its revision or an earlier one", []int{int(m.caller)}}
		}
		if problem := m.definite(o, rev); problem != "" {
			return conflict{op: int(i), problem: problem, others: c.against(m)}
		}
	}
	for _, i := range readers {
		m.called(i, c.Ops[i].Call)
	}
	return conflict{}
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
	mark := func(i int32) { c.Ops[i].eachWritten(func(k Key, _ Kind) { dirty[k] = true }) }
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
