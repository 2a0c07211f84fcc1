package results

import (
	"bytes"
	"errors"
	"html"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/internal/recount"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestEveryNumberIsRecounted holds every number of the page, and of the terminal's summary, against
// package recount, which reads the run's files and shares no code with this package.
func TestEveryNumberIsRecounted(t *testing.T) {
	for name, make := range map[string]func() (Run, harness.History){
		"leaders and followers": func() (Run, harness.History) { _, run, h := standard(6, 12*mil, 12*mil); return run, h },
		"calibrated": func() (Run, harness.History) {
			_, a := probed(mix)
			c := calibrationOf("a", "local", "raftkv", 4)
			c.Exact, c.Every = false, 20*mil
			a.Run.Calibration = &c
			return a.Run, a.History
		},
		"with probes": func() (Run, harness.History) { _, a := probed(mix); return a.Run, a.History },
		"violated":    goldenRun,
		"probes that were not sent": func() (Run, harness.History) {
			_, a := holed()
			return a.Run, a.History
		},
		"no failover": func() (Run, harness.History) {
			_, a := probed(func(*synthetic) time.Duration { return 10 * sec })
			return a.Run, a.History
		},
		"nobody is elected": func() (Run, harness.History) {
			_, a := probed(func(s *synthetic) time.Duration { censored(s); return 20 * sec })
			return a.Run, a.History
		},
		"known from the poller alone": func() (Run, harness.History) {
			_, run, h := polled()
			return run, h
		},
		"no fault": func() (Run, harness.History) {
			_, a := probed(func(s *synthetic) time.Duration { unprovoked(s); return 20 * sec })
			return a.Run, a.History
		},
		"nothing at all": func() (Run, harness.History) {
			return Run{ID: "a", Error: "start n1: no memory after 3 s"}, harness.History{}
		},
		"one open call": func() (Run, harness.History) {
			return Run{ID: "c", Nodes: []harness.NodeID{"n1"}}, harness.History{Ops: []harness.Op{{Time: sec, Type: harness.Invoke, F: "get", Node: "n9"}}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			run, h := make()
			f := writeFolder(t, t.TempDir(), run, h)
			a, err := AnalyzeFolder(f)
			require.NoError(t, err)
			page := renderQuickly(t, f, &a)
			require.NotContains(t, page, "http://")
			require.NotContains(t, strings.ReplaceAll(page, docsURL, ""), "https://")
			values, err := recount.Of(f.Dir())
			require.NoError(t, err)
			wrong, seen, err := values.Page(f.Dir())
			require.NoError(t, err)
			require.Empty(t, wrong)
			require.GreaterOrEqual(t, seen, 15)
			require.Empty(t, values.Terminal(TerminalSummary(a, TerminalOptions{Dir: f.Dir()})))
			require.Empty(t, values.Failovers(f.Dir()))
			require.NoError(t, f.Write(SummaryFile, JobSummary(&a)))
			wrong, seen, err = values.Summary(f.Dir())
			require.NoError(t, err)
			require.Empty(t, wrong)
			require.GreaterOrEqual(t, seen, 4)
		})
	}
}

// renderQuickly writes the page without its figures, whose numbers are in the CSV beside them.
func renderQuickly(t *testing.T, f *Folder, a *Analysis) string {
	t.Helper()
	var page bytes.Buffer
	require.NoError(t, writeReport(a, &page, nil))
	lines, err := a.Failovers()
	require.NoError(t, err)
	require.NoError(t, errors.Join(f.Write(ReportFile, page.Bytes()), f.Write(FailoversFile, lines)))
	return page.String()
}

// TestRecountSeesWrongNumbers: a number that is changed, or says no longer what it shows, is found.
func TestRecountSeesWrongNumbers(t *testing.T) {
	run, h := goldenRun()
	f := writeFolder(t, t.TempDir(), run, h)
	a, err := AnalyzeFolder(f)
	require.NoError(t, err)
	page := renderQuickly(t, f, &a)
	values, err := recount.Of(f.Dir())
	require.NoError(t, err)
	for _, c := range []struct{ name, from, to, want string }{
		{"a duration", `data-v="e1.detection">1515 ms<`, `data-v="e1.detection">1516 ms<`, `e1.detection is "1515 ms", and not "1516 ms"`},
		{"in a sentence", `<span data-v="e2.campaign.0.term">4</span>`, `<span data-v="e2.campaign.0.term">5</span>`, `e2.campaign.0.term is "4", and not "5"`},
		{"no name", `<span data-v="ops.ok">4,459</span>`, "4,459", `nothing says what the number in "4,459 ok" shows`},
		{"an unknown name", `data-v="ops.ok"`, `data-v="ops.good"`, `nothing computes ops.good again, which is "4,459"`},
		{"a link to another line", `data-ref="history.jsonl:31"`, `data-ref="history.jsonl:32"`, "history.jsonl:32"},
		{"a link to no line", `data-ref="history.jsonl:31"`, `data-ref="history.jsonl:99999"`, "there is no line history.jsonl:99999"},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.Contains(t, page, c.from)
			require.NoError(t, f.Write(ReportFile, []byte(strings.ReplaceAll(page, c.from, c.to))))
			wrong, _, err := values.Page(f.Dir())
			require.NoError(t, err)
			require.NotEmpty(t, wrong)
			require.Contains(t, strings.Join(wrong, "; "), c.want)
		})
	}
	summary := TerminalSummary(a, TerminalOptions{})
	require.Empty(t, values.Terminal(summary))
	for _, number := range []string{"4,459", "1679 ms", "1538 ms", "79.4 ms", "1 of 1"} {
		require.Contains(t, summary, number)
		require.NotEmpty(t, values.Terminal(strings.Replace(summary, number, "7 of 7", 1)), number)
	}
}

