package revision

import (
	"math/rand/v2"
	"slices"
)

// outages are when calls get no answer: of every so many ops the first lost, of which a part runs all
// the same, late.
type outages struct{ every, lost, ran int }

// long simulates clients that call without a pause, on four keys: reads that tell revisions, puts,
// deletes, and transactions that compare revisions which the client has seen.
func long(n, clients int, out outages, seed uint64) History {
	r := rand.New(rand.NewPCG(seed, 0))
	h := History{Initial: 1, Ops: make([]Op, 0, n)}
	type instant struct {
		at int64
		op int
	}
	order := make([]instant, 0, n)
	free := make([]int64, clients)
	for i := range n {
		c := 0
		for j := range free {
			if free[j] < free[c] {
				c = j
			}
		}
		o := Op{Call: free[c]}
		o.Return = o.Call + 1 + r.Int64N(20)
		free[c] = o.Return + 1 + r.Int64N(3)
		at := o.Call + r.Int64N(o.Return-o.Call+1)
		if out.every > 0 && i%out.every < out.lost {
			o.Return = Never
			at += r.Int64N(200)
		}
		if o.Return != Never || r.IntN(100) < out.ran {
			order = append(order, instant{at, i})
		}
		h.Ops = append(h.Ops, o)
	}
	slices.SortStableFunc(order, func(a, b instant) int { return int(a.at - b.at) })
	st, values := store{rev: 1}, Value(0)
	ran := make([]bool, n)
	for _, x := range order {
		o := &h.Ops[x.op]
		lately(r, o, &st, &values)
		after, ok, outs, _ := st.do(o)
		if o.Return != Never {
			o.Succeeded, o.Outputs, o.Rev = ok, outs, after.rev
		}
		st, ran[x.op] = after, true
	}
	for i := range h.Ops {
		if !ran[i] {
			lately(r, &h.Ops[i], &st, &values)
		}
	}
	return h
}

// lately draws what an op does. Revisions to compare are those of now, which another write may have
// made old.
func lately(r *rand.Rand, o *Op, st *store, values *Value) {
	k, other := Key(r.IntN(4)), Key(r.IntN(4))
	*values++
	switch x := r.IntN(10); {
	case x < 4:
		o.Then = []Action{{Kind: Get, Key: 0, End: 4}}
	case x < 7:
		o.Then = []Action{{Kind: Put, Key: k, Value: *values}}
	case x < 8:
		o.Then = []Action{{Kind: Delete, Key: k}}
	default:
		mod := st.cells[k].mod
		if r.IntN(3) == 0 {
			mod = max(0, mod-1)
		}
		o.If = []Compare{{Key: k, Target: ByMod, Number: mod}}
		o.Then = []Action{{Kind: Put, Key: k, Value: *values}, {Kind: Get, Key: other}}
		o.Else = []Action{{Kind: Get, Key: k}}
		if k != other && r.IntN(3) == 0 {
			o.Then = append(o.Then, Action{Kind: Delete, Key: other})
		}
	}
}

// What traps are made of: one key, revisions from 1.
func put(v Value, call, ret, rev int64) Op {
	return Op{Then: []Action{{Kind: Put, Value: v}}, Call: call, Return: ret, Succeeded: true, Outputs: []Output{{}}, Rev: rev}
}

func get(v Value, mod, call, ret, rev int64) Op {
	return Op{Then: []Action{{Kind: Get}}, Call: call, Return: ret, Succeeded: true, Outputs: []Output{{Items: []Item{{0, v, mod}}}}, Rev: rev}
}

func gone(call, ret, rev int64) Op {
	return Op{Then: []Action{{Kind: Get}}, Call: call, Return: ret, Succeeded: true, Outputs: []Output{{}}, Rev: rev}
}

func remove(count, call, ret, rev int64) Op {
	return Op{Then: []Action{{Kind: Delete}}, Call: call, Return: ret, Succeeded: true, Outputs: []Output{{Count: count}}, Rev: rev}
}

// cas compares with old; an old of 0 is absence.
func cas(old, v Value, swapped bool, call, ret, rev int64) Op {
	o := Op{If: []Compare{{Value: old}}, Then: []Action{{Kind: Put, Value: v}}, Call: call, Return: ret, Succeeded: swapped, Rev: rev}
	if old == 0 {
		o.If[0] = Compare{Target: ByCreate}
	}
	if swapped {
		o.Outputs = []Output{{}}
	}
	return o
}

func lost(o Op) Op {
	o.Return, o.Succeeded, o.Outputs, o.Rev = Never, false, nil, 0
	return o
}
