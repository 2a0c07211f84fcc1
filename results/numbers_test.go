package results

import (
	"bytes"
	"encoding/json"
	"html"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestReportNumbersComeFromTheFiles reads the page's table of failovers and computes every duration
// again, from the moments in failovers.jsonl and from the lines that they refer to.
func TestReportNumbersComeFromTheFiles(t *testing.T) {
	_, run, h := standard(6, 12*mil, 12*mil)
	f := writeFolder(t, t.TempDir(), run, h)
	a, err := f.Analyze()
	require.NoError(t, err)
	require.NoError(t, f.Render(a))
	page, err := os.ReadFile(f.Path(ReportFile))
	require.NoError(t, err)
	lines, err := os.ReadFile(f.Path(FailoversFile))
	require.NoError(t, err)
	dec := json.NewDecoder(bytes.NewReader(lines))
	n := 0
	for ; dec.More(); n++ {
		var e Episode
		require.NoError(t, dec.Decode(&e))
		cells := tableRow(t, string(page), e.ID)
		require.Equal(t, e.Fault.Fault+" "+joinNodes(e.Fault.Nodes), cells[1])
		require.Equal(t, ms(timeOf(t, f, e.Detected.Ref)-e.Fault.Confirmed), cells[3])
		require.Equal(t, ms(timeOf(t, f, e.Elected.Ref)-e.Fault.Confirmed), cells[4])
		require.Equal(t, ms(timeOf(t, f, e.Committed.Ref)-e.Fault.Confirmed), cells[5])
		require.Equal(t, ms(timeOf(t, f, e.Writes.Back.Ref)-timeOf(t, f, e.Writes.LastOK.Ref)), cells[6])
		require.Equal(t, ms(timeOf(t, f, e.Reads.Back.Ref)-timeOf(t, f, e.Reads.LastOK.Ref)), cells[7])
		require.Equal(t, ms(timeOf(t, f, e.Rejoined.Ref)-timeOf(t, f, e.HealStart.Ref)), cells[9])
	}
	require.Equal(t, 8, n)
	history, err := os.ReadFile(f.Path(HistoryFile))
	require.NoError(t, err)
	ok := 0
	for _, l := range strings.Split(string(history), "\n") {
		if strings.Contains(l, `"type":"ok","f":"get"`) || strings.Contains(l, `"type":"ok","f":"put"`) {
			ok++
		}
	}
	require.Contains(t, string(page), `data-v="ops.ok">`+count(ok)+"<")
	require.NotContains(t, string(page), "http://")
	require.NotContains(t, strings.ReplaceAll(string(page), "http://www.w3.org", ""), "https://")
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

// timeOf is the time on the line that a reference names, read without the package's own readers.
func timeOf(t *testing.T, f *Folder, ref string) time.Duration {
	file, line, ok := strings.Cut(ref, ":")
	require.True(t, ok)
	b, err := os.ReadFile(f.Path(file))
	require.NoError(t, err)
	var n int
	require.NoError(t, json.Unmarshal([]byte(line), &n))
	text := strings.Split(string(b), "\n")[n-1]
	if file == HistoryFile {
		var op struct{ Time time.Duration }
		require.NoError(t, json.Unmarshal([]byte(text), &op))
		return op.Time
	}
	stamp, _, _ := strings.Cut(text, " ")
	d, err := time.ParseDuration(stamp + "s")
	require.NoError(t, err)
	return d
}
