package checker

import (
	"context"
	"strings"

	"github.com/faultline-chaos/faultline/history"
)

// AllHealed judges whether the healing of every injected fault was confirmed. If one was not, the verdict is
// Unknown and not Invalid: the harness failed, not the system under test, and other findings of the run may
// be caused by the remaining fault. Such a run has an exit code of its own.
type AllHealed struct{}

// Name is all-healed.
func (AllHealed) Name() string { return "all-healed" }

// JudgesRun of every kind.
func (AllHealed) JudgesRun(RunFacts) history.Checker { return AllHealed{} }

// Check reads the nemesis's ops alone.
func (AllHealed) Check(_ context.Context, h history.History) history.Verdict {
	list, err := faults(h.Ops)
	if err != nil {
		return malformed(err)
	}
	var missing []string
	var at []int
	for _, f := range list {
		if len(f.Nodes) > 0 && f.healedAt < 0 {
			text := f.String()
			if f.problem != "" {
				text += ": " + f.problem
			}
			missing = append(missing, text)
			at = append(at, f.injectAt, f.healAt)
		}
	}
	if len(missing) > 0 {
		v := unknown("%s without a confirmed healing, so the harness left the system broken: %s", count(len(missing), "injection"), strings.Join(missing, "; "))
		v.Evidence = evidence(h.Ops, at...)
		return v
	}
	if len(list) == 0 {
		return valid("no fault was injected")
	}
	return valid("%s, each with a confirmed healing", count(len(list), "injection"))
}
