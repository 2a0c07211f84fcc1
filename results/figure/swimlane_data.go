package figure

import (
	"cmp"
	"fmt"
	"math"
	"time"

	"gonum.org/v1/plot/vg"

	"github.com/faultline-chaos/faultline/history"
	"github.com/faultline-chaos/faultline/results/failover"
	"github.com/faultline-chaos/faultline/results/format"
)

// What a row of a swimlane's table is.
const (
	rowRole   = "role"   // kind: the state; label: its term
	rowCut    = "cut"    // a member was cut off
	rowFault  = "fault"  // kind: leader or other; label: in words
	rowHole   = "hole"   // no probe was sent
	rowOutage = "away"   // an outage; kind: writes or reads; label: the failover that explains it
	rowStrip  = "probes" // a stretch of a member's probes; kind: ok or failed
	rowProbe  = "probe"  // one probe; kind: its outcome
	rowCall   = "call"   // one call of the workload; kind: its outcome
	rowMoment = "moment" // kind: which; label: in words
)

// probeSpan is up to what length of time every probe is a point.
const probeSpan = 10 * time.Second

// maxPlain is up to how many calls are all in a table, however thick they lie.
const maxPlain = 5000

// view is the part of a run that a swimlane shows.
type view struct {
	from, to time.Duration
	moments  []moment // vertical lines with labels
}

type moment struct {
	at          time.Duration
	kind, label string
}

func (v view) holds(from, to time.Duration) bool { return to > v.from && from < v.to }

// clip is the part of a time that the view holds, in seconds.
func (v view) clip(from, to time.Duration) (float64, float64) {
	return secondsOf(max(from, v.from)), secondsOf(min(to, v.to))
}

// sceneTable holds everything that a swimlane draws. Of calls that lie so thick that one more would not
// be seen, it holds no more; calls.csv holds all.
func sceneTable(a *failover.Analysis, v view) *csvTable {
	t := tableOf("what", "kind", "member", "from_s", "to_s", "latency_ms", "label", "line")
	addBands(a, t, v)
	for i, lane := range a.Lanes {
		node := string(a.Run.Nodes[i])
		for _, s := range lane {
			if v.holds(s.From, s.To) {
				from, to := v.clip(s.From, s.To)
				t.add(rowRole, string(s.State), node, from, to, nil, s.Term, s.Ref)
			}
		}
		for j := range a.Faults {
			f := &a.Faults[j]
			if f.Effect.Traits().Apart && f.Landed() && f.Affects(a.Run.Nodes[i]) && v.holds(f.EffectStart, f.End(a.End)) {
				from, to := v.clip(f.EffectStart, f.End(a.End))
				t.add(rowCut, nil, node, from, to, nil, f.Label(), failover.LineRef(f.Line))
			}
		}
		addStrip(a, t, v, a.Run.Nodes[i])
	}
	if v.to-v.from <= probeSpan { // as points where there is room, else at the foot of the lanes only
		addCalls(t, v, rowProbe, a.ProbeCalls)
	}
	addCalls(t, v, rowCall, a.WorkloadCalls)
	for _, m := range v.moments {
		if m.at >= v.from && m.at <= v.to {
			t.add(rowMoment, m.kind, nil, secondsOf(m.at), nil, nil, m.label, nil)
		}
	}
	return t
}

// addBands adds what concerns all members: faults, outages, holes in the measurement.
func addBands(a *failover.Analysis, t *csvTable, v view) {
	for i := range a.Faults {
		f := &a.Faults[i]
		if len(f.Nodes) == 0 || !v.holds(f.EffectStart, f.End(a.End)) {
			continue
		}
		kind, label := "other", f.Label()
		if f.HitLeader {
			kind = "leader"
		}
		if !f.Landed() {
			label += " (not confirmed)"
		}
		from, to := v.clip(f.EffectStart, f.End(a.End))
		t.add(rowFault, kind, nil, from, to, nil, label, failover.LineRef(f.Line))
	}
	for _, g := range a.OutageSpans() {
		if v.holds(g.From, g.To) {
			kind := cdfWrites
			if g.Reads {
				kind = cdfReads
			}
			from, to := v.clip(g.From, g.To)
			t.add(rowOutage, kind, nil, from, to, nil, cmp.Or(g.Episode, "no failover"), nil)
		}
	}
	for _, h := range a.Holes() {
		if v.holds(h.From, h.To) {
			from, to := v.clip(h.From, h.To)
			t.add(rowHole, nil, nil, from, to, nil, "no probes sent", nil)
		}
	}
}

