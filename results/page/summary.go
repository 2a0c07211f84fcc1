package page

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/faultline-chaos/faultline/history"
	"github.com/faultline-chaos/faultline/results"
	"github.com/faultline-chaos/faultline/results/failover"
	"github.com/faultline-chaos/faultline/results/format"
)

// maxSummary is what GitHub takes as the summary of a job, less some room.
const maxSummary = 1<<20 - 4096

// JobSummary is the run as Markdown, under 1 MiB, for the summary of a CI job.
func JobSummary(a *failover.Analysis) []byte {
	var b strings.Builder
	run := a.Run
	icon := map[history.Validity]string{history.Valid: "✅", history.Invalid: "❌", history.Unknown: "❔"}[run.Verdict]
	fmt.Fprintf(&b, "## %s %s: %s on %s\n\n%s\n\n", icon, run.Verdict, md(format.OrUnknown(run.System)), md(format.OrUnknown(run.Runtime)), md(VerdictReason(run)))
	for _, p := range problems(a) {
		fmt.Fprintf(&b, "> **%s**\n\n", md(p))
	}
	fmt.Fprintf(&b, "| | |\n|---|---|\n")
	fact := func(name, value string) { fmt.Fprintf(&b, "| %s | %s |\n", name, value) }
	fact("Write outage per failover", failover.SummaryText(a.Stat("write outage")))
	fact("Read outage per failover", failover.SummaryText(a.Stat("read outage")))
	if a.Probes != nil || len(a.Episodes) > 0 {
		fact("Probes", md(probesLine(a)))
		if a.Probes != nil {
			fact("Accuracy", md(calibrationText(a)))
		}
	}
	fact("Faults", fmt.Sprintf("%d of %d confirmed", a.Landed(), len(a.Faults)))
	fact("Calls", fmt.Sprintf("%s ok, %s failed%s, %s unknown", format.Count(a.Ops.OK), format.Count(a.Ops.Failed), a.Ops.RejectedText(", "), format.Count(a.Ops.Unknown)))
	if n := len(a.Controls); n > 0 {
		fact("Follower faults", fmt.Sprintf("%d of %d had no effect on other members' clients", unaffected(a.Controls), n))
	}
	fact("Seed", fmt.Sprint(run.Seed))
	if len(a.Episodes) > 0 {
		b.WriteString("\n### Failovers\n\n| | cause | leader | detected | elected | first commit | write outage | read outage | rejoin | unknown writes |\n|---|---|---|--:|--:|--:|--:|--:|--:|--:|\n")
		for i := range a.Episodes {
			e := &a.Episodes[i]
			if b.Len() > maxSummary/2 {
				fmt.Fprintf(&b, "\nand %d more in %s\n", len(a.Episodes)-i, results.FailoversFile)
				break
			}
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s | %s | %s | %d |\n", e.ID, md(e.Cause()), md(leaderChange(e)), format.Optional(e.Detection),
				format.Optional(e.Election), failover.WriteReadyText(e), md(failover.OutageText(e.Writes)), md(failover.OutageText(e.Reads)), format.Optional(e.Rejoin), e.Ambiguous)
		}
	}
	if rows := a.Broken(); len(rows) > 0 {
		b.WriteString("\n### Faults\n\n| fault | target | tried | effect confirmed | healing confirmed |\n|---|---|--:|--:|--:|\n")
		for _, r := range rows {
			fmt.Fprintf(&b, "| %s | %s | %d | %d | %d |\n", md(r.Fault), md(r.Target), r.Tried, r.Landed, r.Healed)
		}
	}
	summaryVerdicts(a, &b)
	if c := repeatCommand(run); c != "" {
		fence := "```"
		for strings.Contains(c, fence) {
			fence += "`"
		}
		fmt.Fprintf(&b, "\n### Repeat\n\n%s\n%s\n%s\n", fence, strings.ReplaceAll(c, "\n", " "), fence)
	}
	out := b.String()
	if len(out) > maxSummary {
		out = strings.ToValidUTF8(out[:maxSummary], "") + "\n\nThe summary is cut here; the report has all of it.\n"
	}
	return []byte(out)
}

