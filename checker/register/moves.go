package register

// The moves from a configuration on the way to a deadline. Every move is a legal step of a register,
// so nothing illegal is ever called legal. That these few moves suffice:
//
//   - Lazy writes: take any legal order and postpone each write to the first deadline that needs it.
//     Observations change nothing, so the earliest moment at which one is true is the best.
//   - A unique value is entered once. Leaving it before all its reads are called, or in another way
//     than by the compare-and-set that certainly replaced it, makes a certain op impossible.
//   - Hiding: where all ops of a put-headed chain are called and none had to return yet, the whole
//     chain fits into one instant just before a write that ignores the state. opt remembers such
//     instants. A found delete needs a present key, so only put chains fit before it, not blind
//     deletes. In the anonymous state a dead chain, and in absence a blind delete, is invisible.
//   - Goal direction: a write that no pending op needs can hide at the next write that ignores the
//     state, or wait for its own deadline. This holds only because of hiding.
//   - Earliest deadline: two pending units with the same effect, both hidden before or both not, can
//     swap places.
//   - Anonymous writes cannot be told apart and have no deadlines: a count is enough.

// enter makes y the state, with all that is observed there.
func (s *search) enter(c *config, y Value) {
	c.done = c.done.or(s.in[differing].without(s.vals[y].differs))
	if s.quiet(y) {
		y = anonymous
	}
	c.state = y
	switch y {
	case Absent: // blind deletes hid already, before the delete that led here
		c.done = c.done.or(s.in[missing])
	case anonymous:
		c.opt = c.opt.or(s.in[deadPuts].without(c.done))
	}
}

// hide remembers an instant just before a write that ignores the state.
func (s *search) hide(c *config) {
	c.opt = c.opt.or(s.in[puts].or(s.in[blinds]).without(c.done))
}

// arrive keeps the configuration if it satisfies the op that is due, or queues it.
func (s *search) arrive(c config, due int32) {
	s.steps++
	if s.satisfied(&c, due) {
		s.add(&s.kept, c)
	} else {
		s.add(&s.queue, c)
	}
}

// begin runs the head of a chain, and all of it if it is complete and dead.
func (s *search) begin(c config, ci, due int32) {
	ch := &s.chains[ci]
	if ch.slot >= 0 {
		c.done.set(ch.slot)
		c.opt.clear(ch.slot)
	}
	if ch.put {
		s.hide(&c)
	}
	to := ch.ops[0]
	if ch.left == 0 && ch.dead {
		to = ch.ops[len(ch.ops)-1]
	}
	s.enter(&c, s.ops[to].val)
	s.arrive(c, due)
}

// earliest is the slot with the earliest deadline; -1 where there is none. Of equal deadlines the
// one at hand is the earliest: otherwise the way to it would lead through configurations that those
// before them dominate.
func (s *search) earliest(m mask) int32 {
	if s.dueSlot >= 0 && m.has(s.dueSlot) {
		return s.dueSlot
	}
	best := int32(-1)
	for slot := m.pop(); slot >= 0; slot = m.pop() {
		if best < 0 || s.deadline[slot] < s.deadline[best] {
			best = slot
		}
	}
	return best
}

// both calls f with the earliest slot of m that is in opt, and with the earliest that is not.
func (s *search) both(m mask, c *config, f func(slot int32)) {
	for _, part := range [2]mask{m.without(c.opt), m.and(c.opt)} {
		if slot := s.earliest(part); slot >= 0 {
			f(slot)
		}
	}
}

