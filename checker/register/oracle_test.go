package register

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// oracle is a deliberately dumb alternative to Check: it tries every order. It shares nothing with
// the search but the sequential specification.
func oracle(ops []Op) bool {
	type node struct {
		done uint32
		st   Value
	}
	seen := map[node]bool{}
	var try func(n node) bool
	try = func(n node) bool {
		if seen[n] {
			return false
		}
		seen[n] = true
		finished := true
		for i, o := range ops {
			if n.done>>i&1 == 0 && o.Return != Never {
				finished = false
			}
		}
		if finished {
			return true
		}
		for i, o := range ops {
			if n.done>>i&1 != 0 || !ready(ops, n.done, o.Call) {
				continue
			}
			if next, ok := o.Apply(n.st); ok && try(node{n.done | 1<<i, next}) {
				return true
			}
		}
		return false
	}
	for _, o := range ops {
		if o.Return < o.Call {
			return false
		}
	}
	return try(node{0, Absent})
}

// ready says whether everything that returned before the call is done.
func ready(ops []Op, done uint32, call int64) bool {
	for i, o := range ops {
		if done>>i&1 == 0 && o.Return < call {
			return false
		}
	}
	return true
}

// mode is a way to make random histories.
type mode struct {
	name    string
	weights [4]int // get, put, cas, delete
	blind   int    // percent of deletes that do not tell
	create  int    // percent of compare-and-sets from absence, beside those that come about by chance
	unknown int    // percent
	ops     int    // at most
	clients int
	spread  int64 // of times; small means ties
	mutate  int   // percent of histories whose answers are changed
	random  bool  // answers are drawn, not simulated
	domain  int   // of values; 0: each is written once
	recent  bool  // compare-and-sets are from recent values, so that many fail
	sure    bool  // only puts and compare-and-sets are of unknown outcome
}

var modes = []mode{
	{name: "put get", weights: [4]int{5, 4, 0, 0}, unknown: 10, ops: 10, clients: 4, spread: 20, mutate: 50},
	{name: "cas", weights: [4]int{3, 2, 6, 0}, unknown: 20, ops: 10, clients: 4, spread: 20, mutate: 50},
	{name: "deletes", weights: [4]int{3, 3, 3, 4}, unknown: 20, ops: 10, clients: 4, spread: 20, mutate: 50},
	{name: "blind deletes", weights: [4]int{3, 3, 2, 4}, blind: 70, unknown: 15, ops: 10, clients: 4, spread: 20, mutate: 50},
	{name: "unknown heavy", weights: [4]int{4, 3, 4, 2}, blind: 20, unknown: 60, ops: 11, clients: 5, spread: 20, mutate: 50},
	{name: "ties", weights: [4]int{4, 3, 3, 2}, blind: 20, unknown: 20, ops: 9, clients: 5, spread: 4, mutate: 50},
	{name: "all overlap", weights: [4]int{4, 3, 4, 3}, blind: 30, unknown: 30, ops: 8, clients: 9, spread: 1, mutate: 70},
	{name: "random answers", weights: [4]int{4, 3, 4, 2}, blind: 20, unknown: 30, ops: 7, clients: 4, spread: 15, random: true},
	{name: "failing creates", weights: [4]int{2, 2, 7, 4}, blind: 20, unknown: 30, ops: 10, clients: 5, spread: 20, mutate: 40},
	{name: "creates and blind deletes", weights: [4]int{4, 1, 6, 5}, create: 70, blind: 80, unknown: 10, ops: 9, clients: 4, spread: 20, mutate: 40},
	{name: "failing cas", weights: [4]int{2, 4, 8, 1}, blind: 20, unknown: 40, ops: 10, clients: 5, spread: 20, mutate: 40, recent: true},
	{name: "failing cas and blind deletes", weights: [4]int{1, 3, 6, 4}, blind: 80, unknown: 25, ops: 11, clients: 6, spread: 20, mutate: 30, recent: true},
	{name: "lost writes", weights: [4]int{1, 4, 4, 6}, create: 90, unknown: 70, ops: 11, clients: 5, spread: 20, mutate: 80, sure: true},
	{name: "random creates", weights: [4]int{3, 2, 6, 1}, create: 50, unknown: 25, ops: 6, clients: 4, spread: 12, random: true, recent: true},
	{name: "random failing cas", weights: [4]int{0, 4, 8, 1}, unknown: 30, ops: 7, clients: 4, spread: 12, random: true, recent: true},
	{name: "crowd", weights: [4]int{2, 3, 5, 3}, blind: 40, unknown: 30, ops: 11, clients: 11, spread: 20, mutate: 40, recent: true},
	{name: "repeated values", weights: [4]int{4, 4, 3, 2}, blind: 20, unknown: 20, ops: 9, clients: 4, spread: 20, mutate: 50, domain: 4},
	{name: "longer", weights: [4]int{4, 3, 3, 2}, blind: 20, unknown: 20, ops: 14, clients: 3, spread: 60, mutate: 50},
}

// history makes one: it simulates clients of a register, then changes answers, intervals and order.
func (m mode) history(r *rand.Rand) []Op {
	n := 2 + r.IntN(m.ops-1)
	ops := make([]Op, 0, n)
	free := make([]int64, m.clients)
	var values Value
	for len(ops) < n {
		c := r.IntN(m.clients)
		call := free[c] + r.Int64N(m.spread+1)
		o := Op{Call: call, Return: call + r.Int64N(m.spread+1)}
		if m.spread > 4 {
			o.Return = call + 1 + r.Int64N(1+m.spread/2)
		}
		free[c] = o.Return + r.Int64N(2)
		m.draw(r, &o, &values)
		ops = append(ops, o)
	}
	if m.random {
		for i := range ops {
			m.randomAnswer(r, &ops[i], values)
			if m.lost(r, ops[i]) {
				ops[i].Return = Never
			}
		}
	} else {
		m.simulate(r, ops)
	}
	if r.IntN(100) < m.mutate {
		for range 1 + r.IntN(2) {
			m.change(r, ops, values)
		}
	}
	r.Shuffle(len(ops), func(i, j int) { ops[i], ops[j] = ops[j], ops[i] })
	return ops
}