// SummaryRow is one run in the summary of several, and a line of [RowsFile].
type SummaryRow struct {
	Scenario  string             `json:"scenario"`
	System    string             `json:"system"`
	Runtime   string             `json:"runtime"`
	Seed      uint64             `json:"seed"`
	Ended     string             `json:"ended"`         // valid, INVALID, unknown, ...
	Why       string             `json:"why,omitempty"` // where it is not valid
	Failovers int                `json:"failovers"`
	P50       *failover.Quantile `json:"p50,omitempty"` // outages of writes
	Longest   *failover.Quantile `json:"longest,omitempty"`
	Run       string             `json:"run,omitempty"` // the name of its folder; empty: it left none
}

// SummaryOf is several runs as Markdown, under 1 MiB: a line that counts how they ended, and a table. A
// run's report is linked below links, an address or a path that ends with a slash; without links the runs
// are named only.
func SummaryOf(title string, rows []SummaryRow, links string) []byte {
	var b strings.Builder
	ended := map[string]int{}
	for i := range rows {
		ended[rows[i].Ended]++
	}
	icon, counts := "✅", make([]string, 0, len(ended))
	for _, e := range slices.Sorted(maps.Keys(ended)) {
		counts = append(counts, fmt.Sprintf("%d %s", ended[e], md(e)))
		if e != "valid" && e != "skipped" {
			icon = "❌"
		}
	}
	fmt.Fprintf(&b, "## %s %s\n\n%s: %s\n\n| scenario | system | runtime | seed | ended | failovers | write outage, p50 | longest | |\n|---|---|---|--:|---|--:|--:|--:|---|\n",
		icon, md(title), format.Plural(len(rows), "run", "runs"), strings.Join(counts, ", "))
	for i := range rows {
		r := &rows[i]
		if b.Len() > maxSummary-16<<10 { // a row is shorter than that
			fmt.Fprintf(&b, "\nand %s more\n", format.Count(len(rows)-i))
			break
		}
		ended := "**" + md(r.Ended) + "**"
		if r.Run != "" && links != "" {
			ended = fmt.Sprintf("[%s](%s)", ended, linkEscape.Replace(links+r.Run+"/"+results.ReportFile))
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %d | %s | %d | %s | %s | %s |\n", md(r.Scenario), md(r.System), md(r.Runtime), r.Seed, ended, r.Failovers, quantileText(r.P50), quantileText(r.Longest), md(fit(r.Why, 300)))
	}
	return []byte(b.String())
}

var linkEscape = strings.NewReplacer(" ", "%20", "(", "%28", ")", "%29", "<", "%3C", ">", "%3E", "|", "%7C", "\n", "%0A")

func summaryVerdicts(a *failover.Analysis, b *strings.Builder) {
	if len(a.Run.Verdicts) > 0 {
		b.WriteString("\n### Verdicts\n\n| checker | verdict | reason |\n|---|---|---|\n")
		for _, v := range a.Run.Verdicts {
			fmt.Fprintf(b, "| %s | %s | %s |\n", md(v.Checker), v.Validity, md(v.Reason))
		}
		for _, n := range a.Run.NotAsked {
			fmt.Fprintf(b, "| %s | not run | %s |\n", md(n.Checker), md(n.Reason))
		}
		if v := decisive(a.Run); v != nil && len(v.Story) > 0 {
			fmt.Fprintf(b, "\nWhat %s found:\n\n", md(v.Checker))
			for _, l := range storyLines(v.Story) {
				fmt.Fprintf(b, "- %s\n", md(l))
			}
		}
	}
	if len(a.Run.Claims) > 0 {
		b.WriteString("\n### Claims\n\n| claim | holds | measured |\n|---|---|---|\n")
		for _, c := range a.Run.Claims {
			v := claimViewOf(c)
			fmt.Fprintf(b, "| %s | %s | %s |\n", md(c.Claim), md(v.Holds), md(c.Measured))
		}
	}
}

// md keeps words from being markup, and on one line. Long ones are cut: the report has all of it.
func md(s string) string {
	s = fit(oneLine(s), 2000)
	return mdEscape.Replace(s)
}

var mdEscape = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "|", `\|`, "`", "\\`", "*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`, `\`, `\\`)

func quantileText(q *failover.Quantile) string {
	if q == nil {
		return format.Missing
	}
	return md(q.String())
}
