package checker

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/faultline-chaos/faultline/checker/register"
	"github.com/faultline-chaos/faultline/history"
)

// Linearizable judges whether the calls of every key could have been answered by a single register that
// handles one call at a time, each at some instant between its invocation and its completion
// (Herlihy and Wing, Linearizability, 1990). Linearizability is local: keys are judged one by one.
type Linearizable struct {
	// Budget is the time for all keys; 0 means until the context's deadline, or 60 s where it has none.
	Budget time.Duration
}

// Name is linearizable.
func (Linearizable) Name() string { return "linearizable" }

// limited gives a checker its time: 0 means until ctx's deadline, or a minute where it has none.
func limited(ctx context.Context, budget time.Duration) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); budget == 0 && !ok {
		budget = time.Minute
	}
	if budget == 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, budget)
}

// Check judges the ops get, put, cas and delete.
func (c Linearizable) Check(ctx context.Context, h history.History) history.Verdict {
	keys, err := keysOf(h.Ops)
	if err != nil {
		return malformed(err)
	}
	return c.checkKeys(ctx, keys, Ops(h.Ops))
}

// CheckKeys judges a history in the compact form of Keys, which takes no further lines from then on.
// lines are read only to describe a violation.
func (c Linearizable) CheckKeys(ctx context.Context, all *Keys, lines Lines) history.Verdict {
	return narrated(c.checkKeys(ctx, all, lines), c.Name(), lines, nil)
}

func (c Linearizable) checkKeys(ctx context.Context, all *Keys, lines Lines) history.Verdict {
	ctx, cancel := limited(ctx, c.Budget)
	defer cancel()
	keys := all.finish(lines)
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
		return unknown("no read was answered, so no violation could have been detected")
	}
	return sum(keys, judgeKeys(ctx, keys), total)
}

// finding is what is known of one key.
type finding struct {
	validity history.Validity
	reason   string // why it is not decided; of a violation, how sure it is, or ""
	core     []int  // of a violation: ops of the key that no order explains, by index
	shown    []int  // further ones that it takes to see that
	open     bool   // the fast algorithm left it open, at this op
	at       int
}

// judgeKeys decides the keys, two at a time. What is open then goes to porcupine, the smallest key
// first and one at a time, since each may take the whole memory that is allowed.
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
	var open []int
	for i := range out {
		if out[i].open {
			open = append(open, i)
		}
		if out[i].validity == history.Invalid {
			return out // that is the verdict, whatever else there is
		}
	}
	slices.SortStableFunc(open, func(a, b int) int { return cmp.Compare(len(keys[a].ops), len(keys[b].ops)) })
	for _, i := range open {
		if out[i] = keys[i].generic(ctx, out[i]); out[i].validity == history.Invalid {
			break
		}
	}
	return out
}

func sum(keys []*keyHistory, found []finding, total int) history.Verdict {
	var undecided []string
	for i, f := range found {
		switch f.validity {
		case history.Invalid:
			return keys[i].tell(f)
		case history.Unknown:
			undecided = append(undecided, fmt.Sprintf("%q (%s)", keys[i].key, f.reason))
		}
	}
	if len(undecided) > 0 {
		n := len(undecided)
		return unknown("%d of %s could not be decided: %s", n, count(len(keys), "key"), strings.Join(undecided[:min(n, 3)], ", "))
	}
	return valid("%s, %s: each key has a linearization", count(len(keys), "key"), count(total, "op"))
}

// Without a helper, porcupine gets only small keys: a generic search of a long history ends for lack
// of memory.
const (
	porcupineOps  = 500
	porcupineTime = 20 * time.Second
)

// judge decides one key by the fast algorithm.
func (k *keyHistory) judge(ctx context.Context) finding {
	r := register.Check(ctx, k.ops, 0)
	switch r.Verdict {
	case register.Legal:
		return finding{validity: history.Valid}
	case register.Illegal:
		return k.confirm(ctx, r)
	}
	why := r.Reason
	if r.Op >= 0 {
		why = fmt.Sprintf("%s, at op %d (%s), with a frontier of %d", why, k.ops[r.Op].Call, k.describe(k.ops[r.Op]), r.Frontier)
	}
	return finding{reason: why, open: true, at: r.Op}
}

// generic asks porcupine about a key that the fast algorithm left open.
func (k *keyHistory) generic(ctx context.Context, f finding) finding {
	if ctx.Err() != nil {
		return finding{reason: "the time limit was reached: " + f.reason}
	}
	windows, from := k.windows(f.at)
	r, err := generic(ctx, question{Windows: windows}, len(k.ops))
	if err != nil {
		return finding{reason: fmt.Sprintf("%s; %v", f.reason, err)}
	}
	switch r.Result {
	case porcupine.Ok:
		return finding{validity: history.Valid}
	case porcupine.Illegal:
		return finding{validity: history.Invalid, core: k.shrink(ctx, from[r.Window])}
	default:
		return finding{reason: f.reason + "; porcupine did not decide within its time either"}
	}
}

// windows are relaxed parts of the key's history around an op, each larger than the one before, and
// at last all of it. from are the ops that each keeps as they are.
func (k *keyHistory) windows(at int) (out [][]register.Op, from [][]int) {
	all := make([]int, len(k.ops))
	for i := range all {
		all[i] = i
	}
	if at >= 0 {
		for size := 16; size <= 256 && 2*size < len(all); size *= 4 {
			w := all[max(0, at-size):min(len(all), at+size)]
			if relaxed := register.Relaxed(k.ops, w); len(relaxed) <= 4*size {
				out, from = append(out, relaxed), append(from, w)
			}
		}
	}
	return append(out, k.ops), append(from, all)
}

// generic asks porcupine about a key of so many ops, in the helper of ctx or else in this process.
func generic(ctx context.Context, q question, ops int) (reply, error) {
	if command, ok := ctx.Value(helperCommand{}).([]string); ok && len(command) > 0 {
		q.Time, q.Memory = remaining(ctx, helperTime), helperMemory
		return ask(ctx, command, q)
	}
	if ops > porcupineOps {
		return reply{}, fmt.Errorf("%d ops are too many for porcupine in this process", ops)
	}
	q.Time = remaining(ctx, porcupineTime)
	return search(q), nil
}

func remaining(ctx context.Context, most time.Duration) time.Duration {
	if d, ok := ctx.Deadline(); ok {
		most = min(most, time.Until(d))
	}
	return max(most, time.Millisecond)
}
