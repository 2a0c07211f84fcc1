package revision

import (
	"math/rand/v2"
	"slices"
)

// mode is a way to make random histories.
type mode struct {
	name     string
	keys     int
	weights  [6]int // get, put, compare-and-set, delete, transaction, range
	unknown  int    // percent
	ops      int    // at most
	clients  int
	spread   int64 // of times; small means ties
	mutate   int   // percent of histories whose replies are changed
	random   bool  // replies are drawn, not simulated
	repeated bool  // values come from a domain of three
	blind    int   // percent of gets that do not tell the key's revision
	log      int   // percent of histories with a watch log
	ways     int   // percent of writes with a condition that write something else where it does not hold
	unrun    int   // percent of unknown ops that did not happen
}

var modes = []mode{
	{name: "mixed", keys: 3, weights: [6]int{4, 4, 3, 2, 4, 1}, unknown: 20, ops: 9, clients: 4, spread: 20, mutate: 50, unrun: 40},
	{name: "one key", keys: 1, weights: [6]int{4, 4, 4, 2, 0, 0}, unknown: 30, ops: 9, clients: 4, spread: 20, mutate: 50, unrun: 40},
	{name: "transactions", keys: 3, weights: [6]int{1, 1, 1, 1, 8, 1}, unknown: 20, ops: 8, clients: 4, spread: 20, mutate: 50, unrun: 40},
	{name: "unknown heavy", keys: 2, weights: [6]int{4, 4, 3, 2, 3, 1}, unknown: 60, ops: 9, clients: 5, spread: 20, mutate: 50, unrun: 30},
	{name: "repeated values", keys: 2, weights: [6]int{4, 5, 3, 2, 3, 1}, unknown: 40, ops: 9, clients: 4, spread: 20, mutate: 50, repeated: true, blind: 40, unrun: 30},
	{name: "deletes", keys: 2, weights: [6]int{3, 3, 2, 6, 2, 1}, unknown: 40, ops: 9, clients: 4, spread: 20, mutate: 50, unrun: 30},
	{name: "missing revisions", keys: 2, weights: [6]int{5, 4, 3, 2, 3, 1}, unknown: 40, ops: 9, clients: 4, spread: 20, mutate: 50, blind: 70, unrun: 30},
	{name: "ties", keys: 2, weights: [6]int{4, 4, 3, 2, 3, 1}, unknown: 25, ops: 8, clients: 5, spread: 3, mutate: 50, unrun: 40},
	{name: "all overlap", keys: 2, weights: [6]int{4, 4, 3, 2, 3, 1}, unknown: 30, ops: 8, clients: 9, spread: 1, mutate: 70, unrun: 40},
	{name: "random replies", keys: 1, weights: [6]int{4, 4, 2, 1, 0, 0}, unknown: 40, ops: 5, clients: 4, spread: 15, random: true, unrun: 50},
	{name: "watch log", keys: 2, weights: [6]int{4, 4, 3, 2, 4, 1}, unknown: 40, ops: 9, clients: 4, spread: 20, mutate: 50, repeated: true, log: 100, unrun: 40},
	{name: "many gaps", keys: 2, weights: [6]int{3, 2, 4, 1, 7, 2}, unknown: 55, ops: 11, clients: 5, spread: 20, mutate: 80, blind: 30, unrun: 20},
	{name: "two ways", keys: 3, weights: [6]int{4, 2, 2, 1, 7, 3}, unknown: 55, ops: 10, clients: 4, spread: 20, mutate: 30, blind: 20, unrun: 20, ways: 100},
	{name: "longer", keys: 3, weights: [6]int{4, 4, 3, 2, 4, 1}, unknown: 20, ops: 14, clients: 3, spread: 60, mutate: 50, log: 20, unrun: 40},
}

// history makes one: it simulates clients of a store, then changes replies, intervals and order.
func (m mode) history(r *rand.Rand) History {
	n := 2 + r.IntN(m.ops-1)
	h := History{Initial: 1 + r.Int64N(3)}
	free := make([]int64, m.clients)
	var values Value
	for len(h.Ops) < n {
		c := r.IntN(m.clients)
		call := free[c] + r.Int64N(m.spread+1)
		o := m.draw(r, &values, h.Initial)
		o.Call, o.Return = call, call+r.Int64N(m.spread+1)
		free[c] = o.Return + r.Int64N(2)
		h.Ops = append(h.Ops, o)
	}
	m.simulate(r, &h)
	if r.IntN(100) < m.mutate {
		for range 1 + r.IntN(2) {
			m.change(r, &h)
		}
	}
	r.Shuffle(len(h.Ops), func(i, j int) { h.Ops[i], h.Ops[j] = h.Ops[j], h.Ops[i] })
	return h
}

