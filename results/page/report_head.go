package page

import (
	"fmt"

	"github.com/faultline-chaos/faultline/results/failover"
	"github.com/faultline-chaos/faultline/results/format"
)

// headSection is the head of the page: the verdict, the numbers that matter most, what was broken.
type headSection struct {
	Verdict, Reason string
	System, Runtime string
	Problems        []string
	Cards           []card
	Broken          []failover.BrokenRow
	Command         string
}

func headOfPage(a *failover.Analysis) headSection {
	run := a.Run
	return headSection{
		Verdict: run.Verdict.String(), Reason: VerdictReason(run), System: format.OrUnknown(run.System), Runtime: format.OrUnknown(run.Runtime),
		Problems: problems(a), Cards: cardsOf(a), Broken: a.Broken(), Command: repeatCommand(run),
	}
}

type card struct {
	Title       string
	Value, Note string
}

func cardsOf(a *failover.Analysis) []card {
	outage := func(title, name string) card {
		s := a.Stat(name)
		if s == nil {
			return card{title, format.Missing, "no failover was measured"}
		}
		note := fmt.Sprintf("median; max %s, n = %s", s.Max, format.Plural(s.N, "failover", "failovers"))
		if s.Censored > 0 {
			note += fmt.Sprintf(", %s censored", format.Count(s.Censored))
		}
		return card{title, s.Median.String(), note}
	}
	return []card{
		outage("Write outage per failover", "write outage"),
		outage("Read outage per failover", "read outage"),
		{"Faults confirmed", fmt.Sprintf("%s of %s", format.Count(a.Landed()), format.Count(len(a.Faults))), "had a confirmed effect"},
		{"Calls", format.Count(a.Ops.OK) + " ok", fmt.Sprintf("%s failed%s, %s unknown", format.Count(a.Ops.Failed), a.Ops.RejectedText(", "), format.Count(a.Ops.Unknown))},
	}
}

func problems(a *failover.Analysis) []string {
	var out []string
	switch {
	case a.Run.Stopped != "":
		out = append(out, "The run stopped early: "+a.Run.Stopped)
	case a.Run.Interrupted:
		out = append(out, "The run was interrupted.")
	}
	if a.Run.HealProblem != "" {
		out = append(out, "Cleanup failed: "+a.Run.HealProblem)
	}
	for _, w := range a.Warnings {
		out = append(out, "Damaged file: "+w)
	}
	return out
}
