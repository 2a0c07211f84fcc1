package page

import (
	"fmt"

	"github.com/faultline-chaos/faultline/history"
	"github.com/faultline-chaos/faultline/results"
	"github.com/faultline-chaos/faultline/results/failover"
	"github.com/faultline-chaos/faultline/results/format"
)

// verdictSection is what checkers and scenarios found.
type verdictSection struct {
	Verdicts []verdictView
	Claims   []claimView
}

func verdictsOfPage(a *failover.Analysis) (s verdictSection) {
	for _, v := range a.Run.Verdicts {
		s.Verdicts = append(s.Verdicts, verdictViewOf(a, v))
	}
	for _, c := range a.Run.Claims {
		s.Claims = append(s.Claims, claimViewOf(c))
	}
	return s
}

type verdictView struct {
	V              history.Verdict
	Story          []momentView
	Evidence       []evidenceView
	Count, Further string
}

type momentView struct {
	At, Text string
	Call     bool
	Refs     []refView
}

type evidenceView struct {
	refView
	N int
}

type claimView struct {
	C                  results.Claim
	Holds, Class, Took string
}

// maxEvidence is how many lines of one verdict's evidence the page shows.
const maxEvidence = 200

func verdictViewOf(a *failover.Analysis, v history.Verdict) verdictView {
	v.ArtifactNames = results.ArtifactNames(&v)
	out := verdictView{Story: storyView(a, v.Story), V: v, Count: format.Plural(len(v.Evidence), "line", "lines") + " of history.jsonl"}
	for _, i := range v.Evidence[:min(len(v.Evidence), maxEvidence)] {
		if i >= 0 && i < len(a.History.Ops) {
			out.Evidence = append(out.Evidence, evidenceView{refViewOf(a, failover.LineRef(i+1)), i + 1})
		}
	}
	if len(v.Evidence) > maxEvidence {
		out.Further = fmt.Sprintf("and %d more", len(v.Evidence)-maxEvidence)
	}
	return out
}

// storyView is a violation's story, each moment with the lines that tell it.
func storyView(a *failover.Analysis, story []history.Moment) (out []momentView) {
	for _, m := range story {
		v := momentView{At: format.Clock(m.At), Text: m.Text, Call: m.Call}
		for _, i := range m.Ops {
			if i >= 0 && i < len(a.History.Ops) {
				v.Refs = append(v.Refs, lineViews(a, i+1)...)
			}
		}
		out = append(out, v)
	}
	return out
}

func claimViewOf(c results.Claim) claimView {
	v := claimView{c, "holds", "valid", format.MS(c.Took)}
	switch {
	case c.Undecided != "":
		v.Holds, v.Class = c.Undecided, "unknown"
	case !c.Holds:
		v.Holds, v.Class = "does not hold", "invalid"
	}
	return v
}
