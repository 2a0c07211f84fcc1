package results

import (
	"encoding/csv"
	"encoding/json"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestTablesComeFromTheHistory counts again, from the lines of history.jsonl, what the tables beside
// the charts say, and finds every call's two lines.
func TestTablesComeFromTheHistory(t *testing.T) {
	_, a := probed(mix)
	f := writeFolder(t, t.TempDir(), a.Run, a.History)
	a, err := AnalyzeFolder(f)
	require.NoError(t, err)
	require.NoError(t, writeTables(f, &a))
	b, err := os.ReadFile(f.Path(HistoryFile))
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
	for i, row := range tableRows(t, f, RatesCSV) {
		require.Equal(t, strconv.Itoa(ended["ok"][i]), row["ok"])
		require.Equal(t, strconv.Itoa(ended["fail"][i]), row["failed"])
		require.Equal(t, strconv.Itoa(ended["info"][i]), row["unknown"])
	}
	calls := tableRows(t, f, CallsCSV)
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
		require.InDelta(t, due.Seconds(), number(t, row["due_s"]), 1e-9)
		require.InDelta(t, msOf(end.Time-due), number(t, row["took_ms"]), 1e-6)
	}
	due := 0
	for _, row := range tableRows(t, f, LatencyCSV) {
		n, err := strconv.Atoi(row["due"])
		require.NoError(t, err)
		due += n
	}
	require.Equal(t, a.Ops.All(), due)
	require.NotEmpty(t, tableRows(t, f, RolesCSV))
	require.Len(t, tableRows(t, f, FaultsCSV), len(a.Faults))
}

func number(t *testing.T, s string) float64 {
	t.Helper()
	v, err := strconv.ParseFloat(s, 64)
	require.NoError(t, err)
	return v
}

func tableRows(t *testing.T, f *Folder, name string) []map[string]string {
	t.Helper()
	b, err := os.ReadFile(f.Path(name))
	require.NoError(t, err)
	rows, err := csv.NewReader(strings.NewReader(string(b))).ReadAll()
	require.NoError(t, err)
	var out []map[string]string
	for _, r := range rows[1:] {
		m := map[string]string{}
		for i, head := range rows[0] {
			m[head] = r[i]
		}
		out = append(out, m)
	}
	return out
}

// TestExcerptsStayInTheirSpace: what is nearest to trouble is kept, and the rest is counted.
func TestExcerptsStayInTheirSpace(t *testing.T) {
	_, a := probed(mix)
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
