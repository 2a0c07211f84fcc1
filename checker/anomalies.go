package checker

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/faultline-chaos/faultline/checker/anomaly"
	"github.com/faultline-chaos/faultline/harness"
)

// Anomalies looks for transactional anomalies in histories of txn ops that append to lists and read
// them, or that read and write registers with unique values: see package anomaly.
type Anomalies struct {
	// Level of isolation that was promised; "" means strict-serializable. See anomaly.Levels.
	Level string
	// Of registers: what orders the versions of a key; see anomaly.Options.
	SequentialKeys, LinearizableKeys bool
}

// Name is anomalies.
func (Anomalies) Name() string { return "anomalies" }

// Check needs transactions that depend on each other.
func (c Anomalies) Check(_ context.Context, h harness.History) harness.Verdict {
	level, ok := anomaly.LevelNamed(c.Level)
	if c.Level == "" {
		level, ok = anomaly.LevelNamed("strict-serializable")
	}
	if !ok {
		var all []string
		for _, l := range anomaly.Levels() {
			all = append(all, l.Name)
		}
		return unknown("unknown level of isolation %q: allowed are %s", c.Level, strings.Join(all, ", "))
	}
	t, err := transactions(h.Ops)
	if err != nil {
		return malformed(err)
	}
	if len(t.txns) == 0 {
		return unknown("there are no transactions")
	}
	r := anomaly.Check(t.txns, anomaly.Options{
		Realtime: level.Realtime, Process: level.Process, SequentialKeys: c.SequentialKeys, LinearizableKeys: c.LinearizableKeys,
	}, t.name)
	if r.Problem != "" {
		return unknown("%s", r.Problem)
	}
	forbidden, names := level.Forbidden(), r.Names()
	var bad []string
	var at []int
	text := ""
	for _, a := range r.Anomalies {
		if !forbidden[a.Name] {
			continue
		}
		bad = append(bad, a.Name)
		if text == "" {
			text = a.Text + t.legend(a)
			for _, i := range a.Txns {
				at = append(at, t.from[i].invoke, t.from[i].done)
			}
		}
	}
	bad = slices.Compact(bad)
	switch {
	case len(bad) > 0:
		most := "not even " + anomaly.Levels()[0].Name
		if l := anomaly.AtMost(names); len(l) > 0 {
			most = "at most " + strings.Join(l, " or ")
		}
		return invalid(evidence(h.Ops, at...), "not %s (%s): %s. %s", level.Name, most, strings.Join(bad, ", "), text)
	case r.Edges == 0:
		return unknown("no transaction depends on another, so no anomaly could have been seen")
	case len(names) > 0:
		return valid("%s, %s: nothing that %s forbids; seen: %s", count(len(t.txns), "transaction"), dependencies(r.Edges), level.Name, strings.Join(names, ", "))
	}
	return valid("%s, %s: nothing that %s forbids", count(len(t.txns), "transaction"), dependencies(r.Edges), level.Name)
}

func dependencies(n int) string {
	if n == 1 {
		return "1 dependency"
	}
	return fmt.Sprintf("%d dependencies", n)
}

// txns is a history as package anomaly takes it.
type txnHistory struct {
	lines  []harness.Op
	txns   []anomaly.Txn
	from   []attempt
	keys   jsonNames
	values jsonNames
}

// jsonNames numbers JSON texts.
type jsonNames struct {
	text []string
	id   map[string]int32
}

func (n *jsonNames) of(b json.RawMessage) int32 {
	if id, ok := n.id[string(b)]; ok {
		return id
	}
	if n.id == nil {
		n.id = map[string]int32{}
	}
	id := int32(len(n.text))
	n.text = append(n.text, string(b))
	n.id[n.text[id]] = id
	return id
}

func (t *txnHistory) name(key bool, id int32) string {
	if key {
		return strings.Trim(t.keys.text[id], `"`)
	}
	return t.values.text[id]
}

// legend says which ops T1, T2, ... are.
func (t *txnHistory) legend(a anomaly.Anomaly) string {
	const most = 6
	var b strings.Builder
	for n, i := range a.Txns[:min(len(a.Txns), most)] {
		sep := ", "
		if n == 0 {
			sep = " ("
		}
		fmt.Fprintf(&b, "%sT%d is op %d", sep, n+1, t.lines[t.from[i].invoke].Index)
	}
	if len(a.Txns) > 0 {
		b.WriteByte(')')
	}
	return b.String()
}

func transactions(ops []harness.Op) (*txnHistory, error) {
	all, err := attempts(ops)
	if err != nil {
		return nil, err
	}
	t := &txnHistory{lines: ops}
	lists := false
	for _, a := range all {
		op := &ops[a.invoke]
		if op.F != harness.FTxn {
			continue
		}
		x := anomaly.Txn{Process: op.Process, Call: int64(a.invoke), Return: int64(a.done)}
		switch a.outcome {
		case harness.OK:
			op = &ops[a.done]
		case harness.Fail:
			x.Outcome = anomaly.Aborted
		default:
			x.Outcome, x.Return = anomaly.Unknown, math.MaxInt64
		}
		v, err := parseTxn(op)
		if err != nil {
			return nil, err
		}
		if len(v.If) > 0 {
			return nil, fmt.Errorf("op %d: a txn with comparisons is not one of list appends or registers", op.Index)
		}
		for _, m := range v.Ops {
			o, err := t.op(m)
			if err != nil {
				return nil, fmt.Errorf("op %d: an op of a txn: %w", op.Index, err)
			}
			lists = lists || o.Kind == anomaly.Append || o.Kind == anomaly.ReadList
			x.Ops = append(x.Ops, o)
		}
		t.txns, t.from = append(t.txns, x), append(t.from, a)
	}
	if lists { // a list that was null is an empty one
		for i := range t.txns {
			for j := range t.txns[i].Ops {
				if o := &t.txns[i].Ops[j]; o.Kind == anomaly.Read && o.Value == anomaly.None {
					o.Kind = anomaly.ReadList
				}
			}
		}
	}
	return t, nil
}

func (t *txnHistory) op(m []json.RawMessage) (o anomaly.Op, err error) {
	if len(m) < 2 {
		return o, errors.New("it has a kind, a key and a value")
	}
	f, err := jsonString(m[0])
	if err != nil {
		return o, err
	}
	o.Key = t.keys.of(m[1])
	value := json.RawMessage("null")
	if len(m) > 2 {
		value = bytes.TrimSpace(m[2])
	}
	switch f {
	case "append":
		o.Kind, o.Value = anomaly.Append, t.values.of(value)
	case "w":
		o.Kind, o.Value = anomaly.Write, t.values.of(value)
	case "r":
		switch {
		case string(value) == "null":
			o.Kind, o.Value = anomaly.Read, anomaly.None
		case len(value) > 0 && value[0] == '[':
			o.Kind = anomaly.ReadList
			var list []json.RawMessage
			if err := json.Unmarshal(value, &list); err != nil {
				return o, err
			}
			o.List = make([]int32, len(list))
			for i, v := range list {
				o.List[i] = t.values.of(v)
			}
		default:
			o.Kind, o.Value = anomaly.Read, t.values.of(value)
		}
	default:
		return o, fmt.Errorf("unknown kind %q: allowed are append, r, w", f)
	}
	return o, nil
}
