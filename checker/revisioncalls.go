package checker

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/faultline-chaos/faultline/checker/register"
	"github.com/faultline-chaos/faultline/checker/revision"
	"github.com/faultline-chaos/faultline/history"
)

// Calls is a history of calls of one store, as package revision takes it: get, put, cas, delete and txn,
// those of probes, too. Fill it line by line, then judge it with Revision.CheckCalls. A Calls must not be
// used by two goroutines at the same time.
type Calls struct {
	calls   calls
	read    blocks[revision.Op]
	ops     []revision.Op // when all are read
	keys    names         // numbered anew in their order when all are known
	values  names
	looks   int    // answered reads and comparisons
	missing string // the first information that an answer lacks

	line    Line
	reader  history.TxnReader
	actions slab[revision.Action]
	outputs slab[revision.Output]
	items   slab[revision.Item]
	cmps    slab[revision.Compare]
}

// NewCalls is an empty history.
func NewCalls() *Calls { return &Calls{} }

// Add takes the next line; of other ops only the pairing is checked. The op's index is its place in the
// history, and grows from line to line. Nothing of the op is kept. Errors name the op; after one, the
// history must not be judged.
func (r *Calls) Add(op *history.Op) error {
	if !op.Client() {
		return nil
	}
	if op.Type == history.Invoke {
		form := op.Form()
		i, err := r.calls.invoke(op, form.Register() || form == history.FormTxn)
		if err != nil || i < 0 {
			return err
		}
		r.read.add(revision.Op{Call: int64(op.Index), Return: revision.Never})
		return nil
	}
	o, i, err := r.calls.complete(op)
	switch {
	case err != nil || i < 0:
		return err
	case op.Type == history.Fail:
		r.read.at(i).Return = failed
		return nil
	}
	return r.take(i, o, op.Type == history.OK)
}

// take reads what a call did.
func (r *Calls) take(i int, by saying, known bool) error {
	o := r.read.at(i)
	o.Succeeded = true
	if known {
		o.Return = int64(by.position)
	}
	if by.form == history.FormTxn {
		return r.txn(by, o, known)
	}
	return r.single(by, o, known)
}

// failed is the return of what certainly did not happen, until it is left out.
const failed = -1

// finish takes what never ended, leaves out what certainly did not happen and what did nothing, and
// numbers the keys in their order, as ranges need it.
func (r *Calls) finish() error {
	for _, o := range r.calls.rest() {
		if err := r.take(o.call, o, false); err != nil {
			return err
		}
	}
	r.ops = r.read.take()
	n := 0
	for i := range r.ops {
		if o := &r.ops[i]; o.Return != failed && (o.Return != revision.Never || !writesNothing(o)) {
			r.ops[n], r.calls.from[n] = *o, r.calls.from[i]
			n++
		}
	}
	r.ops, r.calls.from = r.ops[:n], r.calls.from[:n]
	return r.sortKeys()
}

func (r *Calls) sortKeys() error {
	order := make([]register.Value, len(r.keys.ends))
	for i := range order {
		order[i] = register.Value(i + 1)
	}
	slices.SortFunc(order, func(a, b register.Value) int { return bytes.Compare(r.keys.text(a), r.keys.text(b)) })
	place := make([]revision.Key, len(order))
	for n, v := range order {
		place[v-1] = revision.Key(n)
	}
	for i := range r.ops {
		o := &r.ops[i]
		for n := range o.If {
			o.If[n].Key = place[o.If[n].Key]
		}
		for _, branch := range [2][]revision.Action{o.Then, o.Else} {
			for n := range branch {
				a := &branch[n]
				if key, end := a.Key, a.End; end >= 0 {
					if a.End = place[end]; a.End <= place[key] {
						return fmt.Errorf("op %d: an op of a txn: the range from %q to %q is empty", r.position(i), r.keyText(key), r.keyText(end))
					}
				} else {
					a.End = 0
				}
				a.Key = place[a.Key]
			}
		}
		for n := range o.Outputs {
			for m := range o.Outputs[n].Items {
				it := &o.Outputs[n].Items[m]
				it.Key = place[it.Key]
			}
		}
	}
	return nil
}

func (r *Calls) keyText(k revision.Key) []byte { return r.keys.text(register.Value(k + 1)) }

// position is that of the line that says most.
func (r *Calls) position(i int) int {
	if r.ops[i].Return != revision.Never {
		return r.calls.from[i].done
	}
	return r.calls.from[i].invoke
}

