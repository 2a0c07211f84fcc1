package checker

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/faultline-chaos/faultline/checker/register"
	"github.com/faultline-chaos/faultline/harness"
)

// Linearizable judges whether every key's calls could have been answered by a single register that
// handles one call at a time, each at some instant between its invocation and its completion
// (Herlihy and Wing, Linearizability, 1990). Linearizability is local: keys are judged one by one.
type Linearizable struct {
	// Budget is the time for all keys; 0 means 60 s. The context's deadline holds beside it.
	Budget time.Duration
}

// Name is linearizable.
func (Linearizable) Name() string { return "linearizable" }

const defaultBudget = time.Minute

// Check judges the ops get, put, cas and delete.
func (c Linearizable) Check(ctx context.Context, h harness.History) harness.Verdict {
	budget := c.Budget
	if budget == 0 {
		budget = defaultBudget
	}
	ctx, cancel := context.WithTimeout(ctx, budget)
	defer cancel()
	keys, err := byKey(h.Ops)
	if err != nil {
		return malformed(err)
	}
	total, reads := 0, 0
	for _, k := range keys {
		total += len(k.ops)
		for _, o := range k.ops {
			if o.Kind == register.Get {
				reads++
			}
		}
	}
	if reads == 0 {
		return unknown("no read was answered, so no history could have been refused")
	}
	return c.sum(h, keys, judgeKeys(ctx, keys), total)
}

// finding is what is known of one key.
type finding struct {
	validity harness.Validity
	reason   string // why it is not valid
	window   []int  // ops of the key that show it, by index
}

// judgeKeys decides the keys, two at a time.
func judgeKeys(ctx context.Context, keys []*keyHistory) []finding {
	out := make([]finding, len(keys))
	next := make(chan int)
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for i := range next {
				out[i] = keys[i].judge(ctx)
			}
		})
	}
	for i := range keys {
		next <- i
	}
	close(next)
	wg.Wait()
	return out
}

func (c Linearizable) sum(h harness.History, keys []*keyHistory, found []finding, total int) harness.Verdict {
	var undecided []string
	for i, f := range found {
		k := keys[i]
		switch f.validity {
		case harness.Invalid:
			var at []int
			for _, o := range f.window {
				at = append(at, k.from[o].invoke, k.from[o].done)
			}
			v := invalid(evidence(h.Ops, at...), "key %q is not linearizable: %s", k.key, f.reason)
			if page, err := k.visualize(f.window); err == nil {
				v.Artifacts = map[string][]byte{"linearizability-" + fileName(k.key) + ".html": page}
			} else {
				v.Reason += fmt.Sprintf(" (no visualization: %v)", err)
			}
			return v
		case harness.Unknown:
			undecided = append(undecided, fmt.Sprintf("%q (%s)", k.key, f.reason))
		}
	}
	if len(undecided) > 0 {
		n := len(undecided)
		return unknown("%d of %s could not be decided: %s", n, count(len(keys), "key"), strings.Join(undecided[:min(n, 3)], ", "))
	}
	return valid("every one of %s has a linearization, %s in all", count(len(keys), "key"), count(total, "op"))
}

// judge decides one key.
func (k *keyHistory) judge(ctx context.Context) finding {
	if ctx.Err() != nil {
		return finding{reason: "the time for checking was up before its turn"}
	}
	left := time.Hour
	if d, ok := ctx.Deadline(); ok {
		left = time.Until(d)
	}
	switch porcupine.CheckOperationsTimeout(k.model(), k.operations(), max(left, time.Nanosecond)) {
	case porcupine.Ok:
		return finding{validity: harness.Valid}
	case porcupine.Illegal:
		all := make([]int, len(k.ops))
		for i := range all {
			all[i] = i
		}
		return finding{harness.Invalid, "its calls have no order in which a register could have answered them", all}
	default:
		return finding{reason: "the time for checking was up"}
	}
}

// fileName keeps of a key what is harmless in a file's name.
func fileName(key string) string {
	clean := strings.Map(func(r rune) rune {
		if r < 0x80 && (r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' || r == '-' || r == '_') {
			return r
		}
		return '_'
	}, key)
	return clean[:min(len(clean), 64)]
}

// sortedByCall are the indexes of ops in the order of invocation.
func (k *keyHistory) sortedByCall(which []int) []int {
	out := slices.Clone(which)
	slices.SortFunc(out, func(a, b int) int { return k.from[a].invoke - k.from[b].invoke })
	return out
}
