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
	m := minimizer{ctx: ctx, relaxer: newRelaxer(ops), left: coreTotal}
	var definite []int
	for i, o := range ops {
		if o.Return != Never {
			definite = append(definite, i)
		}
	}
	window := m.window(definite, at)
	if window == nil {
		return everything(ops) // it lies in ops of unknown outcome alone, or time is up
	}
	return m.shrink(window)
}

// CoreBy is Core where another judge found the ops of window to be illegal, whatever the others did.
// It asks the judge about relaxed ops, and stops where ctx ends.
func CoreBy(ctx context.Context, ops []Op, window []int, illegal func([]Op) bool) []int {
	m := minimizer{ctx: ctx, relaxer: newRelaxer(ops), left: coreTotal, judge: illegal}
	return m.shrink(window)
}

func (m *minimizer) shrink(window []int) []int {
	core := Minimal(window, m.illegal, func() bool { return m.ctx.Err() != nil || m.left <= 0 })
	slices.SortFunc(core, func(a, b int) int { return cmp.Compare(m.ops[a].Call, m.ops[b].Call) })
	return core
}

func everything(ops []Op) []int {
	all := make([]int, len(ops))
	for i := range all {
		all[i] = i
	}
	return all
}

type minimizer struct {
	*relaxer
	ctx   context.Context
	left  int64           // transitions
	judge func([]Op) bool // in place of check; nil: none
}

const (
	// coreBudget is for one set. A set that takes longer counts as legal: the core is larger then.
	coreBudget = 100_000
	// coreTotal is for all sets together: some seconds.
	coreTotal = 5_000_000
)

func (m *minimizer) illegal(keep []int) bool {
	if m.ctx.Err() != nil || m.left <= 0 {
		return false
	}
	if m.judge != nil {
		return m.judge(m.relaxed(keep))
	}
	r := check(m.ctx, m.relaxed(keep), coreBudget)
	m.left -= r.Steps
	return r.Verdict == Illegal
}

// window is an illegal set of definite ops around the one at which it was seen, and what is related to
// them by values: its size is doubled until it is illegal. nil where none is known to be.
func (m *minimizer) window(definite []int, at int) []int {
	slices.SortFunc(definite, func(a, b int) int { return cmp.Compare(m.ops[a].Call, m.ops[b].Call) })
	center, _ := slices.BinarySearchFunc(definite, m.ops[at].Call, func(i int, t int64) int { return cmp.Compare(m.ops[i].Call, t) })
	for size := 2; size < len(definite); size *= 2 {
		lo, hi := max(0, center-size), min(len(definite), center+size)
		if w := m.related(definite[lo:hi]); m.illegal(w) {
			slices.SortFunc(w, func(a, b int) int { return cmp.Compare(m.ops[a].Call, m.ops[b].Call) })
			return w
		}
	}
	if m.illegal(definite) {
		return definite
	}
	return nil
}

// Minimal is QuickXplain: of candidates, which are illegal together, those without which the others would
// not be. illegal is monotone. Where stop says so what is left is taken as it is. The candidates are
// anything that illegal knows by number.
func Minimal(candidates []int, illegal func(keep []int) bool, stop func() bool) []int {
	// without finds a minimal part of candidates that is illegal together with base. added is what base
	// gained last.
	var without func(base, added, candidates []int) []int
	without = func(base, added, candidates []int) []int {
		if len(added) > 0 && illegal(base) {
			return nil
		}
		if len(candidates) <= 1 || stop() {
			return candidates
		}
		left, right := candidates[:len(candidates)/2], candidates[len(candidates)/2:]
		fromRight := without(slices.Concat(base, left), left, right)
		fromLeft := without(slices.Concat(base, fromRight), fromRight, left)
		return slices.Concat(fromLeft, fromRight)
	}
	return without(nil, nil, candidates)
}
