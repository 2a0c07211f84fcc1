package checker

import (
	"context"
	"slices"
	"time"

	"github.com/faultline-chaos/faultline/history"
)

// Probes judges whether what the probes of a run were answered is linearizable, key by key: they read
// and write far more often than workloads while a failover goes on, through every member.
type Probes struct {
	// Budget is as that of Linearizable.
	Budget time.Duration
}

// Name is probes.
func (Probes) Name() string { return "probes" }

// SeesProbes and nothing else.
func (Probes) SeesProbes() {}

// JudgesRun with probes.
func (Probes) JudgesRun(r RunFacts) history.Checker {
	if r.ProbeEvery == 0 {
		return nil
	}
	return Probes{}
}

// Check judges the ops of harness.Probe, which are those of registers under other names.
func (c Probes) Check(ctx context.Context, h history.History) history.Verdict {
	var ops []history.Op
	for _, op := range h.Ops {
		if op.Probe() {
			ops = append(ops, op)
		}
	}
	h.Ops = ops
	return Linearizable(c).Check(ctx, h)
}

// withoutProbes leaves out what harness.Probe did: other checkers judge workloads. A probe's timeout
// is short, so that its failures would say more about the machine than about the store.
func withoutProbes(h history.History) history.History {
	if slices.ContainsFunc(h.Ops, func(op history.Op) bool { return op.Probe() }) {
		h.Ops = slices.DeleteFunc(slices.Clone(h.Ops), func(op history.Op) bool { return op.Probe() })
	}
	return h
}
