package checker

import (
	"bytes"
	"errors"
	"fmt"
	"hash/maphash"
	"slices"

	"github.com/faultline-chaos/faultline/checker/register"
	"github.com/faultline-chaos/faultline/history"
)

// Line is what one line of a client's op says about a register.
type Line struct {
	Position         int // in the history; it grows from line to line, and is the clock of the judgement
	Process          int
	Type             history.Type
	Form             history.Form // of those that are not a register's only the pairing is checked
	history.Register              // of invocations and answers
}

// Parse reads the value of an invocation or an answer; see history.Register. An error names the form.
func (l *Line) Parse(b []byte) error {
	if err := l.Register.Parse(b); err != nil {
		return fmt.Errorf("value of a %s: %w", l.Form, err)
	}
	return nil
}

// Keys is a history of registers, sorted by key, in a compact form: some 32 bytes an op and each
// value's text once. Fill it line by line, then judge it with Linearizable.CheckKeys. A Keys must not
// be used by two goroutines at the same time.
type Keys struct {
	keys  []*keyHistory
	index map[string]int32
	open  map[int]openCall // by process
}

// openCall is a call without a completion so far. key is -1 where it is not one of a register.
type openCall struct {
	position int
	key, op  int32
}

// NewKeys is an empty history.
func NewKeys() *Keys {
	return &Keys{index: map[string]int32{}, open: map[int]openCall{}}
}

// keyHistory is one key's part of a history, in the order of invocation. What certainly did not
// happen and reads of unknown outcome are left out: they say nothing.
type keyHistory struct {
	key   string
	ops   []register.Op // Call and Return are positions in the history
	names names
	lines Lines
	// What calls appended, by their position, where the key holds text; see Appends.
	appended map[int64]string
	// By a text that a read shows: an op that shows a part of it at another place.
	elsewhere map[register.Value]int
}

// left marks an op that is left out.
const left register.Kind = 255

// Add takes the next line of a client. It keeps none of the line's slices. Errors name the op by its
// position; after one, the history must not be judged.
func (k *Keys) Add(l *Line) error {
	c, open := k.open[l.Process]
	if err := inTurn(l.Position, l.Process, l.Type, open, c.position); err != nil {
		return err
	}
	if l.Type == history.Invoke {
		c, err := k.invoke(l)
		if err != nil {
			return fmt.Errorf("op %d: %w", l.Position, err)
		}
		k.open[l.Process] = c
		return nil
	}
	delete(k.open, l.Process)
	if c.key < 0 {
		return nil
	}
	if err := k.keys[c.key].complete(c.op, l); err != nil {
		return fmt.Errorf("op %d: %w", l.Position, err)
	}
	return nil
}

func (k *Keys) invoke(l *Line) (openCall, error) {
	c := openCall{position: l.Position, key: -1}
	if !l.Form.Register() {
		return c, nil
	}
	at, ok := k.index[string(l.Key)]
	if !ok {
		at = int32(len(k.keys))
		h := &keyHistory{key: string(l.Key)}
		k.index[h.key] = at
		k.keys = append(k.keys, h)
	}
	h := k.keys[at]
	c.key, c.op = at, int32(len(h.ops))
	o, err := h.names.invocation(l)
	if err != nil {
		return c, err
	}
	h.ops = append(h.ops, o)
	return c, nil
}

// invocation is the op of an invocation, as it is if its outcome stays unknown.
func (n *names) invocation(l *Line) (register.Op, error) {
	o := register.Op{Call: int64(l.Position), Return: register.Never}
	switch l.Form {
	case history.FormGet:
		o.Kind = register.Get
	case history.FormPut:
		if l.Value == nil {
			return o, errors.New("a put without a value")
		}
		o.Kind, o.Value = register.Put, n.id(l.Value)
	case history.FormCAS:
		o.Kind, o.Value = register.CAS, n.id(l.New)
		if l.Old != nil {
			o.Old = n.id(l.Old)
		}
	case history.FormDelete:
		o.Kind = register.Delete
	}
	return o, nil
}

func (k *keyHistory) complete(i int32, l *Line) error {
	o := &k.ops[i]
	says, err := k.names.completion(o, k.key, l)
	if !says {
		o.Kind = left
	}
	return err
}

// completion makes an op what its completion says. It is false for one that says nothing: it
// certainly did not happen, or is a read of unknown outcome.
func (n *names) completion(o *register.Op, key string, l *Line) (says bool, err error) {
	if l.Type == history.Fail || l.Type == history.Info && o.Kind == register.Get {
		return false, nil
	}
	if l.Type == history.Info {
		return true, nil
	}
	if string(l.Key) != key {
		return true, fmt.Errorf("the completion of a %s is about key %q, its invocation about %q", l.Form, l.Key, key)
	}
	o.Return = int64(l.Position)
	switch o.Kind {
	case register.Get:
		if l.Value != nil {
			o.Value = n.id(l.Value)
		}
	case register.CAS:
		if l.Swapped == history.Unsaid {
			return true, errors.New("a completed cas does not say whether it swapped")
		}
		if l.Swapped == history.No {
			o.Kind = register.CASFailed
		}
	case register.Delete:
		switch l.Deleted {
		case history.Yes:
			o.Kind = register.DeleteFound
		case history.No:
			o.Kind = register.DeleteMissed
		}
	}
	return true, nil
}

