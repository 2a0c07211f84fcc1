package figure

import (
	"encoding/json"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/history"
	"github.com/faultline-chaos/faultline/results"
	"github.com/faultline-chaos/faultline/results/failover"
	"github.com/faultline-chaos/faultline/results/internal/synthetic"
)

func redraw(t *testing.T, p *plan, table *csvTable) string {
	t.Helper()
	s := p.draw(p.head, table)
	svg, err := vectorOf(p.name, figureWidth, s.height, s.paint)
	require.NoError(t, err)
	return string(svg)
}

func figureTable(t *testing.T, f *results.Folder, name string) *csvTable {
	t.Helper()
	b, err := os.ReadFile(f.Path(name + ".csv"))
	require.NoError(t, err)
	table, err := decodeTable(b)
	require.NoError(t, err)
	return table
}

// probeLine is a probe as history.jsonl has it, read without the package's own readers.
type probeLine struct {
	due, done time.Duration
	ok, read  bool
	node      string
}

func probeLines(t *testing.T, f *results.Folder) []probeLine {
	b, err := os.ReadFile(f.Path(results.HistoryFile))
	require.NoError(t, err)
	open := map[int]int{}
	var out []probeLine
	for text := range strings.Lines(string(b)) {
		var l struct {
			Time, Sched   time.Duration
			Type, F, Node string
			Process       int
		}
		require.NoError(t, json.Unmarshal([]byte(text), &l))
		if !strings.HasPrefix(l.F, "probe-") {
			continue
		}
		if l.Type == "invoke" {
			open[l.Process] = len(out)
			out = append(out, probeLine{due: l.Sched, read: l.F == "probe-get", node: l.Node})
			continue
		}
		p := &out[open[l.Process]]
		p.done, p.ok = l.Time, l.Type == "ok"
	}
	return out
}

// figuresAreDrawnFromTheFilesBesideThem reads every figure's CSV back from the folder and draws the
// figure again from it: the same bytes. A figure without any of its rows is another one.
func figuresAreDrawnFromTheFilesBesideThem(t *testing.T, f *results.Folder, a *failover.Analysis) {
	names := map[string]bool{}
	for _, p := range plans(a) {
		names[p.name] = true
		t.Run(p.name, func(t *testing.T) {
			b, err := os.ReadFile(f.Path(p.name + ".csv"))
			require.NoError(t, err)
			table, err := decodeTable(b)
			require.NoError(t, err)
			drawn, err := os.ReadFile(f.Path(p.name + ".svg"))
			require.NoError(t, err)
			require.Equal(t, string(drawn), redraw(t, &p, table))
			require.NotEqual(t, string(drawn), redraw(t, &p, &csvTable{header: table.header}), "it is drawn from the table")
		})
	}
	for _, name := range []string{"swimlane", "throughput", "overlay", "cdf", "phases", "matrix", "failover-e1", "failover-e6"} {
		require.True(t, names[name], name)
	}
	entries, err := os.ReadDir(f.Dir())
	require.NoError(t, err)
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), ".svg"); ok {
			require.FileExists(t, f.Path(name+".csv"))
			require.FileExists(t, f.Path(name+".png"))
		}
	}
}

// TestFiguresAndTheirTables of a rendered run with probes, faults of three kinds and controls.
func TestFiguresAndTheirTables(t *testing.T) {
	made := failover.Analyze(synthetic.Probed(synthetic.Mix))
	f := synthetic.WriteFolder(t, t.TempDir(), made.Run, made.History)
	a, err := failover.AnalyzeFolder(f)
	require.NoError(t, err)
	drawn, err := Figures(&a)
	require.NoError(t, err)
	require.NoError(t, WriteFigures(f, drawn))
	lines, err := a.Failovers()
	require.NoError(t, err)
	require.NoError(t, f.Write(results.FailoversFile, lines))
	t.Run("drawn from the files beside them", func(t *testing.T) { figuresAreDrawnFromTheFilesBesideThem(t, f, &a) })
	t.Run("which come from the run's files", func(t *testing.T) { tablesComeFromTheRunsFiles(t, f, &a) })
}

