package failover

import (
	"cmp"
	"slices"
	"time"

	"github.com/faultline-chaos/faultline/history"
)

// Group is what faults of one kind on one target came to: the failovers they made, and the controls
// that left the leader alone.
type Group struct {
	Fault    string         // without a fault: "no fault"
	Target   history.Target // as asked
	Episodes []*Episode
	Writes   Summary // away; of failovers that are in the statistics
	Reads    Summary
	Gaps     Summary // the longest time without an acknowledged write in each control
	Controls []*Control
	Lost     int // failovers whose faults left no majority unharmed: not in Writes and Reads
}

// NoFault names the group of leaders that were lost without a fault on them.
const NoFault = "no fault"

// groups are sorted by fault and target.
func (a *Analysis) groups() []Group {
	var out []Group
	at := func(fault string, target history.Target) *Group {
		n := slices.IndexFunc(out, func(g Group) bool { return g.Fault == fault && g.Target == target })
		if n < 0 {
			n = len(out)
			out = append(out, Group{Fault: fault, Target: target})
		}
		return &out[n]
	}
	for i := range a.Episodes {
		e := &a.Episodes[i]
		fault, target := NoFault, history.Target("")
		if e.Fault != nil {
			fault, target = e.Fault.Fault, e.Fault.Target
		}
		g := at(fault, target)
		g.Episodes = append(g.Episodes, e)
		if e.QuorumLost {
			g.Lost++
		}
	}
	for i := range a.Controls {
		c := &a.Controls[i]
		g := at(c.Fault.Fault, c.Fault.Target)
		g.Controls = append(g.Controls, c)
	}
	for i := range out {
		out[i].sum()
	}
	slices.SortFunc(out, func(x, y Group) int { return cmp.Or(cmp.Compare(x.Fault, y.Fault), cmp.Compare(x.Target, y.Target)) })
	return out
}

func (g *Group) sum() {
	g.Writes, g.Reads = metrics[0].over(g.Episodes), metrics[1].over(g.Episodes)
	g.Gaps = Summary{Name: "longest gap", Doc: "longest time without an acknowledged write during a fault that did not affect the leader"}
	for _, c := range g.Controls {
		if c.LongestGap != nil {
			g.Gaps.Values = append(g.Gaps.Values, *c.LongestGap)
		}
	}
	g.Gaps.Compute()
}

// Worst is the episode of the longest outage of writes, with the lower bounds of censored ones; nil
// where none is in the statistics.
func Worst(eps []*Episode) *Episode {
	var most *Episode
	var longest time.Duration
	for _, e := range eps {
		if e.QuorumLost {
			continue
		}
		if d, ok := e.Writes.Length(); ok && (most == nil || d > longest) {
			most, longest = e, d
		}
	}
	return most
}

// Length is how long it took, or at least how long.
func (o *Outage) Length() (time.Duration, bool) {
	switch {
	case o.Took != nil:
		return *o.Took, true
	case o.AtLeast != nil:
		return *o.AtLeast, true
	}
	return 0, false
}

func Pointers(eps []Episode) []*Episode {
	out := make([]*Episode, len(eps))
	for i := range eps {
		out[i] = &eps[i]
	}
	return out
}
