package page

import (
	"fmt"
	"path/filepath"
	"strings"
	"time"
	"unicode/utf8"

	"charm.land/lipgloss/v2"

	"github.com/faultline-chaos/faultline/history"
	"github.com/faultline-chaos/faultline/results"
	"github.com/faultline-chaos/faultline/results/failover"
	"github.com/faultline-chaos/faultline/results/format"
)

// TerminalOptions say how the summary is shown. The zero value is plain text.
type TerminalOptions struct {
	Color bool
	Dir   string // the run folder as the user should read it
}

const (
	terminalWidth  = 100
	terminalHeight = 24
)

// TerminalSummary is one screen about a run: at most 24 lines of 100 columns, with a line end after
// each.
func TerminalSummary(a failover.Analysis, o TerminalOptions) string {
	run := a.Run
	paint := func(color, s string) string {
		if !o.Color {
			return s
		}
		return lipgloss.NewStyle().Bold(true).Foreground(lipgloss.Color(color)).Render(s)
	}
	verdict := strings.ToUpper(run.Verdict.String())
	color := map[history.Validity]string{history.Valid: "2", history.Invalid: "1", history.Unknown: "3"}[run.Verdict]
	var lines []string
	add := func(label, format string, args ...any) {
		lines = append(lines, wrapped(padLabel(label), fmt.Sprintf(format, args...), 2)...)
	}

	head := verdictLines(verdict, run)
	lines = append(lines, paint(color, verdict)+strings.TrimPrefix(head[0], verdict))
	lines = append(lines, head[1:]...)
	add("run", "%s · %s on %s · %s · seed %d", run.ID, format.OrUnknown(run.System), format.OrUnknown(run.Runtime), format.Plural(len(run.Nodes), "node", "nodes"), run.Seed)
	add("ops", "%s ok · %s failed%s · %s unknown", format.Count(a.Ops.OK), format.Count(a.Ops.Failed), a.Ops.RejectedText(" · "), format.Count(a.Ops.Unknown))
	add("faults", "%d of %d confirmed", a.Landed(), len(a.Faults))
	if what := faultCounts(&a); what != "" {
		add("", "%s", what)
	}
	if s := a.Stat("write outage"); s != nil {
		add("write outage", "%s", failover.SummaryText(s))
	}
	if s := a.Stat("read outage"); s != nil {
		add("read outage", "%s", failover.SummaryText(s))
	}
	if a.Probes != nil || len(a.Episodes) > 0 {
		add("probes", "%s", probesLine(&a))
		if a.Probes != nil {
			add("accuracy", "%s", accuracyLine(&a))
		}
	}
	if n, quiet := len(a.Controls), unaffected(a.Controls); n > 0 {
		add("control", "%d of %d follower faults had no effect on other members' clients", quiet, n)
	}
	for _, n := range run.NotAsked {
		add("not run", "%s: %s", n.Checker, n.Reason)
	}
	tail := terminalTail(run, o)
	lines = append(lines, terminalStory(run, terminalHeight-len(lines)-len(tail)-1)...)
	lines = append(lines, "")
	lines = append(lines, episodeTable(a.Episodes, terminalHeight-len(lines)-len(tail))...)
	lines = append(lines, tail...)
	return strings.Join(lines, "\n") + "\n"
}

// padLabel pads a line's label to the column where its text begins.
func padLabel(label string) string { return fmt.Sprintf("%-14s", label) }

// verdictLines are the verdict and its reason, on up to three lines where something is wrong. A valid
// run takes one: the report names its checkers.
func verdictLines(verdict string, run results.Run) []string {
	reason := VerdictReason(run)
	if run.Verdict == history.Valid {
		reason, _, _ = strings.Cut(reason, ": ")
	}
	return wrapped(verdict+"  ", reason, 3)
}

// wrapped breaks a text into at most so many lines, the first after head and the others below its text.
func wrapped(head, text string, most int) []string {
	lines := []string{head}
	width := utf8.RuneCountInString(head)
	for i, word := range strings.Fields(text) {
		last := &lines[len(lines)-1]
		switch {
		case utf8.RuneCountInString(*last)+1+utf8.RuneCountInString(word) > terminalWidth && len(lines) < most:
			lines = append(lines, strings.Repeat(" ", width))
			last = &lines[len(lines)-1]
		case i > 0:
			*last += " "
		}
		*last += word
	}
	for i := range lines {
		lines[i] = clip(lines[i])
	}
	return lines
}

// terminalStory describes the violation that decided the verdict; of a long story it keeps the end,
// where the violation shows.
func terminalStory(run results.Run, height int) []string {
	v := decisive(run)
	if v == nil || len(v.Story) == 0 {
		return nil
	}
	lines := storyLines(v.Story)
	if height = min(height-1, 12); len(lines) > height {
		left := len(lines) - height + 1
		lines = append([]string{fmt.Sprintf("… %s in the report", format.Plural(left, "earlier line", "earlier lines"))}, lines[left:]...)
	}
	out := []string{""}
	for _, l := range lines {
		out = append(out, clip(l))
	}
	return out
}

// storyLines are a violation's story, a line a moment, each with its time on the run's clock.
func storyLines(story []history.Moment) []string {
	timed := false
	for _, m := range story {
		timed = timed || m.At >= time.Millisecond
	}
	var out []string
	for _, m := range story {
		text := oneLine(m.Text)
		if timed {
			text = fmt.Sprintf("%10s  %s", format.Clock(m.At), text)
		}
		out = append(out, text)
	}
	return out
}

// StoryLines are a violation's story, a line a moment.
func StoryLines(v history.Verdict) []string { return storyLines(v.Story) }

