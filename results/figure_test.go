package results

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/plot/font"
	fonts "gonum.org/v1/plot/font/liberation"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/recorder"

	"github.com/faultline-chaos/faultline/harness"
)

func redraw(t *testing.T, p *plan, table *csvTable) string {
	t.Helper()
	s := p.draw(p.head, table)
	svg, err := vectorOf(p.name, s.height, s.paint)
	require.NoError(t, err)
	return string(svg)
}

func figureTable(t *testing.T, f *Folder, name string) *csvTable {
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

func probeLines(t *testing.T, f *Folder) []probeLine {
	b, err := os.ReadFile(f.Path(HistoryFile))
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
// figure again from it: the same bytes. A figure without any of its rows is another one. Every figure
// and its data are linked on the page.
func figuresAreDrawnFromTheFilesBesideThem(t *testing.T, f *Folder, a *Analysis) {
	page, err := os.ReadFile(f.Path(ReportFile))
	require.NoError(t, err)
	names := map[string]bool{}
	for _, p := range a.plans() {
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
			require.Contains(t, string(page), `<a href="`+p.name+`.svg">`)
			require.Contains(t, string(page), `data: <a href="`+p.name+`.csv">`)
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
	_, made := probed(mix)
	f := writeFolder(t, t.TempDir(), made.Run, made.History)
	a, err := f.Analyze()
	require.NoError(t, err)
	require.NoError(t, f.Render(a))
	t.Run("drawn from the files beside them", func(t *testing.T) { figuresAreDrawnFromTheFilesBesideThem(t, f, &a) })
	t.Run("which come from the run's files", func(t *testing.T) { tablesComeFromTheRunsFiles(t, f, &a) })
}

// tablesComeFromTheRunsFiles computes the tables of the figures over all failovers again,
// from history.jsonl and failovers.jsonl.
func tablesComeFromTheRunsFiles(t *testing.T, f *Folder, a *Analysis) {
	b, err := os.ReadFile(f.Path(FailoversFile))
	require.NoError(t, err)
	var eps []Episode
	for text := range strings.Lines(string(b)) {
		var e Episode
		require.NoError(t, json.Unmarshal([]byte(text), &e))
		eps = append(eps, e)
	}
	require.Len(t, eps, 6)
	byID := map[string]*Episode{}
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
				held := slices.Contains(e.Fault.Nodes, harness.NodeID(p.node)) && p.due >= e.Fault.Issued && p.due < *e.Fault.Healed
				for i := range eps { // the controls between them
					other := a.Faults[2*i+1]
					held = held || other.Nodes[0] == harness.NodeID(p.node) && p.due >= other.Issued && p.due < *other.Healed
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
		calls := tableRows(t, f, CallsCSV)
		for _, e := range eps {
			table := figureTable(t, f, "failover-"+e.ID)
			lo, hi := math.Inf(1), 0.0
			for _, r := range table.records("what", rowRole) {
				from, _ := r.number("from_s")
				to, _ := r.number("to_s")
				lo, hi = min(lo, from), max(hi, to)
			}
			n := 0
			for _, c := range calls {
				if due := number(t, c["due_s"]); c["kind"] == "call" && due >= lo && due <= hi {
					n++
				}
			}
			require.Len(t, table.records("what", rowCall), n, "%s: few calls are all there", e.ID)
			t0, _ := table.records("kind", momentT0)[0].number("from_s")
			require.InDelta(t, e.T0.Seconds(), t0, 1e-9)
		}
	})
}

// holed is a run with a failover, and the same without the probes of 0.3 s.
func holed() (whole, with Analysis) {
	_, whole = probed(func(s *synthetic) time.Duration {
		s.add("kill", true, 4*sec, 3*sec, false)
		return 12 * sec
	})
	h := whole.History
	h.Ops = slices.DeleteFunc(slices.Clone(h.Ops), func(op harness.Op) bool {
		return op.Probe() && op.Time >= 9*sec && op.Time < 9*sec+300*mil
	})
	for i := range h.Ops {
		h.Ops[i].Index = i
	}
	return whole, Analyze(whole.Run, h)
}

// TestHolesInTheMeasurementAreDrawn: where no probe was sent nothing looks calm.
func TestHolesInTheMeasurementAreDrawn(t *testing.T) {
	a, with := holed()
	require.Empty(t, a.Probes.Holes)
	require.Len(t, with.Probes.Holes, 1)
	require.InDelta(t, 9*sec, with.Probes.Holes[0].From, float64(probeEvery))
	require.InDelta(t, 9*sec+300*mil, with.Probes.Holes[0].To, float64(probeEvery))
	for _, p := range with.plans() {
		if p.name == "swimlane" || p.name == "throughput" {
			require.Len(t, p.table.records("what", rowHole), 1, p.name)
			require.Contains(t, strings.Join(textsOf(t, &p), "\n"), "no probes sent")
		}
	}
	overlay := func(a *Analysis) int {
		p := a.overlay()
		return len(slices.DeleteFunc(p.table.records("series", overlayOne), func(r record) bool { return r.text("share") != "" }))
	}
	require.Zero(t, overlay(&a))
	with.Episodes[0].T0 = 8 * sec // as if the fault had come just before the hole
	require.Positive(t, overlay(&with), "bins without a probe have no share")
}

// box is what a text takes on the canvas.
type box struct {
	text           string
	x0, y0, x1, y1 vg.Length
}

// boxes are those of all texts that are painted. A rotated one stands upright.
func boxes(s sketch) []box {
	var rec recorder.Canvas
	s.paint(draw.NewCanvas(&rec, figureWidth, s.height))
	cache := font.NewCache(fonts.Collection())
	var out []box
	type state struct {
		at     vg.Point
		turned bool
	}
	cur, stack := state{}, []state(nil)
	for _, action := range rec.Actions {
		switch x := action.(type) {
		case *recorder.Push:
			stack = append(stack, cur)
		case *recorder.Pop:
			cur, stack = stack[len(stack)-1], stack[:len(stack)-1]
		case *recorder.Translate:
			cur.at = cur.at.Add(x.Point)
		case *recorder.Rotate:
			cur.turned = math.Abs(x.Angle) > 1
		case *recorder.FillString:
			face := cache.Lookup(x.Font, x.Size)
			w, up, down := face.Width(x.String), x.Size*0.72, x.Size*0.2
			p := cur.at.Add(x.Point)
			b := box{x.String, p.X, p.Y - down, p.X + w, p.Y + up}
			if cur.turned { // about the origin that was moved to
				b = box{x.String, cur.at.X - x.Point.Y - up, cur.at.Y + x.Point.X, cur.at.X - x.Point.Y + down, cur.at.Y + x.Point.X + w}
			}
			out = append(out, b)
		}
	}
	return out
}

func textsOf(t *testing.T, p *plan) []string {
	t.Helper()
	var out []string
	for _, b := range boxes(p.draw(p.head, p.table)) {
		out = append(out, b.text)
	}
	return out
}

// requireReadable checks that no text is cut at the edge and that no two lie over one another.
func requireReadable(t *testing.T, p *plan) {
	t.Helper()
	s := p.draw(p.head, p.table)
	all := boxes(s)
	require.NotEmpty(t, all)
	for i, b := range all {
		require.True(t, b.x0 >= 0 && b.x1 <= figureWidth && b.y0 >= 0 && b.y1 <= s.height, "%s: %q is cut: %+v in %v x %v", p.name, b.text, b, figureWidth, s.height)
		for _, o := range all[:i] {
			apart := b.x1 <= o.x0 || o.x1 <= b.x0 || b.y1 <= o.y0 || o.y1 <= b.y0
			require.True(t, apart, "%s: %q and %q overlap: %+v %+v", p.name, b.text, o.text, b, o)
		}
	}
}

// crowdOf is an analysis with n failovers of all kinds, with names of a given length.
func crowdOf(n, long int) Analysis {
	pad := strings.Repeat("x", long)
	pause := 40 * mil
	if n > 7 {
		pause = 300 * mil
	}
	s := newSynthetic(3, pause)
	at := 4 * sec
	faults := []string{"kill", "pause", "isolate", "delay(150ms,jitter=50ms)" + pad}
	for i := range n {
		s.add(faults[i%len(faults)], true, at, 2*sec, i%5 == 3)
		if i%3 == 0 {
			s.add(faults[i%len(faults)], false, at+4*sec, sec, false)
		}
		at += 6 * sec
	}
	end := at + 3*sec
	if n <= 7 {
		s.probe(probeEvery, probeTimeout, end-100*mil)
	}
	run, h := s.finish(end)
	if long > 0 {
		run.System, run.Runtime = "system-"+pad, "runtime-"+pad
		renamed := map[harness.NodeID]harness.NodeID{}
		for i, id := range run.Nodes {
			renamed[id] = harness.NodeID(fmt.Sprintf("%s-%s", id, pad))
			run.Nodes[i] = renamed[id]
		}
		ids, logs := map[harness.NodeID]string{}, map[harness.NodeID][]harness.LogLine{}
		for old, id := range renamed {
			ids[id], logs[id] = run.MemberIDs[old], h.Logs[old]
		}
		run.MemberIDs, h.Logs, h.Nodes = ids, logs, run.Nodes
		for i := range h.Ops {
			op := &h.Ops[i]
			op.Node = renamed[op.Node]
			if op.F == harness.FInject || op.F == harness.FHeal {
				for old, id := range renamed {
					op.Value = []byte(strings.ReplaceAll(string(op.Value), `"`+string(old)+`"`, `"`+string(id)+`"`))
				}
			}
		}
	}
	return Analyze(run, h)
}

// TestFiguresAreReadable: for few, many and no failovers and for long names no text of any figure is
// cut or lies over another one, and every figure about failovers says how many and how long.
func TestFiguresAreReadable(t *testing.T) {
	for _, n := range []int{0, 1, 2, 7, 60, 300} {
		for _, long := range []int{0, 60} {
			if n >= 60 && long > 0 {
				continue
			}
			t.Run(fmt.Sprintf("%d failovers, %d more letters", n, long), func(t *testing.T) {
				a := crowdOf(n, long)
				require.Len(t, a.Episodes, n)
				plans := a.plans()
				for i := range plans {
					p := &plans[i]
					if strings.HasPrefix(p.name, "failover-") && i > 12 {
						break // the others are alike
					}
					requireReadable(t, p)
					said := strings.Join(textsOf(t, p), " ")
					if n == 0 || strings.HasPrefix(p.name, "failover-") {
						continue
					}
					for _, word := range []string{"median ", ", p90 ", ", p99 ", ", max ", fmt.Sprintf("(n %d", a.stat("write outage").N)} {
						require.Contains(t, said, word, p.name)
					}
					if n >= 7 {
						require.Contains(t, said, "median "+a.stat("write outage").Median.String()+" [", p.name)
					}
				}
			})
		}
	}
}

// beats lets the survivors of every kill tell when they last heard a timed heartbeat of the leader: the
// fault comes at a phase that goes round the interval, and two intervals were not counted.
func beats(s *synthetic) time.Duration {
	at := 4 * sec
	for i := range 8 {
		s.add("kill", true, at, 2*sec, false)
		w := &s.troubles[len(s.troubles)-1]
		for k, n := range s.others(w.node) {
			heard := w.confirmed - time.Duration(i*12+1)*mil - 200*mil - time.Duration(k)*100*mil
			s.log(n, w.detected, "%s heard the last timed heartbeat of %s %.3fms ago", s.ids[n], s.ids[w.node], msOf(w.detected-heard))
		}
		at += 6 * sec
	}
	return at + 2*sec
}

func TestPhaseWithinTheHeartbeat(t *testing.T) {
	_, a := probed(beats)
	require.Len(t, a.Episodes, 8)
	for i := range a.Episodes {
		e := &a.Episodes[i]
		require.Equal(t, time.Duration(i*12+1)*mil, *e.Silence, "less whole intervals")
		require.Equal(t, e.T0-*e.Silence-200*mil, e.Heartbeat.At, "the latest that a survivor tells")
		require.Contains(t, e.Heartbeat.Ref, ".log:")
	}
	p := a.heartbeats()
	require.NotNil(t, p.table)
	require.Empty(t, a.phaseNote())
	rows := p.table.records("series", phaseOne)
	require.Len(t, rows, 8)
	for i, r := range rows {
		require.Equal(t, *a.Episodes[i].Silence, r.span("phase_ms"))
		require.Equal(t, *a.Episodes[i].Writes.Took, r.span("outage_ms"))
		require.Equal(t, *a.Episodes[i].Detection, r.span("detection_ms"))
	}
	alone, flat := p.table.records("series", phaseAlone), p.table.records("series", phaseWrites)
	require.Equal(t, 1233*mil, alone[0].span("detection_ms").Truncate(mil), "T - h + T/3 of two survivors")
	require.Equal(t, alone[0].span("detection_ms")-100*mil, alone[1].span("detection_ms"))
	require.Equal(t, flat[0].span("detection_ms"), flat[1].span("detection_ms"))
	require.Contains(t, strings.Join(p.head.subs, " "), "the flat line holds")
	requireReadable(t, &p)
}

// TestNoPhaseIsSaidWhereItIsNotKnown: etcd does not log heartbeats.
func TestNoPhaseIsSaidWhereItIsNotKnown(t *testing.T) {
	run, h := goldenRun()
	run.System = "etcd"
	a := Analyze(run, h)
	require.Nil(t, a.heartbeats().table)
	require.Contains(t, a.phaseNote(), "not known. etcd on local does not tell")
	for i := range a.Episodes {
		require.Nil(t, a.Episodes[i].Silence)
	}
	require.Empty(t, (&Analysis{}).phaseNote(), "nothing to show")
}

// TestAHeartbeatAfterTheFaultIsNoPhase: the fault did not silence the leader.
func TestAHeartbeatAfterTheFaultIsNoPhase(t *testing.T) {
	s := study{beat: 100 * mil, events: []RaftEvent{{At: 5 * sec, Node: "n2", Kind: LastBeat, Peer: "n1", Ago: 900 * mil}}}
	e := Episode{OldLeader: "n1", T0: 4 * sec, Watched: 9 * sec, Fault: &Injected{FaultValue: harness.FaultValue{Nodes: []harness.NodeID{"n1"}, Leader: "n1"}}}
	s.silence(&e)
	require.Nil(t, e.Silence)
	e.Fault.FaultValue.Heartbeat = 3950 * mil
	s.events = nil
	s.silence(&e)
	require.Equal(t, 50*mil, *e.Silence)
}

func TestTheilSen(t *testing.T) {
	var points []phasePoint
	for i := range 20 {
		points = append(points, phasePoint{float64(i), 1200 - float64(i) + float64(i*7%5)})
	}
	points[3].y = 9000 // one that is off does not matter
	lo, mid, hi, ok := theilSen(points)
	require.True(t, ok)
	require.InDelta(t, -1, mid, 0.1)
	require.Less(t, lo, mid)
	require.Greater(t, hi, mid)
	_, _, _, ok = theilSen(points[:5])
	require.False(t, ok)
	_, _, _, ok = theilSen(slices.Repeat([]phasePoint{{1, 2}}, 10))
	require.False(t, ok, "all at one phase")
}

func TestMatrixMarksWhatIsMissing(t *testing.T) {
	away := func(fault string, target harness.Target, d time.Duration, lost bool) Episode {
		return Episode{Fault: &Injected{FaultValue: harness.FaultValue{Fault: fault, Target: target}}, Writes: Outage{Took: &d}, QuorumLost: lost}
	}
	gap := 30 * mil
	a := Analysis{
		Episodes: []Episode{away("kill", "leader", sec, false), away("kill", "majority", sec, true)},
		Controls: []Control{{Fault: &Injected{FaultValue: harness.FaultValue{Fault: "pause", Target: "follower"}}, LongestGap: &gap}},
		Faults:   []Injected{{FaultValue: harness.FaultValue{Fault: "powerfail", Target: "leader"}, Error: "no disk"}},
	}
	a.Stats, a.Groups = summaries(pointers(a.Episodes)), a.groups()
	p := a.matrix()
	requireReadable(t, &p)
	said := strings.Join(textsOf(t, &p), "\n")
	for _, words := range []string{"1000 ms", "max 1000 ms · n 1", "no majority left", "30.0 ms", "n 0, tried 1", "not tried", "not measured"} {
		require.Contains(t, said, words)
	}
	scale := heatScaleOf([]matrixCell{{value: sec, known: true}, {value: 9 * sec}})
	require.Less(t, luminance(scale.color(sec)), 0.3)
	require.Greater(t, luminance(scale.color(0)), 0.9)
}
