package checker

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/faultline-chaos/faultline/checker/register"
	"github.com/faultline-chaos/faultline/history"
)

// Appends judges whether keys that hold text are linearizable, with put, get and append: ops
// append {"key":"a","value":"x"}, beside put and get as registers have them. A key that was never
// written holds no text.
//
// Where texts are unique, a text that was read tells which call wrote each part of it. So a seen append
// is a compare-and-set, from the text before it to the text after it; one whose text nobody saw is a
// put of a text that nobody sees; and the keys are those of registers, which Linearizable decides.
// Where texts repeat, or a read can be taken apart in two ways, porcupine decides, within its limits.
type Appends struct {
	// Budget is as that of Linearizable.
	Budget time.Duration
}

// Name is appends.
func (Appends) Name() string { return "appends" }

// Check judges the ops get, put and append.
func (c Appends) Check(ctx context.Context, h history.History) history.Verdict {
	texts, err := textsOf(h.Ops)
	if err != nil {
		return malformed(err)
	}
	ctx, cancel := limited(ctx, c.Budget)
	defer cancel()
	var keys []*keyHistory
	var found []finding
	total, reads := 0, 0
	for n, t := range texts {
		total += len(t.ops)
		reads += t.reads
		share := remaining(ctx, math.MaxInt64) / time.Duration(len(texts)-n) // porcupine may take all there is
		k, f := t.judge(ctx, share, Ops(h.Ops))
		keys, found = append(keys, k), append(found, f)
		if f.validity == history.Invalid {
			break // that is the verdict, whatever else there is
		}
	}
	if reads == 0 {
		return unknown("no read was answered, so no violation could have been detected")
	}
	return sum(keys, found, total)
}

// judge decides one key. Where a text was both put and appended, a read that begins with it does not
// tell which; at most one append can have found the key empty, so each that can is tried.
func (t *textKey) judge(ctx context.Context, share time.Duration, lines Lines) (*keyHistory, finding) {
	ctx, cancel := context.WithTimeout(ctx, share)
	defer cancel()
	k, unsure, why := t.registers(nobody)
	if why != "" {
		f := t.generic(ctx, why)
		if f.validity == history.Invalid {
			f.core, f.shown = t.core(ctx)
		}
		return t.plain(lines), f
	}
	var f finding
	for n := -1; n < len(unsure); n++ {
		if n >= 0 {
			k, _, _ = t.registers(unsure[n])
		}
		k.lines = lines
		if f = k.judge(ctx); f.open {
			f = k.generic(ctx, f)
		}
		if f.validity != history.Invalid {
			return k, f
		}
	}
	return k, f
}

// generic asks porcupine about a key whose texts do not tell which call wrote what.
func (t *textKey) generic(ctx context.Context, why string) finding {
	if ctx.Err() != nil {
		return finding{reason: "the time limit was reached: " + why}
	}
	r, err := generic(ctx, question{Texts: t.ops}, len(t.ops))
	switch {
	case err != nil:
		return finding{reason: fmt.Sprintf("%s; %v", why, err)}
	case r.Result == porcupine.Ok:
		return finding{validity: history.Valid}
	case r.Result != porcupine.Illegal:
		return finding{reason: why + "; porcupine did not decide within its time either"}
	}
	return finding{validity: history.Invalid}
}

// plain is the key as what was put and read, for telling about it.
func (t *textKey) plain(lines Lines) *keyHistory {
	k := &keyHistory{key: t.key, lines: lines, appended: map[int64]string{}}
	for _, o := range t.ops {
		r := register.Op{Kind: register.Put, Call: o.Call, Return: o.Done}
		switch o.Form {
		case history.FormGet:
			r.Kind = register.Get
		case history.FormAppend:
			k.appended[o.Call] = o.Text
		}
		if o.Text != "" {
			r.Value = k.names.id([]byte(o.Text))
		}
		k.ops = append(k.ops, r)
	}
	return k
}

// nobody stands for no op.
const nobody = -1

// textOp is a call on a key that holds text.
type textOp struct {
	Form       history.Form
	Text       string // written, or read
	Call, Done int64
}

// textKey is the part of a history about one key, without what says nothing.
type textKey struct {
	key   string
	ops   []textOp
	reads int
}