// callsOf sorts the ops of clients. Positions are those of Ops.
func callsOf(ops []history.Op) (*Calls, error) {
	r := NewCalls()
	return r, Ops(ops).each(r.Add)
}

func writesNothing(o *revision.Op) bool {
	writes := func(a revision.Action) bool { return a.Kind != revision.Get }
	return !slices.ContainsFunc(o.Then, writes) && !slices.ContainsFunc(o.Else, writes)
}

func (r *Calls) key(b []byte) revision.Key { return revision.Key(id(&r.keys, b)) }

func (r *Calls) value(b []byte) revision.Value { return revision.Value(id(&r.values, b)) }

func (r *Calls) miss(at int, what string) {
	if r.missing == "" {
		r.missing = fmt.Sprintf("the answer of op %d does not report %s", at, what)
	}
}

// single is an op of the register workload.
func (r *Calls) single(by saying, o *revision.Op, known bool) error {
	v := &r.line
	v.Form = by.form
	if err := v.Parse(by.value); err != nil {
		return fmt.Errorf("op %d: %w", by.position, err)
	}
	k := r.key(v.Key)
	out := revision.Output{}
	then := revision.Action{Key: k, End: oneKey}
	switch v.Form {
	case history.FormGet:
		then.Kind = revision.Get
		if v.Value != nil {
			out.Items = r.items.with(revision.Item{Key: k, Value: r.value(v.Value), Mod: v.Mod})
		}
	case history.FormPut:
		if v.Value == nil {
			return fmt.Errorf("op %d: a put without a value", by.position)
		}
		then.Kind, then.Value = revision.Put, r.value(v.Value)
	case history.FormCAS:
		c := revision.Compare{Key: k, Target: revision.ByCreate}
		if v.Old != nil {
			c = revision.Compare{Key: k, Target: revision.ByValue, Value: r.value(v.Old)}
		}
		o.If = r.cmps.with(c)
		then.Kind, then.Value = revision.Put, r.value(v.New)
		o.Succeeded = known && v.Swapped == history.Yes
		if known && v.Swapped == history.Unsaid {
			r.miss(by.position, "whether it swapped")
		}
	case history.FormDelete:
		then.Kind = revision.Delete
		if known && v.Deleted == history.Unsaid {
			r.miss(by.position, "how much it deleted")
		} else if known {
			out.Count = v.Count
		}
	}
	o.Then = r.actions.with(then)
	if known && v.Rev == 0 {
		r.miss(by.position, "the revision")
	}
	o.Rev = v.Rev
	if known && v.Form != history.FormPut {
		r.looks++
	}
	if known && o.Succeeded {
		o.Outputs = r.outputs.with(out)
	}
	return nil
}

// oneKey is the end of an action on one key until keys are numbered in their order.
const oneKey = revision.Key(-1)

func (r *Calls) txn(by saying, o *revision.Op, known bool) error {
	v, err := r.reader.Read(by.position, by.value)
	if err != nil {
		return err
	}
	o.If = r.cmps.of(len(v.If))
	for n, c := range v.If {
		if o.If[n], err = r.compare(c); err != nil {
			return fmt.Errorf("op %d: %w", by.position, err)
		}
	}
	if known && v.Succeeded == nil && len(v.If) > 0 {
		r.miss(by.position, "whether its comparisons held")
	}
	if known && v.Rev == 0 {
		r.miss(by.position, "the revision")
	}
	o.Succeeded = v.Succeeded == nil || *v.Succeeded
	o.Rev = v.Rev
	if known {
		r.looks += len(v.If)
	}
	if o.Then, err = r.branch(by, o, v.Ops, known && o.Succeeded); err != nil {
		return err
	}
	o.Else, err = r.branch(by, o, v.Else, known && !o.Succeeded)
	return err
}

func (r *Calls) compare(c []json.RawMessage) (out revision.Compare, err error) {
	if len(c) != 4 {
		return out, fmt.Errorf("a comparison has four members, not %d", len(c))
	}
	var words [3][]byte
	for i := range words {
		if words[i], err = history.JSONText(c[i]); err != nil {
			return out, fmt.Errorf("a comparison: %w", err)
		}
	}
	out.Key = r.key(words[2])
	var ok bool
	if out.Target, ok = targetOf(string(words[0])); !ok {
		return out, fmt.Errorf("a comparison of %q: allowed are value, mod, create, version", words[0])
	}
	if out.Relation, ok = relationOf(string(words[1])); !ok || out.Target == revision.ByValue && out.Relation > revision.NotEqual {
		return out, fmt.Errorf("a comparison of %s with %q: allowed are =, != and, except of values, <, >", words[0], words[1])
	}
	if out.Target == revision.ByValue {
		s, err := history.JSONText(c[3])
		if err != nil {
			return out, fmt.Errorf("operand of a comparison: %w", err)
		}
		out.Value = r.value(s)
		return out, nil
	}
	if out.Number, err = history.JSONInt(c[3]); err != nil {
		err = fmt.Errorf("operand of a comparison: %w", err)
	}
	return out, err
}

