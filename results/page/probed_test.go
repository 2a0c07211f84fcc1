package page

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/results"
	"github.com/faultline-chaos/faultline/results/failover"
	"github.com/faultline-chaos/faultline/results/format"
	"github.com/faultline-chaos/faultline/results/internal/synthetic"
)

// TestProbedReport recomputes the outages on the page from the run's files, and bounds its size.
func TestProbedReport(t *testing.T) {
	s := synthetic.NewSynthetic(5, 25*synthetic.Mil)
	s.Timeout = 150 * synthetic.Mil
	end := max(synthetic.Mix(s), 60*synthetic.Sec)
	s.Probe(synthetic.ProbeEvery, synthetic.ProbeTimeout, end-100*synthetic.Mil)
	run, h := s.Finish(end)
	run.ProbeEvery, run.ProbeTimeout = synthetic.ProbeEvery, synthetic.ProbeTimeout
	f := synthetic.WriteFolder(t, t.TempDir(), run, h)
	a, err := failover.AnalyzeFolder(f)
	require.NoError(t, err)
	require.NoError(t, Render(f, a))
	require.Contains(t, resolution(&a), "Measured with probes")
	require.Contains(t, TerminalSummary(a, TerminalOptions{}), "3 skipped")
	require.Contains(t, string(JobSummary(&a)), "| Probes |")
	html, err := os.ReadFile(f.Path(results.ReportFile))
	require.NoError(t, err)
	require.Less(t, len(html), 6<<20)
	recorded, err := os.ReadFile(f.Path(results.HistoryFile))
	require.NoError(t, err)
	lines := strings.Split(string(recorded), "\n")
	op := func(ref string) (op struct{ Time, Sched time.Duration }) {
		n, err := strconv.Atoi(strings.TrimPrefix(ref, results.HistoryFile+":"))
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal([]byte(lines[n-1]), &op))
		return op
	}
	require.Len(t, a.Episodes, 6)
	for i := range a.Episodes {
		e := &a.Episodes[i]
		cells := tableRow(t, string(html), e.ID)
		require.Equal(t, format.MS(op(e.Writes.Back.Ref).Time-op(e.Writes.LastOK.Ref).Sched), cells[6])
		require.Equal(t, format.MS(op(e.Reads.Back.Ref).Time-op(e.Reads.LastOK.Ref).Sched), cells[7])
	}
	words := regexp.MustCompile(`<[^>]*>`).ReplaceAllString(string(html), "")
	require.Contains(t, words, "Measured with probes: a put and a get every 5.00 ms, through each member in turn (400/s)")
	require.Equal(t, 6, strings.Count(words, " · unavailability debt "))
	require.Contains(t, words, fmt.Sprintf("%s sent, 3 skipped", format.Count(strings.Count(string(recorded), `"type":"invoke","f":"probe-`))))
}
