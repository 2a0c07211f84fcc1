package register

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// moment is a call of an op, or its end.
type moment struct {
	op  int
	end bool
}

// moments are a history's lines in order. Ops of unknown outcome end within patience; where that is 0,
// at any time, or they stay open.
func moments(r *rand.Rand, ops []Op, patience int64) []moment {
	type timed struct {
		moment
		at int64
	}
	var all []timed
	last := int64(0)
	for _, o := range ops {
		last = max(last, o.Call)
		if o.Return != Never {
			last = max(last, o.Return)
		}
	}
	for i, o := range ops {
		all = append(all, timed{moment{i, false}, o.Call})
		switch {
		case o.Return != Never:
			all = append(all, timed{moment{i, true}, o.Return})
		case patience > 0:
			all = append(all, timed{moment{i, true}, o.Call + r.Int64N(patience)})
		case r.IntN(4) > 0:
			all = append(all, timed{moment{i, true}, o.Call + r.Int64N(last-o.Call+2)})
		}
	}
	slices.SortStableFunc(all, func(a, b timed) int {
		if c := cmp.Compare(a.at, b.at); c != 0 || a.end == b.end {
			return c
		}
		if a.end {
			return 1
		}
		return -1
	})
	out := make([]moment, len(all))
	for i := range all {
		out[i] = all[i].moment
	}
	return out
}

// opened is an op before its end is known.
func opened(o Op) Op {
	switch o.Kind {
	case Get:
		o.Value = Absent
	case CASFailed:
		o.Kind = CAS
	case DeleteFound, DeleteMissed:
		o.Kind = Delete
	}
	return o
}

// feeder feeds a Stream, and keeps its numbers of values.
type feeder struct {
	s      Stream
	number map[Value]Value // numbers of the history to the stream's
	next   Value
	ops    []Op // the history as it was fed, by the times it was fed at
	at     []int64
	clock  int64
}

func (f *feeder) value(v Value) Value {
	if v == Absent {
		return v
	}
	n, ok := f.number[v]
	if !ok {
		f.next++
		n = f.next
		f.number[v] = n
	}
	return n
}

func (f *feeder) feed(ops []Op, m moment) {
	f.clock++
	o := ops[m.op]
	if !m.end {
		f.at[m.op] = f.clock
		f.ops[m.op] = o
		f.ops[m.op].Call, f.ops[m.op].Return = f.clock, Never
		o = opened(o)
		o.Call, o.Old, o.Value = f.clock, f.value(o.Old), f.value(o.Value)
		f.s.Invoke(o)
		return
	}
	if o.Return != Never {
		o.Return = f.clock
	}
	f.ops[m.op].Return = o.Return
	o.Call, o.Old, o.Value = f.at[m.op], f.value(o.Old), f.value(o.Value)
	f.s.Complete(o.Call, &o)
}

func (f *feeder) advance(t *testing.T) Result {
	r, values := f.s.Advance(t.Context(), f.clock+1)
	if values != nil {
		old := map[Value]Value{}
		for v, n := range f.number {
			old[n] = v
		}
		f.number = map[Value]Value{}
		f.next = Value(len(values))
		for n, v := range values {
			f.number[old[v]] = Value(n + 1)
		}
	}
	return r
}

// stream feeds a history to the end, advances at times, and answers the last result.
func stream(t *testing.T, r *rand.Rand, ops []Op, every int) (*feeder, Result) {
	f := &feeder{s: Stream{lag: 1 + r.IntN(8)}, number: map[Value]Value{}, ops: make([]Op, len(ops)), at: make([]int64, len(ops))}
	for _, m := range moments(r, ops, 0) {
		f.feed(ops, m)
		if r.IntN(every) == 0 {
			f.advance(t)
		}
	}
	return f, f.advance(t)
}