// addStrip adds what a member's probes saw, as stretches of equal outcome.
func addStrip(a *failover.Analysis, t *csvTable, v view, node history.NodeID) {
	type stretch struct {
		from, to time.Duration
		bad      bool
	}
	var runs []stretch
	for i := range a.ProbeCalls {
		k := &a.ProbeCalls[i]
		if k.Node != node || k.From < v.from || k.From > v.to {
			continue
		}
		bad, to := k.Type != history.OK, min(k.From+a.Probes.Period, v.to)
		if n := len(runs); n > 0 && runs[n-1].bad == bad && k.From <= runs[n-1].to+a.Probes.Period {
			runs[n-1].to = to
			continue
		}
		runs = append(runs, stretch{k.From, to, bad})
	}
	for _, r := range runs {
		kind := "ok"
		if r.bad {
			kind = "failed"
		}
		t.add(rowStrip, kind, string(node), secondsOf(r.from), secondsOf(r.to), nil, nil, nil)
	}
}

// addCalls adds those that were due in the view, but for what would not be seen.
func addCalls(t *csvTable, v view, what string, calls []failover.Call) {
	lo, hi, n := math.Inf(1), 0.0, 0
	inside := func(k *failover.Call) bool { return k.From >= v.from && k.From <= v.to }
	for i := range calls {
		if k := &calls[i]; inside(k) {
			lo, hi, n = min(lo, shownLatency(k)), max(hi, shownLatency(k)), n+1
		}
	}
	full := func(history.Type, vg.Point) bool { return false }
	if n > maxPlain {
		full = crowd(callOpacity(n))
	}
	x := axis{lo: secondsOf(v.from), hi: secondsOf(v.to), b: figureWidth - leftMargin - rightMargin}
	y := latencyAxis(lo, hi)
	y.b = latencyHeight
	for i := range calls {
		k := &calls[i]
		if !inside(k) {
			continue
		}
		at, took := secondsOf(k.From), shownLatency(k)
		if full(k.Type, vg.Point{X: x.at(at), Y: y.at(took)}) && took != lo && took != hi {
			continue
		}
		t.add(what, string(k.Type), string(k.Node), at, secondsOf(k.To), took, k.F, failover.LineRef(k.Line))
	}
}

// shownLatency is in milliseconds, and never 0: its axis is logarithmic.
func shownLatency(k *failover.Call) float64 { return max(Milliseconds(k.To-k.From), 0.01) }

// callOpacity is less where many calls lie over one another.
func callOpacity(n int) uint8 { return uint8(min(255, max(100, 255*1500/max(1, n)))) }

// crowd says when one more glyph at a place would not be seen: so many as make it opaque lie on the
// same pixel already. A million calls are drawn in the time of those pixels.
func crowd(opacity uint8) func(history.Type, vg.Point) bool {
	type place struct {
		t    history.Type
		x, y int32
	}
	const pixel = vg.Inch / figureDPI
	most := uint8(1)
	for left := 1 - float64(opacity)/255; left > 0.1 && most < 16; left *= 1 - float64(opacity)/255 {
		most++
	}
	seen := map[place]uint8{}
	return func(t history.Type, p vg.Point) bool {
		at := place{t, int32(p.X / pixel), int32(p.Y / pixel)}
		if seen[at] >= most {
			return true
		}
		seen[at]++
		return false
	}
}