// targetOf and relationOf are in the order of package revision.
func targetOf(s string) (revision.Target, bool) {
	i := slices.Index([]history.TxnTarget{history.TxnValue, history.TxnMod, history.TxnCreate, history.TxnVersion}, history.TxnTarget(s))
	return revision.Target(i), i >= 0
}

func relationOf(s string) (revision.Relation, bool) {
	i := slices.Index([]string{"=", "!=", "<", ">"}, s)
	return revision.Relation(i), i >= 0
}

// branch are the actions of one; of the one that ran the outputs are o's.
func (r *Calls) branch(by saying, o *revision.Op, list [][]json.RawMessage, ran bool) ([]revision.Action, error) {
	out := r.actions.of(len(list))
	if ran {
		o.Outputs = r.outputs.of(len(list))
	}
	for n, m := range list {
		a, answer, err := r.action(by, m, ran)
		if err != nil {
			return nil, fmt.Errorf("op %d: an op of a txn: %w", by.position, err)
		}
		out[n] = a
		if ran {
			o.Outputs[n] = answer
		}
	}
	return out, nil
}

func (r *Calls) action(by saying, m []json.RawMessage, ran bool) (a revision.Action, out revision.Output, err error) {
	if len(m) < 3 {
		return a, out, fmt.Errorf("it has three members or more, not %d", len(m))
	}
	f, err := history.JSONText(m[0])
	if err != nil {
		return a, out, err
	}
	key, err := history.JSONText(m[1])
	if err != nil {
		return a, out, err
	}
	a.Key, a.End = r.key(key), oneKey
	null := string(m[2]) == "null"
	switch history.TxnKind(f) {
	case history.TxnGet:
		a.Kind = revision.Get
		if ran {
			r.looks++
		}
		if null || !ran {
			return a, out, nil
		}
		it := revision.Item{Key: a.Key}
		err := r.item(m[2:], &it)
		out.Items = r.items.with(it)
		return a, out, err
	case history.TxnRange:
		a.Kind = revision.Get
		end, err := history.JSONText(m[2])
		if err != nil {
			return a, out, err
		}
		a.End = r.key(end)
		if !ran {
			return a, out, nil
		}
		r.looks++
		if len(m) < 4 {
			return a, out, errors.New("a range without its answer")
		}
		out.Items, err = r.rangeItems(m[3])
		return a, out, err
	case history.TxnPut:
		a.Kind = revision.Put
		s, err := history.JSONText(m[2])
		a.Value = r.value(s)
		return a, out, err
	case history.TxnDelete:
		a.Kind = revision.Delete
		if ran && null {
			r.miss(by.position, "how much it deleted")
		} else if ran {
			r.looks++
			out.Count, err = history.JSONInt(m[2])
		}
		return a, out, err
	default:
		return a, out, fmt.Errorf("unknown kind %q: allowed are r, range, w, d", f)
	}
}

// item reads value and, if told, revision.
func (r *Calls) item(m []json.RawMessage, it *revision.Item) error {
	s, err := history.JSONText(m[0])
	if err != nil {
		return err
	}
	it.Value = r.value(s)
	if len(m) > 1 {
		it.Mod, err = history.JSONInt(m[1])
	}
	return err
}

func (r *Calls) rangeItems(b json.RawMessage) (out []revision.Item, err error) {
	var rows [][]json.RawMessage
	if err := json.Unmarshal(b, &rows); err != nil {
		return nil, fmt.Errorf("what a range found: %w", err)
	}
	for _, row := range rows {
		if len(row) < 2 {
			return nil, errors.New("what a range found has a key and a value at least")
		}
		key, err := history.JSONText(row[0])
		if err != nil {
			return nil, fmt.Errorf("what a range found: %w", err)
		}
		it := revision.Item{Key: r.key(key)}
		if err := r.item(row[1:], &it); err != nil {
			return nil, fmt.Errorf("what a range found: %w", err)
		}
		out = append(out, it)
	}
	return out, nil
}
