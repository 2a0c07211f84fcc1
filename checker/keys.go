package checker

import (
	"fmt"

	"github.com/faultline-chaos/faultline/checker/register"
	"github.com/faultline-chaos/faultline/harness"
)

// keyHistory is one key's part of a history. What certainly did not happen and reads of unknown
// outcome are left out: they say nothing.
type keyHistory struct {
	key    string
	lines  []harness.Op  // the whole history
	ops    []register.Op // Call and Return are positions in the history
	from   []attempt     // of each op
	values []string      // by register.Value; 0 is absence
	ids    map[string]register.Value
}

// byKey splits a history's register ops. Keys are in the order of first use.
func byKey(ops []harness.Op) ([]*keyHistory, error) {
	all, err := attempts(ops)
	if err != nil {
		return nil, err
	}
	index := map[string]*keyHistory{}
	var keys []*keyHistory
	for _, a := range all {
		op := &ops[a.invoke]
		if a.outcome == harness.OK {
			op = &ops[a.done]
		}
		if !isRegister(op.F) || a.outcome == harness.Fail || (op.F == "get" && a.outcome != harness.OK) {
			continue
		}
		v, err := parse(op)
		if err != nil {
			return nil, err
		}
		k := index[v.Key]
		if k == nil {
			k = &keyHistory{key: v.Key, lines: ops, values: []string{""}, ids: map[string]register.Value{}}
			index[v.Key] = k
			keys = append(keys, k)
		}
		r, err := k.op(op, a, &v)
		if err != nil {
			return nil, err
		}
		k.ops, k.from = append(k.ops, r), append(k.from, a)
	}
	return keys, nil
}

func (k *keyHistory) op(op *harness.Op, a attempt, v *value) (register.Op, error) {
	r := register.Op{Call: int64(a.invoke), Return: int64(a.done)}
	known := a.outcome == harness.OK
	if !known {
		r.Return = register.Never
	}
	switch op.F {
	case "get":
		r.Kind, r.Value = register.Get, k.id(v.Value)
	case "put":
		if v.Value == nil {
			return r, fmt.Errorf("op %d: a put without a value", op.Index)
		}
		r.Kind, r.Value = register.Put, k.id(v.Value)
	case "cas":
		r.Kind, r.Old, r.Value = register.CAS, k.id(v.Old), k.id(&v.New)
		if known && v.Swapped == nil {
			return r, fmt.Errorf("op %d: a completed cas does not say whether it swapped", op.Index)
		}
		if known && !*v.Swapped {
			r.Kind = register.CASFailed
		}
	case "delete":
		r.Kind = register.Delete
		if known && v.Deleted != nil && *v.Deleted > 0 {
			r.Kind = register.DeleteFound
		} else if known && v.Deleted != nil {
			r.Kind = register.DeleteMissed
		}
	}
	return r, nil
}

func (k *keyHistory) id(s *string) register.Value {
	if s == nil {
		return register.Absent
	}
	id, ok := k.ids[*s]
	if !ok {
		id = register.Value(len(k.values))
		k.ids[*s] = id
		k.values = append(k.values, *s)
	}
	return id
}

func (k *keyHistory) show(v register.Value) string {
	if v == register.Absent {
		return "absent"
	}
	return k.values[v]
}

// describe is one op in words.
func (k *keyHistory) describe(o register.Op) string {
	maybe := ""
	if o.Return == register.Never {
		maybe = "?"
	}
	switch o.Kind {
	case register.Get:
		return "get: " + k.show(o.Value)
	case register.Put:
		return "put " + k.show(o.Value) + maybe
	case register.CAS:
		return fmt.Sprintf("cas %s to %s%s", k.show(o.Old), k.show(o.Value), maybe)
	case register.CASFailed:
		return fmt.Sprintf("cas %s to %s: was another", k.show(o.Old), k.show(o.Value))
	case register.DeleteFound:
		return "delete: found"
	case register.DeleteMissed:
		return "delete: found nothing"
	default:
		return "delete" + maybe
	}
}
