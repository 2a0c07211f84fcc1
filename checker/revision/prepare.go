package revision

import (
	"cmp"
	"fmt"
	"slices"
)

// Who wrote a revision, where it is not an op.
const (
	nobody int32 = -1 // a gap
	logged int32 = -2 // the log tells what happened, and no op is known to have done it
)

// pair is one value of one key.
type pair struct {
	key   Key
	value Value
}

// checker is one run of Check. Revisions are counted from the initial one, which is slot 0.
type checker struct {
	History
	limit  int
	result Result

	keys       Key              // all are below
	writer     []int32          // by slot
	readers    []int32          // definite ops without effect, by revision
	firstRead  []int32          // by slot, where its readers begin; one more at the end
	events     []int32          // by slot, where the log's events begin; one more at the end; nil without a log
	deadline   []int64          // by slot: earliest return at it or later
	candidates []int32          // unknown writes that are not identified, by call
	shape      []int32          // by candidate: equal for interchangeable ones
	ofShape    [][]int32        // candidates, by call
	firstCall  map[effect]int64 // of the candidates that may have it
	need       map[int64][]pair
	quiet      map[Key][]span // slots at which a key was certainly not written
}

// span is the slots first to last.
type span struct{ first, last int64 }

// illegal records a violation. It answers false, so that steps can return it.
func (c *checker) illegal(op int, rev int64, format string, args ...any) bool {
	c.result.Verdict, c.result.Op, c.result.Rev, c.result.Reason = Illegal, op, rev, fmt.Sprintf(format, args...)
	return false
}

func (c *checker) undecided(rev int64, format string, args ...any) bool {
	c.result.Verdict, c.result.Op, c.result.Rev, c.result.Reason = Undecided, -1, rev, fmt.Sprintf(format, args...)
	return false
}

func (c *checker) slot(rev int64) int64 { return rev - c.Initial }
func (c *checker) rev(slot int64) int64 { return slot + c.Initial }

// prepare puts the ops in order. It answers false where that alone decides.
func (c *checker) prepare() bool {
	return c.checkOps() && c.order() && c.readLog() && c.identify() && c.gaps() && c.hints()
}

// checkOps holds every op against the rules of input.
func (c *checker) checkOps() bool {
	for i := range c.Ops {
		o := &c.Ops[i]
		for _, cmp := range o.If {
			c.keys = max(c.keys, cmp.Key+1)
		}
		for _, actions := range [2][]Action{o.Then, o.Else} {
			for _, a := range actions {
				c.keys = max(c.keys, a.Key+1, a.End)
			}
		}
		for _, out := range o.Outputs {
			for _, item := range out.Items {
				c.keys = max(c.keys, item.Key+1)
			}
		}
		switch {
		case o.Return < o.Call:
			return c.illegal(i, 0, "it returned before it was called")
		case !o.known():
		case o.Rev == 0:
			return c.undecided(0, "a reply does not tell its revision")
		case o.Rev < c.Initial:
			return c.illegal(i, o.Rev, "its reply tells revision %d, which is before the initial %d", o.Rev, c.Initial)
		case len(o.ran()) != len(o.Outputs):
			return c.illegal(i, o.Rev, "%d actions were answered with %d outputs", len(o.ran()), len(o.Outputs))
		}
	}
	for _, e := range c.Log.Events {
		c.keys = max(c.keys, e.Key+1)
	}
	return true
}

// changes says whether a definite op changed something.
func (o *Op) changes() bool {
	for i, a := range o.ran() {
		if a.Kind == Put || a.Kind == Delete && o.Outputs[i].Count > 0 {
			return true
		}
	}
	return false
}

// mayWrite says whether some branch of the op holds a write.
func (o *Op) mayWrite() bool {
	writes := func(a Action) bool { return a.Kind != Get }
	return slices.ContainsFunc(o.Then, writes) || slices.ContainsFunc(o.Else, writes)
}

