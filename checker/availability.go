package checker

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/faultline-chaos/faultline/history"
)

// Availability judges a service level: while a majority of the members is healthy, there is no outage (a
// time in which clients call and no call succeeds) longer than Gap. Reads and writes are judged separately.
// A call that was rejected by its own condition counts as served.
//
// A member is unhealthy from the order to inject a fault until its healing is confirmed. The time of a
// failover is part of an outage: after the loss of a leader a majority is still healthy.
type Availability struct {
	// Gap is the longest outage that the service level allows; 0 means 10 s.
	Gap time.Duration
}

// Name is availability.
func (Availability) Name() string { return "availability" }

// SeesProbes are calls of clients.
func (Availability) SeesProbes() {}

// JudgesRun that leaves a majority healthy for long enough to see a gap. In hostile surroundings no
// history tells when one was.
func (Availability) JudgesRun(r RunFacts) history.Checker {
	level := r.serviceLevel()
	if r.Script || r.Hostile || r.Time < 3*level || r.overlap() || r.targets(history.TargetMajority, history.TargetAll) {
		return nil
	}
	return Availability{Gap: level}
}

// enoughCalls is how many calls a gap must hold: without calls there is no outage.
const enoughCalls = 3

// bothKinds are the kinds of calls, in the order in which they are reported.
var bothKinds = [...]history.Kind{history.KindWrite, history.KindRead}

// gap is a time without success of one kind of call.
type gap struct {
	began     bool          // a call had succeeded before
	from      time.Duration // the last success, or when a majority became healthy
	fromAt    int           // position
	calls     int           // made since
	last      int           // position of the last of them
	longest   time.Duration
	longestAt time.Duration
}

// Check reads the ops of clients, probes included, and of the nemesis.
func (c Availability) Check(_ context.Context, h history.History) history.Verdict {
	limit := c.Gap
	if limit == 0 {
		limit = 10 * time.Second
	}
	list, err := faults(h.Ops)
	if err != nil {
		return malformed(err)
	}
	kinds := map[history.Kind]*gap{history.KindWrite: {}, history.KindRead: {}}
	healthy := majority(h, list)
	var watched time.Duration // with a healthy majority
	calls, unsaid := 0, 0
	open := map[int]history.Kind{} // by process
	for i := range h.Ops {
		op := &h.Ops[i]
		if i > 0 && healthy[i-1] {
			watched += op.Time - h.Ops[i-1].Time
		}
		for _, kind := range bothKinds {
			g := kinds[kind]
			if i > 0 && healthy[i-1] && g.over(op.Time, limit) {
				return invalid(evidence(h.Ops, g.fromAt, g.last), "no %ss succeeded from %s to at least %s, longer than the allowed %v, although a majority was healthy; %s made",
					kind, seconds(g.from), seconds(op.Time), limit, madeText(g.calls))
			}
			if healthy[i] && (i == 0 || !healthy[i-1]) {
				g.restart(op.Time, i)
			}
		}
		if !op.Client() {
			continue
		}
		if op.Type == history.Invoke {
			open[op.Process] = op.Kind
		}
		g := kinds[open[op.Process]]
		switch {
		case g == nil && op.Type == history.Invoke:
			unsaid++
		case g == nil:
		case op.Type == history.Invoke:
			calls++
			g.calls++
			g.last = i
		case op.Type == history.OK || op.Rejected:
			g.began = true
			g.restart(op.Time, i)
		}
	}
	v := c.sum(kinds, calls, watched, limit)
	if unsaid > 0 {
		v.Reason += fmt.Sprintf("; %s left out: the history does not say whether they read or write", count(unsaid, "call"))
	}
	return v
}

func madeText(n int) string {
	if n == 1 {
		return "1 call was"
	}
	return fmt.Sprintf("%d calls were", n)
}

// sum is the verdict where no gap was too long. It takes calls to see one.
func (c Availability) sum(kinds map[history.Kind]*gap, calls int, watched, limit time.Duration) history.Verdict {
	var words []string
	for _, kind := range bothKinds {
		if g := kinds[kind]; g.began {
			words = append(words, fmt.Sprintf("%ss %v, at %s", kind, g.longest.Round(time.Millisecond), seconds(g.longestAt)))
		}
	}
	switch {
	case len(words) == 0:
		return unknown("no call ever succeeded, so the service never started")
	case watched <= limit:
		return unknown("a majority was healthy for only %v: an outage longer than %v could not have been detected", watched.Round(time.Millisecond), limit)
	case float64(calls) < enoughCalls*float64(watched)/float64(limit):
		return unknown("%s in %v: too few to detect an outage of %v", count(calls, "call"), watched.Round(time.Millisecond), limit)
	}
	return valid("longest outage while a majority was healthy: %s; up to %v is allowed", strings.Join(words, "; "), limit)
}

// over notes the gap as of now, and says whether it is too long.
func (g *gap) over(now, limit time.Duration) bool {
	if !g.began || g.calls < enoughCalls {
		return false
	}
	if d := now - g.from; d > g.longest {
		g.longest, g.longestAt = d, g.from
	}
	return now-g.from > limit
}

func (g *gap) restart(now time.Duration, at int) {
	g.from, g.fromAt, g.calls = now, at, 0
}

// majority says for each position whether a majority of members is healthy just after it.
func majority(h history.History, list []*fault) []bool {
	ill := map[history.NodeID]int{}
	starts, ends := map[int][]*fault{}, map[int][]*fault{}
	for _, f := range list {
		starts[f.injectAt] = append(starts[f.injectAt], f)
		if f.healedAt >= 0 {
			ends[f.healedAt] = append(ends[f.healedAt], f)
		}
	}
	out := make([]bool, len(h.Ops))
	for i := range h.Ops {
		for _, f := range starts[i] {
			for _, id := range f.touched() {
				ill[id]++
			}
		}
		for _, f := range ends[i] {
			for _, id := range f.touched() {
				ill[id]--
			}
		}
		sick := 0
		for _, n := range ill {
			if n > 0 {
				sick++
			}
		}
		out[i] = sick <= (len(h.Nodes)-1)/2
	}
	return out
}
