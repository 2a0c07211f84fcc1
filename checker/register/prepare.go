package register

import (
	"cmp"
	"slices"
)

// role is what an op means for the search.
type role uint8

const (
	dropped role = iota
	read         // of a value: part of the chain that has the value's writer
	missed       // saw absence: a get, or a delete that found nothing
	differs      // saw a state other than its value: a failed compare-and-set
	writer       // a put, create or compare-and-set that ran for certain: part of a chain
	found        // a delete that removed something
	blind        // a delete that does not tell
	tracked      // an unknown write whose value failed compare-and-sets look at
	// Anonymous: unknown writes whose value nobody looks at. Only their number matters.
	anonPut
	anonCreate
	anonDelete
	anonSwap // a compare-and-set from a value that failed ones look at
)

const (
	reasonRepeated = "a value that was looked at was written more than once"
	anyState       = Value(-1) // the source of a write that does not compare
)

// op is an Op in its role.
type op struct {
	role      role
	src, val  Value // src of writers; val is what was written, read, or found different
	call, ret int64 // ret becomes the deadline where that is earlier
	must      bool  // it ran for certain
	chain     int32 // of writers and reads
	pos       int32 // in the chain
	slot      int32 // its bit; -1: none
}

// value is what is known of one value.
type value struct {
	writer, succ int32 // ops; -1: none. succ is the compare-and-set that certainly replaced it
	writers      int32 // how many write it
	looks        int32 // reads, and compare-and-sets from it
	uncalled     int32 // reads that are not called yet
	differing    int32 // failed compare-and-sets that have not returned
	swaps        int32 // called anonSwaps from it
	succCalled   bool
	firstReturn  int64 // of its reads
	lastCall     int64 // of its reads
	chain, pos   int32 // where its writer is; chain -1: in none
	differs      mask  // slots of failed compare-and-sets from it
}

// chain is a put or create that certainly ran, with the compare-and-sets that certainly followed.
// Nothing can come between them: each value is entered once.
type chain struct {
	ops      []int32
	start    int64 // all of it is called from here on
	deadline int64 // of its head
	left     int32 // ops of it, reads included, that are not called yet
	slot     int32 // from completion to the head's deadline; -1: none
	put      bool  // the head ignores the state
	dead     bool  // at completion nobody was left to look at the last value
	begun    bool  // the head's deadline has passed: it has begun in every configuration
}

func (s *search) illegal(i int, why string) Verdict {
	s.failOp, s.reason = i, why
	return Illegal
}

// prepare sorts ops into roles. Legal means that the sweep decides.
func (s *search) prepare(in []Op) Verdict {
	for i := range s.free {
		s.free[i] = ^uint64(0)
	}
	s.ops = make([]op, len(in))
	most := anonymous
	for _, o := range in {
		most = max(most, intern(o.Value), intern(o.Old))
	}
	s.vals = make([]value, most+1)
	for v := range s.vals {
		s.vals[v] = value{writer: -1, succ: -1, chain: -1, firstReturn: Never, lastCall: minTime}
	}
	for i, o := range in {
		if o.Return < o.Call {
			return s.illegal(i, "a call returned before it was called")
		}
		s.classify(int32(i), o)
	}
	for v := anonymous + 1; int(v) < len(s.vals); v++ {
		if x := &s.vals[v]; x.writers > 1 && x.looks > 0 {
			s.failOp, s.reason = int(x.writer), reasonRepeated
			return Undecided
		}
	}
	if v := s.mustRun(); v != Legal {
		return v
	}
	s.sortUnknown()
	return s.link()
}

const minTime = -1 << 63

// intern makes room for the state "anonymous" among the values.
func intern(v Value) Value {
	if v == Absent {
		return Absent
	}
	return v + 1
}

func (s *search) classify(i int32, in Op) {
	o := &s.ops[i]
	*o = op{src: anyState, val: intern(in.Value), call: in.Call, ret: in.Return, must: in.Return != Never, chain: -1, slot: -1}
	switch in.Kind {
	case Get:
		switch {
		case !o.must:
		case o.val == Absent:
			o.role = missed
		default:
			o.role = read
			x := &s.vals[o.val]
			x.looks++
			x.uncalled++
			x.firstReturn, x.lastCall = min(x.firstReturn, o.ret), max(x.lastCall, o.call)
		}
	case Put, CAS:
		o.role = writer
		x := &s.vals[o.val]
		x.writers++
		x.writer = i
		if in.Kind == CAS {
			o.src = intern(in.Old)
			s.vals[o.src].looks++
		}
	case CASFailed:
		if o.must {
			o.role, o.val = differs, intern(in.Old)
			s.vals[o.val].looks++
			s.vals[o.val].differing++
		}
	case DeleteMissed:
		if o.must {
			o.role = missed
		}
	default:
		switch {
		case !o.must:
			o.role = anonDelete
		case in.Kind == DeleteFound:
			o.role = found
		default:
			o.role = blind
		}
	}
}