// order finds the writer of every revision, and who read it.
func (c *checker) order() bool {
	last, lastOp, definite, unknown := c.Initial, -1, 0, 0
	if c.Log.From > 0 {
		last = max(last, c.Log.To)
	}
	for i := range c.Ops {
		o := &c.Ops[i]
		switch {
		case !o.known():
			if o.mayWrite() {
				unknown++
			}
			continue
		case o.changes():
			definite++
		}
		if o.Rev > last {
			last, lastOp = o.Rev, i
		}
	}
	told := int64(0)
	if c.Log.From > 0 {
		told = max(0, c.Log.To-max(c.Log.From, c.Initial+1)+1)
		if told > int64(len(c.Log.Events)) {
			return c.illegal(-1, 0, "the log has %d events of the %d revisions from %d to %d", len(c.Log.Events), told, c.Log.From, c.Log.To)
		}
	}
	if int64(definite+unknown)+told < last-c.Initial {
		return c.illegal(lastOp, last, "revision %d was seen, but there are only %d writes, %d of them of unknown outcome", last, definite+unknown, unknown)
	}
	n := c.slot(last) + 1
	c.writer, c.firstRead = make([]int32, n), make([]int32, n+1)
	for i := range c.writer {
		c.writer[i] = nobody
	}
	for i := range c.Ops {
		o := &c.Ops[i]
		if !o.known() {
			continue
		}
		s := c.slot(o.Rev)
		if !o.changes() {
			c.firstRead[s+1]++
			continue
		}
		if s == 0 {
			return c.illegal(i, o.Rev, "it changed something at the initial revision %d", o.Rev)
		}
		if other := c.writer[s]; other >= 0 {
			c.result.Others = []int{int(other)}
			return c.illegal(i, o.Rev, "two writes tell revision %d as their own", o.Rev)
		}
		c.writer[s] = int32(i)
	}
	c.placeReaders()
	return true
}

// placeReaders fills readers, of which firstRead has the counts one slot late.
func (c *checker) placeReaders() {
	for s := 1; s < len(c.firstRead); s++ {
		c.firstRead[s] += c.firstRead[s-1]
	}
	c.readers = make([]int32, c.firstRead[len(c.firstRead)-1])
	next := slices.Clone(c.firstRead)
	for i := range c.Ops {
		if o := &c.Ops[i]; o.known() && !o.changes() {
			s := c.slot(o.Rev)
			c.readers[next[s]] = int32(i)
			next[s]++
		}
	}
}

func (c *checker) readersAt(slot int64) []int32 {
	return c.readers[c.firstRead[slot]:c.firstRead[slot+1]]
}

// readLog indexes the log's events. A revision without one cannot be: every change has an event.
func (c *checker) readLog() bool {
	if c.Log.From <= 0 {
		return true
	}
	c.events = make([]int32, len(c.writer)+1)
	before := int64(0)
	for _, e := range c.Log.Events {
		if e.Rev < before || !c.Log.covers(e.Rev) || e.Rev <= c.Initial {
			return c.illegal(-1, e.Rev, "the log has an event of revision %d out of order, out of its range %d to %d, or before the first write", e.Rev, c.Log.From, c.Log.To)
		}
		before = e.Rev
		c.events[c.slot(e.Rev)+1]++
	}
	for s := 1; s < len(c.writer); s++ {
		if c.Log.covers(c.rev(int64(s))) {
			if c.events[s+1] == 0 {
				return c.illegal(-1, c.rev(int64(s)), "the log has no event of revision %d", c.rev(int64(s)))
			}
			if c.writer[s] == nobody {
				c.writer[s] = logged
			}
		}
	}
	for s := 1; s < len(c.events); s++ {
		c.events[s] += c.events[s-1]
	}
	return true
}

func (c *checker) eventsAt(slot int64) []Event {
	if c.events == nil {
		return nil
	}
	return c.Log.Events[c.events[slot]:c.events[slot+1]]
}

