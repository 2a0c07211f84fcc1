package page

import (
	"encoding/json"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/results"
	"github.com/faultline-chaos/faultline/results/failover"
	"github.com/faultline-chaos/faultline/results/figure"
	"github.com/faultline-chaos/faultline/results/internal/synthetic"
)

// TestTablesComeFromTheHistory counts again, from the lines of history.jsonl, what the tables beside
// the charts say, and finds every call's two lines.
func TestTablesComeFromTheHistory(t *testing.T) {
	a := failover.Analyze(synthetic.Probed(synthetic.Mix))
	f := synthetic.WriteFolder(t, t.TempDir(), a.Run, a.History)
	a, err := failover.AnalyzeFolder(f)
	require.NoError(t, err)
	require.NoError(t, writeTables(f, &a))
	b, err := os.ReadFile(f.Path(results.HistoryFile))
	require.NoError(t, err)
	type line struct {
		Time, Sched time.Duration
		Type, F     string
		Process     int
		Error       string
	}
	var lines []line
	ended := map[string]map[int]int{"ok": {}, "fail": {}, "info": {}}
	for text := range strings.Lines(string(b)) {
		var l line
		require.NoError(t, json.Unmarshal([]byte(text), &l))
		lines = append(lines, l)
		if l.Type != "invoke" && (l.F == "get" || l.F == "put") {
			ended[l.Type][int(l.Time/(100*time.Millisecond))]++
		}
	}
	for i, row := range synthetic.TableRows(t, f, results.RatesCSV) {
		require.Equal(t, strconv.Itoa(ended["ok"][i]), row["ok"])
		require.Equal(t, strconv.Itoa(ended["fail"][i]), row["failed"])
		require.Equal(t, strconv.Itoa(ended["info"][i]), row["unknown"])
	}
	calls := synthetic.TableRows(t, f, results.CallsCSV)
	require.Len(t, calls, a.Ops.All()+a.Probes.Calls.All())
	for _, row := range calls {
		n, err := strconv.Atoi(row["line"])
		require.NoError(t, err)
		done, err := strconv.Atoi(row["done_line"])
		require.NoError(t, err)
		begin, end := lines[n-1], lines[done-1]
		due := begin.Time
		if begin.Sched > 0 {
			due = begin.Sched
		}
		require.Equal(t, begin.Process, end.Process)
		require.Equal(t, end.Type, row["outcome"])
		require.Equal(t, end.Error, row["error"])
		require.InDelta(t, due.Seconds(), synthetic.Number(t, row["due_s"]), 1e-9)
		require.InDelta(t, figure.Milliseconds(end.Time-due), synthetic.Number(t, row["took_ms"]), 1e-6)
	}
	due := 0
	for _, row := range synthetic.TableRows(t, f, results.LatencyCSV) {
		n, err := strconv.Atoi(row["due"])
		require.NoError(t, err)
		due += n
	}
	require.Equal(t, a.Ops.All(), due)
	require.NotEmpty(t, synthetic.TableRows(t, f, results.RolesCSV))
	require.Len(t, synthetic.TableRows(t, f, results.FaultsCSV), len(a.Faults))
}

// TestExcerptsStayInTheirSpace: what is nearest to trouble is kept, and the rest is counted.
func TestExcerptsStayInTheirSpace(t *testing.T) {
	a := failover.Analyze(synthetic.Probed(synthetic.Mix))
	all, err := excerptsOf(&a, maxExcerpts)
	require.NoError(t, err)
	for _, f := range all.Have {
		require.False(t, f.Left(), f.File)
	}
	few, err := excerptsOf(&a, 60_000)
	require.NoError(t, err)
	require.LessOrEqual(t, len(few.Data), 60_000)
	require.True(t, few.Have[0].Left())
	require.Positive(t, few.Have[0].Have)
	for _, f := range few.Have[1:] {
		require.False(t, f.Left(), f.File)
	}
}

func TestHiddenCharactersAreShown(t *testing.T) {
	require.Equal(t, `a\u202eb\u2066c\ufeff`, hiddenCharacters().Replace("a\u202eb\u2066c\ufeff"))
}