func (m mode) draw(r *rand.Rand, o *Op, values *Value) {
	x := r.IntN(m.weights[0] + m.weights[1] + m.weights[2] + m.weights[3])
	switch {
	case x < m.weights[0]:
		o.Kind = Get
	case x < m.weights[0]+m.weights[1]:
		o.Kind, o.Value = Put, m.value(r, values)
	case x < m.weights[0]+m.weights[1]+m.weights[2]:
		o.Kind = CAS
		if r.IntN(100) >= m.create && r.IntN(3) > 0 && *values > 0 {
			o.Old = *values - Value(r.IntN(min(int(*values), 3)))
		}
		o.Value = m.value(r, values)
	default:
		o.Kind = DeleteFound
	}
}

func (m mode) lost(r *rand.Rand, o Op) bool {
	return r.IntN(100) < m.unknown && (!m.sure || o.Kind == Put || o.Kind == CAS)
}

func (m mode) value(r *rand.Rand, values *Value) Value {
	if m.domain > 0 {
		*values = Value(m.domain)
		return 1 + Value(r.IntN(m.domain))
	}
	*values++
	return *values
}

// simulate answers the ops in the order of a random instant of each. Ops of unknown outcome may take
// effect late, or not at all; what they would have answered stays, and must not be looked at.
func (m mode) simulate(r *rand.Rand, ops []Op) {
	left := make([]int, 0, len(ops))
	at := make([]int64, len(ops))
	for i := range ops {
		o := &ops[i]
		at[i] = o.Call + r.Int64N(o.Return-o.Call+1)
		if m.lost(r, *o) {
			o.Return = Never
			if r.IntN(3) == 0 {
				at[i] += r.Int64N(2*m.spread + 1)
			}
			if r.IntN(4) == 0 {
				continue
			}
		}
		left = append(left, i)
	}
	st := Absent
	for len(left) > 0 {
		b := 0
		for j := range left {
			if at[left[j]] < at[left[b]] {
				b = j
			}
		}
		o := &ops[left[b]]
		left = append(left[:b], left[b+1:]...)
		switch o.Kind {
		case Get:
			o.Value = st
		case CAS:
			if o.Old != st && r.IntN(2) == 0 && st != Absent && m.create == 0 && !m.recent {
				o.Old = st // so that enough of them succeed
			}
			if o.Old != st && o.Return == Never {
				continue
			}
			if o.Old != st {
				o.Kind = CASFailed
			}
		case DeleteFound:
			if st == Absent {
				o.Kind = DeleteMissed
			}
			if r.IntN(100) < m.blind {
				o.Kind = Delete
			}
		}
		if o.Kind != CASFailed {
			st, _ = o.Apply(st)
		}
	}
}

func (m mode) randomAnswer(r *rand.Rand, o *Op, values Value) {
	switch o.Kind {
	case Get:
		o.Value = Value(r.IntN(int(values) + 1))
	case CAS:
		if r.IntN(2) == 0 {
			o.Kind = CASFailed
		}
	case DeleteFound:
		o.Kind = []Kind{Delete, DeleteFound, DeleteMissed}[r.IntN(3)]
	}
}

func (m mode) change(r *rand.Rand, ops []Op, values Value) {
	i, j := r.IntN(len(ops)), r.IntN(len(ops))
	switch r.IntN(5) {
	case 0:
		m.randomAnswer(r, &ops[i], values)
	case 1: // swap intervals, of ops of known outcome
		if ops[i].Return != Never && ops[j].Return != Never {
			ops[i].Call, ops[j].Call = ops[j].Call, ops[i].Call
			ops[i].Return, ops[j].Return = ops[j].Return, ops[i].Return
		}
	case 2: // later
		d := r.Int64N(m.spread + 1)
		ops[i].Call += d
		if ops[i].Return != Never {
			ops[i].Return += d
		}
	case 4: // now and then an interval that cannot be
		if r.IntN(20) == 0 && ops[i].Return != Never {
			ops[i].Call, ops[i].Return = ops[i].Return+1, ops[i].Call
		}
	case 3: // read something else that was written
		if ops[i].Kind == Get && ops[j].Kind != Get {
			ops[i].Value = ops[j].Value
		}
	}
}

// ambiguous says whether a value that an op looks at was written more than once: reads do not name
// their writer then.
func ambiguous(ops []Op) bool {
	writers, looked := map[Value]int{}, map[Value]bool{}
	for _, o := range ops {
		switch {
		case o.Kind == Put || o.Kind == CAS:
			writers[o.Value]++
			if o.Kind == CAS {
				looked[o.Old] = true
			}
		case o.Return == Never:
		case o.Kind == Get:
			looked[o.Value] = true
		case o.Kind == CASFailed:
			looked[o.Old] = true
		}
	}
	for v, n := range writers {
		if n > 1 && looked[v] {
			return true
		}
	}
	return false
}

func show(ops []Op) string {
	var b strings.Builder
	for _, o := range ops {
		ret := fmt.Sprint(o.Return)
		if o.Return == Never {
			ret = "Never"
		}
		fmt.Fprintf(&b, "\n{%s, %d, %d, %d, %s},", [...]string{"Get", "Put", "CAS", "CASFailed", "Delete", "DeleteFound", "DeleteMissed"}[o.Kind], o.Old, o.Value, o.Call, ret)
	}
	return b.String()
}
