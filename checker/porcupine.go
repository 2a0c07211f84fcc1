package checker

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/faultline-chaos/faultline/checker/register"
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

const visualizeTime = 5 * time.Second

// visualize renders porcupine's page of some of the key's ops, which must be few.
func (k *keyHistory) visualize(which []int) ([]byte, error) {
	const most = 200
	if len(which) > most {
		return nil, fmt.Errorf("%d ops are too many", len(which))
	}
	var last int64
	var shown []register.Op
	for _, i := range k.sortedByCall(which) {
		o := k.ops[i]
		shown = append(shown, o)
		last = max(last, o.Call)
		if o.Return != register.Never {
			last = max(last, o.Return)
		}
	}
	ops := operations(shown)
	for i := range ops {
		ops[i].Return = min(ops[i].Return, last+1)
	}
	_, info := porcupine.CheckOperationsVerbose(k.model(), ops, visualizeTime)
	var page bytes.Buffer
	if err := porcupine.Visualize(k.model(), info, &page); err != nil {
		return nil, fmt.Errorf("visualize key %q: %w", k.key, err)
	}
	return page.Bytes(), nil
}