// TestFiguresAreRecounted holds the words of every figure against package recount.
func TestFiguresAreRecounted(t *testing.T) {
	for name, make := range map[string]func() (Run, harness.History){
		"leaders and followers": func() (Run, harness.History) { _, run, h := standard(6, 12*mil, 12*mil); return run, h },
		"with probes":           func() (Run, harness.History) { _, a := probed(mix); return a.Run, a.History },
		"violated":              goldenRun,
		"probes that were not sent": func() (Run, harness.History) {
			_, a := holed()
			return a.Run, a.History
		},
		"nobody is elected": func() (Run, harness.History) {
			_, a := probed(func(s *synthetic) time.Duration { censored(s); return 20 * sec })
			return a.Run, a.History
		},
		"no fault": func() (Run, harness.History) {
			_, a := probed(func(s *synthetic) time.Duration { unprovoked(s); return 20 * sec })
			return a.Run, a.History
		},
	} {
		t.Run(name, func(t *testing.T) {
			run, h := make()
			f := writeFolder(t, t.TempDir(), run, h)
			a, err := AnalyzeFolder(f)
			require.NoError(t, err)
			plans := plans(&a)
			for i := range plans {
				p := &plans[i]
				s := p.draw(p.head, p.table)
				svg, err := vectorOf(p.name, s.height, s.paint)
				require.NoError(t, err)
				require.NoError(t, f.Write(p.name+".svg", svg))
			}
			values, err := recount.Of(f.Dir())
			require.NoError(t, err)
			wrong, seen, err := values.Figures(f.Dir())
			require.NoError(t, err)
			require.Empty(t, wrong)
			require.GreaterOrEqual(t, seen, 20)
			for _, c := range []struct{ figure, from, to string }{
				{"swimlane", ">n = ", ">n = 1"},
				{"swimlane", "writes away: median ", "writes away: median 1"},
				{"swimlane", "leader · term ", "leader · term 9"},
				{"overlay", " in bins of ", " in bins of 1"},
				{"cdf", "± ", "± 1"},
				{"matrix", " · n ", " · n 9"},
				{"matrix", ">max ", ">max 1"},
				{"phases", ">n = ", ">n = 1"},
				{"phases", "of each moment, n ", "of each moment, n 9"},
				{"failover-e1", ">elected +", ">elected +1"},
				{"failover-e1", "writes away ", "writes away 1"},
			} {
				svg, err := os.ReadFile(f.Path(c.figure + ".svg"))
				if err != nil || !strings.Contains(string(svg), c.from) {
					continue // not in this run
				}
				require.NoError(t, f.Write(c.figure+".svg", []byte(strings.Replace(string(svg), c.from, c.to, 1))))
				wrong, _, err := values.Figures(f.Dir())
				require.NoError(t, err)
				require.NotEmpty(t, wrong, "%s: %s", c.figure, c.to)
				require.NoError(t, f.Write(c.figure+".svg", svg))
			}
		})
	}
}

// TestRecountSeesWrongNumbersInTheSummary: any numeral of summary.md that is changed is found.
func TestRecountSeesWrongNumbersInTheSummary(t *testing.T) {
	run, h := goldenRun()
	f := writeFolder(t, t.TempDir(), run, h)
	a, err := AnalyzeFolder(f)
	require.NoError(t, err)
	values, err := recount.Of(f.Dir())
	require.NoError(t, err)
	summary := string(JobSummary(&a))
	places := regexp.MustCompile(`[0-9]`).FindAllStringIndex(summary, -1)
	require.Greater(t, len(places), 100)
	for _, at := range places {
		digit := (summary[at[0]]-'0'+1)%10 + '0'
		require.NoError(t, f.Write(SummaryFile, []byte(summary[:at[0]]+string(digit)+summary[at[1]:])))
		wrong, _, err := values.Summary(f.Dir())
		require.NoError(t, err)
		require.NotEmpty(t, wrong, "%s[%s]%s", summary[max(0, at[0]-40):at[0]], summary[at[0]:at[1]], summary[at[1]:min(len(summary), at[1]+20)])
	}
}

// tableRow is the words in the cells of the row that links to the episode.
func tableRow(t *testing.T, page, id string) []string {
	_, row, ok := strings.Cut(page, `<tr><td><a href="#`+id+`">`)
	require.True(t, ok, id)
	row, _, _ = strings.Cut(`<td>`+row, "</tr>")
	var cells []string
	for _, m := range regexp.MustCompile(`(?s)<td[^>]*>(.*?)</td>`).FindAllStringSubmatch(row, -1) {
		cells = append(cells, html.UnescapeString(regexp.MustCompile(`<[^>]*>`).ReplaceAllString(m[1], "")))
	}
	require.Len(t, cells, 11)
	return cells
}
