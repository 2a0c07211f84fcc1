package register

import (
	"math/rand/v2"
	"slices"
)

// long simulates clients that call without a pause, and makes some outcomes unknown.
func long(n, clients, unknown int, weights [4]int, seed uint64) []Op {
	r := rand.New(rand.NewPCG(seed, 0))
	m := mode{weights: weights, ops: n, clients: clients, spread: 20, unknown: unknown}
	ops := make([]Op, 0, n)
	free := make([]int64, clients)
	var values Value
	for len(ops) < n {
		c := 0
		for i := range free {
			if free[i] < free[c] {
				c = i
			}
		}
		o := Op{Call: free[c]}
		o.Return = o.Call + 1 + r.Int64N(20)
		free[c] = o.Return + 1 + r.Int64N(3)
		m.draw(r, &o, &values)
		ops = append(ops, o)
	}
	answer(r, ops, unknown)
	return ops
}

// answer runs the ops at a random instant of each; those that become unknown run later, or never.
func answer(r *rand.Rand, ops []Op, unknown int) {
	type instant struct {
		at int64
		op int
	}
	order := make([]instant, 0, len(ops))
	for i := range ops {
		o := &ops[i]
		at := o.Call + r.Int64N(o.Return-o.Call+1)
		if o.Kind != Get && r.IntN(100) < unknown {
			o.Return = Never
			if o.Kind == DeleteFound {
				o.Kind = Delete
			}
			if r.IntN(3) == 0 {
				continue // it never runs
			}
			at += r.Int64N(60)
		}
		order = append(order, instant{at, i})
	}
	slices.SortStableFunc(order, func(a, b instant) int { return int(a.at - b.at) })
	st := Absent
	for _, x := range order {
		o := &ops[x.op]
		switch o.Kind {
		case Get:
			o.Value = st
		case CAS:
			if o.Return != Never && r.IntN(2) == 0 {
				o.Old = st
			}
			if o.Old != st {
				if o.Return != Never {
					o.Kind = CASFailed
				}
				continue
			}
		case DeleteFound:
			if st == Absent {
				o.Kind = DeleteMissed
			}
		}
		st, _ = o.Apply(st)
	}
}
