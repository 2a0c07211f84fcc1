package register

import (
	"context"
	"math"
	"slices"
)

// Stream decides the history of one register while it goes on. It says what Check would say of the
// whole, and keeps only what is still undecided: the configurations that are possible at a cut, what
// was called since or had not returned by then, and calls of unknown outcome, which stay open for ever.
//
// The cut is where nothing that is still to come can change what Check would have done so far. All
// calls up to it have ended. Each value that was written up to it has been overwritten for certain by
// something that ended before any call that is open now, or one of its own reads or of the
// compare-and-sets that followed was called after the cut. So roles, chains, and what is dead or quiet
// at the cut are those that Check would have seen.
//
// One thing cannot be known: whether a write of unknown outcome will be seen. Until then it is
// anonymous. If it is seen when the cut has passed its call, and some configuration used an anonymous
// write since that call, it is not known whether it was this one: the key is Undecided from there on.
// So that this is rare the cut waits for it: until streamLag further ops have been called.
//
// Values may be written again when they are forgotten: where Check says Undecided for a repeated
// value, Stream may decide. A Stream must not be used by two goroutines at the same time.
type Stream struct {
	ops      []streamed // in the order of calls
	configs  []config   // at the cut; states are values from 2 on as in a search: see intern
	owners   [slots]int32
	cut      int64
	lastAnon int64
	lag      int // streamLag
	begun    bool
	result   Result
}

// streamed is an op of a Stream.
type streamed struct {
	Op
	open bool // it may end yet
	gone bool // it says nothing
	was  role // at the cut, of one that was called by then
}

// streamLag is how many ops the cut waits for a write of unknown outcome to be seen. They are kept.
const streamLag = 1024

// streamBudget is the transitions for one Advance.
const streamBudget = 10_000_000

// reasonLate is told of keys that Check could still decide.
const reasonLate = "a write of unknown outcome was seen long after it was called"

// Invoke takes a call. Calls come in order: each Call is greater than every time before it. The op is
// as it would be if its outcome stayed unknown.
func (s *Stream) Invoke(o Op) {
	o.Return = Never
	s.ops = append(s.ops, streamed{Op: o, open: true})
}

// Complete takes the end of the op that was called at call. Of o the Kind that it turned out to be is
// taken, the Return, which is greater than every time before it or Never, and what a Get read; what an
// op writes is known since its call. An op that certainly did not happen is nil.
func (s *Stream) Complete(call int64, o *Op) {
	i, ok := slices.BinarySearchFunc(s.ops, call, func(e streamed, call int64) int {
		switch {
		case e.Call < call:
			return -1
		case e.Call > call:
			return 1
		}
		return 0
	})
	if !ok {
		return
	}
	e := &s.ops[i]
	e.open = false
	if o == nil || o.Return == Never && (o.Kind == Get || o.Kind == CASFailed || o.Kind == DeleteMissed) {
		e.gone = true
		return
	}
	e.Kind, e.Return = o.Kind, o.Return
	if o.Kind == Get {
		e.Value = o.Value
	}
}

// Len is how many ops are kept.
func (s *Stream) Len() int { return len(s.ops) }

// Ops are the ops that are kept, in the order of calls. They are good until the next call of a method.
func (s *Stream) Ops() []Op {
	out := make([]Op, len(s.ops))
	for i := range s.ops {
		out[i] = s.ops[i].Op
	}
	return out
}

// Advance judges what there is. Legal means so far. After anything else it does nothing more. now is
// greater than every time so far. values are those that are still known by number, in the order of
// their new numbers, which count from 1; nil where numbers stay as they are. A Result's Op is an index
// into Ops.
func (s *Stream) Advance(ctx context.Context, now int64) (r Result, values []Value) {
	if !s.begun {
		s.begun = true
		if s.lag == 0 {
			s.lag = streamLag
		}
		s.cut, s.lastAnon = minTime, minTime
		s.configs = []config{{state: Absent}}
		s.result = Result{Verdict: Legal, Op: -1}
	}
	if s.result.Verdict != Legal || len(s.ops) == 0 {
		return s.result, nil
	}
	ops, from, horizon := s.window(now)
	x := &search{ctx: ctx, budget: streamBudget, from: s.cut, lastAnon: s.lastAnon}
	v := x.prepare(ops)
	if v == Legal {
		v = s.resume(x, from)
	}
	var next *Stream
	if v == Legal {
		cut := min(x.settled(horizon), x.unseen(s.lag))
		v = x.sweep(cut, func() {
			if cut > s.cut {
				next = s.after(x, from, cut)
			}
		})
	}
	s.result.Steps += x.steps
	if v != Legal {
		s.result = Result{Verdict: v, Op: int(from[x.failOp]), Reason: x.reason, Steps: s.result.Steps, Frontier: len(x.frontier)}
		return s.result, nil
	}
	if next == nil {
		return s.result, nil
	}
	next.result, next.lag, next.begun = s.result, s.lag, true
	*s = *next
	return s.result, s.renumber()
}