// identify gives an unknown write whose value nobody else can have written the revision at which the
// value was seen.
func (c *checker) identify() bool {
	const several = int32(-1)
	writers := map[pair]int32{}
	for i := range c.Ops {
		o := &c.Ops[i]
		branches := [2][]Action{o.Then, o.Else}
		if o.known() {
			branches = [2][]Action{o.ran()}
		}
		for _, b := range branches {
			for _, a := range b {
				if a.Kind != Put {
					continue
				}
				p := pair{a.Key, a.Value}
				if w, ok := writers[p]; ok && w != int32(i) {
					writers[p] = several
				} else {
					writers[p] = int32(i)
				}
			}
		}
	}
	told := map[pair]bool{} // by the log
	for _, e := range c.Log.Events {
		if !e.Deleted {
			told[pair{e.Key, e.Value}] = true
		}
	}
	at := map[int32]int64{} // revision by unknown write
	c.need = map[int64][]pair{}
	for i := range c.Ops {
		o := &c.Ops[i]
		if !o.known() {
			continue
		}
		for _, out := range o.Outputs {
			for _, item := range out.Items {
				if !c.seen(writers, told, at, i, pair{item.Key, item.Value}, item.Mod) {
					return false
				}
			}
		}
	}
	for _, e := range c.Log.Events {
		if !e.Deleted && !c.seen(writers, told, at, -1, pair{e.Key, e.Value}, e.Rev) {
			return false
		}
	}
	for i := range c.Ops {
		if _, ok := at[int32(i)]; !ok && !c.Ops[i].known() && c.Ops[i].mayWrite() {
			c.candidates = append(c.candidates, int32(i))
		}
	}
	slices.SortStableFunc(c.candidates, func(a, b int32) int { return cmp.Compare(c.Ops[a].Call, c.Ops[b].Call) })
	return true
}

// seen notes that op by (-1: the log) saw a value, written at revision mod (0: it did not tell).
func (c *checker) seen(writers map[pair]int32, logged map[pair]bool, at map[int32]int64, by int, p pair, mod int64) bool {
	w, written := writers[p]
	if !written && !logged[p] {
		return c.illegal(by, mod, "it shows a value that nothing wrote")
	}
	if mod == 0 {
		return true
	}
	s := c.slot(mod)
	if s <= 0 || s >= int64(len(c.writer)) {
		return c.illegal(by, mod, "it shows a value of revision %d, which no write can have", mod)
	}
	if c.writer[s] == nobody {
		c.need[s] = append(c.need[s], p)
	}
	if !written || w < 0 || c.Ops[w].known() {
		return true // what a definite write says otherwise, replaying finds
	}
	if before, ok := at[w]; ok && before != mod {
		c.result.Others = []int{int(w)}
		return c.illegal(by, mod, "it shows a value of revision %d that was also seen as of revision %d, though only one call can have written it", mod, before)
	}
	if other := c.writer[s]; other >= 0 && other != w {
		c.result.Others = []int{int(other), int(w)}
		return c.illegal(by, mod, "it shows a value of revision %d, which another write has", mod)
	}
	at[w], c.writer[s] = mod, w
	return true
}

// gaps gives every revision its deadline, and counts whether there are candidates enough.
func (c *checker) gaps() bool {
	n := int64(len(c.writer))
	c.deadline = make([]int64, n)
	first, firstOp := Never, -1
	by := make([]int32, n)
	for s := n - 1; s >= 0; s-- {
		if w := c.writer[s]; w >= 0 && c.Ops[w].Return < first {
			first, firstOp = c.Ops[w].Return, int(w)
		}
		for _, r := range c.readersAt(s) {
			if c.Ops[r].Return < first {
				first, firstOp = c.Ops[r].Return, int(r)
			}
		}
		c.deadline[s], by[s] = first, int32(firstOp)
	}
	called := 0 // candidates that were called by the deadline
	for s := int64(1); s < n; s++ {
		if c.writer[s] != nobody {
			continue
		}
		c.result.Gaps++
		for called < len(c.candidates) && c.Ops[c.candidates[called]].Call <= c.deadline[s] {
			called++
		}
		if called < c.result.Gaps {
			return c.illegal(int(by[s]), c.rev(s), "by then %d writes of unknown outcome must have happened, but only %d had been called", c.result.Gaps, called)
		}
	}
	return true
}
