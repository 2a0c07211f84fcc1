package revision

import (
	"fmt"
	"slices"
	"strings"
)

// cell is a key's state, in the oracle and the simulation.
type cell struct {
	there                bool
	value                Value
	create, mod, version int64
}

// store is the sequential specification, written apart from the checker's model.
type store struct {
	rev   int64
	cells [4]cell
}

// do runs a transaction and answers it as the server would. events are what a watch would see.
func (s store) do(o *Op) (after store, ok bool, outs []Output, events []Event) {
	ok = true
	for _, c := range o.If {
		cell := s.cells[c.Key]
		var holds bool
		if c.Target == ByValue {
			holds = cell.there && ((c.Relation == Equal && cell.value == c.Value) || (c.Relation == NotEqual && cell.value != c.Value))
		} else {
			n := cell.mod
			switch c.Target {
			case ByCreate:
				n = cell.create
			case ByVersion:
				n = cell.version
			}
			holds = (c.Relation == Equal && n == c.Number) || (c.Relation == NotEqual && n != c.Number) || (c.Relation == Less && n < c.Number) || (c.Relation == Greater && n > c.Number)
		}
		ok = ok && holds
	}
	actions := o.Then
	if !ok {
		actions = o.Else
	}
	after = s
	for _, a := range actions {
		var out Output
		for k := a.Key; k == a.Key || k < a.End; k++ {
			c := &after.cells[k]
			switch {
			case a.Kind == Put:
				if !c.there {
					*c = cell{there: true, create: s.rev + 1}
				}
				c.value, c.mod = a.Value, s.rev+1
				c.version++
				after.rev = s.rev + 1
				events = append(events, Event{Rev: s.rev + 1, Key: k, Value: a.Value})
			case !c.there:
			case a.Kind == Get:
				out.Items = append(out.Items, Item{k, c.value, c.mod})
			case a.Kind == Delete:
				*c = cell{}
				out.Count++
				after.rev = s.rev + 1
				events = append(events, Event{Rev: s.rev + 1, Key: k, Deleted: true})
			}
		}
		outs = append(outs, out)
	}
	return after, ok, outs, events
}

// oracle tries every order.
func oracle(h History) bool {
	type node struct {
		done uint32
		st   store
	}
	initial := max(h.Initial, 1)
	seen := map[node]bool{}
	var try func(n node) bool
	try = func(n node) bool {
		if seen[n] {
			return false
		}
		seen[n] = true
		finished := h.Log.From == 0 || n.st.rev >= h.Log.To
		for i := range h.Ops {
			if n.done>>i&1 == 0 && h.Ops[i].Return != Never {
				finished = false
			}
		}
		if finished {
			return true
		}
		if after, ok := others(h, n.st); ok && try(node{n.done, after}) {
			return true
		}
		for i := range h.Ops {
			o := &h.Ops[i]
			if n.done>>i&1 != 0 || !ready(h.Ops, n.done, o.Call) {
				continue
			}
			after, ok, outs, events := n.st.do(o)
			if !told(h.Log, events, n.st.rev, after.rev) {
				continue
			}
			if o.Return != Never && !(ok == o.Succeeded && after.rev == o.Rev && same(outs, o.Outputs)) {
				continue
			}
			if try(node{n.done | 1<<i, after}) {
				return true
			}
		}
		return false
	}
	for i := range h.Ops {
		if h.Ops[i].Return < h.Ops[i].Call {
			return false
		}
	}
	return try(node{0, store{rev: initial}})
}

func ready(ops []Op, done uint32, call int64) bool {
	for i := range ops {
		if done>>i&1 == 0 && ops[i].Return < call {
			return false
		}
	}
	return true
}

// others does what the log tells of the next revision, as somebody who is not in the history. A value
// that only one op can have written, and of which it is not known whether it did, is that op's.
func others(h History, st store) (after store, ok bool) {
	after = st
	for _, e := range h.Log.Events {
		if e.Rev != st.rev+1 {
			continue
		}
		after.rev = e.Rev
		c := &after.cells[e.Key]
		if e.Deleted {
			if !c.there {
				return st, false
			}
			*c = cell{}
			continue
		}
		writers, unknown := 0, 0
		for i := range h.Ops {
			o := &h.Ops[i]
			puts := func(a Action) bool { return a.Kind == Put && a.Key == e.Key && a.Value == e.Value }
			then, other := slices.ContainsFunc(o.Then, puts), slices.ContainsFunc(o.Else, puts)
			switch {
			case o.Return == Never && (then || other):
				writers++
				unknown++
			case o.Return != Never && (o.Succeeded && then || !o.Succeeded && other):
				writers++
			}
		}
		if writers == 1 && unknown == 1 {
			return st, false
		}
		if !c.there {
			*c = cell{there: true, create: e.Rev}
		}
		c.value, c.mod = e.Value, e.Rev
		c.version++
	}
	return after, after.rev > st.rev
}

// told says whether the log, where it speaks of the revision, has these events of it.
func told(l Log, events []Event, before, after int64) bool {
	if before == after || l.From == 0 || after < l.From || after > l.To {
		return true
	}
	var want []Event
	for _, e := range l.Events {
		if e.Rev == after {
			want = append(want, e)
		}
	}
	order := func(a, b Event) int { return int(a.Key - b.Key) }
	slices.SortFunc(want, order)
	slices.SortFunc(events, order)
	return slices.Equal(want, events)
}

// same compares outputs; a revision of 0 was not told.
func same(got, reply []Output) bool {
	return slices.EqualFunc(got, reply, func(a, b Output) bool {
		return a.Count == b.Count && slices.EqualFunc(a.Items, b.Items, func(x, y Item) bool {
			return x.Key == y.Key && x.Value == y.Value && (x.Mod == y.Mod || y.Mod == 0)
		})
	})
}

func show(h History) string {
	var b strings.Builder
	fmt.Fprintf(&b, " initial %d, log %+v", h.Initial, h.Log)
	for i, o := range h.Ops {
		fmt.Fprintf(&b, "\n%d: if %v then %v else %v, %d to ", i, o.If, o.Then, o.Else, o.Call)
		if o.Return == Never {
			b.WriteString("never")
		} else {
			fmt.Fprintf(&b, "%d: succeeded %t, rev %d, %v", o.Return, o.Succeeded, o.Rev, o.Outputs)
		}
	}
	return b.String()
}