// window is what a search takes; from says which op each is. All calls before horizon have ended.
func (s *Stream) window(now int64) (ops []Op, from []int32, horizon int64) {
	horizon = now
	ops, from = make([]Op, 0, len(s.ops)), make([]int32, 0, len(s.ops))
	for i := range s.ops {
		e := &s.ops[i]
		if e.open {
			horizon = min(horizon, e.Call)
		}
		if e.gone || e.open && e.Kind == Get {
			continue
		}
		ops, from = append(ops, e.Op), append(from, int32(i))
	}
	return ops, from, horizon
}

// resume brings a search to the cut: calls up to it are taken again, and configurations get the slots
// that ops have now.
func (s *Stream) resume(x *search, from []int32) Verdict {
	for i := range x.ops {
		o := &x.ops[i]
		if o.call > s.cut {
			break
		}
		was := s.ops[from[i]].was
		anonymously := was == anonPut || was == anonCreate || was == anonSwap
		if anonymously && (o.role == writer || o.role == tracked) && o.call <= s.lastAnon {
			x.failOp, x.reason = i, reasonLate
			return Undecided
		}
		if o.role != dropped && !x.called(int32(i)) {
			x.failOp, x.reason = i, reasonSlots
			return Undecided
		}
	}
	to := make([]int32, len(s.ops))
	for i, e := range from {
		to[e] = int32(i)
	}
	for _, c := range s.configs {
		if d, ok := s.translate(x, to, c); ok {
			x.frontier = append(x.frontier, d)
		}
	}
	if len(x.frontier) == 0 {
		return x.illegal(len(x.ops)-1, "it shows what was overwritten before")
	}
	return Legal
}

// translate is a configuration of the cut as the search sees it; false where what is known since
// contradicts it.
func (s *Stream) translate(x *search, to []int32, c config) (d config, ok bool) {
	d = config{state: c.state, puts: c.puts, creates: c.creates, deletes: c.deletes}
	inside := func(ci int32) bool { return d.state > anonymous && x.vals[d.state].chain == ci }
	for m := c.done; !m.empty(); {
		o := &x.ops[to[s.owners[m.pop()]]]
		switch {
		case o.role == writer && x.chains[o.chain].slot < 0:
			if !inside(o.chain) {
				return d, false
			}
		case o.role == writer:
			d.done.set(x.chains[o.chain].slot)
		case o.slot >= 0:
			d.done.set(o.slot)
		case o.role == anonPut:
			d.puts++
		case o.role == anonCreate:
			d.creates++
		}
	}
	for m := c.opt; !m.empty(); {
		o := &x.ops[to[s.owners[m.pop()]]]
		if o.role == writer {
			if slot := x.chains[o.chain].slot; slot >= 0 {
				d.opt.set(slot)
			}
		} else if o.slot >= 0 {
			d.opt.set(o.slot)
		}
	}
	for _, ci := range x.open {
		if ch := &x.chains[ci]; ch.begun && ch.left > 0 && !inside(ci) {
			return d, false
		}
	}
	if v := &x.vals[d.state]; d.state > anonymous && v.chain >= 0 {
		ch := &x.chains[v.chain]
		if ch.slot >= 0 {
			d.done.set(ch.slot)
			d.opt.clear(ch.slot)
		}
		for _, i := range ch.ops[:v.pos] { // none of the values before can be read any more
			if x.vals[x.ops[i].val].uncalled > 0 {
				return d, false
			}
		}
	}
	x.enter(&d, d.state)
	return d, true
}

// settled is the latest time at which all is known that Check would know of what was done by then.
// Calls before horizon have ended.
func (s *search) settled(horizon int64) int64 {
	// The ops that show a state and were called last, of two different states.
	type shows struct {
		call int64
		val  Value
	}
	first, second := shows{minTime, anyState}, shows{minTime, anyState}
	for i := range s.ops {
		o := &s.ops[i]
		v := Absent
		switch o.role {
		case read, writer:
			v = o.val
		case missed, found, blind:
		default:
			continue
		}
		switch {
		case o.ret >= horizon:
		case v == first.val:
			first.call = max(first.call, o.call)
		case o.call > first.call:
			first, second = shows{o.call, v}, first
		case v == second.val || o.call > second.call:
			second = shows{max(o.call, second.call), v}
		}
	}
	cut := horizon
	for i := range s.chains {
		c := &s.chains[i]
		tail := &s.ops[c.ops[len(c.ops)-1]]
		last := first.call
		if first.val == tail.val {
			last = second.call
		}
		if last <= tail.ret {
			cut = min(cut, c.start)
		}
	}
	return cut - 1
}

