package formats

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/faultline-chaos/faultline/history"
)

// request is a call as a transaction, asked and answered. A nil value is one that is not judged.
func (r *robust) request(op *robustOp, unknown bool, where string) (value, answer map[string]any, err error) {
	switch op.Input.Type {
	case "range":
		return r.read(op, unknown)
	case "txn":
		return r.txn(op, unknown)
	case "leaseRevoke":
		if op.Input.LeaseRevoke != nil {
			r.revoked[op.Input.LeaseRevoke.LeaseID] = where
		}
		return nil, nil, nil
	case "leaseGrant", "defragment", "compact":
		return nil, nil, nil // they change no key
	}
	return nil, nil, fmt.Errorf("unknown type %q of a request: allowed are range, txn, leaseGrant, leaseRevoke, defragment, compact", op.Input.Type)
}

func (r *robust) read(op *robustOp, unknown bool) (value, answer map[string]any, err error) {
	in, out := op.Input.Range, op.Output.Range
	switch {
	case in == nil:
		return nil, nil, errors.New("a range without its request")
	case unknown:
		return nil, nil, nil
	case op.Output.ClientError == "" && out == nil:
		return nil, nil, errors.New("a range without its answer")
	case in.Revision > 0 || out != nil && out.Count > int64(len(out.KVs)) || op.Output.Revision < 0:
		r.skipped++
		return nil, nil, nil
	}
	value = map[string]any{"ops": []any{in.asked()}}
	if out == nil {
		return value, nil, nil
	}
	return value, map[string]any{"ops": []any{in.answered(out)}, "succeeded": true, "rev": op.Output.Revision}, nil
}

// asked is a read of one key, or of a range; a range to "\x00" goes on to the last key.
func (o robustRange) asked() []any {
	switch o.End {
	case "":
		return []any{"r", o.Start, nil}
	case "\x00":
		return []any{"range", o.Start, "\U0010ffff"}
	}
	return []any{"range", o.Start, o.End}
}

func (o robustRange) answered(out *robustResult) []any {
	asked := o.asked()
	if o.End == "" {
		if len(out.KVs) > 0 {
			return []any{"r", o.Start, out.KVs[0].Value.String(), out.KVs[0].ModRevision}
		}
		return asked
	}
	rows := []any{}
	for _, kv := range out.KVs {
		rows = append(rows, []any{kv.Key, kv.Value.String(), kv.ModRevision})
	}
	return append(asked, rows)
}

func (r *robust) txn(op *robustOp, unknown bool) (value, answer map[string]any, err error) {
	in, out := op.Input.Txn, op.Output.Txn
	if in == nil {
		return nil, nil, errors.New("a txn without its request")
	}
	var conditions []any
	for _, c := range in.Conditions {
		if c.ExpectedVersion > 0 {
			conditions = append(conditions, []any{"version", "=", c.Key, c.ExpectedVersion})
		} else {
			conditions = append(conditions, []any{"mod", "=", c.Key, c.ExpectedRevision})
		}
	}
	form := func() map[string]any {
		m := map[string]any{}
		if len(conditions) > 0 {
			m["if"] = conditions
		}
		return m
	}
	value = form()
	blind := len(conditions) == 0 // nothing of the answer is unknown beside the revision
	for name, list := range map[string][]robustAction{"ops": in.OperationsOnSuccess, "else": in.OperationsOnFailure} {
		asked, err := r.actions(list, nil)
		if err != nil {
			return nil, nil, err
		}
		value[name] = asked
	}
	blind = blind && !slices.ContainsFunc(in.OperationsOnSuccess, func(a robustAction) bool { return a.Type != "put-operation" })
	if out == nil || unknown {
		if blind && op.Output.Persisted {
			return value, map[string]any{"ops": value["ops"], "succeeded": true}, nil
		}
		if !unknown && op.Output.ClientError == "" {
			return nil, nil, errors.New("a txn without its answer")
		}
		return value, nil, nil
	}
	answer = form()
	answer["ops"], answer["else"] = value["ops"], value["else"]
	ran, name := in.OperationsOnSuccess, "ops"
	if out.Failure {
		ran, name = in.OperationsOnFailure, "else"
	}
	if len(ran) != len(out.Results) {
		return nil, nil, fmt.Errorf("a txn of %d operations was answered with %d results", len(ran), len(out.Results))
	}
	if answer[name], err = r.actions(ran, out.Results); err != nil {
		return nil, nil, err
	}
	answer["succeeded"], answer["rev"] = !out.Failure, op.Output.Revision
	return value, answer, nil
}

// actions are a branch of a transaction; results are nil where it was only asked.
func (r *robust) actions(list []robustAction, results []robustResult) ([]any, error) {
	out := []any{}
	for i, a := range list {
		switch a.Type {
		case "range-operation":
			if results != nil {
				if results[i].Count > int64(len(results[i].KVs)) {
					continue // cut off by its limit
				}
				out = append(out, a.Range.answered(&results[i]))
			} else {
				out = append(out, a.Range.asked())
			}
		case "put-operation":
			if a.Put.LeaseID != 0 {
				r.leased[a.Put.LeaseID] = true
			}
			out = append(out, []any{"w", a.Put.Key, a.Put.Value.String()})
		case "delete-operation":
			d := []any{"d", a.Delete.Key, nil}
			if results != nil {
				d[2] = results[i].Deleted
			}
			out = append(out, d)
		default:
			return nil, fmt.Errorf("unknown type %q of an operation: allowed are range-operation, put-operation, delete-operation", a.Type)
		}
	}
	return out, nil
}

// watch makes a line pair of every delivery.
func (r *robust) watch(w *robustWatch, name string) error {
	asked := history.WatchValue{Watch: name, Key: w.Request.Key, Prefix: w.Request.WithPrefix, From: w.Request.Revision, PrevKV: w.Request.WithPrevKV}
	process := robustSpare + r.spare
	r.spare++
	last := int64(-1)
	for _, p := range w.Responses {
		if p.Time < last {
			return fmt.Errorf("a response at %d comes after one at %d", p.Time, last)
		}
		last = p.Time
		got := asked
		if p.IsProgressNotify {
			got.Progress = p.Revision
		}
		for _, e := range p.Events {
			kind, ok := map[string]history.EventType{"put-operation": history.EventPut, "delete-operation": history.EventDelete}[e.Type]
			if !ok {
				return fmt.Errorf("unknown type %q of an event: allowed are put-operation, delete-operation", e.Type)
			}
			event := history.WatchEvent{Type: kind, Key: e.Key, Value: e.Value.String(), Rev: e.Revision}
			if e.PrevValue != nil {
				event.Prev = &history.WatchPrev{Value: e.PrevValue.Value.String(), Rev: e.PrevValue.ModRevision}
			}
			got.Events = append(got.Events, event)
		}
		r.add(p.Time, false, history.Op{Process: process, Type: history.Invoke, F: history.FWatch, Value: history.EncodeValue(asked)})
		r.add(p.Time, false, history.Op{Process: process, Type: history.OK, F: history.FWatch, Value: history.EncodeValue(got)})
	}
	return nil
}

// isDir says whether a path is a folder.
func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
