package register

import (
	"context"
	"slices"
)

// anonymous is the state "some value that nobody will look at".
const anonymous = Value(1)

// config is one way in which everything so far may have happened.
type config struct {
	state Value
	// How many anonymous writes it has used up.
	puts, creates, deletes int32
	// done are the slots whose work is done.
	done mask
	// opt are the slots whose work may already have happened unseen. Each is committed to, or not, at
	// its deadline.
	opt mask
}

// class is a set of slots with the same meaning.
type class uint8

const (
	differing    class = iota // failed compare-and-sets
	missing                   // observations of absence
	founds                    // deletes that found something
	blinds                    // deletes that do not tell
	puts                      // complete chains that begin with a put
	deadPuts                  // of these, the dead ones
	creates                   // complete chains that begin with a create
	deadCreates               // of these, the dead ones
	trackedSlots              // unknown writes whose value is looked at
	classes
)

type search struct {
	ctx    context.Context
	budget int64
	steps  int64
	failOp int
	reason string

	from     int64 // what is due or called up to then is done: see Stream
	now      int64 // of the deadline at hand
	lastAnon int64 // when a configuration last used an anonymous write, or may have

	ops    []op
	vals   []value
	chains []chain
	links  []int32 // ops of all chains, one chain after the other

	free     mask
	in       [classes]mask
	owner    [slots]int32 // the op, or for chains the chain
	deadline [slots]int64
	open     []int32 // chains whose head is called and that are not complete
	// Anonymous writes called so far.
	anonPuts, anonCreates, anonDeletes int32

	frontier []config // the configurations that are possible now
	kept     reached  // those of them that satisfy the deadline at hand
	queue    reached  // those that were reached and do not satisfy it yet
	dueSlot  int32    // of the op at hand, or of its chain if it is the head; -1: none
	doomed   []bool   // scratch of prune
	// Of what is in them, more or less being done matters little: see dominates.
	observers, spare mask
}

// sweep goes through the deadlines. Illegal where none of the configurations meets one. When all is
// done that is called or due until then, it calls at.
func (s *search) sweep(until int64, at func()) Verdict {
	calls, deadlines := s.events()
	for n, d := range deadlines {
		if n&1023 == 1023 && s.ctx.Err() != nil {
			s.failOp, s.reason = int(d.op), reasonTime
			return Undecided
		}
		if at != nil && d.at > until {
			if calls = s.takeCalls(calls, until); calls == nil {
				return Undecided
			}
			at()
			at = nil
		}
		if calls = s.takeCalls(calls, d.at); calls == nil {
			return Undecided
		}
		s.now = d.at
		if v := s.due(d.op); v != Legal {
			return v
		}
	}
	if at != nil {
		if s.takeCalls(calls, until) == nil {
			return Undecided
		}
		at()
	}
	return Legal
}

// takeCalls handles calls up to a time, and answers those that are left; nil where there is no slot.
func (s *search) takeCalls(calls []event, until int64) []event {
	for len(calls) > 0 && calls[0].at <= until {
		if !s.called(calls[0].op) {
			s.failOp, s.reason = int(calls[0].op), reasonSlots
			return nil
		}
		calls = calls[1:]
	}
	return calls
}

// take gives out a slot; -1 where all are taken.
func (s *search) take(owner int32, deadline int64, in ...class) int32 {
	slot := s.free.pop()
	if slot >= 0 {
		s.owner[slot], s.deadline[slot] = owner, deadline
		for _, c := range in {
			s.in[c].set(slot)
		}
	}
	return slot
}

// release takes back a slot whose work is done in every configuration, or is no unit that hides: opt has
// neither.
func (s *search) release(slot int32) {
	s.free.set(slot)
	for c := range s.in {
		s.in[c].clear(slot)
	}
	for i := range s.frontier {
		s.frontier[i].done.clear(slot)
	}
}

// called handles a call; false where there is no slot for it.
func (s *search) called(i int32) bool {
	o := &s.ops[i]
	switch o.role {
	case anonPut, anonCreate, anonDelete, anonSwap:
		s.count(o)
		return true
	case read:
		s.vals[o.val].uncalled--
		return s.chainCalled(o.chain)
	case writer:
		if o.src > Absent {
			s.vals[o.src].succCalled = true
		} else {
			s.open = append(s.open, o.chain)
		}
		return s.chainCalled(o.chain)
	}
	if o.slot = s.take(i, o.ret, o.class()); o.slot < 0 {
		return false
	}
	if o.role == differs {
		s.vals[o.val].differs.set(o.slot)
	}
	for j := range s.frontier {
		c := &s.frontier[j]
		switch {
		case o.role == missed && c.state == Absent, o.role == differs && c.state != o.val:
			c.done.set(o.slot)
		case o.role == blind && c.state == Absent:
			c.opt.set(o.slot)
		}
	}
	return true
}

func (o *op) class() class {
	switch o.role {
	case missed:
		return missing
	case differs:
		return differing
	case found:
		return founds
	case blind:
		return blinds
	default:
		return trackedSlots
	}
}

func (s *search) count(o *op) {
	switch o.role {
	case anonPut:
		s.anonPuts++
	case anonCreate:
		s.anonCreates++
	case anonDelete:
		s.anonDeletes++
	case anonSwap:
		s.vals[o.src].swaps++
	}
}

