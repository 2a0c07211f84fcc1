package page

import (
	"strings"

	"github.com/faultline-chaos/faultline/results/failover"
	"github.com/faultline-chaos/faultline/results/format"
)

type faultView struct {
	F                                                       *failover.Injected
	Nodes, Issued, Effect, HealIssued, HealedAfter, Trouble string
	Refs                                                    []refView
}

func faultViewOf(a *failover.Analysis, f *failover.Injected) faultView {
	v := faultView{F: f, Nodes: failover.JoinNodes(f.Nodes), Issued: format.Clock(f.Issued), Effect: format.Missing, HealIssued: format.Missing, HealedAfter: format.Missing}
	if f.Landed() {
		v.Effect = format.MS(f.Confirmed - f.Issued)
	}
	if f.HealIssued != nil {
		v.HealIssued = format.Clock(*f.HealIssued)
		if f.Healed != nil {
			v.HealedAfter = format.MS(*f.Healed - *f.HealIssued)
		}
	}
	v.Refs = lineViews(a, f.Line, f.DoneLine, f.HealLine, f.HealedLine)
	if f.Error != "" {
		v.Trouble = "Its effect was not confirmed: " + f.Error
	}
	if f.HoldError != "" {
		v.Trouble = strings.TrimSpace(v.Trouble + " It failed while it was active: " + f.HoldError)
	}
	if f.HealError != "" {
		v.Trouble = strings.TrimSpace(v.Trouble + " Its healing was not confirmed: " + f.HealError)
	}
	return v
}

func faultsOfPage(a *failover.Analysis) (out []faultView) {
	for i := range a.Faults {
		out = append(out, faultViewOf(a, &a.Faults[i]))
	}
	return out
}
