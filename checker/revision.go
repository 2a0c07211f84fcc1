package checker

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/faultline-chaos/faultline/checker/revision"
	"github.com/faultline-chaos/faultline/history"
)

// Revision judges whether all calls together, transactions over many keys included, could have been
// answered by one store that handles one call at a time, going by the revisions that it told: see
// package revision. Every writer of the run must be in the history. It judges get, put, cas, delete
// and txn, where every answer tells the store's revision.
type Revision struct {
	// Budget is as that of Linearizable.
	Budget time.Duration
}

// Name is revision.
func (Revision) Name() string { return "revision" }

// SeesProbes since they write: it needs their revisions.
func (Revision) SeesProbes() {}

// Check needs an answered read or comparison.
func (c Revision) Check(ctx context.Context, h history.History) history.Verdict {
	r, err := callsOf(h.Ops)
	if err != nil {
		return malformed(err)
	}
	return c.check(ctx, r, Ops(h.Ops))
}

// CheckCalls judges a history in the compact form of Calls, which takes no further lines from then on.
// lines are asked only where a violation is to be told.
func (c Revision) CheckCalls(ctx context.Context, r *Calls, lines Lines) history.Verdict {
	return narrated(c.check(ctx, r, lines), c.Name(), lines, nil)
}

func (c Revision) check(ctx context.Context, r *Calls, lines Lines) history.Verdict {
	ctx, cancel := limited(ctx, c.Budget)
	defer cancel()
	if err := r.finish(); err != nil {
		return malformed(err)
	}
	switch {
	case r.looks == 0:
		return unknown("no read and no comparison was answered, so no violation could have been detected")
	case r.missing != "":
		return unknown("%s: the order of the calls is not known", r.missing)
	}
	got := revision.Check(ctx, revision.History{Ops: r.ops})
	switch got.Verdict {
	case revision.Legal:
		return valid("%s in the order of their revisions: a single store could have given every answer", count(len(r.ops), "call"))
	case revision.Illegal:
		return r.violation(got, lines)
	default:
		return unknown("%s", got.Reason)
	}
}

func (r *Calls) violation(got revision.Result, lines Lines) history.Verdict {
	at := []int{}
	for _, i := range append(slices.Clone(got.Others), got.Op) {
		if i >= 0 {
			at = append(at, r.calls.evidence(i)...)
		}
	}
	slices.Sort(at)
	at = slices.Compact(at)
	what := "the history"
	if got.Op >= 0 {
		p := r.calls.from[got.Op].invoke
		what = fmt.Sprintf("op %d", p)
		if found, err := lines.Some([]int{p}); err == nil {
			what = fmt.Sprintf("the %s of process %d (op %d)", found[p].F, found[p].Process, p)
		}
	}
	where := ""
	if got.Rev > 0 {
		where = fmt.Sprintf(" at revision %d", got.Rev)
	}
	return invalid(at, "%s is wrong%s: %s", what, where, got.Reason)
}