// chainCalled counts one op of the chain as called. The last one completes it.
func (s *search) chainCalled(ci int32) bool {
	c := &s.chains[ci]
	if c.left--; c.left > 0 {
		return true
	}
	if i := slices.Index(s.open, ci); i >= 0 {
		s.open = slices.Delete(s.open, i, i+1)
	}
	tail := s.ops[c.ops[len(c.ops)-1]].val
	c.dead = s.vals[tail].differing == 0
	if !c.begun {
		if c.slot = s.take(ci, c.deadline, c.classes()...); c.slot < 0 {
			return false
		}
	}
	for j := range s.frontier {
		f := &s.frontier[j]
		if f.state > anonymous && s.vals[f.state].chain == ci {
			if c.slot >= 0 {
				f.done.set(c.slot)
			}
			if c.dead {
				s.enter(f, tail)
			}
		} else if c.slot >= 0 && f.state == anonymous && c.put && c.dead {
			f.opt.set(c.slot)
		}
	}
	return true
}

func (c *chain) classes() []class {
	switch {
	case c.put && c.dead:
		return []class{puts, deadPuts}
	case c.put:
		return []class{puts}
	case c.dead:
		return []class{creates, deadCreates}
	default:
		return []class{creates}
	}
}

// satisfied says whether the op has had its effect in the configuration.
func (s *search) satisfied(c *config, i int32) bool {
	o := &s.ops[i]
	if o.role != writer {
		return c.done.has(o.slot)
	}
	inside := c.state > anonymous && s.vals[c.state].chain == o.chain
	if o.pos > 0 {
		return !inside || s.vals[c.state].pos >= o.pos
	}
	if slot := s.chains[o.chain].slot; slot >= 0 {
		return c.done.has(slot)
	}
	return inside
}

// due handles a deadline: only what satisfies it stays, and what can be brought to.
func (s *search) due(i int32) Verdict {
	o := &s.ops[i]
	if s.met(i) {
		s.passed(o)
		if o.role == writer || o.role == found || o.role == blind {
			s.prune()
		}
		return Legal
	}
	if v := s.meet(i); v != Legal {
		return v
	}
	s.passed(o)
	s.prune()
	return Legal
}

// meet brings the frontier to what satisfies the op.
func (s *search) meet(i int32) Verdict {
	o := &s.ops[i]
	s.kept.reset()
	s.queue.reset()
	s.weigh()
	s.dueSlot = o.slot
	hidden := int32(-1) // the slot whose unseen execution satisfies the op
	switch {
	case o.role == blind:
		hidden = o.slot
	case o.role == writer && o.pos == 0:
		s.dueSlot = s.chains[o.chain].slot
		if s.chains[o.chain].put {
			hidden = s.dueSlot
		}
	}
	for _, c := range s.frontier {
		if hidden >= 0 && c.opt.has(hidden) && !s.satisfied(&c, i) {
			c.opt.clear(hidden)
			committed := c
			committed.done.set(hidden)
			s.add(&s.kept, committed)
		}
		s.arrive(c, i)
	}
	for q := 0; q < len(s.queue.entries); q++ {
		if why := s.exhausted(q); why != "" {
			s.failOp, s.reason = int(i), why
			return Undecided
		}
		if e := &s.queue.entries[q]; !e.dominated {
			s.expand(e.config, i)
		}
	}
	s.frontier = s.frontier[:0]
	for k := range s.kept.entries {
		if e := &s.kept.entries[k]; !e.dominated {
			s.frontier = append(s.frontier, e.config)
		}
	}
	if len(s.frontier) == 0 {
		return s.illegal(int(i), "no order lets it take effect before it returned")
	}
	return Legal
}

// met says whether every configuration satisfies the op: most deadlines are of that kind.
func (s *search) met(i int32) bool {
	for j := range s.frontier {
		if !s.satisfied(&s.frontier[j], i) {
			return false
		}
	}
	return true
}

// maxConfigs bounds the memory of a search: some 300 MB.
const maxConfigs = 1 << 20

const (
	reasonSteps  = "the search took too many steps"
	reasonTime   = "time was up"
	reasonMemory = "the search would take too much memory"
	reasonSlots  = "too many calls in flight on one key"
)

// exhausted is why a search must end; "" where it need not.
func (s *search) exhausted(n int) string {
	switch {
	case s.steps > s.budget:
		return reasonSteps
	case len(s.queue.entries) > maxConfigs || len(s.kept.entries) > maxConfigs:
		return reasonMemory
	case n&1023 == 1023 && s.ctx.Err() != nil:
		return reasonTime
	}
	return ""
}

// passed frees what the op needed, once its deadline is met everywhere.
func (s *search) passed(o *op) {
	slot := o.slot
	if o.role == writer && o.pos == 0 {
		c := &s.chains[o.chain]
		slot, c.slot, c.begun = c.slot, -1, true
	}
	o.slot = -1
	if slot >= 0 {
		s.release(slot)
	}
	if o.role == differs {
		x := &s.vals[o.val]
		x.differs.clear(slot)
		x.differing--
		if s.quiet(o.val) {
			s.fade(o.val)
		}
	}
}

// quiet says whether nobody will look at v any more once it is the state.
func (s *search) quiet(v Value) bool {
	x := &s.vals[v]
	return v > anonymous && x.uncalled == 0 && x.succ < 0 && x.differing == 0
}

// fade handles that v became quiet: it is anonymous from now on, and so is its tracked writer.
func (s *search) fade(v Value) {
	for j := range s.frontier {
		if c := &s.frontier[j]; c.state == v {
			s.enter(c, v)
		}
	}
	w := s.vals[v].writer
	if w < 0 || s.ops[w].role != tracked {
		return
	}
	o := &s.ops[w]
	o.role = o.anonymousRole()
	if o.slot < 0 { // it is not called yet
		return
	}
	for j := range s.frontier {
		c := &s.frontier[j]
		if !c.done.has(o.slot) {
			continue
		}
		s.lastAnon = s.now
		switch o.role {
		case anonPut:
			c.puts++
		case anonCreate:
			c.creates++
		}
	}
	s.release(o.slot)
	o.slot = -1
	s.count(o)
}
