package results

import (
	"fmt"
	"image/color"
	"math"
	"time"

	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/faultline-chaos/faultline/harness"
)

// view is the part of a run that a swimlane shows.
type view struct {
	from, to  time.Duration
	title     string
	sub       string
	moments   []moment // vertical lines with labels
	faultTags bool     // label the faults over the panel
}

type moment struct {
	at    time.Duration
	label string
	color color.NRGBA
}

const (
	laneHeight = vg.Length(24)
	laneGap    = vg.Length(5)
	leftMargin = vg.Length(62)
	topMargin  = vg.Length(88)
)

// swimlane is the clients' latency over the members' roles and terms, on one time axis.
func (a *Analysis) swimlane(name string, v view) (Figure, error) {
	lanesH := vg.Length(len(a.Lanes)) * (laneHeight + laneGap)
	h := topMargin + 230 + 14 + lanesH + 62
	return figure(name, h, func(c draw.Canvas) {
		heading(c, v.title, v.sub)
		x := axis{lo: secondsOf(v.from), hi: secondsOf(v.to), a: c.Min.X + leftMargin, b: c.Max.X - 18}
		bottom := c.Min.Y + 62
		lanesTop := bottom + lanesH
		plotBottom, plotTop := lanesTop+14, c.Max.Y-topMargin
		timeAxis(c, x, plotTop, bottom, "seconds since the start of the run")
		a.faultBands(c, x, v, bottom, plotTop)
		a.latencies(c, x, v, plotBottom, plotTop)
		a.drawLanes(c, x, v, bottom)
		drawMoments(c, x, v, bottom, plotTop)
		legend(c, c.Max.X-18, c.Max.Y-31, callLegend())
		legend(c, c.Max.X-18, c.Min.Y+14, stateLegend())
	})
}

func callLegend() []legendItem {
	glyph := func(t harness.Type) func(draw.Canvas, vg.Length, vg.Length) {
		return func(c draw.Canvas, x, y vg.Length) { callGlyph(c, t, vg.Point{X: x, Y: y}, 2.6, 0xff) }
	}
	return []legendItem{{"ok", glyph(harness.OK)}, {"failed", glyph(harness.Fail)}, {"outcome unknown", glyph(harness.Info)}}
}

func stateLegend() []legendItem {
	var out []legendItem
	for _, s := range []State{StateLeader, StateCandidate, StatePreCandidate, StateFollower, StatePaused, StateDown} {
		out = append(out, legendItem{string(s), swatch(stateColors[s])})
	}
	return append(out, legendItem{"probes ok", swatch(alpha(okColor, 0x90))}, legendItem{"probes failed", swatch(failColor)}, legendItem{"cut off", func(c draw.Canvas, x, y vg.Length) { cutMark(c, x-6, x+6, y-4, y+4) }})
}

// callGlyph: a dot, a cross, a hollow diamond.
func callGlyph(c draw.Canvas, t harness.Type, p vg.Point, r vg.Length, a uint8) {
	switch t {
	case harness.OK:
		c.DrawGlyphNoClip(draw.GlyphStyle{Color: alpha(okColor, a), Radius: r * 0.6, Shape: draw.CircleGlyph{}}, p)
	case harness.Fail:
		line(c, p.X-r, p.Y-r, p.X+r, p.Y+r, 1, alpha(failColor, a))
		line(c, p.X-r, p.Y+r, p.X+r, p.Y-r, 1, alpha(failColor, a))
	default:
		s := draw.LineStyle{Color: alpha(unknownColor, a), Width: 1.1}
		k := r * 1.2
		c.StrokeLines(s, []vg.Point{{X: p.X - k, Y: p.Y}, {X: p.X, Y: p.Y + k}, {X: p.X + k, Y: p.Y}, {X: p.X, Y: p.Y - k}, {X: p.X - k, Y: p.Y}})
	}
}

func cutMark(c draw.Canvas, x0, x1, y0, y1 vg.Length) {
	s := draw.LineStyle{Color: cutColor, Width: 1.3}
	c.StrokeLines(s, []vg.Point{{X: x0, Y: y0}, {X: x1, Y: y0}, {X: x1, Y: y1}, {X: x0, Y: y1}, {X: x0, Y: y0}})
}