// tablesComeFromTheRunsFiles computes the tables of the figures over all failovers again,
// from history.jsonl and failovers.jsonl.
func tablesComeFromTheRunsFiles(t *testing.T, f *results.Folder, a *failover.Analysis) {
	b, err := os.ReadFile(f.Path(results.FailoversFile))
	require.NoError(t, err)
	var eps []failover.Episode
	for text := range strings.Lines(string(b)) {
		var e failover.Episode
		require.NoError(t, json.Unmarshal([]byte(text), &e))
		eps = append(eps, e)
	}
	require.Len(t, eps, 6)
	byID := map[string]*failover.Episode{}
	for i := range eps {
		byID[eps[i].ID] = &eps[i]
	}
	var took []time.Duration
	for _, e := range eps {
		took = append(took, *e.Writes.Took)
	}
	slices.Sort(took)

	t.Run("cdf", func(t *testing.T) {
		rows := figureTable(t, f, "cdf").records("calls", "writes")
		require.Len(t, rows, 7)
		for i, r := range rows[1:] {
			require.Equal(t, took[i], r.span("outage_ms"))
			share, _ := r.number("share_over")
			require.InDelta(t, float64(i+1)/6, share, 1e-9)
		}
	})
	t.Run("phases", func(t *testing.T) {
		table := figureTable(t, f, "phases")
		require.Len(t, table.rows, 7)
		for _, e := range eps {
			r := table.records("failover", e.ID)[0]
			require.Equal(t, e.Detected.At-e.T0, r.span("first_campaign_ms"))
			require.Equal(t, e.Elected.At-e.T0, r.span("elected_ms"))
			require.Equal(t, e.Committed.At-e.T0, r.span("first_commit_ms"))
			require.Equal(t, e.Writes.Back.At-e.T0, r.span("writes_back_ms"))
			require.Equal(t, e.Issued.At-e.T0, r.span("issued_ms"))
		}
	})
	t.Run("overlay", func(t *testing.T) {
		lines := probeLines(t, f)
		table := figureTable(t, f, "overlay")
		shares := map[string][]float64{}
		for _, r := range table.records("series", overlayOne) {
			e := byID[r.text("failover")]
			from, to := e.T0+r.span("from_ms"), e.T0+r.span("to_ms")
			asked, ok := 0, 0
			for _, p := range lines {
				held := slices.Contains(e.Fault.Nodes, history.NodeID(p.node)) && p.due >= e.Fault.Issued && p.due < *e.Fault.Healed
				for i := range eps { // the controls between them
					other := a.Faults[2*i+1]
					held = held || other.Nodes[0] == history.NodeID(p.node) && p.due >= other.Issued && p.due < *other.Healed
				}
				if !p.read && !held && p.due >= from && p.due < to {
					asked++
					if p.ok {
						ok++
					}
				}
			}
			require.Equal(t, asked, r.count("asked"), "%s %v", e.ID, r.cells)
			share, known := r.number("share")
			require.Equal(t, asked > 0, known)
			if known {
				require.InDelta(t, float64(ok)/float64(asked), share, 1e-12)
				shares[r.text("from_ms")] = append(shares[r.text("from_ms")], share)
			}
		}
		mids := 0
		for _, r := range table.records("series", overlayMedian) {
			v := shares[r.text("from_ms")]
			require.Equal(t, len(v), r.count("n"))
			if len(v) == 6 {
				slices.Sort(v)
				mid, _ := r.number("share")
				require.InDelta(t, (v[2]+v[3])/2, mid, 1e-12)
				mids++
			}
		}
		require.Greater(t, mids, 20)
	})
	t.Run("matrix", func(t *testing.T) {
		byCause := map[string][]time.Duration{}
		for _, e := range eps {
			byCause[e.Fault.Fault] = append(byCause[e.Fault.Fault], *e.Writes.Took)
		}
		table := figureTable(t, f, "matrix")
		require.Len(t, table.rows, 6, "three faults on leaders and on followers")
		table.each(func(r record) {
			if r.text("target") != "leader" {
				require.Empty(t, r.text("median_ms"))
				require.Equal(t, 2, r.count("controls"))
				require.NotEmpty(t, r.text("gap_max_ms"))
				return
			}
			v := byCause[r.text("fault")]
			require.Equal(t, len(v), r.count("n"))
			require.InDelta(t, (v[0]+v[1])/2, r.span("median_ms"), 1)
			require.Equal(t, max(v[0], v[1]), r.span("max_ms"))
		})
	})
	t.Run("failovers", func(t *testing.T) {
		for _, e := range eps {
			table := figureTable(t, f, "failover-"+e.ID)
			lo, hi := math.Inf(1), 0.0
			for _, r := range table.records("what", rowRole) {
				from, _ := r.number("from_s")
				to, _ := r.number("to_s")
				lo, hi = min(lo, from), max(hi, to)
			}
			n := 0
			for i := range a.WorkloadCalls {
				if due := a.WorkloadCalls[i].From.Seconds(); due >= lo && due <= hi {
					n++
				}
			}
			require.Len(t, table.records("what", rowCall), n, "%s: few calls are all there", e.ID)
			t0, _ := table.records("kind", momentT0)[0].number("from_s")
			require.InDelta(t, e.T0.Seconds(), t0, 1e-9)
		}
	})
}

