package register

import (
	"cmp"
	"context"
	"slices"
)

// Core finds a small set of ops that cannot be explained whatever the others did. ops are illegal,
// and at is the op at which Check saw it. A smallest set is not promised; it is all ops where ctx
// ends before a smaller set is known.
//
// Ops outside of a set are relaxed and not removed, since a removed write may be what made the rest
// legal: observations are dropped, and definite writes may have run at any later time, or not at
// all. Relaxing only adds orders. So illegality is monotone, which is what QuickXplain needs (Junker,
// QUICKXPLAIN: Preferred Explanations and Relaxations for Over-Constrained Problems, 2004).
func Core(ctx context.Context, ops []Op, at int) []int {
	m := minimizer{ctx: ctx, ops: ops}
	var definite []int
	for i, o := range ops {
		if o.Return != Never {
			definite = append(definite, i)
		}
	}
	if !m.illegal(definite) {
		return everything(ops) // it lies in ops of unknown outcome alone, or time is up
	}
	core := m.quickXplain(nil, nil, m.window(definite, at))
	slices.SortFunc(core, func(a, b int) int { return cmp.Compare(ops[a].Call, ops[b].Call) })
	return core
}

func everything(ops []Op) []int {
	all := make([]int, len(ops))
	for i := range all {
		all[i] = i
	}
	return all
}

// Relaxed are the ops as Core's sets mean them: those of keep as they are, others relaxed. What is
// called after everything in keep has returned is left out: it cannot matter. from is the index in
// ops of each.
func Relaxed(ops []Op, keep []int) (relaxed []Op, from []int) {
	kept := make([]bool, len(ops))
	end := int64(minTime)
	for _, i := range keep {
		kept[i] = true
		end = max(end, ops[i].Return)
	}
	for i, o := range ops {
		if !kept[i] {
			if o.Call > end {
				continue
			}
			switch o.Kind {
			case Get, CASFailed, DeleteMissed:
				continue
			case DeleteFound:
				o.Kind = Delete
			}
			o.Return = Never
		}
		relaxed, from = append(relaxed, o), append(from, i)
	}
	return relaxed, from
}

type minimizer struct {
	ctx context.Context
	ops []Op
}

// coreBudget is for one set. A set that takes longer counts as legal: the core is larger then.
const coreBudget = 200_000

func (m *minimizer) illegal(keep []int) bool {
	if m.ctx.Err() != nil {
		return false
	}
	relaxed, _ := Relaxed(m.ops, keep)
	return check(m.ctx, relaxed, coreBudget).Verdict == Illegal
}

// window is an illegal set of definite ops around the one at which it was seen: its size is doubled
// until it is illegal.
func (m *minimizer) window(definite []int, at int) []int {
	slices.SortFunc(definite, func(a, b int) int { return cmp.Compare(m.ops[a].Call, m.ops[b].Call) })
	center, _ := slices.BinarySearchFunc(definite, m.ops[at].Call, func(i int, t int64) int { return cmp.Compare(m.ops[i].Call, t) })
	for size := 8; size < len(definite); size *= 2 {
		lo, hi := max(0, center-size), min(len(definite), center+size)
		if w := definite[lo:hi]; m.illegal(w) {
			return w
		}
	}
	return definite
}

// quickXplain finds a minimal part of candidates that is illegal together with base. added is what
// base gained last.
func (m *minimizer) quickXplain(base, added, candidates []int) []int {
	if len(added) > 0 && m.illegal(base) {
		return nil
	}
	if len(candidates) <= 1 || m.ctx.Err() != nil {
		return candidates
	}
	left, right := candidates[:len(candidates)/2], candidates[len(candidates)/2:]
	fromRight := m.quickXplain(slices.Concat(base, left), left, right)
	fromLeft := m.quickXplain(slices.Concat(base, fromRight), fromRight, left)
	return slices.Concat(fromLeft, fromRight)
}