func (a *Analysis) faultBands(c draw.Canvas, x axis, v view, bottom, top vg.Length) {
	rows := make([]vg.Length, 3) // until where each row of labels is taken
	for i := range a.Faults {
		f := &a.Faults[i]
		from, to := f.effectStart, f.end(a.End)
		if len(f.Nodes) == 0 || to <= v.from || from >= v.to {
			continue
		}
		x0, x1 := x.at(x.clamp(secondsOf(from))), x.at(x.clamp(secondsOf(to)))
		shade, ink := color.NRGBA{0x5b, 0x65, 0x70, 0x1c}, mutedColor
		if f.HitLeader {
			shade, ink = alpha(failColor, 0x24), color.NRGBA{0xa8, 0x47, 0x00, 0xff}
		}
		fillRect(c, x0, bottom, x1, top, shade)
		if !v.faultTags {
			continue
		}
		s := textStyle(8.5, f.HitLeader, ink)
		label := f.Label()
		if !f.Landed() {
			label += " (did not land)"
		}
		w := s.Width(label)
		left := min(x0, x.b-w)
		for r := range rows {
			if left >= rows[r] {
				y := top + 8 + vg.Length(r)*11
				foot := top
				for lower := range r {
					if rows[lower] > x0 { // not through the labels below
						foot = y - 5
					}
				}
				line(c, x0, foot, x0, y+5, 0.6, alpha(ink, 0x80))
				put(c, s, left+2, y, text.XLeft, label)
				rows[r] = left + w + 7
				break
			}
		}
	}
}

func (a *Analysis) latencies(c draw.Canvas, x axis, v view, bottom, top vg.Length) {
	lo, hi := math.Inf(1), 0.0
	within := func(calls []call) (shown []*call) {
		for i := range calls {
			k := &calls[i]
			if k.from < v.from || k.from > v.to {
				continue
			}
			shown = append(shown, k)
			d := max(msOf(k.to-k.from), 0.01)
			lo, hi = min(lo, d), max(hi, d)
		}
		return shown
	}
	shown := within(a.calls)
	var probes []*call // as points where there is room, else at the foot of the lanes only
	if v.to-v.from <= probeSpan {
		probes = within(a.probes)
	}
	if len(shown) == 0 {
		lo, hi = 1, 1000
	}
	y := axis{lo: math.Pow(10, math.Floor(math.Log10(lo))), hi: math.Pow(10, math.Ceil(math.Log10(hi*1.01))), log: true, a: bottom, b: top}
	for p := y.lo; p <= y.hi*1.001; p *= 10 {
		line(c, x.a, y.at(p), x.b, y.at(p), 0.5, gridColor)
		put(c, textStyle(8.5, false, mutedColor), x.a-6, y.at(p), text.XRight, logLabel(p))
	}
	rotated(c, c.Min.X+16, (bottom+top)/2, "latency of a call, from when it was due")
	opacity := uint8(min(255, max(60, 255*1500/max(1, len(shown)))))
	pad := vg.Length(4)
	r := vg.Rectangle{Min: vg.Point{X: x.a - pad, Y: bottom - pad}, Max: vg.Point{X: x.b + pad, Y: top + pad}}
	raster(c, r, func(layer draw.Canvas) {
		faint := map[harness.Type]color.NRGBA{harness.OK: alpha(okColor, 0x48), harness.Fail: alpha(failColor, 0x48), harness.Info: alpha(unknownColor, 0x48)}
		for _, k := range probes {
			p := vg.Point{X: x.at(secondsOf(k.from)) - r.Min.X, Y: y.at(max(msOf(k.to-k.from), 0.01)) - r.Min.Y}
			layer.DrawGlyphNoClip(draw.GlyphStyle{Color: faint[k.typ], Radius: 0.7, Shape: draw.CircleGlyph{}}, p)
		}
		full := crowd(opacity)
		for _, t := range []harness.Type{harness.OK, harness.Info, harness.Fail} { // trouble on top
			for _, k := range shown {
				if k.typ != t {
					continue
				}
				p := vg.Point{X: x.at(secondsOf(k.from)) - r.Min.X, Y: y.at(max(msOf(k.to-k.from), 0.01)) - r.Min.Y}
				if full(t, p) {
					continue
				}
				op := opacity
				if t != harness.OK {
					op = max(opacity, 150)
				}
				callGlyph(layer, t, p, 2.1, op)
			}
		}
	})
}