// mustRun finds the unknown writes that certainly ran: the writer of every value that was read or
// replaced, and what that writer replaced in turn.
func (s *search) mustRun() Verdict {
	var work []int32
	need := func(v Value, by int32) Verdict {
		w := s.vals[v].writer
		if w < 0 {
			return s.illegal(int(by), "nobody wrote the value that was seen")
		}
		if !s.ops[w].must {
			s.ops[w].must = true
			work = append(work, w)
		}
		return Legal
	}
	replaces := func(i int32) Verdict {
		src := s.ops[i].src
		if src <= Absent {
			return Legal
		}
		x := &s.vals[src]
		if x.succ >= 0 && x.succ != i {
			return s.illegal(int(i), "two compare-and-sets replaced one value")
		}
		x.succ = i
		return need(src, i)
	}
	for i := range s.ops {
		o := &s.ops[i]
		v := Legal
		if o.role == read {
			v = need(o.val, int32(i))
		} else if o.role == writer && o.must {
			v = replaces(int32(i))
		}
		if v != Legal {
			return v
		}
	}
	for len(work) > 0 {
		i := work[len(work)-1]
		work = work[:len(work)-1]
		if v := replaces(i); v != Legal {
			return v
		}
	}
	return Legal
}

// sortUnknown gives roles to the unknown writes that need not have run. One whose value somebody
// looks at through failed compare-and-sets is tracked, others are anonymous. A compare-and-set that
// replaces x leads only from a present value to another: that helps nobody but a failed one from x.
func (s *search) sortUnknown() {
	for i := range s.ops {
		o := &s.ops[i]
		if o.role == differs && o.val != Absent && s.vals[o.val].writer < 0 {
			o.role = dropped // nothing ever equals a value that nobody wrote
			s.vals[o.val].differing--
		}
	}
	for i := range s.ops {
		o := &s.ops[i]
		if o.role != writer || o.must {
			continue
		}
		if o.src > Absent {
			if x := &s.vals[o.src]; x.succ >= 0 || x.differing == 0 {
				o.role = dropped
				continue
			}
		}
		if s.vals[o.val].differing > 0 {
			o.role = tracked
		} else {
			o.role = o.anonymousRole()
		}
	}
}

func (o *op) anonymousRole() role {
	switch o.src {
	case anyState:
		return anonPut
	case Absent:
		return anonCreate
	default:
		return anonSwap
	}
}

// link makes the chains and their deadlines: a write must run before it returns, before a read of
// its value returns, and before whatever follows it in its chain must.
func (s *search) link() Verdict {
	heads, writers := 0, 0
	for i := range s.ops {
		if o := &s.ops[i]; o.role == writer {
			writers++
			if o.src <= Absent {
				heads++
			}
		}
	}
	s.chains, s.links = make([]chain, 0, heads), make([]int32, 0, writers)
	for i := range s.ops {
		if o := &s.ops[i]; o.role == writer && o.src <= Absent {
			s.follow(int32(i))
		}
	}
	for i := range s.ops {
		o := &s.ops[i]
		switch {
		case o.role == writer && o.chain < 0:
			return s.illegal(i, "compare-and-sets form a circle")
		case o.role == read:
			o.chain = s.vals[o.val].chain
		}
	}
	for ci := range s.chains {
		c := &s.chains[ci]
		for _, i := range slices.Backward(c.ops) {
			o := &s.ops[i]
			c.deadline = min(c.deadline, o.ret, s.vals[o.val].firstReturn)
			o.ret = c.deadline
			if o.ret < o.call {
				return s.illegal(int(i), "the effect of a write was seen before it was called")
			}
		}
		c.begun = c.deadline <= s.from
	}
	return Legal
}

func (s *search) follow(head int32) {
	c := chain{start: minTime, deadline: Never, slot: -1, put: s.ops[head].src == anyState}
	from := len(s.links)
	for i := head; i >= 0; {
		o := &s.ops[i]
		x := &s.vals[o.val]
		o.chain, o.pos = int32(len(s.chains)), int32(len(s.links)-from)
		x.chain, x.pos = o.chain, o.pos
		s.links = append(s.links, i) // never grows: the chains are parts of it
		c.left += 1 + x.uncalled
		c.start = max(c.start, o.call, x.lastCall)
		i = x.succ
	}
	c.ops = s.links[from:len(s.links):len(s.links)]
	s.chains = append(s.chains, c)
}

// event is an op's call or deadline.
type event struct {
	at  int64
	pos int32 // in the chain: what comes first there has the first of equal deadlines
	op  int32
}

// events are the two streams of the sweep. A read needs no deadline: its writer's covers its return,
// and a state cannot be left before its reads are called.
func (s *search) events() (calls, deadlines []event) {
	calls, deadlines = make([]event, 0, len(s.ops)), make([]event, 0, len(s.ops))
	for i := range s.ops {
		o := &s.ops[i]
		if o.role == dropped {
			continue
		}
		if o.call > s.from {
			calls = append(calls, event{o.call, 0, int32(i)})
		}
		switch o.role {
		case missed, differs, writer, found, blind:
			if o.ret <= s.from {
				continue
			}
			deadlines = append(deadlines, event{o.ret, o.pos, int32(i)})
		}
	}
	order := func(a, b event) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.pos, b.pos), cmp.Compare(a.op, b.op))
	}
	if !slices.IsSortedFunc(calls, order) { // histories are in the order of invocation
		slices.SortFunc(calls, order)
	}
	slices.SortFunc(deadlines, order)
	return calls, deadlines
}
