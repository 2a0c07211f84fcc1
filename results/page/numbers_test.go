package page

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

	"github.com/faultline-chaos/faultline/history"
	"github.com/faultline-chaos/faultline/internal/recount"
	"github.com/faultline-chaos/faultline/results"
	"github.com/faultline-chaos/faultline/results/failover"
	"github.com/faultline-chaos/faultline/results/internal/synthetic"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestEveryNumberIsRecounted compares every number of the analysis, which is what page, terminal and
// summary.md show, and every one of failovers.jsonl with those of package recount, which reads the run's
// files and shares no code with this package.
func TestEveryNumberIsRecounted(t *testing.T) {
	for name, make := range map[string]func() (results.Run, history.History){
		"leaders and followers": func() (results.Run, history.History) {
			_, run, h := synthetic.Standard(6, 12*synthetic.Mil, 12*synthetic.Mil)
			return run, h
		},
		"calibrated": func() (results.Run, history.History) {
			a := failover.Analyze(synthetic.Probed(synthetic.Mix))
			c := synthetic.CalibrationOf("a", "local", "raftkv", 4)
			c.Exact, c.Every = false, 20*synthetic.Mil
			a.Run.Calibration = &c
			return a.Run, a.History
		},
		"with probes": func() (results.Run, history.History) { return synthetic.Probed(synthetic.Mix) },
		"violated":    synthetic.GoldenRun,
		"probes that were not sent": func() (results.Run, history.History) {
			run, _, lacking := synthetic.Holed()
			return run, lacking
		},
		"no failover": func() (results.Run, history.History) {
			return synthetic.Probed(func(*synthetic.Synthetic) time.Duration { return 10 * synthetic.Sec })
		},
		"nobody is elected": func() (results.Run, history.History) {
			return synthetic.Probed(func(s *synthetic.Synthetic) time.Duration { synthetic.Censored(s); return 20 * synthetic.Sec })
		},
		"known from the poller alone": func() (results.Run, history.History) {
			_, run, h := synthetic.Polled()
			return run, h
		},
		"no fault": func() (results.Run, history.History) {
			return synthetic.Probed(func(s *synthetic.Synthetic) time.Duration { synthetic.Unprovoked(s); return 20 * synthetic.Sec })
		},
		"nothing at all": func() (results.Run, history.History) {
			return results.Run{ID: "a", Error: "start n1: no memory after 3 s"}, history.History{}
		},
		"one open call": func() (results.Run, history.History) {
			return results.Run{ID: "c", Nodes: []history.NodeID{"n1"}}, history.History{Ops: []history.Op{{Time: synthetic.Sec, Type: history.Invoke, F: "get", Node: "n9"}}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			run, h := make()
			f := synthetic.WriteFolder(t, t.TempDir(), run, h)
			a, err := failover.AnalyzeFolder(f)
			require.NoError(t, err)
			page := renderQuickly(t, f, &a)
			require.NotContains(t, page, "http://")
			require.NotContains(t, strings.ReplaceAll(page, docsURL, ""), "https://")
			values, err := recount.Of(f.Dir())
			require.NoError(t, err)
			wrong, compared, err := values.Compare(a)
			require.NoError(t, err)
			require.Empty(t, wrong)
			require.Equal(t, len(values), compared)
			wrong, err = values.Failovers(f.Dir())
			require.NoError(t, err)
			require.Empty(t, wrong)
		})
	}
}

// renderQuickly writes the page without its figures, whose numbers are in the CSV beside them.
func renderQuickly(t *testing.T, f *results.Folder, a *failover.Analysis) string {
	t.Helper()
	var page bytes.Buffer
	require.NoError(t, writeReport(a, &page, nil))
	lines, err := a.Failovers()
	require.NoError(t, err)
	require.NoError(t, errors.Join(f.Write(results.ReportFile, page.Bytes()), f.Write(results.FailoversFile, lines)))
	return page.String()
}

// TestRecountSeesWrongNumbers: a number that is changed, is missing or is new is found.
func TestRecountSeesWrongNumbers(t *testing.T) {
	run, h := synthetic.GoldenRun()
	f := synthetic.WriteFolder(t, t.TempDir(), run, h)
	a, err := failover.AnalyzeFolder(f)
	require.NoError(t, err)
	renderQuickly(t, f, &a)
	values, err := recount.Of(f.Dir())
	require.NoError(t, err)
	for _, c := range []struct {
		name   string
		change func(*failover.Analysis)
		want   string
	}{
		{"a duration", func(a *failover.Analysis) { *a.Episodes[0].Writes.Took++ }, "Episodes.e1.writes.took is "},
		{"a count", func(a *failover.Analysis) { a.Ops.OK++ }, "Ops.ok is "},
		{"a quantile", func(a *failover.Analysis) { a.Stats[0].P99.At++ }, "Stats.write outage.P99.at is "},
		{"a bound that is shown as a value", func(a *failover.Analysis) { a.Stats[0].Max.Open = true }, "nothing computes Stats.write outage.Max.open again"},
		{"an interval", func(a *failover.Analysis) { a.Groups[0].Writes.Interval = &[2]time.Duration{1, 2} }, "nothing computes Groups.0.Writes.Interval.0 again"},
		{"what was not seen", func(a *failover.Analysis) { a.Episodes[0].Detection = nil }, "Episodes.e1.detection is 1515000000, and is not there"},
		{"who", func(a *failover.Analysis) { a.Episodes[0].NewLeader = "n9" }, "Episodes.e1.new_leader is "},
		{"an episode too many", func(a *failover.Analysis) { a.Episodes = append(a.Episodes, failover.Episode{ID: "e9"}) }, "nothing computes Episodes.e9.id again"},
	} {
		t.Run(c.name, func(t *testing.T) {
			changed := failover.Analyze(a.Run, a.History)
			c.change(&changed)
			wrong, _, err := values.Compare(changed)
			require.NoError(t, err)
			require.Contains(t, strings.Join(wrong, "; "), c.want)
		})
	}
	lines, err := os.ReadFile(f.Path(results.FailoversFile))
	require.NoError(t, err)
	require.NoError(t, f.Write(results.FailoversFile, bytes.Replace(lines, []byte(`"detection":1515000000`), []byte(`"detection":1515000001`), 1)))
	wrong, err := values.Failovers(f.Dir())
	require.NoError(t, err)
	require.Equal(t, []string{"Episodes.e1.detection is 1515000000, and not 1515000001"}, wrong)
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
