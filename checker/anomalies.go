package checker

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/faultline-chaos/faultline/checker/anomaly"
	"github.com/faultline-chaos/faultline/history"
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
func (c Anomalies) Check(_ context.Context, h history.History) history.Verdict {
	t, err := txnsOf(h.Ops)
	if err != nil {
		return malformed(err)
	}
	return c.check(t)
}

// CheckTxns judges a history in the compact form of Txns, which takes no further lines from then on.
// lines are asked only where an anomaly is to be told.
func (c Anomalies) CheckTxns(t *Txns, lines Lines) history.Verdict {
	return narrated(c.check(t), c.Name(), lines, nil)
}

func (c Anomalies) check(t *Txns) history.Verdict {
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
	if err := t.finish(); err != nil {
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
				at = append(at, t.calls.evidence(i)...)
			}
		}
	}
	bad = slices.Compact(bad)
	slices.Sort(at)
	at = slices.Compact(at)
	switch {
	case len(bad) > 0:
		most := "not even " + anomaly.Levels()[0].Name
		if l := anomaly.AtMost(names); len(l) > 0 {
			most = "at most " + strings.Join(l, " or ")
		}
		return invalid(at, "not %s (%s): %s. %s", level.Name, most, strings.Join(bad, ", "), text)
	case r.Edges == 0:
		return unknown("no transaction depends on another, so no anomaly could have been detected")
	case len(names) > 0:
		return valid("%s, %s: no anomaly that %s forbids; found: %s", count(len(t.txns), "transaction"), dependencies(r.Edges), level.Name, strings.Join(names, ", "))
	}
	return valid("%s, %s: no anomaly that %s forbids", count(len(t.txns), "transaction"), dependencies(r.Edges), level.Name)
}

func dependencies(n int) string {
	if n == 1 {
		return "1 dependency"
	}
	return fmt.Sprintf("%d dependencies", n)
}

// legend says which ops T1, T2, ... are.
func (t *Txns) legend(a anomaly.Anomaly) string {
	const most = 6
	var b strings.Builder
	for n, i := range a.Txns[:min(len(a.Txns), most)] {
		sep := ", "
		if n == 0 {
			sep = " ("
		}
		fmt.Fprintf(&b, "%sT%d is op %d", sep, n+1, t.calls.from[i].invoke)
	}
	if len(a.Txns) > 0 {
		b.WriteByte(')')
	}
	return b.String()
}
