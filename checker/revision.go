package checker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/faultline-chaos/faultline/checker/revision"
	"github.com/faultline-chaos/faultline/harness"
)

// Revision judges whether all calls together, transactions over many keys included, could have been
// answered by one store that handles one call at a time, going by the revisions that it told: see
// package revision. Every writer of the run must be in the history. It judges get, put, cas, delete
// and txn, where every answer tells the store's revision.
type Revision struct {
	// Budget is as that of Linearizable.
	Budget time.Duration
}

// Name is revision.
func (Revision) Name() string { return "revision" }

// Check needs an answered read or comparison.
func (c Revision) Check(ctx context.Context, h harness.History) harness.Verdict {
	ctx, cancel := limited(ctx, c.Budget)
	defer cancel()
	r, err := revisionHistory(h.Ops)
	if err != nil {
		return malformed(err)
	}
	switch {
	case r.looks == 0:
		return unknown("no read and no comparison was answered, so no history could have been refused")
	case r.untold != "":
		return unknown("%s: the order of the calls is not known", r.untold)
	}
	got := revision.Check(ctx, revision.History{Ops: r.ops})
	switch got.Verdict {
	case revision.Legal:
		return valid("%s in the order of their revisions: every answer is what one store would have given", count(len(r.ops), "call"))
	case revision.Illegal:
		at := []int{}
		for _, i := range append(slices.Clone(got.Others), got.Op) {
			if i >= 0 {
				at = append(at, r.from[i].invoke, r.from[i].done)
			}
		}
		what := "the history"
		if got.Op >= 0 {
			op := &h.Ops[r.from[got.Op].invoke]
			what = fmt.Sprintf("the %s of process %d (op %d)", op.F, op.Process, op.Index)
		}
		where := ""
		if got.Rev > 0 {
			where = fmt.Sprintf(" at revision %d", got.Rev)
		}
		return invalid(evidence(h.Ops, at...), "%s is wrong%s: %s", what, where, got.Reason)
	default:
		return unknown("%s", got.Reason)
	}
}

// revisionOps is a history as package revision takes it.
type revisionOps struct {
	lines  []harness.Op
	ops    []revision.Op
	from   []attempt
	keys   map[string]revision.Key
	values map[string]revision.Value
	looks  int    // answered reads and comparisons
	untold string // what is missing in an answer
}

func revisionHistory(ops []harness.Op) (*revisionOps, error) {
	all, err := attempts(ops)
	if err != nil {
		return nil, err
	}
	r := &revisionOps{lines: ops, keys: map[string]revision.Key{}, values: map[string]revision.Value{}}
	if err := r.nameKeys(all); err != nil {
		return nil, err
	}
	for _, a := range all {
		op, ok := r.line(a)
		if !ok {
			continue
		}
		o := revision.Op{Call: int64(a.invoke), Return: int64(a.done), Succeeded: true}
		known := a.outcome == harness.OK
		if !known {
			o.Return = revision.Never
		}
		if op.F == harness.FTxn {
			err = r.txn(op, &o, known)
		} else {
			err = r.single(op, &o, known)
		}
		if err != nil {
			return nil, err
		}
		if !known && writesNothing(&o) {
			continue
		}
		r.ops, r.from = append(r.ops, o), append(r.from, a)
	}
	return r, nil
}

// line is the line of an attempt that says most; false for what certainly did not happen and for
// other checkers' ops.
func (r *revisionOps) line(a attempt) (*harness.Op, bool) {
	op := &r.lines[a.invoke]
	if a.outcome == harness.OK {
		op = &r.lines[a.done]
	}
	return op, a.outcome != harness.Fail && (isRegister(registerName(op.F)) || op.F == harness.FTxn)
}

// registerName is the F of a register's op that a probe's op is like.
func registerName(f string) string {
	switch f {
	case harness.FProbePut:
		return "put"
	case harness.FProbeGet:
		return "get"
	}
	return f
}

func writesNothing(o *revision.Op) bool {
	writes := func(a revision.Action) bool { return a.Kind != revision.Get }
	return !slices.ContainsFunc(o.Then, writes) && !slices.ContainsFunc(o.Else, writes)
}

// nameKeys numbers the keys in their order, as ranges need it.
func (r *revisionOps) nameKeys(all []attempt) error {
	var names []string
	seen := map[string]bool{}
	add := func(k string) {
		if !seen[k] {
			seen[k] = true
			names = append(names, k)
		}
	}
	for _, a := range all {
		op, ok := r.line(a)
		if !ok {
			continue
		}
		if op.F != harness.FTxn {
			v, err := parse(op)
			if err != nil {
				return err
			}
			add(v.Key)
			continue
		}
		if err := r.keysOfTxn(op, add); err != nil {
			return err
		}
	}
	slices.Sort(names)
	for i, k := range names {
		r.keys[k] = revision.Key(i)
	}
	return nil
}

