package checker

import (
	"context"

	"github.com/faultline-chaos/faultline/checker/live"
	"github.com/faultline-chaos/faultline/history"
)

// Live gives the verdict that a live.Monitor would have given while the run went on.
type Live struct{}

// Name is live.
func (Live) Name() string { return live.Name }

// SeesProbes as the run did.
func (Live) SeesProbes() {}

// JudgesRun with a workload.
func (Live) JudgesRun(r RunFacts) history.Checker {
	if r.Script {
		return nil
	}
	return Live{}
}

// Check replays the history.
func (Live) Check(ctx context.Context, h history.History) history.Verdict {
	m := live.NewMonitor()
	for i := range h.Ops {
		if i%(1<<14) == 0 && ctx.Err() != nil {
			return unknown("it was stopped after %d of %d ops: %v", i, len(h.Ops), context.Cause(ctx))
		}
		m.Observe(&h.Ops[i])
		if v := m.Violation(); v != nil {
			return *v
		}
	}
	answers, hashes := m.Judged()
	if answers+hashes == 0 {
		return unknown("there was no answer that could be judged, and no two members hashed their states at one revision")
	}
	return valid("of %s, none was older than what had been answered before; %d hashes of a state were the same as another member's", count(answers, "answer"), hashes)
}
