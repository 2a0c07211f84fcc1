package checker

import (
	"slices"

	"github.com/faultline-chaos/faultline/harness"
)

// withoutProbes leaves out what harness.Probe did: checkers judge workloads. A probe's timeout is
// short, so that its failures would say more about the machine than about the store.
func withoutProbes(h harness.History) harness.History {
	if slices.ContainsFunc(h.Ops, func(op harness.Op) bool { return op.Probe() }) {
		h.Ops = slices.DeleteFunc(slices.Clone(h.Ops), func(op harness.Op) bool { return op.Probe() })
	}
	return h
}