func (r *revisionOps) keysOfTxn(op *harness.Op, add func(string)) error {
	v, err := parseTxn(op)
	if err != nil {
		return err
	}
	for _, c := range v.If {
		if len(c) != 4 {
			return fmt.Errorf("op %d: a comparison has four members, not %d", op.Index, len(c))
		}
		k, err := jsonString(c[2])
		if err != nil {
			return fmt.Errorf("op %d: key of a comparison: %w", op.Index, err)
		}
		add(k)
	}
	for _, list := range [2][][]json.RawMessage{v.Ops, v.Else} {
		for _, m := range list {
			if len(m) < 3 {
				return fmt.Errorf("op %d: an op of a txn has three members or more, not %d", op.Index, len(m))
			}
			k, err := jsonString(m[1])
			if err != nil {
				return fmt.Errorf("op %d: key of an op: %w", op.Index, err)
			}
			add(k)
			if f, _ := jsonString(m[0]); f == string(harness.TxnRange) {
				end, err := jsonString(m[2])
				if err != nil {
					return fmt.Errorf("op %d: end of a range: %w", op.Index, err)
				}
				add(end)
				if len(m) > 3 {
					items, err := rangeItems(m[3])
					if err != nil {
						return fmt.Errorf("op %d: %w", op.Index, err)
					}
					for _, it := range items {
						add(it.key)
					}
				}
			}
		}
	}
	return nil
}

func (r *revisionOps) value(s string) revision.Value {
	v, ok := r.values[s]
	if !ok {
		v = revision.Value(len(r.values))
		r.values[s] = v
	}
	return v
}

func (r *revisionOps) miss(op *harness.Op, what string) {
	if r.untold == "" {
		r.untold = fmt.Sprintf("the answer of op %d does not tell %s", op.Index, what)
	}
}

// single is an op of the register workload.
func (r *revisionOps) single(op *harness.Op, o *revision.Op, known bool) error {
	v, err := parse(op)
	if err != nil {
		return err
	}
	k := r.keys[v.Key]
	out := revision.Output{}
	f := registerName(op.F)
	switch f {
	case "get":
		o.Then = []revision.Action{{Kind: revision.Get, Key: k}}
		if v.Value != nil {
			out.Items = []revision.Item{{Key: k, Value: r.value(*v.Value), Mod: v.Mod}}
		}
	case "put":
		if v.Value == nil {
			return fmt.Errorf("op %d: a put without a value", op.Index)
		}
		o.Then = []revision.Action{{Kind: revision.Put, Key: k, Value: r.value(*v.Value)}}
	case "cas":
		c := revision.Compare{Key: k, Target: revision.ByCreate}
		if v.Old != nil {
			c = revision.Compare{Key: k, Target: revision.ByValue, Value: r.value(*v.Old)}
		}
		o.If = []revision.Compare{c}
		o.Then = []revision.Action{{Kind: revision.Put, Key: k, Value: r.value(v.New)}}
		o.Succeeded = known && v.Swapped != nil && *v.Swapped
		if known && v.Swapped == nil {
			r.miss(op, "whether it swapped")
		}
	case "delete":
		o.Then = []revision.Action{{Kind: revision.Delete, Key: k}}
		if known && v.Deleted == nil {
			r.miss(op, "how much it deleted")
		} else if known {
			out.Count = *v.Deleted
		}
	}
	if known && v.Rev == 0 {
		r.miss(op, "the revision")
	}
	o.Rev = v.Rev
	if known && f != "put" {
		r.looks++
	}
	if known && o.Succeeded {
		o.Outputs = []revision.Output{out}
	}
	return nil
}

func (r *revisionOps) txn(op *harness.Op, o *revision.Op, known bool) error {
	v, err := parseTxn(op)
	if err != nil {
		return err
	}
	for _, c := range v.If {
		cmp, err := r.compare(c)
		if err != nil {
			return fmt.Errorf("op %d: %w", op.Index, err)
		}
		o.If = append(o.If, cmp)
	}
	if known && v.Succeeded == nil && len(v.If) > 0 {
		r.miss(op, "whether its comparisons held")
	}
	if known && v.Rev == 0 {
		r.miss(op, "the revision")
	}
	o.Succeeded = v.Succeeded == nil || *v.Succeeded
	o.Rev = v.Rev
	if known {
		r.looks += len(v.If)
	}
	if o.Then, err = r.actions(op, o, v.Ops, known && o.Succeeded); err != nil {
		return err
	}
	o.Else, err = r.actions(op, o, v.Else, known && !o.Succeeded)
	return err
}