// expand makes all moves from c that may lead to the op that is due.
func (s *search) expand(c config, due int32) {
	if c.state > anonymous {
		x := &s.vals[c.state]
		if x.uncalled > 0 {
			return
		}
		if x.succ >= 0 {
			if x.succCalled {
				s.enter(&c, s.ops[x.succ].val)
				s.arrive(c, due)
			}
			return
		}
	}
	o := &s.ops[due]
	own := int32(-1)
	if o.role == writer {
		own = o.chain
		if s.chains[own].put || c.state == Absent {
			s.begin(c, own, due)
		}
	}
	creatable := s.in[creates].without(c.done)
	if c.state == Absent {
		s.expandCreates(&c, creatable, own, due)
	}
	differ := s.vals[c.state].differs.without(c.done)
	pending := s.in[founds].without(c.done)
	if !differ.empty() || c.state == Absent && !pending.empty() {
		s.expandWrites(&c, own, due)
	}
	if slot := s.earliest(pending); slot >= 0 && c.state != Absent {
		d := c
		d.done.set(slot)
		s.hide(&d) // blind deletes, too: they hide in the absence that follows
		s.enter(&d, Absent)
		s.arrive(d, due)
	}
	gone := own >= 0 && !s.chains[own].put ||
		c.state != Absent && !(differ.empty() && s.in[missing].without(c.done).empty() && creatable.empty())
	s.expandDeletes(&c, gone, due)
}

func (s *search) expandCreates(c *config, creatable mask, own, due int32) {
	dead := creatable.and(s.in[deadCreates])
	if slot := s.earliest(dead); slot >= 0 && s.owner[slot] != own {
		s.begin(*c, s.owner[slot], due)
	}
	for m := creatable.without(dead); !m.empty(); {
		if ci := s.owner[m.pop()]; ci != own {
			s.begin(*c, ci, due)
		}
	}
}

// expandWrites makes the writes that lead away from the state, where somebody needs that. Nobody does
// in the anonymous state.
func (s *search) expandWrites(c *config, own, due int32) {
	ready := s.in[puts].without(c.done)
	dead := ready.and(s.in[deadPuts])
	s.both(dead, c, func(slot int32) {
		if s.owner[slot] != own {
			s.begin(*c, s.owner[slot], due)
		}
	})
	for m := ready.without(dead); !m.empty(); {
		if ci := s.owner[m.pop()]; ci != own {
			s.begin(*c, ci, due)
		}
	}
	if s.ops[due].role == differs {
		// An incomplete chain pins the state, so it can only help the op that it makes true itself.
		for _, ci := range s.open {
			if s.chains[ci].put || c.state == Absent {
				s.begin(*c, ci, due)
			}
		}
	}
	for m := s.in[trackedSlots].without(c.done); !m.empty(); {
		slot := m.pop()
		w := &s.ops[s.owner[slot]]
		if w.src != anyState && w.src != c.state {
			continue
		}
		d := *c
		d.done.set(slot)
		if w.src == anyState {
			s.hide(&d)
		}
		s.enter(&d, w.val)
		s.arrive(d, due)
	}
	s.expandAnonymous(c, due)
}

func (s *search) expandAnonymous(c *config, due int32) {
	if c.state == Absent && c.creates < s.anonCreates {
		d := *c
		d.creates++
		s.lastAnon = s.now
		s.enter(&d, anonymous)
		s.arrive(d, due)
	}
	if c.state > anonymous && s.vals[c.state].swaps > 0 {
		d := *c
		s.lastAnon = s.now
		s.enter(&d, anonymous)
		s.arrive(d, due)
	}
	if c.puts < s.anonPuts {
		d := *c
		d.puts++
		s.lastAnon = s.now
		s.hide(&d)
		s.enter(&d, anonymous)
		s.arrive(d, due)
	}
}

// expandDeletes makes the deletes that do not tell, where somebody needs absence or one is due.
func (s *search) expandDeletes(c *config, gone bool, due int32) {
	if gone || s.ops[due].role == blind {
		s.both(s.in[blinds].without(c.done), c, func(slot int32) {
			d := *c
			d.done.set(slot)
			d.opt.clear(slot)
			s.hide(&d)
			s.enter(&d, Absent)
			s.arrive(d, due)
		})
	}
	if gone && c.deletes < s.anonDeletes {
		d := *c
		d.deletes++
		s.hide(&d)
		s.enter(&d, Absent)
		s.arrive(d, due)
	}
}