// finish leaves out what says nothing, and the keys of which nothing is left.
func (k *Keys) finish(lines Lines) []*keyHistory {
	var out []*keyHistory
	for _, h := range k.keys {
		h.lines = lines
		n := 0
		for _, o := range h.ops {
			if o.Kind != left && (o.Kind != register.Get || o.Return != register.Never) {
				h.ops[n] = o
				n++
			}
		}
		h.ops = h.ops[:n]
		if n > 0 {
			out = append(out, h)
		}
	}
	return out
}

// keysOf sorts the ops of clients by key. Positions are those of Ops.
func keysOf(ops []history.Op) (*Keys, error) {
	k := NewKeys()
	return k, Ops(ops).each(func(op *history.Op) error {
		l := Line{Position: op.Index, Process: op.Process, Type: op.Type, Form: op.Form()}
		if l.Form.Register() && (op.Type == history.Invoke || op.Type == history.OK) {
			if err := l.Parse(op.Value); err != nil {
				return fmt.Errorf("op %d: %w", op.Index, err)
			}
		}
		return k.Add(&l)
	})
}

// Lines gives a history's lines back to a judgement that tells of a violation.
type Lines interface {
	// Some are the lines at positions, by position: a few hundred at most.
	Some(positions []int) (map[int]history.Op, error)
	// Others are the lines that are not clients', in order: faults, phases, statuses.
	Others() []history.Op
}

// Ops are Lines in memory. Their positions are their indexes, or their places where those do not grow.
type Ops []history.Op

// indexed says whether the ops' indexes grow from op to op. They need not be dense.
func (o Ops) indexed() bool {
	for i := 1; i < len(o); i++ {
		if o[i].Index <= o[i-1].Index {
			return false
		}
	}
	return true
}

// each calls f with the lines of clients, whose indexes are their positions.
func (o Ops) each(f func(*history.Op) error) error {
	indexed := o.indexed()
	for i := range o {
		op := o[i]
		if !op.Client() {
			continue
		}
		if !indexed {
			op.Index = i
		}
		if err := f(&op); err != nil {
			return err
		}
	}
	return nil
}

// Some are the ops with these indexes.
func (o Ops) Some(positions []int) (map[int]history.Op, error) {
	out := map[int]history.Op{}
	indexed := o.indexed()
	for _, p := range positions {
		i := p
		if indexed && (p >= len(o) || o[p].Index != p) {
			i, _ = slices.BinarySearchFunc(o, p, func(op history.Op, p int) int { return op.Index - p })
		}
		if i < 0 || i >= len(o) || indexed && o[i].Index != p {
			return nil, fmt.Errorf("there is no op %d", p)
		}
		out[p] = o[i]
	}
	return out, nil
}

// Others are the ops of the nemesis and the harness.
func (o Ops) Others() []history.Op {
	var out []history.Op
	for i := range o {
		if !o[i].Client() {
			out = append(out, o[i])
		}
	}
	return out
}

func (k *keyHistory) show(v register.Value) string {
	if v == register.Absent {
		return "absent"
	}
	return string(k.names.text(v))
}

// describe is one op in words.
func (k *keyHistory) describe(o register.Op) string {
	maybe := ""
	if o.Return == register.Never {
		maybe = "?"
	}
	if text, ok := k.appended[o.Call]; ok {
		return "append " + text + maybe
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

// names numbers the values of a key, densely from 1.
type names struct {
	seed  maphash.Seed
	bytes []byte
	ends  []int // by value, from 1: where its text ends in bytes
	table []nameSlot
}

type nameSlot struct {
	hash uint32
	v    register.Value // 0: free
}

func (n *names) text(v register.Value) []byte {
	from := 0
	if v > 1 {
		from = n.ends[v-2]
	}
	return n.bytes[from:n.ends[v-1]]
}

// only are those of the values, numbered anew from 1 in their order.
func (n *names) only(values []register.Value) names {
	var out names
	for _, v := range values {
		out.id(n.text(v))
	}
	return out
}

// id is the number of a value.
func (n *names) id(s []byte) register.Value {
	if 2*len(n.ends) >= len(n.table) {
		n.grow()
	}
	h := uint32(maphash.Bytes(n.seed, s))
	m := uint32(len(n.table) - 1)
	for p := h & m; ; p = (p + 1) & m {
		e := &n.table[p]
		if e.v == 0 {
			n.bytes = append(n.bytes, s...)
			n.ends = append(n.ends, len(n.bytes))
			*e = nameSlot{h, register.Value(len(n.ends))}
			return e.v
		}
		if e.hash == h && bytes.Equal(n.text(e.v), s) {
			return e.v
		}
	}
}

func (n *names) grow() {
	old := n.table
	if old == nil {
		n.seed = maphash.MakeSeed()
	}
	n.table = make([]nameSlot, max(16, 2*len(old)))
	m := uint32(len(n.table) - 1)
	for _, e := range old {
		if e.v == 0 {
			continue
		}
		p := e.hash & m
		for n.table[p].v != 0 {
			p = (p + 1) & m
		}
		n.table[p] = e
	}
}