func (r *revisionOps) compare(c []json.RawMessage) (out revision.Compare, err error) {
	var words [3]string
	for i := range words {
		if words[i], err = jsonString(c[i]); err != nil {
			return out, fmt.Errorf("a comparison: %w", err)
		}
	}
	out.Key = r.keys[words[2]]
	relations := map[string]revision.Relation{"=": revision.Equal, "!=": revision.NotEqual, "<": revision.Less, ">": revision.Greater}
	targets := map[harness.TxnTarget]revision.Target{
		harness.TxnValue: revision.ByValue, harness.TxnMod: revision.ByMod, harness.TxnCreate: revision.ByCreate, harness.TxnVersion: revision.ByVersion,
	}
	var ok bool
	if out.Target, ok = targets[harness.TxnTarget(words[0])]; !ok {
		return out, fmt.Errorf("a comparison of %q: allowed are value, mod, create, version", words[0])
	}
	if out.Relation, ok = relations[words[1]]; !ok || out.Target == revision.ByValue && out.Relation > revision.NotEqual {
		return out, fmt.Errorf("a comparison of %s with %q: allowed are =, != and, except of values, <, >", words[0], words[1])
	}
	if out.Target == revision.ByValue {
		s, err := jsonString(c[3])
		if err != nil {
			return out, fmt.Errorf("operand of a comparison: %w", err)
		}
		out.Value = r.value(s)
		return out, nil
	}
	if out.Number, err = jsonInt(c[3]); err != nil {
		err = fmt.Errorf("operand of a comparison: %w", err)
	}
	return out, err
}

// actions are a branch; of the one that ran the outputs are added to o.
func (r *revisionOps) actions(op *harness.Op, o *revision.Op, list [][]json.RawMessage, ran bool) ([]revision.Action, error) {
	var out []revision.Action
	for _, m := range list {
		a, answer, err := r.action(op, m, ran)
		if err != nil {
			return nil, fmt.Errorf("op %d: an op of a txn: %w", op.Index, err)
		}
		out = append(out, a)
		if ran {
			o.Outputs = append(o.Outputs, answer)
		}
	}
	return out, nil
}

func (r *revisionOps) action(op *harness.Op, m []json.RawMessage, ran bool) (a revision.Action, out revision.Output, err error) {
	f, err := jsonString(m[0])
	if err != nil {
		return a, out, err
	}
	key, err := jsonString(m[1])
	if err != nil {
		return a, out, err
	}
	a.Key = r.keys[key]
	null := string(m[2]) == "null"
	switch harness.TxnKind(f) {
	case harness.TxnGet:
		a.Kind = revision.Get
		if ran {
			r.looks++
		}
		if null || !ran {
			return a, out, nil
		}
		it, err := itemOf(m[2:])
		out.Items = []revision.Item{{Key: a.Key, Value: r.value(it.value), Mod: it.mod}}
		return a, out, err
	case harness.TxnRange:
		a.Kind = revision.Get
		end, err := jsonString(m[2])
		if err != nil {
			return a, out, err
		}
		if a.End = r.keys[end]; a.End <= a.Key {
			return a, out, fmt.Errorf("the range from %q to %q is empty", key, end)
		}
		if !ran {
			return a, out, nil
		}
		r.looks++
		if len(m) < 4 {
			return a, out, errors.New("a range without its answer")
		}
		items, err := rangeItems(m[3])
		for _, it := range items {
			out.Items = append(out.Items, revision.Item{Key: r.keys[it.key], Value: r.value(it.value), Mod: it.mod})
		}
		return a, out, err
	case harness.TxnPut:
		a.Kind = revision.Put
		s, err := jsonString(m[2])
		a.Value = r.value(s)
		return a, out, err
	case harness.TxnDelete:
		a.Kind = revision.Delete
		if ran && null {
			r.miss(op, "how much it deleted")
		} else if ran {
			r.looks++
			out.Count, err = jsonInt(m[2])
		}
		return a, out, err
	default:
		return a, out, fmt.Errorf("unknown kind %q: allowed are r, range, w, d", f)
	}
}

type foundItem struct {
	key, value string
	mod        int64
}

// itemOf reads value and, if told, revision.
func itemOf(m []json.RawMessage) (it foundItem, err error) {
	if it.value, err = jsonString(m[0]); err == nil && len(m) > 1 {
		it.mod, err = jsonInt(m[1])
	}
	return it, err
}

func rangeItems(b json.RawMessage) (out []foundItem, err error) {
	var rows [][]json.RawMessage
	if err := json.Unmarshal(b, &rows); err != nil {
		return nil, fmt.Errorf("what a range found: %w", err)
	}
	for _, row := range rows {
		if len(row) < 2 {
			return nil, errors.New("what a range found has a key and a value at least")
		}
		key, err := jsonString(row[0])
		if err != nil {
			return nil, fmt.Errorf("what a range found: %w", err)
		}
		it, err := itemOf(row[1:])
		if err != nil {
			return nil, fmt.Errorf("what a range found: %w", err)
		}
		it.key = key
		out = append(out, it)
	}
	return out, nil
}
