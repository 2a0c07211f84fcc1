package checker

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/faultline-chaos/faultline/checker/register"
	"github.com/faultline-chaos/faultline/harness"
)

// Appends judges whether keys that hold text are linearizable, with put, get and append: ops
// append {"key":"a","value":"x"}, beside put and get as registers have them. A key that was never
// written holds no text.
//
// Where texts are unique, a text that was read tells which call wrote each part of it. So a seen append
// is a compare-and-set, from the text before it to the text after it; one whose text nobody saw is a
// put of a text that nobody sees; and the keys are those of registers, which Linearizable decides.
// Where texts repeat, or can be taken apart in two ways, it is Unknown.
type Appends struct {
	// Budget is as that of Linearizable.
	Budget time.Duration
}

// Name is appends.
func (Appends) Name() string { return "appends" }

// Check judges the ops get, put and append.
func (c Appends) Check(ctx context.Context, h harness.History) harness.Verdict {
	texts, err := textsOf(h.Ops)
	if err != nil {
		return malformed(err)
	}
	budget := c.Budget
	if budget == 0 {
		budget = defaultBudget
	}
	ctx, cancel := context.WithTimeout(ctx, budget)
	defer cancel()
	var keys, left []*keyHistory
	var undecided []finding
	total, reads := 0, 0
	for _, t := range texts {
		total += len(t.ops)
		reads += t.reads
		k, why := t.registers()
		if why != "" {
			left, undecided = append(left, &keyHistory{key: t.key}), append(undecided, finding{reason: why})
			continue
		}
		k.lines = Ops(h.Ops)
		keys = append(keys, k)
	}
	if reads == 0 {
		return unknown("no read was answered, so no history could have been refused")
	}
	found := judgeKeys(ctx, keys)
	return sum(append(keys, left...), append(found, undecided...), total)
}

// textOp is a call on a key that holds text.
type textOp struct {
	f          string
	text       string // written, or read
	call, done int64
}

// textKey is the part of a history about one key, without what says nothing.
type textKey struct {
	key   string
	ops   []textOp
	reads int
}

func textsOf(ops []harness.Op) ([]*textKey, error) {
	all, err := attempts(ops)
	if err != nil {
		return nil, err
	}
	indexed := Ops(ops).indexed()
	at := func(i int) int64 {
		if indexed {
			i = ops[i].Index
		}
		return int64(i)
	}
	byKey := map[string]*textKey{}
	var out []*textKey
	for _, a := range all {
		op := &ops[a.invoke]
		read := op.F == "get"
		if op.F != "append" && op.F != "put" && !read || a.outcome == harness.Fail || read && a.outcome != harness.OK {
			continue
		}
		o := textOp{f: op.F, call: at(a.invoke), done: register.Never}
		if a.outcome == harness.OK {
			op, o.done = &ops[a.done], at(a.done)
		}
		v, err := parse(op)
		if err != nil {
			return nil, err
		}
		if v.Value != nil {
			o.text = *v.Value
		} else if !read {
			return nil, fmt.Errorf("op %d: a %s without a value", op.Index, op.F)
		}
		t := byKey[v.Key]
		if t == nil {
			t = &textKey{key: v.Key}
			byKey[v.Key] = t
			out = append(out, t)
		}
		t.ops = append(t.ops, o)
		if read {
			t.reads++
		}
	}
	return out, nil
}

// parts are what was written to a key, by text.
type parts struct {
	writer  map[string]int // the op
	lengths []int
}

func (t *textKey) parts() (p parts, why string) {
	p.writer = map[string]int{}
	for i, o := range t.ops {
		if o.f == "get" || o.f == "put" && o.text == "" {
			continue
		}
		if o.text == "" {
			return p, "an empty text was appended, which nobody can see"
		}
		if _, ok := p.writer[o.text]; ok {
			return p, fmt.Sprintf("%s was written more than once", quoted(o.text))
		}
		p.writer[o.text] = i
		if !slices.Contains(p.lengths, len(o.text)) {
			p.lengths = append(p.lengths, len(o.text))
		}
	}
	return p, ""
}

// split takes a text apart into the ops that wrote it. ok is false where some part of it was written by
// nobody; why says that it can be taken apart in two ways.
func (t *textKey) split(p *parts, text string) (ops []int, ok bool, why string) {
	used := map[int]bool{}
	for rest := text; rest != ""; {
		next := -1
		for _, n := range p.lengths {
			if n > len(rest) {
				continue
			}
			i, written := p.writer[rest[:n]]
			if !written || used[i] || t.ops[i].f == "put" && len(ops) > 0 {
				continue
			}
			if next >= 0 {
				return nil, false, fmt.Sprintf("%s can be taken apart in two ways: at %s", quoted(text), quoted(rest))
			}
			next = i
		}
		if next < 0 {
			return nil, false, ""
		}
		used[next] = true
		ops = append(ops, next)
		rest = rest[len(t.ops[next].text):]
	}
	return ops, true, ""
}

// registers is the key's history as one of a register whose values are whole texts.
func (t *textKey) registers() (*keyHistory, string) {
	p, why := t.parts()
	if why != "" {
		return nil, why
	}
	k := &keyHistory{key: t.key, appended: map[int64]string{}, elsewhere: map[register.Value]int{}}
	id := func(text string) register.Value {
		if text == "" {
			return register.Absent
		}
		return k.names.id([]byte(text))
	}
	seen := map[int]register.Op{} // by op: what it did
	by := map[int]int{}           // by op: the read that showed it
	known := map[string]bool{"": true}
	for n, o := range t.ops {
		if o.f != "get" || known[o.text] {
			continue
		}
		known[o.text] = true
		ops, ok, why := t.split(&p, o.text)
		if why != "" {
			return nil, why
		}
		before := ""
		for _, i := range ops {
			after := before + t.ops[i].text
			r := register.Op{Kind: register.CAS, Old: id(before), Value: id(after)}
			if first, twice := seen[i]; !twice && ok {
				seen[i], by[i] = r, n
			} else if twice && first != r {
				k.elsewhere[id(o.text)] = by[i]
			}
			known[after] = true
			before = after
		}
	}
	for i, o := range t.ops {
		r := register.Op{Kind: register.Put, Value: id(o.text)}
		switch {
		case o.f == "get":
			r.Kind = register.Get
		case o.text == "":
			r = register.Op{Kind: register.Delete}
		case o.f == "append":
			k.appended[o.call] = o.text
			var ok bool
			if r, ok = seen[i]; !ok {
				r = register.Op{Kind: register.Put, Value: id(unseen(o.text))}
			}
		}
		r.Call, r.Return = o.call, o.done
		k.ops = append(k.ops, r)
	}
	return k, ""
}

// unseen names a text that ends with what was appended and that nobody saw. One that is read and happens
// to be called so makes the key undecided, since it was then written twice.
func unseen(text string) string { return "\x00…" + text }
