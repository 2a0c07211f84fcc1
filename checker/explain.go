package checker

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/faultline-chaos/faultline/checker/register"
	"github.com/faultline-chaos/faultline/history"
)

// A violation of linearizability is told by its core: ops that no order explains, whatever the others
// did. The core is made smaller and smaller within a budget, so that its cost does not grow with the
// history.
const (
	explainTime = 4 * time.Second
	confirmOps  = 24
	confirmTime = 500 * time.Millisecond
)

// confirm makes the smallest explanation of a violation, and asks porcupine about it: a violation
// counts only if the two do not contradict each other.
func (k *keyHistory) confirm(ctx context.Context, r register.Result) finding {
	ctx, cancel := context.WithTimeout(ctx, explainTime)
	defer cancel()
	core := register.Core(ctx, k.ops, r.Op)
	relaxed := register.Relaxed(k.ops, core)
	if len(relaxed) <= confirmOps && k.porcupine(ctx, relaxed, confirmTime) == porcupine.Ok {
		return finding{reason: "the checkers contradict each other: porcupine finds an order, but ours finds that " + k.why(core)}
	}
	return finding{validity: history.Invalid, core: core}
}

// shrink makes a window smaller in which porcupine found no order. It is asked again in this process,
// a short time for each set.
func (k *keyHistory) shrink(ctx context.Context, window []int) []int {
	const each = 100 * time.Millisecond
	ctx, cancel := context.WithTimeout(ctx, explainTime)
	defer cancel()
	return register.CoreBy(ctx, k.ops, window, func(ops []register.Op) bool {
		return ctx.Err() == nil && len(ops) <= 8*confirmOps && k.porcupine(ctx, ops, each) == porcupine.Illegal
	})
}

// tell is the verdict of a violation: why, the lines that show it, and porcupine's page of them.
func (k *keyHistory) tell(f finding) history.Verdict {
	window := k.withWriters(slices.Concat(f.core, f.shown))
	v := invalid(k.evidence(window), "key %q is not linearizable: %s", k.key, k.why(f.core))
	page, err := k.visualize(window)
	if err != nil {
		v.Reason += fmt.Sprintf(" (no visualization: %v)", err)
		return v
	}
	v.Artifacts = map[string][]byte{"linearizability-" + fileName(k.key) + ".html": page}
	return v
}

// why is the violation in a sentence. Of the core it tells the last observation, and what contradicts
// it.
func (k *keyHistory) why(core []int) string {
	core = k.sortedByCall(core)
	const most = 6
	last := k.lastObservation(core)
	if last < 0 || len(core) > most {
		return fmt.Sprintf("no order explains the answers of %s (ops %s)", count(len(core), "call"), k.calls(core))
	}
	o := k.ops[last]
	said := k.said(o)
	porcupines := k.appended != nil && k.elsewhere == nil // then which call wrote what is not known
	if seen, ok := o.Looks(); ok && seen != register.Absent && (!porcupines || len(core) == 1) {
		if why := k.unwritten(o, seen); why != "" {
			return said + why
		}
	}
	var before, beside []int
	for _, i := range core {
		switch {
		case i == last:
		case k.ops[i].Return < o.Call:
			before = append(before, i)
		default:
			beside = append(beside, i)
		}
	}
	if w := k.writtenFirst(o, before); w >= 0 {
		said = fmt.Sprintf("%s of op %d, although %s in between", said, k.ops[w].Call, k.sequence(before[1:]))
	} else if len(before) > 0 {
		said += ", although before that " + k.sequence(before)
	}
	if len(beside) > 0 {
		said += ", while " + k.sequence(beside)
	}
	excuse := k.excuse(o)
	if len(core) == 1 && excuse == "" {
		excuse = ", and no order of the calls allows that"
	}
	return said + excuse
}

// lastObservation is the op of the core that was called last and tells what it saw; -1: none.
func (k *keyHistory) lastObservation(core []int) int {
	for _, i := range slices.Backward(core) {
		if _, appends := k.appended[k.ops[i].Call]; appends {
			continue
		}
		switch k.ops[i].Kind {
		case register.Put, register.Delete:
		default:
			return i
		}
	}
	return -1
}

// unwritten says that the value that an op saw cannot have been there yet; "" where it can.
func (k *keyHistory) unwritten(o register.Op, v register.Value) string {
	if k.appended != nil {
		if slices.ContainsFunc(k.ops, func(w register.Op) bool { return w.Kind != register.Get && w.Value == v }) {
			return ""
		}
		if i, ok := k.elsewhere[v]; ok {
			return fmt.Sprintf(", and another (op %d) returned %s: they show the writes in two different orders", k.ops[i].Call, k.named(k.ops[i].Value))
		}
		if k.elsewhere == nil {
			return ", which no order of the writes produces"
		}
		return ", which does not consist of written texts"
	}
	first := register.Never
	for _, w := range k.ops {
		if (w.Kind == register.Put || w.Kind == register.CAS) && w.Value == v {
			first = min(first, w.Call)
		}
	}
	switch {
	case first == register.Never:
		return ", which nobody wrote"
	case first > o.Return:
		return fmt.Sprintf(", which nobody began to write before op %d", first)
	}
	return ""
}

// writtenFirst is the first of the ops where it wrote what o read, and the others came after; -1: not so.
func (k *keyHistory) writtenFirst(o register.Op, before []int) int {
	if o.Kind != register.Get || len(before) < 2 || k.ops[before[0]].Kind == register.Get || k.ops[before[0]].Value != o.Value || o.Value == register.Absent {
		return -1
	}
	if k.ops[before[1]].Call < k.ops[before[0]].Return {
		return -1
	}
	return before[0]
}

