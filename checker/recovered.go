package checker

import (
	"cmp"
	"context"

	"github.com/faultline-chaos/faultline/history"
)

// Recovered judges whether the system recovered by itself after all faults were healed: one leader, all
// members caught up, final reads answered. If it did not, the verdict is Invalid. A run that ended earlier
// is Unknown.
type Recovered struct{}

// Name is recovered.
func (Recovered) Name() string { return "recovered" }

// JudgesRun with a workload.
func (Recovered) JudgesRun(r RunFacts) history.Checker {
	if r.Script {
		return nil
	}
	return Recovered{}
}

// Check reads the phases alone.
func (Recovered) Check(_ context.Context, h history.History) history.Verdict {
	begun, err := phases(h.Ops)
	if err != nil {
		return malformed(err)
	}
	for i := range h.Ops {
		if op := &h.Ops[i]; op.Process == history.HarnessProcess && op.F == history.FPhase && op.Type == history.Info {
			return invalid([]int{op.Index}, "%s", cmp.Or(op.Error, "no recovery after all faults were healed"))
		}
	}
	recover, recovering := begun[history.PhaseRecover]
	final, reading := begun[history.PhaseFinal]
	_, ended := begun[history.PhaseEnd]
	switch {
	case !recovering:
		return unknown("the run ended before all faults were healed")
	case !reading:
		return unknown("the run ended before all members had caught up")
	case !ended:
		return invalid(evidence(h.Ops, final), "members caught up after all faults were healed, but not all final reads were answered")
	}
	return valid("all members caught up and all final reads were answered; recovery and settling took %s", seconds(h.Ops[final].Time-h.Ops[recover].Time))
}