func (m mode) value(r *rand.Rand, values *Value) Value {
	if m.repeated {
		return Value(r.IntN(3))
	}
	*values++
	return *values
}

func (m mode) draw(r *rand.Rand, values *Value, initial int64) (o Op) {
	sum := 0
	for _, w := range m.weights {
		sum += w
	}
	x, kind := r.IntN(sum), 0
	for x >= m.weights[kind] {
		x -= m.weights[kind]
		kind++
	}
	key := func() Key { return Key(r.IntN(m.keys)) }
	switch kind {
	case 0:
		o.Then = []Action{{Kind: Get, Key: key()}}
	case 1:
		o.Then = []Action{{Kind: Put, Key: key(), Value: m.value(r, values)}}
	case 2:
		k := key()
		o.If = []Compare{m.compare(r, k, *values, initial)}
		o.Then = []Action{{Kind: Put, Key: k, Value: m.value(r, values)}}
		if r.IntN(100) < m.ways {
			o.Else = m.actions(r, values)
		}
	case 3:
		o.Then = []Action{{Kind: Delete, Key: key()}}
		if r.IntN(5) == 0 {
			o.Then[0].Key, o.Then[0].End = 0, Key(m.keys)
		}
	case 5:
		o.Then = []Action{{Kind: Get, Key: 0, End: Key(m.keys)}}
	default:
		for range r.IntN(3) {
			o.If = append(o.If, m.compare(r, key(), *values, initial))
		}
		o.Then = m.actions(r, values)
		if len(o.If) > 0 && r.IntN(100) < max(50, m.ways) {
			o.Else = m.actions(r, values)
		}
	}
	return o
}

func (m mode) compare(r *rand.Rand, k Key, values Value, initial int64) Compare {
	c := Compare{Key: k, Target: Target(r.IntN(4)), Relation: Relation(r.IntN(4))}
	switch c.Target {
	case ByValue:
		c.Relation = Relation(r.IntN(2))
		c.Value = values - Value(r.IntN(min(int(values), 3)+1))
		if m.repeated {
			c.Value = Value(r.IntN(3))
		}
	case ByVersion:
		c.Number = r.Int64N(3)
	default:
		if r.IntN(3) > 0 {
			c.Number = initial + r.Int64N(6)
		}
	}
	return c
}

// actions puts no key twice, as etcd demands.
func (m mode) actions(r *rand.Rand, values *Value) (out []Action) {
	written := map[Key]bool{}
	for range 1 + r.IntN(3) {
		a := Action{Kind: Kind(r.IntN(3)), Key: Key(r.IntN(m.keys))}
		if a.Kind != Get {
			if written[a.Key] {
				continue
			}
			written[a.Key] = true
		}
		if a.Kind == Put {
			a.Value = m.value(r, values)
		}
		out = append(out, a)
	}
	return out
}

// simulate answers the ops in the order of a random instant of each, and then forgets some answers.
func (m mode) simulate(r *rand.Rand, h *History) {
	at := make([]int64, len(h.Ops))
	order := make([]int, len(h.Ops))
	for i := range h.Ops {
		order[i] = i
		o := &h.Ops[i]
		at[i] = o.Call + r.Int64N(o.Return-o.Call+1)
		if r.IntN(100) < m.unknown {
			at[i] += r.Int64N(2*m.spread + 1) // it may be late
			o.Return = Never
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return int(at[a] - at[b]) })
	st := store{rev: h.Initial}
	var events []Event
	for _, i := range order {
		o := &h.Ops[i]
		if o.Return == Never && r.IntN(100) < m.unrun {
			continue
		}
		after, ok, outs, ev := st.do(o)
		if o.Return != Never {
			o.Succeeded, o.Outputs, o.Rev = ok, outs, after.rev
			if m.random {
				o.Rev = h.Initial + r.Int64N(4)
				m.randomOutput(r, o)
			}
			if r.IntN(100) < m.blind {
				for _, out := range o.Outputs {
					for n := range out.Items {
						out.Items[n].Mod = 0
					}
				}
			}
		}
		events = append(events, ev...)
		st = after
	}
	if r.IntN(100) < m.log && st.rev > h.Initial {
		from := h.Initial + 1 + r.Int64N(st.rev-h.Initial)
		to := from + r.Int64N(st.rev-from+1)
		h.Log = Log{From: from, To: to}
		for _, e := range events {
			if from <= e.Rev && e.Rev <= to {
				h.Log.Events = append(h.Log.Events, e)
			}
		}
	}
}