// unseen is the latest time for which no write of unknown outcome that was called by then and after
// the last cut, and with less than lag ops after it, is still to be seen.
func (s *search) unseen(lag int) int64 {
	for i := max(0, len(s.ops)-lag); i < len(s.ops); i++ {
		o := &s.ops[i]
		switch o.role {
		case anonPut, anonCreate, anonSwap, tracked:
			if o.call > s.from {
				return o.call - 1
			}
		}
	}
	return Never
}

// after is the stream from the cut on, at which the search is.
func (s *Stream) after(x *search, from []int32, cut int64) *Stream {
	next := &Stream{cut: cut, lastAnon: x.lastAnon, configs: slices.Clone(x.frontier)}
	first := x.firstKept(cut)
	to := make([]int32, len(x.ops))
	n := 0 // of x.ops
	for i := range s.ops {
		e := s.ops[i]
		if n == len(from) || int(from[n]) != i { // the search did not see it
			if !e.gone {
				next.ops = append(next.ops, e)
			}
			continue
		}
		if x.keeps(int32(n), &e, cut, first) {
			to[n] = int32(len(next.ops))
			next.ops = append(next.ops, e)
		}
		n++
	}
	for slot := range int32(slots) {
		if x.free.has(slot) {
			continue
		}
		owner := x.owner[slot]
		if x.in[puts].has(slot) || x.in[creates].has(slot) {
			owner = x.chains[owner].ops[0]
		}
		next.owners[slot] = to[owner]
	}
	return next
}

// firstKept is, by chain, the position from which on its ops are kept: finished is for those that
// began, and that no configuration is in.
func (s *search) firstKept(cut int64) []int32 {
	const none = math.MaxInt32
	first := make([]int32, len(s.chains))
	for ci := range s.chains {
		if s.chains[ci].begun {
			first[ci] = none
		}
	}
	for i := range s.frontier {
		st := s.frontier[i].state
		if st <= anonymous || s.vals[st].chain < 0 {
			continue
		}
		x := &s.vals[st]
		if s.chains[x.chain].begun {
			first[x.chain] = min(first[x.chain], x.pos)
		}
	}
	for ci := range s.chains {
		c := &s.chains[ci]
		if !c.begun || first[ci] == none {
			continue
		}
		for first[ci] > 0 && s.ops[c.ops[first[ci]]].ret > cut {
			first[ci]-- // it must have a source whose time has passed
		}
	}
	return first
}

// keeps says whether an op matters after the cut, and makes it what it is from there on.
func (s *search) keeps(i int32, e *streamed, cut int64, first []int32) bool {
	o := &s.ops[i]
	if o.call > cut {
		return true
	}
	e.was = o.role
	switch o.role {
	case dropped: // of unknown outcome: its value may be seen yet
		return e.Kind == CAS && e.Return == Never && s.vals[o.src].succ < 0 && s.mayHold(o.src, first)
	case read:
		w := &s.ops[s.vals[o.val].writer]
		return o.ret > cut && w.ret > cut && w.pos >= first[w.chain]
	case missed, differs, found, blind:
		return o.ret > cut
	case writer:
		if o.pos < first[o.chain] {
			return false
		}
		if s.chains[o.chain].begun && o.pos == first[o.chain] {
			e.Kind, e.Old = Put, Absent // what it replaced is gone
		}
		if o.ret <= cut {
			e.Return = o.ret
		}
		return true
	default:
		return true
	}
}

// mayHold says whether a value can be the state after the cut, as far as that is known.
func (s *search) mayHold(v Value, first []int32) bool {
	w := s.vals[v].writer
	return w < 0 || s.ops[w].role != writer || s.ops[w].pos >= first[s.ops[w].chain]
}

// renumber gives the values that are left the numbers from 1 on.
func (s *Stream) renumber() (values []Value) {
	number := map[Value]Value{Absent: Absent}
	of := func(v Value) Value {
		n, ok := number[v]
		if !ok {
			values = append(values, v)
			n = Value(len(values))
			number[v] = n
		}
		return n
	}
	for i := range s.ops {
		e := &s.ops[i]
		e.Old, e.Value = of(e.Old), of(e.Value)
	}
	for i := range s.configs {
		if c := &s.configs[i]; c.state > anonymous {
			c.state = intern(of(c.state - 1))
		}
	}
	return slices.Clip(values)
}