func terminalTail(run results.Run, o TerminalOptions) []string {
	tail := []string{""}
	if run.HealProblem != "" {
		tail = append(tail, clip(padLabel("cleanup")+"failed: "+oneLine(run.HealProblem)))
	}
	if o.Dir != "" {
		tail = append(tail, clip(padLabel("report")+filepath.Join(o.Dir, results.ReportFile)))
	}
	if c := repeatCommand(run); c != "" {
		tail = append(tail, wrapCommand(padLabel("repeat"), run.Command)...)
	}
	return tail
}

// wrapCommand keeps a command whole, so that it can be copied: it continues after a backslash. A command
// that is too long for the screen is only in the report.
func wrapCommand(head string, words []string) []string {
	lines := []string{head}
	for i, w := range words {
		w = oneLine(shellQuote(w))
		last := &lines[len(lines)-1]
		if i > 0 {
			if utf8.RuneCountInString(*last)+1+utf8.RuneCountInString(w)+2 > terminalWidth {
				*last += " \\"
				lines = append(lines, strings.Repeat(" ", len(head))+w)
				continue
			}
			*last += " "
		}
		*last += w
	}
	for _, l := range lines {
		if len(lines) > 4 || utf8.RuneCountInString(l) > terminalWidth {
			return []string{head + "the command is in the report"}
		}
	}
	return lines
}

func unaffected(cs []failover.Control) int {
	n := 0
	for i := range cs {
		if cs[i].Unaffected() {
			n++
		}
	}
	return n
}

// episodeTable has at most height lines, the header included.
func episodeTable(eps []failover.Episode, height int) []string {
	if len(eps) == 0 {
		return []string{"no leader was lost"}
	}
	row := func(cells ...string) string {
		return clip(fmt.Sprintf("%-4s %-18s %-8s %9s %9s %9s %9s %9s %9s %7s", anys(cells)...))
	}
	if height < 3 && len(eps) > 1 {
		return []string{format.Plural(len(eps), "failover", "failovers") + ", in the report"}
	}
	lines := []string{row("", "failover", "leader", "detected", "elected", "commit", "writes", "reads", "rejoin", "unknown")}
	for i := range eps {
		e := &eps[i]
		if len(lines) == height-1 && len(eps)-i > 1 {
			return append(lines, fmt.Sprintf("     and %d more in the report", len(eps)-i))
		}
		lines = append(lines, row(e.ID, fit(e.Cause(), 18), leaderChange(e), format.Optional(e.Detection), format.Optional(e.Election),
			failover.WriteReadyText(e), failover.OutageText(e.Writes), failover.OutageText(e.Reads), format.Optional(e.Rejoin), format.Count(e.Ambiguous)))
	}
	return lines
}

func anys(s []string) []any {
	out := make([]any, len(s))
	for i := range s {
		out[i] = s[i]
	}
	return out
}

func leaderChange(e *failover.Episode) string {
	switch e.Outcome {
	case failover.NewLeader:
		return fmt.Sprintf("%s→%s", e.OldLeader, e.NewLeader)
	case failover.Kept:
		return fmt.Sprintf("%s kept", e.OldLeader)
	}
	return fmt.Sprintf("%s→?", e.OldLeader)
}

// faultCounts is like "kill leader 4, follower 1; pause follower 2".
func faultCounts(a *failover.Analysis) string {
	var parts []string
	last := ""
	for _, r := range a.Broken() {
		switch {
		case r.Landed == 0:
			continue
		case r.Fault == last:
			parts[len(parts)-1] += fmt.Sprintf(", %s %d", r.Target, r.Landed)
		default:
			parts = append(parts, fmt.Sprintf("%s %s %d", r.Fault, r.Target, r.Landed))
			last = r.Fault
		}
	}
	return strings.Join(parts, "; ")
}

// VerdictReason is why the verdict is what it is: the reason of the first verdict that decided it.
func VerdictReason(run results.Run) string {
	if run.Error != "" {
		return oneLine(run.Error)
	}
	if v := decisive(run); v != nil {
		return oneLine(v.Checker + ": " + v.Reason)
	}
	for _, c := range run.Claims {
		switch {
		case run.Verdict == history.Invalid && !c.Holds && c.Undecided == "":
			return oneLine("claim does not hold: " + c.Claim + ": " + c.Measured)
		case run.Verdict == history.Unknown && c.Undecided != "":
			return oneLine("claim was not decided: " + c.Claim + ": " + c.Undecided)
		}
	}
	if len(run.Verdicts) == 0 {
		return "no checker judged the history"
	}
	if run.Verdict != history.Valid {
		return "no reason was recorded"
	}
	names := make([]string, len(run.Verdicts))
	for i, v := range run.Verdicts {
		names[i] = v.Checker
	}
	return fmt.Sprintf("%s found no violation: %s", format.Plural(len(names), "checker", "checkers"), strings.Join(names, ", "))
}

// decisive is the first verdict that decided the run's; nil where the run is valid.
func decisive(run results.Run) *history.Verdict {
	for i := range run.Verdicts {
		if v := &run.Verdicts[i]; v.Validity == run.Verdict && v.Validity != history.Valid {
			return v
		}
	}
	return nil
}

// oneLine keeps control characters and line ends out of a terminal.
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return ' '
		}
		return r
	}, s)
	return strings.Join(strings.Fields(s), " ")
}

// clip cuts a line to the width of the terminal, keeping its inner spaces.
func clip(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return ' '
		}
		return r
	}, s)
	return strings.TrimRight(fit(s, terminalWidth), " ")
}

func fit(s string, width int) string {
	if utf8.RuneCountInString(s) <= width {
		return s
	}
	r := []rune(s)
	return string(r[:max(0, width-1)]) + "…"
}