func textsOf(ops []history.Op) ([]*textKey, error) {
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
		read := a.form == history.FormGet
		if a.form != history.FormAppend && a.form != history.FormPut && !read || a.outcome == history.Fail || read && a.outcome != history.OK {
			continue
		}
		o := textOp{Form: a.form, Call: at(a.invoke), Done: register.Never}
		if a.outcome == history.OK {
			o.Done = at(a.done)
		}
		v, err := a.said.Register()
		if err != nil {
			return nil, err
		}
		if v.Value != nil {
			o.Text = *v.Value
		} else if !read {
			return nil, fmt.Errorf("op %d: a %s without a value", a.said.Index, a.said.F)
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
	put, appended map[string]int // the op
	lengths       []int
	emptied       bool // an empty text was put
}

func (t *textKey) parts() (p parts, why string) {
	p.put, p.appended = map[string]int{}, map[string]int{}
	for i, o := range t.ops {
		of := p.appended
		switch {
		case o.Form == history.FormGet:
			continue
		case o.Form == history.FormPut && o.Text == "":
			p.emptied = true
			continue
		case o.Form == history.FormPut:
			of = p.put
		case o.Text == "":
			return p, "an empty text was appended, which no read can show"
		}
		if _, ok := of[o.Text]; ok && o.Form == history.FormAppend { // putting it again makes the same text
			return p, fmt.Sprintf("%s was appended more than once", quoted(o.Text))
		}
		of[o.Text] = i
		if !slices.Contains(p.lengths, len(o.Text)) {
			p.lengths = append(p.lengths, len(o.Text))
		}
	}
	return p, ""
}

// split takes a text apart into the ops that wrote it. ok is false where some part of it was written by
// nobody; why says that it can be taken apart in two ways. onEmpty is the append that found the key
// empty, where its text was put, too.
func (t *textKey) split(p *parts, text string, onEmpty int) (ops []int, ok bool, why string) {
	used := map[int]bool{}
	for rest := text; rest != ""; {
		next := nobody
		for _, n := range p.lengths {
			if n > len(rest) {
				continue
			}
			i, written := p.appended[rest[:n]]
			if j, put := p.put[rest[:n]]; put && len(ops) == 0 && (!written || i != onEmpty) {
				i, written = j, true
			}
			if !written || used[i] {
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
		rest = rest[len(t.ops[next].Text):]
	}
	return ops, true, ""
}

// registers is the key's history as one of a register whose values are whole texts. unsure are the
// appends that may be meant where a put of the same text is taken to have been; see split.
func (t *textKey) registers(onEmpty int) (k *keyHistory, unsure []int, why string) {
	p, why := t.parts()
	if why != "" {
		return nil, nil, why
	}
	k = &keyHistory{key: t.key, appended: map[int64]string{}, elsewhere: map[register.Value]int{}}
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
		if o.Form != history.FormGet || known[o.Text] {
			continue
		}
		known[o.Text] = true
		ops, ok, why := t.split(&p, o.Text, onEmpty)
		if why != "" {
			return nil, nil, why
		}
		if len(ops) > 0 {
			first := &t.ops[ops[0]]
			if i, both := p.appended[first.Text]; both && first.Form == history.FormPut && !slices.Contains(unsure, i) {
				unsure = append(unsure, i)
			}
		}
		before := ""
		for _, i := range ops {
			after := before + t.ops[i].Text
			r := register.Op{Kind: register.CAS, Old: id(before), Value: id(after)}
			if t.ops[i].Form == history.FormPut {
				r = register.Op{Kind: register.Put, Value: id(after)}
			}
			if first, twice := seen[i]; !twice && ok {
				seen[i], by[i] = r, n
			} else if twice && first != r {
				k.elsewhere[id(o.Text)] = by[i]
			}
			known[after] = true
			before = after
		}
	}
	for i, o := range t.ops {
		r := register.Op{Kind: register.Put}
		switch {
		case o.Form == history.FormGet:
			r.Kind, r.Value = register.Get, id(o.Text)
		case o.Text == "":
			r = register.Op{Kind: register.Delete}
		case o.Form == history.FormAppend:
			k.appended[o.Call] = o.Text
			var ok bool
			if r, ok = seen[i]; !ok {
				r = register.Op{Kind: register.Put, Value: id(unseen(o.Text))}
			}
		default:
			r.Value = id(o.Text)
		}
		r.Call, r.Return = o.Call, o.Done
		k.ops = append(k.ops, r)
	}
	if len(unsure) > 0 && p.emptied {
		return nil, nil, "texts were both put and appended, and the key was emptied"
	}
	unsure = slices.DeleteFunc(unsure, func(i int) bool {
		_, elsewhere := seen[i]
		return elsewhere || !t.maybeFirst(i)
	})
	return k, unsure, ""
}

// maybeFirst says whether an append may have found the key empty: nothing was written before for
// certain.
func (t *textKey) maybeFirst(i int) bool {
	return !slices.ContainsFunc(t.ops, func(o textOp) bool { return o.Form != history.FormGet && o.Done < t.ops[i].Call })
}

// unseen names a text that ends with what was appended and that nobody saw. One that is read and happens
// to be called so makes the key undecided, since it was then written twice.
func unseen(text string) string { return "\x00…" + text }
