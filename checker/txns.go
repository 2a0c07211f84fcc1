package checker

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/faultline-chaos/faultline/checker/anomaly"
	"github.com/faultline-chaos/faultline/checker/register"
	"github.com/faultline-chaos/faultline/history"
)

// Txns is a history of transactions that append to lists and read them, or that read and write registers,
// in a compact form: what a list held is kept once, however often it was read. Fill it line by line, then
// judge it with Anomalies.CheckTxns. A Txns must not be used by two goroutines at the same time.
type Txns struct {
	calls  calls
	read   blocks[anomaly.Txn]
	txns   []anomaly.Txn // when all are read
	keys   names         // JSON texts, as values are
	values names
	shared []sharedList // by key
	ops    slab[anomaly.Op]
	lists  bool
	reader history.TxnReader
}

// NewTxns is an empty history.
func NewTxns() *Txns { return &Txns{} }

// Add takes the next line; of those that are not transactions only the pairing is checked. The op's index
// is its place in the history, and grows from line to line. Nothing of the op is kept. Errors name the op;
// after one, the history must not be judged.
func (t *Txns) Add(op *history.Op) error {
	if !op.Client() {
		return nil
	}
	if op.Type == history.Invoke {
		i, err := t.calls.invoke(op, op.Form() == history.FormTxn)
		if err != nil || i < 0 {
			return err
		}
		t.read.add(anomaly.Txn{Outcome: anomaly.Unknown, Process: op.Process, Call: int64(op.Index), Return: anomaly.Never})
		return nil
	}
	o, i, err := t.calls.complete(op)
	if err != nil || i < 0 {
		return err
	}
	switch x := t.read.at(i); op.Type {
	case history.OK:
		x.Outcome, x.Return = anomaly.Committed, int64(op.Index)
	case history.Fail:
		x.Outcome, x.Return = anomaly.Aborted, int64(op.Index)
	}
	return t.take(i, o)
}

// take reads what a transaction did.
func (t *Txns) take(i int, o saying) error {
	v, err := t.reader.Read(o.position, o.value)
	if err != nil {
		return err
	}
	if len(v.If) > 0 {
		return fmt.Errorf("op %d: a txn with comparisons is not one of list appends or registers", o.position)
	}
	ops := t.ops.of(len(v.Ops))
	for n, m := range v.Ops {
		if ops[n], err = t.op(m); err != nil {
			return fmt.Errorf("op %d: an op of a txn: %w", o.position, err)
		}
	}
	t.read.at(i).Ops = ops
	return nil
}

// finish takes what never ended. A list that was null is an empty one.
func (t *Txns) finish() error {
	for _, o := range t.calls.rest() {
		if err := t.take(o.call, o); err != nil {
			return err
		}
	}
	t.txns = t.read.take()
	if !t.lists {
		return nil
	}
	for i := range t.txns {
		for j := range t.txns[i].Ops {
			if o := &t.txns[i].Ops[j]; o.Kind == anomaly.Read && o.Value == anomaly.None {
				o.Kind = anomaly.ReadList
			}
		}
	}
	return nil
}

// txnsOf sorts the ops of clients. Positions are those of Ops.
func txnsOf(ops []history.Op) (*Txns, error) {
	t := NewTxns()
	return t, Ops(ops).each(t.Add)
}

// id numbers a text from 0.
func id(n *names, text []byte) int32 { return int32(n.id(text)) - 1 }

func (t *Txns) name(key bool, id int32) string {
	n := &t.values
	if key {
		n = &t.keys
	}
	text := string(n.text(register.Value(id + 1)))
	if key {
		return strings.Trim(text, `"`)
	}
	return text
}

func (t *Txns) op(m []json.RawMessage) (o anomaly.Op, err error) {
	if len(m) < 2 {
		return o, errors.New("it has a kind, a key and a value")
	}
	f, err := history.JSONText(m[0])
	if err != nil {
		return o, err
	}
	o.Key = id(&t.keys, m[1])
	value := json.RawMessage("null")
	if len(m) > 2 {
		value = bytes.TrimSpace(m[2])
	}
	switch string(f) {
	case "append":
		o.Kind, o.Value = anomaly.Append, id(&t.values, value)
	case "w":
		o.Kind, o.Value = anomaly.Write, id(&t.values, value)
	case "r":
		switch {
		case string(value) == "null":
			o.Kind, o.Value = anomaly.Read, anomaly.None
		case len(value) > 0 && value[0] == '[':
			o.Kind = anomaly.ReadList
			o.List, err = t.list(o.Key, value)
		default:
			o.Kind, o.Value = anomaly.Read, id(&t.values, value)
		}
	default:
		return o, fmt.Errorf("unknown kind %q: allowed are append, r, w", f)
	}
	t.lists = t.lists || o.Kind == anomaly.Append || o.Kind == anomaly.ReadList
	return o, err
}

// sharedList is the longest list that was read of a key, with its text. Of a store that keeps its promises
// every other one is its beginning, and shares its memory.
type sharedList struct {
	text     []byte // without brackets
	ends     []int  // by element: where it ends in text
	elements []int32
}

// list is what a list's text holds.
func (t *Txns) list(key int32, text []byte) ([]int32, error) {
	for len(t.shared) <= int(key) {
		t.shared = append(t.shared, sharedList{})
	}
	l, inner := &t.shared[key], text[1:len(text)-1]
	switch {
	case len(inner) == 0:
		return nil, nil
	case bytes.HasPrefix(l.text, inner):
		if n, ok := slices.BinarySearch(l.ends, len(inner)); ok {
			return l.elements[: n+1 : n+1], nil
		}
	case bytes.HasPrefix(inner, l.text) && t.extend(l, inner):
		return l.elements[:len(l.elements):len(l.elements)], nil
	}
	var list []json.RawMessage
	if err := json.Unmarshal(text, &list); err != nil {
		return nil, err
	}
	out := make([]int32, len(list))
	for i, v := range list {
		out[i] = id(&t.values, v)
	}
	return out, nil
}

// extend makes the list what a longer text says. It is false where it does not recognise the text.
func (t *Txns) extend(l *sharedList, inner []byte) bool {
	ends, elements, at := l.ends, l.elements, len(l.text)
	for at < len(inner) {
		if at > 0 {
			if inner[at] != ',' {
				return false
			}
			at++
		}
		n := history.PlainJSON(inner[at:])
		if n == 0 {
			return false
		}
		elements = append(elements, id(&t.values, inner[at:at+n]))
		at += n
		ends = append(ends, at)
	}
	l.text = append(l.text, inner[len(l.text):]...)
	l.ends, l.elements = ends, elements
	return true
}
