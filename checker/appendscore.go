package checker

import (
	"context"
	"math"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/faultline-chaos/faultline/checker/register"
	"github.com/faultline-chaos/faultline/history"
)

// core are a smallest set of definite ops of a key with text that no order explains, whatever the
// others did, as porcupine says: others are relaxed, reads dropped and writes made of unknown outcome,
// as register.Core does. shown are the relaxed writes that may be parts of what the core's reads show.
// All of the key's ops together are illegal. A set about which porcupine says nothing in its time counts
// as legal, and the core is larger then.
func (t *textKey) core(ctx context.Context) (core, shown []int) {
	const each = 200 * time.Millisecond
	ctx, cancel := context.WithTimeout(ctx, explainTime)
	defer cancel()
	illegal := func(keep []int) bool {
		ops, _ := t.relaxed(keep)
		return ctx.Err() == nil && porcupine.CheckOperationsTimeout(textModel(), textOperations(ops), min(each, remaining(ctx, each))) == porcupine.Illegal
	}
	var definite []int
	for i, o := range t.ops {
		if o.Done != register.Never {
			definite = append(definite, i)
		}
	}
	core = register.Minimal(narrowed(definite, illegal), illegal, func() bool { return ctx.Err() != nil })
	slices.Sort(core)
	_, shown = t.relaxed(core)
	return core, shown
}

// narrowed is a small part of candidates that is still illegal: it ends where it becomes so, and begins
// where doubling it from there finds it so.
func narrowed(candidates []int, illegal func([]int) bool) []int {
	n := sort.Search(len(candidates), func(n int) bool { return n == len(candidates) || illegal(candidates[:n]) })
	for size := 2; size < n; size *= 2 {
		if w := candidates[n-size : n]; illegal(w) {
			return w
		}
	}
	return candidates[:n]
}

// relaxed are the ops of keep as they are, and with them, of unknown outcome, those of the other writes
// that can matter to their reads. A write can only matter where a read shows its text, or where it
// empties the key. Of writes of the same text as many are enough as there are places for them in the
// reads, and the earliest ones, since what is relaxed has no deadline. which are those others.
func (t *textKey) relaxed(keep []int) (ops []textOp, which []int) {
	kept := map[int]bool{}
	end := int64(math.MinInt64)
	for _, i := range keep {
		kept[i] = true
		ops = append(ops, t.ops[i])
		end = max(end, t.ops[i].Done)
	}
	most := map[textOp]int{} // by what is written: how many more may matter
	for i, o := range t.ops {
		if kept[i] || o.Form == history.FormGet || o.Call > end {
			continue
		}
		what := textOp{Form: o.Form, Text: o.Text}
		left, counted := most[what]
		if !counted {
			for _, j := range keep {
				if r := t.ops[j]; r.Form == history.FormGet {
					left += places(o, r.Text)
				}
			}
		}
		if most[what] = left - 1; left > 0 {
			o.Done = register.Never
			ops, which = append(ops, o), append(which, i)
		}
	}
	slices.SortStableFunc(ops, func(a, b textOp) int { return int(min(max(a.Call-b.Call, -1), 1)) })
	return ops, which
}

// places is in how many places of a text that was read a write can be.
func places(w textOp, text string) int {
	switch {
	case w.Form == history.FormPut && (w.Text == "" || strings.HasPrefix(text, w.Text)):
		return 1
	case w.Form == history.FormPut || w.Text == "":
		return 0 // nobody can see it
	}
	return strings.Count(text, w.Text)
}