func (m mode) randomOutput(r *rand.Rand, o *Op) {
	if o.If != nil && r.IntN(2) == 0 {
		o.Succeeded = !o.Succeeded
		o.Outputs = make([]Output, len(o.ran()))
	}
	for i, a := range o.ran() {
		switch {
		case a.Kind == Delete:
			o.Outputs[i].Count = r.Int64N(2)
		case a.Kind == Get && r.IntN(2) == 0:
			o.Outputs[i].Items = nil
		case a.Kind == Get && a.End == 0:
			o.Outputs[i].Items = []Item{{a.Key, Value(1 + r.IntN(4)), 1 + r.Int64N(5)}}
		}
	}
}

func (m mode) change(r *rand.Rand, h *History) {
	i, j := r.IntN(len(h.Ops)), r.IntN(len(h.Ops))
	a, b := &h.Ops[i], &h.Ops[j]
	switch r.IntN(11) {
	case 0:
		if a.Return != Never {
			m.randomOutput(r, a)
		}
	case 1: // swap intervals
		if a.Return != Never && b.Return != Never {
			a.Call, b.Call, a.Return, b.Return = b.Call, a.Call, b.Return, a.Return
		}
	case 2: // later
		d := r.Int64N(m.spread + 1)
		a.Call += d
		if a.Return != Never {
			a.Return += d
		}
	case 3: // another revision
		if a.Return != Never {
			a.Rev = max(a.Rev+r.Int64N(3)-1, 1)
		}
	case 4: // swap replies
		if a.Return != Never && b.Return != Never && len(a.If)+len(b.If) == 0 && len(a.Then) == 1 && len(b.Then) == 1 && a.Then[0].Kind == b.Then[0].Kind {
			a.Outputs, b.Outputs, a.Rev, b.Rev = b.Outputs, a.Outputs, b.Rev, a.Rev
		}
	case 5: // one item
		for _, out := range a.Outputs {
			if len(out.Items) > 0 {
				it := &out.Items[r.IntN(len(out.Items))]
				if it.Mod > 0 && r.IntN(2) == 0 {
					it.Mod = max(it.Mod+r.Int64N(3)-1, 1)
				} else {
					it.Value = Value(1 + r.IntN(8))
				}
			}
		}
	case 6:
		if n := len(h.Log.Events); n > 0 {
			e := &h.Log.Events[r.IntN(n)]
			if r.IntN(2) == 0 {
				e.Key = Key(r.IntN(m.keys))
			} else if !e.Deleted {
				e.Value = Value(r.IntN(8))
			}
		}
	case 7:
		m.changeRevisions(r, &h.Log)
	case 8: // revisions in another order than calls and returns
		if a.known() && b.known() && a.Rev < b.Rev {
			d := max(0, b.Return+1-a.Call)
			a.Call, a.Return = a.Call+d, a.Return+d
		}
	case 9: // now and then an interval that cannot be
		if r.IntN(20) == 0 && a.known() {
			a.Call, a.Return = a.Return+1, a.Call
		}
	case 10: // a value that was seen is seen as of another revision
		if gets := func(o *Op) bool { return o.known() && len(o.If) == 0 && o.Then[0].Kind == Get }; gets(a) && gets(b) && len(a.Outputs[0].Items) == 1 && a.Then[0] == b.Then[0] {
			it := a.Outputs[0].Items[0]
			it.Mod = b.Rev
			b.Outputs[0].Items = []Item{it}
		}
	}
}

// changeRevisions lets the log forget an event, or tell it at a neighbouring revision.
func (m mode) changeRevisions(r *rand.Rand, l *Log) {
	if len(l.Events) == 0 {
		return
	}
	i := r.IntN(len(l.Events))
	if r.IntN(3) == 0 {
		l.Events = slices.Delete(l.Events, i, i+1)
		return
	}
	if to := l.Events[i].Rev + 2*r.Int64N(2) - 1; l.covers(to) {
		l.Events[i].Rev = to
		slices.SortStableFunc(l.Events, func(a, b Event) int { return int(a.Rev - b.Rev) })
	}
}