// crowd says when one more glyph at a place would not be seen: so many as make it opaque lie on the
// same pixel already. A million calls are drawn in the time of those pixels.
func crowd(opacity uint8) func(harness.Type, vg.Point) bool {
	type place struct {
		t    harness.Type
		x, y int32
	}
	const pixel = vg.Inch / figureDPI
	most := uint8(1)
	for left := 1 - float64(opacity)/255; left > 0.02 && most < 16; left *= 1 - float64(opacity)/255 {
		most++
	}
	seen := map[place]uint8{}
	return func(t harness.Type, p vg.Point) bool {
		at := place{t, int32(p.X / pixel), int32(p.Y / pixel)}
		if seen[at] >= most {
			return true
		}
		seen[at]++
		return false
	}
}

// probeSpan is up to what length of time every probe is a point.
const probeSpan = 10 * time.Second

// probeStrip is the foot of a member's lane: what its probes saw, failures over successes.
func (a *Analysis) probeStrip(c draw.Canvas, x axis, v view, node harness.NodeID, y vg.Length) {
	type stretch struct {
		from, to time.Duration
		bad      bool
	}
	var runs []stretch
	for i := range a.probes {
		k := &a.probes[i]
		if k.node != node || k.from < v.from || k.from > v.to {
			continue
		}
		bad, to := k.typ != harness.OK, min(k.from+a.Probes.Period, v.to)
		if n := len(runs); n > 0 && runs[n-1].bad == bad && k.from <= runs[n-1].to+a.Probes.Period {
			runs[n-1].to = to
			continue
		}
		runs = append(runs, stretch{k.from, to, bad})
	}
	for _, bad := range []bool{false, true} {
		col := alpha(okColor, 0x90)
		if bad {
			col = failColor
		}
		for _, r := range runs {
			if r.bad == bad {
				fillRect(c, x.at(secondsOf(r.from)), y, max(x.at(secondsOf(r.to)), x.at(secondsOf(r.from))+0.5), y+3.5, col)
			}
		}
	}
}

func logLabel(v float64) string {
	switch {
	case v >= 1000:
		return fmt.Sprintf("%g s", v/1000)
	case v >= 1:
		return fmt.Sprintf("%g ms", v)
	default:
		return fmt.Sprintf("%g µs", v*1000)
	}
}

func (a *Analysis) drawLanes(c draw.Canvas, x axis, v view, bottom vg.Length) {
	for i, lane := range a.Lanes {
		y0 := bottom + vg.Length(len(a.Lanes)-1-i)*(laneHeight+laneGap)
		y1 := y0 + laneHeight
		put(c, textStyle(9.5, true, inkColor), x.a-8, (y0+y1)/2, text.XRight, string(a.Run.Nodes[i]))
		for _, s := range lane {
			if s.To <= v.from || s.From >= v.to {
				continue
			}
			x0, x1 := x.at(x.clamp(secondsOf(s.From))), x.at(x.clamp(secondsOf(s.To)))
			if x1-x0 < 0.8 { // what matters is not too short to be seen
				x1 = x0 + 0.8
			}
			fillRect(c, x0, y0, x1, y1, stateColors[s.State])
			laneLabel(c, s, x0, x1, (y0+y1)/2)
		}
		a.probeStrip(c, x, v, a.Run.Nodes[i], y0)
		for j := range a.Faults {
			f := &a.Faults[j]
			if EffectOf(f.Fault) != Cut || !f.Landed() || !f.hits(a.Run.Nodes[i]) || f.end(a.End) <= v.from || f.effectStart >= v.to {
				continue
			}
			cutMark(c, x.at(x.clamp(secondsOf(f.effectStart))), x.at(x.clamp(secondsOf(f.end(a.End)))), y0+0.7, y1-0.7)
		}
	}
}

func laneLabel(c draw.Canvas, s Segment, x0, x1, y vg.Length) {
	ink := color.NRGBA{0x48, 0x52, 0x5c, 0xff}
	var label string
	switch s.State {
	case StateLeader:
		ink, label = color.NRGBA{0xff, 0xff, 0xff, 0xff}, fmt.Sprintf("leader · term %d", s.Term)
	case StateDown, StatePaused:
		ink, label = color.NRGBA{0xff, 0xff, 0xff, 0xff}, string(s.State)
	case StateFollower, StateCandidate, StatePreCandidate:
		label = fmt.Sprintf("term %d", s.Term)
	default:
		return
	}
	st := textStyle(8.5, s.State == StateLeader, ink)
	if st.Width(label)+8 > x1-x0 {
		if label = fmt.Sprint(s.Term); s.State == StateDown || s.State == StatePaused || st.Width(label)+6 > x1-x0 {
			return
		}
	}
	put(c, st, (x0+x1)/2, y, text.XCenter, label)
}

