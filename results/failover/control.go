package failover

import (
	"cmp"
	"slices"
	"time"
)

// Control is a fault that did not affect the leader, with the calls through unaffected members in that
// time. They should all succeed.
type Control struct {
	Fault *Injected     `json:"fault"`
	From  time.Duration `json:"from"`
	To    time.Duration `json:"to"`
	Calls Counts        `json:"calls"` // of the workload
	// Ruler says what Asked and LongestGap are measured with: "probes", where the run has any, or "calls"
	// of the workload.
	Ruler string `json:"ruler"`
	Asked Counts `json:"asked"`
	// Errors are lines of history.jsonl, of calls and of probes that did not succeed: at most 20.
	Errors []int `json:"errors,omitempty"`
	// LongestGap is the longest time without an acknowledged write, from one answer to the next.
	LongestGap    *time.Duration `json:"longest_gap,omitempty"`
	LeaderChanges int            `json:"leader_changes"`
}

// Unaffected says that no call through the other members failed and that the leader stayed.
func (c *Control) Unaffected() bool {
	return c.Asked.OK > 0 && c.Asked.OK == c.Asked.All() && c.Calls.OK == c.Calls.All() && c.LeaderChanges == 0
}

func (s *study) controls() []Control {
	var out []Control
	for i := range s.faults {
		f := &s.faults[i]
		if f.HitLeader || !f.Landed() || f.QuorumLost || overlapsLeaderFault(f, s.faults, s.end) {
			continue
		}
		c := Control{Fault: f, From: f.Confirmed, To: f.End(s.end)}
		if f.HealIssued != nil {
			c.To = *f.HealIssued
		}
		c.Calls, _ = c.watch(s.calls)
		var list []Call
		list, c.Ruler = s.ruler(false)
		var lines []int
		c.Asked, lines = c.watch(list)
		c.Errors = append(c.Errors, lines...)
		if c.Ruler == "probes" {
			_, lines = c.watch(s.calls)
			c.Errors = append(c.Errors, lines...)
		}
		slices.Sort(c.Errors)
		c.Errors = c.Errors[:min(len(c.Errors), 20)]
		c.gap(list)
		for _, l := range s.leaders {
			if l.From > c.From && l.From < c.To {
				c.LeaderChanges++
			}
		}
		out = append(out, c)
	}
	return out
}

// watch counts the calls that were due between effect and healing through unaffected members.
func (c *Control) watch(calls []Call) (n Counts, errors []int) {
	for i := range calls {
		k := &calls[i]
		if k.From < c.From || k.From >= c.To || !k.Unharmed {
			continue
		}
		n.Add(k)
		if !k.served() {
			errors = append(errors, max(k.Done, k.Line))
		}
	}
	return n, errors
}

func (c *Control) gap(list []Call) {
	var ends []time.Duration
	any := false
	for i := range list {
		k := &list[i]
		if !k.Is(false) || !k.Unharmed {
			continue
		}
		any = any || k.From >= c.From && k.From < c.To
		if k.served() && k.To >= c.From && k.To <= c.To {
			ends = append(ends, k.To)
		}
	}
	if !any {
		return
	}
	slices.SortFunc(ends, cmp.Compare)
	last, longest := c.From, time.Duration(0)
	for _, t := range append(ends, c.To) {
		longest, last = max(longest, t-last), t
	}
	c.LongestGap = &longest
}

// overlapsLeaderFault says whether another fault affected the leader in that time: then the fault is no
// control.
func overlapsLeaderFault(f *Injected, faults []Injected, end time.Duration) bool {
	for j := range faults {
		if g := &faults[j]; g.HitLeader && g.Landed() && g.Issued < f.End(end) && g.End(end) > f.Issued {
			return true
		}
	}
	return false
}
