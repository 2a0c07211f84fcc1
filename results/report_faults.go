package results

import "strings"

type faultView struct {
	F                                                       *Injected
	Nodes, Issued, Effect, HealIssued, HealedAfter, Trouble string
	Refs                                                    []refView
}

func faultViewOf(a *Analysis, f *Injected) faultView {
	v := faultView{F: f, Nodes: joinNodes(f.Nodes), Issued: clock(f.Issued), Effect: missing, HealIssued: missing, HealedAfter: missing}
	if f.Landed() {
		v.Effect = ms(f.Confirmed - f.Issued)
	}
	if f.HealIssued != nil {
		v.HealIssued = clock(*f.HealIssued)
		if f.Healed != nil {
			v.HealedAfter = ms(*f.Healed - *f.HealIssued)
		}
	}
	v.Refs = lineViews(a, f.Line, f.DoneLine, f.HealLine, f.HealedLine)
	if f.Error != "" {
		v.Trouble = "It did not land: " + f.Error
	}
	if f.HoldError != "" {
		v.Trouble = strings.TrimSpace(v.Trouble + " It failed while it lasted: " + f.HoldError)
	}
	if f.HealError != "" {
		v.Trouble = strings.TrimSpace(v.Trouble + " It was not seen to heal: " + f.HealError)
	}
	return v
}

func faultsOfPage(a *Analysis) (out []faultView) {
	for i := range a.Faults {
		out = append(out, faultViewOf(a, &a.Faults[i]))
	}
	return out
}