func drawMoments(c draw.Canvas, x axis, v view, bottom, top vg.Length) {
	type placed struct {
		left, y, w vg.Length
		m          moment
	}
	rows := make([]vg.Length, 4)
	var labels []placed
	for _, m := range v.moments {
		if m.at < v.from || m.at > v.to {
			continue
		}
		px := x.at(secondsOf(m.at))
		w := textStyle(8.5, true, m.color).Width(m.label)
		left := min(px, x.b-w)
		for r := range rows {
			if left >= rows[r] || r == len(rows)-1 {
				y := top + 8 + vg.Length(r)*11
				line(c, px, bottom, px, y+4, 0.9, m.color, 3, 2)
				labels = append(labels, placed{left, y, w, m})
				rows[r] = left + w + 9
				break
			}
		}
	}
	for _, l := range labels { // over all the lines
		fillRect(c, l.left+1.5, l.y-5, l.left+l.w+5, l.y+5.5, color.White)
		put(c, textStyle(8.5, true, l.m.color), l.left+3, l.y, text.XLeft, l.m.label)
	}
}

// overview shows the whole run.
func (a *Analysis) overview() (Figure, error) {
	return a.swimlane("swimlane", view{
		from: 0, to: max(a.End, time.Second), faultTags: true,
		title: fmt.Sprintf("%s on %s: %d nodes, roles and terms under the clients' latency", orUnknown(a.Run.System), orUnknown(a.Run.Runtime), len(a.Run.Nodes)),
		sub:   fmt.Sprintf("n = %s calls; %d faults landed, shaded from effect to healed (orange: on the leader)%s", count(a.Ops.All()), a.Landed(), a.probesBelow()),
	})
}

func (a *Analysis) probesBelow() string {
	if a.Probes == nil {
		return ""
	}
	return fmt.Sprintf("; %s probes at the foot of the lanes", count(a.Probes.Calls.All()))
}

// zoom shows one episode, from half a second before to a second after the clients were back.
func (a *Analysis) zoom(e *Episode) (Figure, error) {
	from, to := max(0, e.begin()-400*time.Millisecond), e.T0
	for _, m := range []*Mark{e.Elected, e.Committed, e.Writes.Back, e.Reads.Back, e.FirstPut, e.FirstGet} {
		if m != nil {
			to = max(to, m.At)
		}
	}
	if e.Outcome == NoLeader {
		to = e.Watched
	}
	to = min(max(to+500*time.Millisecond, e.T0+2*time.Second), max(a.End, e.T0+time.Second))
	if e.Outcome == Kept && e.Healed != nil {
		to = min(max(to, e.Healed.At+500*time.Millisecond), a.End)
	}
	dark := func(c color.NRGBA) color.NRGBA { return color.NRGBA{c.R / 4 * 3, c.G / 4 * 3, c.B / 4 * 3, 0xff} }
	moments := []moment{{e.T0, "t0 " + e.Cause(), color.NRGBA{0xa8, 0x47, 0x00, 0xff}}}
	if e.Fault == nil {
		moments[0].label = "t0 first sign"
	}
	add := func(m *Mark, what string, c color.NRGBA) {
		if m != nil {
			moments = append(moments, moment{m.At, fmt.Sprintf("%s +%s", what, ms(m.At-e.T0)), c})
		}
	}
	add(e.Detected, "detected", dark(stateColors[StateCandidate]))
	add(e.Elected, "elected", dark(stateColors[StateLeader]))
	if e.CommitBy == "log" {
		add(e.Committed, "first commit", dark(okColor))
	}
	add(e.FirstPut, "first put", inkColor)
	return a.swimlane("failover-"+e.ID, view{
		from: from, to: to, moments: moments,
		title: fmt.Sprintf("Failover %s: %s", e.ID, leaderSentence(e)),
		sub:   fmt.Sprintf("one episode (n = 1); writes away %s, reads away %s; times after t0", outageText(e.Writes), outageText(e.Reads)),
	})
}

func leaderSentence(e *Episode) string { return e.title().Text() }
