package register

import (
	"cmp"
	"slices"
)

// Relaxed are the ops as Core's sets mean them: those of keep as they are, others relaxed. Of the
// others only those are there that can matter to the kept ones, so that it costs what the kept ones
// cost, however long the history is. That it says the same as all of them is tested against the oracle.
func Relaxed(ops []Op, keep []int) []Op { return newRelaxer(ops).relaxed(keep) }

// relaxer finds by value what a kept op may need of the others. Its lists are in the order of calls.
type relaxer struct {
	ops                    []Op
	writers                [][]int32 // by value
	swaps                  [][]int32 // compare-and-sets, by the value that they replace
	looks                  [][]int32 // gets and compare-and-sets, failed ones too, by the value that they look at
	puts, creates, deletes []int32
}

func newRelaxer(ops []Op) *relaxer {
	most := Absent
	byCall := make([]int32, len(ops))
	for i, o := range ops {
		most = max(most, o.Value, o.Old)
		byCall[i] = int32(i)
	}
	order := func(a, b int32) int { return cmp.Compare(ops[a].Call, ops[b].Call) }
	if !slices.IsSortedFunc(byCall, order) {
		slices.SortStableFunc(byCall, order)
	}
	r := &relaxer{ops: ops, writers: make([][]int32, most+1), swaps: make([][]int32, most+1), looks: make([][]int32, most+1)}
	for _, i := range byCall {
		switch o := ops[i]; o.Kind {
		case Get:
			r.looks[o.Value] = append(r.looks[o.Value], i)
		case Put:
			r.puts = append(r.puts, i)
			r.writers[o.Value] = append(r.writers[o.Value], i)
		case CAS:
			r.writers[o.Value] = append(r.writers[o.Value], i)
			r.looks[o.Old] = append(r.looks[o.Old], i)
			if o.Old == Absent {
				r.creates = append(r.creates, i)
			} else {
				r.swaps[o.Old] = append(r.swaps[o.Old], i)
			}
		case CASFailed:
			r.looks[o.Old] = append(r.looks[o.Old], i)
		case Delete, DeleteFound:
			r.deletes = append(r.deletes, i)
		}
	}
	return r
}

// relaxed takes, beside the kept ops, the writers of all values that they look at, and what those
// writers replace in turn. A write whose value nobody looks at can only help an op that needs a
// present key or another value, a delete only one that needs absence: of each as many are enough as
// there are such ops, the earliest ones, since what is relaxed has no deadline.
func (r *relaxer) relaxed(keep []int) []Op {
	taken := map[int32]bool{}
	end := int64(minTime)
	for _, i := range keep {
		taken[int32(i)] = true
		end = max(end, r.ops[i].Return)
	}
	out := make([]Op, 0, 2*len(keep))
	var work []Value
	looked := map[Value]bool{Absent: true}
	look := func(v Value) {
		if !looked[v] {
			looked[v] = true
			work = append(work, v)
		}
	}
	var need struct{ writes, deletes int }
	differs := map[Value]bool{}
	note := func(o *Op) {
		switch o.Kind {
		case Get:
			look(o.Value)
		case CAS:
			look(o.Old)
		case CASFailed:
			look(o.Old)
			differs[o.Old] = true
			need.writes++
			need.deletes++
		case DeleteFound:
			need.writes++
		}
		if o.Kind == DeleteMissed || o.Kind == Get && o.Value == Absent || o.Kind == CAS && o.Old == Absent {
			need.deletes++
		}
	}
	for _, i := range keep {
		out = append(out, r.ops[i])
		note(&r.ops[i])
	}
	take := func(i int32) bool {
		o := r.ops[i]
		if taken[i] || o.Call > end {
			return false
		}
		taken[i] = true
		if o.Kind == DeleteFound {
			o.Kind = Delete
		}
		o.Return = Never
		out = append(out, o)
		note(&o)
		return true
	}
	for len(work) > 0 {
		v := work[len(work)-1]
		work = work[:len(work)-1]
		for _, w := range r.writers[v] {
			take(w)
		}
		if differs[v] {
			for _, w := range r.swaps[v] {
				take(w)
			}
		}
	}
	some := func(from []int32, n int) {
		for _, i := range from {
			if n == 0 || r.ops[i].Call > end {
				return
			}
			if take(i) {
				n--
			}
		}
	}
	writes := need.writes
	some(r.puts, writes)
	some(r.creates, writes)
	some(r.deletes, need.deletes)
	slices.SortStableFunc(out, func(a, b Op) int { return cmp.Compare(a.Call, b.Call) })
	return out
}

// related adds to ops those that look at a value that one of them writes, and the writers of what they
// look at: a stale read may be far from what it contradicts.
func (r *relaxer) related(which []int) []int {
	in := map[int]bool{}
	out := slices.Clone(which)
	for _, i := range which {
		in[i] = true
	}
	add := func(list []int32) {
		const most = 64 // of one value
		for _, j := range list[:min(len(list), most)] {
			if i := int(j); !in[i] && r.ops[i].Return != Never {
				in[i] = true
				out = append(out, i)
			}
		}
	}
	for _, i := range which {
		o := &r.ops[i]
		if o.Kind == Put || o.Kind == CAS {
			add(r.looks[o.Value])
		}
		switch {
		case o.Kind == Get && o.Value != Absent:
			add(r.writers[o.Value])
		case (o.Kind == CAS || o.Kind == CASFailed) && o.Old != Absent:
			add(r.writers[o.Old])
			add(r.swaps[o.Old])
		}
	}
	return out
}
