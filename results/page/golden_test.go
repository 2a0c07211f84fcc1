package page

import (
	"encoding/xml"
	"flag"
	"html"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/jstemmer/go-junit-report/v2/junit"
	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/history"
	"github.com/faultline-chaos/faultline/results"
	"github.com/faultline-chaos/faultline/results/failover"
	"github.com/faultline-chaos/faultline/results/internal/synthetic"
)

var update = flag.Bool("update", false, "write the golden files anew")

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(path, got, 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err, "run the test with -update")
	require.Equal(t, string(want), string(got))
}

func TestGolden(t *testing.T) {
	run, h := synthetic.GoldenRun()
	a := failover.Analyze(run, h)
	lines, err := a.Failovers()
	require.NoError(t, err)
	golden(t, "failovers.jsonl", lines)
	tests, err := JUnit([]Suite{SuiteOf(&a)})
	require.NoError(t, err)
	golden(t, "junit.xml", tests)
	golden(t, "summary.md", JobSummary(&a))
	var page strings.Builder
	require.NoError(t, writeReport(&a, &page, nil))
	golden(t, "report.txt", []byte(visibleText(page.String())))
	golden(t, "terminal.txt", []byte(TerminalSummary(a, TerminalOptions{Dir: "results/runs/golden"})))
}

func TestJUnitSaysWhatHappened(t *testing.T) {
	run, h := synthetic.GoldenRun()
	a := failover.Analyze(run, h)
	b, err := JUnit([]Suite{SuiteOf(&a)})
	require.NoError(t, err)
	var suites junit.Testsuites
	require.NoError(t, xml.Unmarshal(b, &suites))
	got := map[string]string{}
	for _, c := range suites.Suites[0].Testcases {
		switch {
		case c.Failure != nil:
			got[c.Name] = "failure"
		case c.Error != nil:
			got[c.Name] = "error"
		case c.Skipped != nil:
			got[c.Name] = "skipped"
		default:
			got[c.Name] = "ok"
		}
	}
	require.Equal(t, map[string]string{
		"infrastructure": "ok", "linearizable": "ok", "election-safety": "ok", "coverage": "ok", "set": "failure", "watch": "skipped",
		"reads survive": "ok", "writes survive": "failure", "disks survive": "skipped",
		"register, kill on leader, seed 42": "failure", "register, isolate on leader, seed 42": "failure", "register, pause on follower, seed 42": "failure", "register, powerfail on leader, seed 42": "skipped",
	}, got)
}

func TestVerdictReason(t *testing.T) {
	valid := history.Verdict{Checker: "a", Validity: history.Valid, Reason: "fine"}
	for _, c := range []struct {
		name string
		run  results.Run
		want string
	}{
		{"valid", results.Run{Verdict: history.Valid, Verdicts: []history.Verdict{valid}}, "1 checker found no violation: a"},
		{"invalid", results.Run{Verdict: history.Invalid, Verdicts: []history.Verdict{valid, {Checker: "b", Validity: history.Invalid, Reason: "lost"}}}, "b: lost"},
		{"unknown", results.Run{Verdicts: []history.Verdict{valid, {Checker: "b", Reason: "no budget"}}}, "b: no budget"},
		{"a claim", results.Run{Verdict: history.Invalid, Verdicts: []history.Verdict{valid}, Claims: []results.Claim{{Claim: "a kill is survived", Measured: "lost 1"}}}, "claim does not hold: a kill is survived: lost 1"},
		{"no checker", results.Run{}, "no checker judged the history"},
		{"broken", results.Run{Error: "start n1: no\nmemory", Verdicts: []history.Verdict{valid}}, "start n1: no memory"},
		{"nobody says why", results.Run{Verdicts: []history.Verdict{valid}}, "no reason was recorded"},
	} {
		t.Run(c.name, func(t *testing.T) { require.Equal(t, c.want, VerdictReason(c.run)) })
	}
}

func TestTerminalSummaryFitsOneScreen(t *testing.T) {
	for name, make := range map[string]func() (results.Run, history.History){
		"golden":  synthetic.GoldenRun,
		"hostile": hostile,
		"many": func() (results.Run, history.History) {
			_, run, h := synthetic.Standard(4, 20*synthetic.Mil, 20*synthetic.Mil)
			return run, h
		},
		"empty": func() (results.Run, history.History) { return results.Run{}, history.History{} },
	} {
		t.Run(name, func(t *testing.T) {
			run, h := make()
			run.HealProblem = "rules\x1b[31m left\nbehind"
			text := TerminalSummary(failover.Analyze(run, h), TerminalOptions{Dir: "results/runs/x"})
			lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
			require.LessOrEqual(t, len(lines), 24)
			for _, l := range lines {
				require.LessOrEqual(t, utf8.RuneCountInString(l), 100, l)
				require.NotContains(t, l, "\x1b")
			}
			require.Contains(t, TerminalSummary(failover.Analyze(run, h), TerminalOptions{Color: true}), "\x1b[")
		})
	}
}

func TestSummaryStaysUnderItsLimit(t *testing.T) {
	run, h := synthetic.GoldenRun()
	for range 2000 {
		run.Verdicts = append(run.Verdicts, history.Verdict{Checker: "x", Reason: strings.Repeat("ä|", 2000)})
	}
	a := failover.Analyze(run, h)
	b := JobSummary(&a)
	require.Less(t, len(b), 1<<20)
	require.True(t, utf8.Valid(b))
}

// visibleText is what a page's reader sees of it: a line a block, cells of a table apart. Figures and
// scripts are left out.
func visibleText(page string) string {
	_, body, _ := strings.Cut(page, "<body>")
	body = regexp.MustCompile(`(?s)<(script|style|svg|aside|canvas)\b.*?</(script|style|svg|aside|canvas)>`).ReplaceAllString(body, "")
	body = regexp.MustCompile(`</t[dh]><t[dh][^>]*>`).ReplaceAllString(body, " | ")
	body = regexp.MustCompile(`</?(p|div|tr|li|h[1-6]|section|details|summary|table|pre|br|ol)\b[^>]*>`).ReplaceAllString(body, "\n")
	body = html.UnescapeString(regexp.MustCompile(`<[^>]*>`).ReplaceAllString(body, ""))
	return regexp.MustCompile(`\s*\n\s*`).ReplaceAllString(body, "\n")
}