// excuse says that what would explain an op did not happen at all.
func (k *keyHistory) excuse(o register.Op) string {
	v, ok := o.Looks()
	if !ok || v != register.Absent || o.Kind == register.CASFailed {
		if o.Kind == register.CASFailed && !k.any(o, func(w register.Op) bool { return w.Kind != register.CASFailed && w.Kind != register.Get }) {
			return ", although nobody had written the key"
		}
		return ""
	}
	deletes := func(w register.Op) bool { return w.Kind == register.Delete || w.Kind == register.DeleteFound }
	if k.any(o, deletes) {
		return ", and no delete explains that"
	}
	return ", and nobody had tried to delete it"
}

// any says whether such an op was called before o returned, other than o.
func (k *keyHistory) any(o register.Op, is func(register.Op) bool) bool {
	return slices.ContainsFunc(k.ops, func(w register.Op) bool { return w != o && w.Call < o.Return && is(w) })
}

// sequence tells ops in the order of invocation, and which of them began after those before had ended.
func (k *keyHistory) sequence(which []int) string {
	var b strings.Builder
	end := int64(-1)
	for n, i := range which {
		o := k.ops[i]
		switch {
		case n == 0:
		case o.Call > end:
			b.WriteString(", then ")
		default:
			b.WriteString(", meanwhile ")
		}
		b.WriteString(k.had(o))
		end = max(end, o.Return)
	}
	return b.String()
}

// said is what the last op was told.
func (k *keyHistory) said(o register.Op) string {
	at := fmt.Sprintf("(op %d)", o.Call)
	switch o.Kind {
	case register.Get:
		return "a get " + at + " returned " + k.named(o.Value)
	case register.CAS:
		if o.Old == register.Absent {
			return fmt.Sprintf("a create %s found nothing and set %s", at, k.named(o.Value))
		}
		return fmt.Sprintf("a compare-and-set %s found %s and set %s", at, k.named(o.Old), k.named(o.Value))
	case register.CASFailed:
		if o.Old == register.Absent {
			return "a create " + at + " found something there"
		}
		return fmt.Sprintf("a compare-and-set %s found another value than %s", at, k.named(o.Old))
	case register.DeleteFound:
		return "a delete " + at + " found a value"
	default:
		return "a delete " + at + " found nothing"
	}
}

// had is an op that ended before.
func (k *keyHistory) had(o register.Op) string {
	at := fmt.Sprintf("(op %d)", o.Call)
	if text, ok := k.appended[o.Call]; ok {
		return fmt.Sprintf("%s had been appended %s", quoted(text), at)
	}
	switch o.Kind {
	case register.Get:
		return fmt.Sprintf("%s had been read %s", k.named(o.Value), at)
	case register.Put:
		return fmt.Sprintf("%s had been put %s", k.named(o.Value), at)
	case register.CAS:
		if o.Old == register.Absent {
			return fmt.Sprintf("%s had been created %s", k.named(o.Value), at)
		}
		return fmt.Sprintf("%s had been replaced by %s %s", k.named(o.Old), k.named(o.Value), at)
	case register.CASFailed:
		if o.Old == register.Absent {
			return "a create had found something there " + at
		}
		return fmt.Sprintf("another value than %s had been found %s", k.named(o.Old), at)
	case register.DeleteMissed:
		return fmt.Sprintf("a delete had found nothing %s", at)
	default:
		return fmt.Sprintf("the key had been deleted %s", at)
	}
}

func (k *keyHistory) named(v register.Value) string {
	if v == register.Absent {
		return "nothing"
	}
	return quoted(k.show(v))
}

// quoted is a value in words, cut in its middle where it is long: of a text that is appended to, the
// end matters.
func quoted(s string) string {
	const most = 48
	if r := []rune(s); len(r) > most {
		return strconv.Quote(string(r[:most/2]) + "…" + string(r[len(r)-most/2:]))
	}
	return strconv.Quote(s)
}

// calls are the positions of ops' invocations, in words.
func (k *keyHistory) calls(which []int) string {
	const most = 12
	var words []string
	for _, i := range which[:min(len(which), most)] {
		words = append(words, fmt.Sprint(k.ops[i].Call))
	}
	if len(which) > most {
		words = append(words, "…")
	}
	return strings.Join(words, ", ")
}

// withWriters adds the writers of the values that the ops mention.
func (k *keyHistory) withWriters(core []int) []int {
	mentioned := map[register.Value]bool{}
	in := map[int]bool{}
	for _, i := range core {
		in[i] = true
		if v, ok := k.ops[i].Looks(); ok && v != register.Absent {
			mentioned[v] = true
			if other, ok := k.elsewhere[v]; ok && !in[other] {
				in[other] = true
				core = append(core, other)
				mentioned[k.ops[other].Value] = true
			}
		}
	}
	out := slices.Clone(core)
	for i, o := range k.ops {
		if (o.Kind == register.Put || o.Kind == register.CAS) && mentioned[o.Value] && !in[i] {
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

// evidence is the positions of the lines of ops.
func (k *keyHistory) evidence(which []int) []int {
	var out []int
	for _, i := range which {
		out = append(out, int(k.ops[i].Call))
		if r := k.ops[i].Return; r != register.Never {
			out = append(out, int(r))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