// overview shows the whole run.
func overview(a *failover.Analysis) plan {
	h := headOf(a, fmt.Sprintf("%s on %s: %s, roles and terms below the clients' latency", format.OrUnknown(a.Run.System), format.OrUnknown(a.Run.Runtime), format.Plural(len(a.Run.Nodes), "node", "nodes")),
		fmt.Sprintf("n = %s calls; %s, shaded from effect to healing (orange: on the leader)%s", format.Count(a.Ops.All()), format.Plural(a.Landed(), "confirmed fault", "confirmed faults"), probesBelow(a)),
		statsLine("write", a.Stat("write outage")))
	h.marked = true
	return plan{head: h, table: sceneTable(a, view{from: h.from, to: h.to}), draw: drawScene, shows: failover.Pointers(a.Episodes)}
}

func probesBelow(a *failover.Analysis) string {
	if a.Probes == nil {
		return ""
	}
	s := fmt.Sprintf("; %s probes at the bottom of the lanes", format.Count(a.Probes.Calls.All()))
	if n := len(a.Probes.Holes); n > 0 {
		s += fmt.Sprintf("; hatched: %s without probes", format.Plural(n, "period", "periods"))
	}
	return s
}

// zoom shows one episode, from half a second before to a second after the clients were back.
func zoom(a *failover.Analysis, e *failover.Episode) plan {
	from, to := max(0, e.Begin()-400*time.Millisecond), e.T0
	for _, m := range []*failover.Mark{e.Elected, e.Committed, e.Writes.Back, e.Reads.Back, e.FirstPut, e.FirstGet} {
		if m != nil {
			to = max(to, m.At)
		}
	}
	if e.Outcome == failover.NoLeader {
		to = e.Watched
	}
	to = min(max(to+500*time.Millisecond, e.T0+2*time.Second), max(a.End, e.T0+time.Second))
	if e.Outcome == failover.Kept && e.Healed != nil {
		to = min(max(to, e.Healed.At+500*time.Millisecond), a.End)
	}
	h := headOf(a, fmt.Sprintf("Failover %s: %s", e.ID, leaderSentence(e)),
		fmt.Sprintf("one episode (n = 1%s); write outage %s, read outage %s; times after t0", censoredNote(e), failover.OutageText(e.Writes), failover.OutageText(e.Reads)))
	h.from, h.to = from, max(to, from+time.Millisecond)
	return plan{name: ZoomName(e), place: WithFailover, head: h, table: sceneTable(a, view{from: h.from, to: h.to, moments: moments(e, a.Run.ElectionTimeout)}), draw: drawScene}
}

func censoredNote(e *failover.Episode) string {
	if e.Writes.AtLeast != nil || e.Reads.AtLeast != nil {
		return ", censored: watching ended before the outage did"
	}
	return ""
}

// The kinds of moments, which decide their colours.
const (
	momentT0       = "t0"
	momentTimeout  = "election timeout"
	momentDetected = "detected"
	momentElected  = "elected"
	momentCommit   = "first commit"
	momentPut      = "first put"
)

// moments are those of an episode that its figure marks.
func moments(e *failover.Episode, timeout time.Duration) []moment {
	first := "t0 " + e.Cause()
	if e.Fault == nil {
		first = "t0 first sign"
	}
	out := []moment{{e.T0, momentT0, first}}
	add := func(m *failover.Mark, kind string) {
		if m != nil {
			out = append(out, moment{m.At, kind, fmt.Sprintf("%s +%s", kind, format.MS(m.At-e.T0))})
		}
	}
	if timeout > 0 {
		out = append(out, moment{e.T0 + timeout, momentTimeout, fmt.Sprintf("%s %s", momentTimeout, format.MS(timeout))})
	}
	add(e.Detected, momentDetected)
	add(e.Elected, momentElected)
	if e.CommitBy == "log" {
		add(e.Committed, momentCommit)
	}
	add(e.FirstPut, momentPut)
	return out
}

func leaderSentence(e *failover.Episode) string { return e.Title() }

// ZoomName is that of an episode's figure.
func ZoomName(e *failover.Episode) string { return "failover-" + e.ID }