// TestHolesInTheMeasurementAreDrawn: where no probe was sent nothing looks calm.
func TestHolesInTheMeasurementAreDrawn(t *testing.T) {
	run, whole, lacking := synthetic.Holed()
	a, with := failover.Analyze(run, whole), failover.Analyze(run, lacking)
	require.Empty(t, a.Probes.Holes)
	require.Len(t, with.Probes.Holes, 1)
	require.InDelta(t, 9*synthetic.Sec, with.Probes.Holes[0].From, float64(synthetic.ProbeEvery))
	require.InDelta(t, 9*synthetic.Sec+300*synthetic.Mil, with.Probes.Holes[0].To, float64(synthetic.ProbeEvery))
	for _, p := range plans(&with) {
		if p.name == "swimlane" || p.name == "throughput" {
			require.Len(t, p.table.records("what", rowHole), 1, p.name)
			require.Contains(t, strings.Join(textsOf(t, &p), "\n"), "no probes: service unknown")
		}
	}
	overlay := func(a *failover.Analysis) int {
		p := overlay(a)
		return len(slices.DeleteFunc(p.table.records("series", overlayOne), func(r record) bool { return r.text("share") != "" }))
	}
	require.Zero(t, overlay(&a))
	with.Episodes[0].T0 = 8 * synthetic.Sec // as if the fault had come just before the hole
	require.Positive(t, overlay(&with), "bins without a probe have no share")
}

func TestMatrixMarksWhatIsMissing(t *testing.T) {
	away := func(fault string, target history.Target, d time.Duration, lost bool) failover.Episode {
		return failover.Episode{Fault: &failover.Injected{FaultValue: history.FaultValue{Fault: fault, Target: target}}, Writes: failover.Outage{Took: &d}, QuorumLost: lost}
	}
	gap := 30 * synthetic.Mil
	a := failover.Analysis{
		Episodes: []failover.Episode{away("kill", "leader", synthetic.Sec, false), away("kill", "majority", synthetic.Sec, true)},
		Controls: []failover.Control{{Fault: &failover.Injected{FaultValue: history.FaultValue{Fault: "pause", Target: "follower"}}, LongestGap: &gap}},
		Faults:   []failover.Injected{{FaultValue: history.FaultValue{Fault: "powerfail", Target: "leader"}, Error: "no disk"}},
	}
	a.Summarize()
	p := matrix(&a)
	requireReadable(t, &p)
	said := strings.Join(textsOf(t, &p), "\n")
	for _, words := range []string{"1000 ms", "max 1000 ms · n 1", "no majority left", "30.0 ms", "n 0, tried 1", "not tried", "not measured"} {
		require.Contains(t, said, words)
	}
	scale := heatScaleOf([]matrixCell{{value: synthetic.Sec, known: true}, {value: 9 * synthetic.Sec}})
	require.Less(t, luminance(scale.color(synthetic.Sec)), 0.3)
	require.Greater(t, luminance(scale.color(0)), 0.9)
}

// TestEveryFigureHasItsPlace: the page has a place for each kind of figure, and each has a title.
func TestEveryFigureHasItsPlace(t *testing.T) {
	for _, k := range figureKinds() {
		require.Contains(t, []Place{InTimeline, UnderTimeline, OverFailovers}, k.place, k.name)
	}
	a := failover.Analyze(synthetic.Probed(synthetic.Mix))
	for _, p := range plans(&a) {
		require.NotEmpty(t, p.head.title, p.name)
	}
}
