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
	keys, err := keysOf(h.Ops)
	if err != nil {
		return malformed(err)
	}
	return c.CheckKeys(ctx, keys, Ops(h.Ops))
}

// CheckKeys judges a history in the compact form of Keys, which takes no further lines from then on.
// lines are asked only where a violation is to be told.
func (c Linearizable) CheckKeys(ctx context.Context, all *Keys, lines Lines) harness.Verdict {
	budget := c.Budget
	if budget == 0 {
		budget = defaultBudget
	}
	ctx, cancel := context.WithTimeout(ctx, budget)
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
		return unknown("no read was answered, so no history could have been refused")
	}
	return sum(keys, judgeKeys(ctx, keys), total)
}

// finding is what is known of one key.
type finding struct {
	validity harness.Validity
	reason   string // why it is not valid
	window   []int  // ops of the key that show it, by index
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
		if out[i].validity == harness.Invalid {
			return out // that is the verdict, whatever else there is
		}
	}
	slices.SortStableFunc(open, func(a, b int) int { return cmp.Compare(len(keys[a].ops), len(keys[b].ops)) })
	for _, i := range open {
		if out[i] = keys[i].generic(ctx, out[i]); out[i].validity == harness.Invalid {
			break
		}
	}
	return out
}

func sum(keys []*keyHistory, found []finding, total int) harness.Verdict {
	var undecided []string
	for i, f := range found {
		k := keys[i]
		switch f.validity {
		case harness.Invalid:
			v := invalid(k.evidence(f.window), "key %q is not linearizable: %s", k.key, f.reason)
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
	return valid("%s, %s: each key has a linearization", count(len(keys), "key"), count(total, "op"))
}

// Without a helper, porcupine gets only small keys: a generic search of a long history ends for lack
// of memory.
const (
	porcupineOps  = 500
	porcupineTime = 20 * time.Second
	explainTime   = 10 * time.Second
	confirmOps    = 40
	confirmTime   = 2 * time.Second
)

// judge decides one key by the fast algorithm.
func (k *keyHistory) judge(ctx context.Context) finding {
	r := register.Check(ctx, k.ops, 0)
	switch r.Verdict {
	case register.Legal:
		return finding{validity: harness.Valid}
	case register.Illegal:
		return k.confirm(ctx, r)
	}
	why := r.Reason
	if r.Op >= 0 {
		why = fmt.Sprintf("%s, at op %d (%s), with a frontier of %d", why, k.index(k.ops[r.Op].Call), k.describe(k.ops[r.Op]), r.Frontier)
	}
	return finding{reason: why, open: true, at: r.Op}
}

// generic asks porcupine about a key that the fast algorithm left open.
func (k *keyHistory) generic(ctx context.Context, f finding) finding {
	if ctx.Err() != nil {
		return finding{reason: "time was up: " + f.reason}
	}
	var r reply
	windows, from := k.windows(f.at)
	if command, ok := ctx.Value(helperCommand{}).([]string); ok && len(command) > 0 {
		var err error
		q := question{Windows: windows, Time: k.left(ctx, helperTime), Memory: helperMemory}
		if r, err = ask(ctx, command, q); err != nil {
			return finding{reason: fmt.Sprintf("%s; %v", f.reason, err)}
		}
	} else {
		if len(k.ops) > porcupineOps {
			return finding{reason: fmt.Sprintf("%s; %d ops are too many for porcupine in this process", f.reason, len(k.ops))}
		}
		r = search(question{Windows: windows, Time: k.left(ctx, porcupineTime)})
	}
	switch r.Result {
	case porcupine.Ok:
		return finding{validity: harness.Valid}
	case porcupine.Illegal:
		window := from[r.Window]
		whose := "its " + count(len(window), "op")
		if len(window) < len(k.ops) {
			whose = count(len(window), "op") + " of it, whatever the others did,"
		}
		return finding{validity: harness.Invalid, reason: fmt.Sprintf("porcupine finds no order of %s in which a register could have answered so", whose), window: window}
	default:
		return finding{reason: f.reason + "; nor could porcupine in its time"}
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
			relaxed, _ := register.Relaxed(k.ops, w)
			if relaxed = essential(relaxed); len(relaxed) <= 4*size {
				out, from = append(out, relaxed), append(from, w)
			}
		}
	}
	return append(out, k.ops), append(from, all)
}

func (k *keyHistory) left(ctx context.Context, most time.Duration) time.Duration {
	if d, ok := ctx.Deadline(); ok {
		most = min(most, time.Until(d))
	}
	return max(most, time.Millisecond)
}

// confirm makes the smallest explanation of a violation, and asks porcupine about it: a violation
// counts only if the two do not contradict each other.
func (k *keyHistory) confirm(ctx context.Context, r register.Result) finding {
	ctx, cancel := context.WithTimeout(ctx, explainTime)
	defer cancel()
	core := register.Core(ctx, k.ops, r.Op)
	relaxed, _ := register.Relaxed(k.ops, core)
	relaxed = essential(relaxed)
	if len(relaxed) <= confirmOps && k.porcupine(ctx, relaxed, confirmTime) == porcupine.Ok {
		return finding{reason: fmt.Sprintf("the checkers contradict each other about %s: %s", k.tell(core), r.Reason), window: core}
	}
	return finding{validity: harness.Invalid, reason: k.explain(core, r), window: k.withWriters(core)}
}

// essential leaves out unknown writes that cannot help anybody, and that a generic search would try
// in every order: where no op looks for "present" or "another value", a put or compare-and-set whose
// value no op sees can be taken out of any legal order, since whatever comes before the next write
// cannot be an observation of it.
func essential(ops []register.Op) []register.Op {
	seen := map[register.Value]bool{}
	for _, o := range ops {
		switch o.Kind {
		case register.CASFailed, register.DeleteFound:
			return ops
		case register.Get:
			seen[o.Value] = true
		case register.CAS:
			seen[o.Old] = true
		}
	}
	var out []register.Op
	for _, o := range ops {
		writes := o.Kind == register.Put || o.Kind == register.CAS
		if !writes || o.Return != register.Never || seen[o.Value] {
			out = append(out, o)
		}
	}
	if len(out) < len(ops) {
		return essential(out) // what only the removed ones saw
	}
	return out
}

// explain is the violation in a sentence.
func (k *keyHistory) explain(core []int, r register.Result) string {
	if len(core) == 1 {
		return fmt.Sprintf("%s: %s", k.tell(k.withWriters(core)), r.Reason)
	}
	const most = 12
	if len(core) > most {
		return fmt.Sprintf("%s: %s; it takes %s to see it", k.tell([]int{r.Op}), r.Reason, count(len(core), "op"))
	}
	return "no order explains " + k.tell(core)
}

// tell lists ops in the order of invocation, and says which began after all before had ended.
func (k *keyHistory) tell(which []int) string {
	var b strings.Builder
	end := int64(-1)
	for n, i := range k.sortedByCall(which) {
		o := k.ops[i]
		switch {
		case n == 0:
		case o.Call > end:
			b.WriteString(", then ")
		default:
			b.WriteString(", meanwhile ")
		}
		fmt.Fprintf(&b, "%s (op %d", k.describe(o), k.index(o.Call))
		if o.Return != register.Never {
			fmt.Fprintf(&b, " to %d", k.index(o.Return))
		}
		b.WriteString(")")
		end = max(end, o.Return)
	}
	return b.String()
}

// withWriters adds the writers of the values that the ops mention.
func (k *keyHistory) withWriters(core []int) []int {
	mentioned := map[register.Value]bool{}
	for _, i := range core {
		switch o := k.ops[i]; o.Kind {
		case register.Get:
			mentioned[o.Value] = true
		case register.CAS, register.CASFailed:
			mentioned[o.Old] = true
		}
	}
	out := slices.Clone(core)
	for i, o := range k.ops {
		if (o.Kind == register.Put || o.Kind == register.CAS) && mentioned[o.Value] && !slices.Contains(core, i) {
			out = append(out, i)
		}
	}
	return k.sortedByCall(out)
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
	slices.SortFunc(out, func(a, b int) int { return cmp.Compare(k.ops[a].Call, k.ops[b].Call) })
	return out
}

// index is the index of the line at a position; the position where the line cannot be read again.
func (k *keyHistory) index(position int64) int {
	if op, err := k.lines.At(int(position)); err == nil {
		return op.Index
	}
	return int(position)
}

// evidence is the indexes of the lines of ops.
func (k *keyHistory) evidence(which []int) []int {
	var out []int
	for _, i := range which {
		out = append(out, k.index(k.ops[i].Call))
		if r := k.ops[i].Return; r != register.Never {
			out = append(out, k.index(r))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