// TestStreamAgainstCheck: wherever a history is split, the verdict is that on the whole.
func TestStreamAgainstCheck(t *testing.T) {
	for _, m := range modes {
		if m.name == "repeated values" {
			continue // while an op is open it may repeat one that its end does not
		}
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			m.ops = min(2*m.ops, 14)
			legal, illegal, late := 0, 0, 0
			n := *fuzzCount / 5
			for i := range n {
				r := rand.New(rand.NewPCG(*fuzzSeed+3, uint64(i)))
				ops := m.history(r)
				for i, o := range ops {
					if o.Return == Never && o.Kind != Get { // what it says of its outcome is not known in time
						ops[i] = opened(o)
					}
				}
				if slices.ContainsFunc(ops, func(o Op) bool { return o.Return < o.Call }) {
					continue
				}
				f, got := stream(t, r, ops, 1+r.IntN(6))
				want := Illegal
				if oracle(f.ops) {
					want = Legal
				}
				switch {
				case got.Verdict == Undecided && got.Reason == reasonLate:
					late++
				case got.Verdict == Undecided && got.Reason == reasonRepeated && Check(t.Context(), f.ops, 0).Reason == reasonRepeated:
				case got.Verdict != want:
					require.Failf(t, "verdicts differ", "seed %d, history %d: the stream says %v (%s), the oracle %v:%s", *fuzzSeed, i, got.Verdict, got.Reason, want, show(f.ops))
				case want == Legal:
					legal++
				default:
					illegal++
				}
			}
			t.Logf("%d legal, %d illegal, %d late", legal, illegal, late)
			require.Greater(t, min(legal, illegal), n/50, "both verdicts must occur")
		})
	}
}

// TestStreamLong: on longer histories, where most is behind the cut, Check is the judge.
func TestStreamLong(t *testing.T) {
	for _, m := range modes {
		if m.name == "all overlap" || m.name == "repeated values" {
			continue
		}
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			m.ops, m.clients, m.unknown = 150, 4, min(m.unknown, 20)
			late, verdicts, kept := 0, map[Verdict]int{}, 0
			n := *fuzzCount / 100
			for i := range n {
				r := rand.New(rand.NewPCG(*fuzzSeed+4, uint64(i)))
				ops := m.history(r)
				for i, o := range ops {
					if o.Return == Never && o.Kind != Get {
						ops[i] = opened(o)
					}
				}
				if slices.ContainsFunc(ops, func(o Op) bool { return o.Return < o.Call }) {
					continue
				}
				f, got := stream(t, r, ops, 1+r.IntN(40))
				want := Check(t.Context(), f.ops, 0)
				switch {
				case got.Verdict == Undecided && got.Reason == reasonLate:
					late++
				case want.Verdict == Undecided: // a value was repeated: it may have been forgotten
				case got.Verdict != want.Verdict:
					require.Failf(t, "verdicts differ", "seed %d, history %d: the stream says %v (%s), Check %v (%s):%s", *fuzzSeed, i, got.Verdict, got.Reason, want.Verdict, want.Reason, show(f.ops))
				default:
					verdicts[got.Verdict]++
					kept += f.s.Len()
				}
			}
			t.Logf("%v, %d late, %d ops kept of up to %d", verdicts, late, kept/n, m.ops)
		})
	}
}

// TestStreamForgets: what is kept is a matter of what is open, not of the length.
func TestStreamForgets(t *testing.T) {
	for _, c := range []struct {
		name                 string
		clients, lost, limit int
		weights              [4]int
	}{
		{"5 clients", 5, 0, 200, [4]int{50, 35, 10, 5}},
		{"20 clients, 1% unknown", 20, 1, 700, [4]int{50, 35, 10, 5}},
		{"a chain of compare-and-sets", 5, 0, 400, [4]int{30, 0, 70, 0}},
		{"puts alone", 5, 0, 200, [4]int{0, 100, 0, 0}},
	} {
		t.Run(c.name, func(t *testing.T) {
			const n, every = 20_000, 100
			ops := long(n, c.clients, c.lost, c.weights, 5)
			f := &feeder{s: Stream{lag: 128}, number: map[Value]Value{}, ops: make([]Op, n), at: make([]int64, n)}
			most := 0
			for i, m := range moments(rand.New(rand.NewPCG(1, 1)), ops, 100) {
				f.feed(ops, m)
				if i%every == 0 {
					got := f.advance(t)
					require.Equal(t, Legal, got.Verdict, "after %d lines: %s", i, got.Reason)
					most = max(most, f.s.Len())
				}
			}
			require.Less(t, most, c.limit)
		})
	}
}
