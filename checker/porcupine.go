package checker

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/faultline-chaos/faultline/checker/register"
	"github.com/faultline-chaos/faultline/history"
)

// model is a register for porcupine that shows the key's values.
func (k *keyHistory) model() porcupine.Model { return registerModel(k) }

// registerModel is a register for porcupine. An op of unknown outcome returns after everything else;
// where it cannot act it is taken not to have run. k may be nil where nothing is shown.
func registerModel(k *keyHistory) porcupine.Model {
	return porcupine.Model{
		Init: func() any { return register.Absent },
		Step: func(state, input, _ any) (bool, any) {
			o, st := input.(register.Op), state.(register.Value)
			next, ok := o.Apply(st)
			if !ok && o.Return == register.Never {
				return true, st
			}
			return ok, next
		},
		Hash:              func(state any) uint64 { return uint64(state.(register.Value)) },
		DescribeOperation: func(input, _ any) string { return k.describe(input.(register.Op)) },
		DescribeState:     func(state any) string { return k.show(state.(register.Value)) },
	}
}

// textModel is a key that holds text for porcupine.
func textModel() porcupine.Model {
	return porcupine.Model{
		Init: func() any { return "" },
		Step: func(state, input, _ any) (bool, any) {
			o, st := input.(textOp), state.(string)
			switch o.Form {
			case history.FormGet:
				return o.Text == st, st
			case history.FormPut:
				return true, o.Text
			default:
				return true, st + o.Text
			}
		},
	}
}

func textOperations(ops []textOp) []porcupine.Operation {
	out := make([]porcupine.Operation, len(ops))
	for i, o := range ops {
		out[i] = porcupine.Operation{ClientId: i, Input: o, Call: o.Call, Return: o.Done}
	}
	return out
}

// operations are ops for porcupine, each by a client of its own.
//
// An unknown put, cas or delete must be there even where its value is never read, because it may be
// what a failed cas or a found delete saw. One that is taken to run after everything else changes
// nothing, and so stands for one that never ran.
func operations(ops []register.Op) []porcupine.Operation {
	out := make([]porcupine.Operation, len(ops))
	for i, o := range ops {
		out[i] = porcupine.Operation{ClientId: i, Input: o, Call: o.Call, Return: o.Return}
	}
	return out
}

// porcupine decides some of the key's ops within ctx's time and left.
func (k *keyHistory) porcupine(ctx context.Context, ops []register.Op, left time.Duration) porcupine.CheckResult {
	if d, ok := ctx.Deadline(); ok {
		left = min(left, time.Until(d))
	}
	return porcupine.CheckOperationsTimeout(k.model(), operations(ops), max(left, time.Nanosecond)) // 0 would be no limit
}

const visualizeTime = 2 * time.Second

// visualize renders porcupine's page of some of the key's ops, which must be few: a row a process,
// with the faults and leaders around them where the lines can be read again.
func (k *keyHistory) visualize(which []int) ([]byte, error) {
	const most = 200
	if len(which) > most {
		return nil, fmt.Errorf("%d ops are too many", len(which))
	}
	shown := make([]register.Op, len(which))
	var last int64
	for n, i := range k.sortedByCall(which) {
		o := k.ops[i]
		shown[n] = o
		last = max(last, o.Call)
		if o.Return != register.Never {
			last = max(last, o.Return)
		}
	}
	ops := operations(shown)
	for i := range ops {
		ops[i].Return = min(ops[i].Return, last+1)
	}
	model := k.model()
	positions := k.evidence(which)
	lines, err := k.lines.Some(positions)
	if err == nil {
		name(ops, lines)
		model.DescribeOperation = func(input, _ any) string {
			o := input.(register.Op)
			if op := lines[int(o.Call)]; op.Node != "" {
				return fmt.Sprintf("%s: %s", op.Node, k.describe(o))
			}
			return k.describe(o)
		}
	}
	_, info := porcupine.CheckOperationsVerbose(model, ops, visualizeTime)
	if err == nil && len(shown) > 0 {
		info.AddAnnotations(k.annotations(lines, positions, last+1))
	}
	var page bytes.Buffer
	if err := porcupine.Visualize(model, info, &page); err != nil {
		return nil, fmt.Errorf("visualize key %q: %w", k.key, err)
	}
	return page.Bytes(), nil
}

// name gives every process a row of its own, in place of every op.
func name(ops []porcupine.Operation, lines map[int]history.Op) {
	rows := map[int]int{}
	for i := range ops {
		p := lines[int(ops[i].Call)].Process
		if _, ok := rows[p]; !ok {
			rows[p] = len(rows)
		}
		ops[i].ClientId = rows[p]
	}
}

// annotations are the faults and leaders around the ops. Their places are those of lines, as ops' are.
func (k *keyHistory) annotations(lines map[int]history.Op, positions []int, end int64) (out []porcupine.Annotation) {
	others := k.lines.Others()
	from, to := lines[positions[0]].Time, lines[positions[len(positions)-1]].Time
	s := story{others: others, from: from, to: to}
	first := int64(positions[0])
	within := func(p int64) int64 { return min(max(p, first), end) }
	all, err := faults(others)
	if err != nil {
		return nil
	}
	for _, f := range all {
		if !f.landed() {
			continue
		}
		a := porcupine.Annotation{
			Tag: "faults", Description: fmt.Sprintf("%s %s: %s", f.ID, f.Fault, nodeList(f.Nodes)), Start: int64(others[f.landedAt].Index), End: end,
			BackgroundColor: "#f8d7da", TextColor: "#58151c",
		}
		if f.healedAt >= 0 {
			a.End = int64(others[f.healedAt].Index)
		}
		if a.Start > end || a.End < first {
			continue
		}
		a.Start, a.End = within(a.Start), within(a.End)
		out = append(out, a)
	}
	for _, m := range s.leaders(nil) {
		at := within(int64(m.Ops[0]))
		out = append(out, porcupine.Annotation{Tag: "leaders", Description: m.Text, Start: at, End: at})
	}
	return out
}
