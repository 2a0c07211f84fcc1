package figure

import (
	"fmt"
	"image/color"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/faultline-chaos/faultline/history"
	"github.com/faultline-chaos/faultline/results/failover"
)

const (
	laneHeight    = vg.Length(24)
	laneGap       = vg.Length(5)
	leftMargin    = vg.Length(66)
	rightMargin   = vg.Length(18)
	latencyHeight = vg.Length(216)
	outageHeight  = vg.Length(32) // of the lanes of the outages
	sceneFoot     = vg.Length(62)
)

// drawScene draws the clients' latency over the members' roles and terms, on one time axis, from a
// table of sceneTable.
func drawScene(h head, t *csvTable) sketch {
	x := axis{lo: secondsOf(h.from), hi: secondsOf(h.to), a: leftMargin, b: figureWidth - rightMargin}
	var tags tagRows
	if h.marked {
		tags = placeTags(x, t.records("what", rowFault), maxTagRows, faultStyle)
	} else {
		tags = placeTags(x, t.records("what", rowMoment), 0, momentStyle)
	}
	lanesH := vg.Length(len(h.nodes)) * (laneHeight + laneGap)
	top := h.height() + legendRow + tags.height()
	return sketch{top + outageHeight + latencyHeight + 14 + lanesH + sceneFoot, func(c draw.Canvas) {
		h.paint(c)
		legend(c, c.Max.X-rightMargin, c.Max.Y-h.height()-legendRow/2, callLegend(t))
		legend(c, c.Max.X-rightMargin, c.Min.Y+14, stateLegend())
		bottom := c.Min.Y + sceneFoot
		plotBottom, plotTop := bottom+lanesH+14, c.Max.Y-top
		timeAxis(c, x, plotTop, bottom, "seconds since the start of the run")
		drawFaults(c, x, t, bottom, plotTop)
		drawOutages(c, x, t, plotTop)
		drawLatencies(c, x, t, plotBottom, plotTop-outageHeight)
		drawHoles(c, x, t, plotBottom, plotTop) // the strips in the lanes have holes of their own
		drawLanes(c, x, h.nodes, t, bottom)
		if h.marked {
			tags.paint(c, plotTop, plotTop, false)
		} else {
			tags.paint(c, bottom, plotTop, true)
		}
	}}
}

// ends are where a row begins and ends.
func (r record) ends(x axis) (vg.Length, vg.Length) {
	from, _ := r.number("from_s")
	to, _ := r.number("to_s")
	return x.at(from), x.at(to)
}

func callLegend(t *csvTable) []legendItem {
	glyph := func(t history.Type) func(draw.Canvas, vg.Length, vg.Length) {
		return func(c draw.Canvas, x, y vg.Length) { callGlyph(c, t, vg.Point{X: x, Y: y}, 2.6, 0xff) }
	}
	items := []legendItem{{"ok", glyph(history.OK)}, {"failed", glyph(history.Fail)}, {"outcome unknown", glyph(history.Info)}}
	if len(t.records("what", rowHole)) > 0 {
		items = append(items, holeLegend())
	}
	return items
}

func holeLegend() legendItem {
	return legendItem{"no probes: service unknown", func(c draw.Canvas, x, y vg.Length) { hatch(c, x-6, y-4, x+6, y+4) }}
}

func stateLegend() []legendItem {
	var out []legendItem
	for _, s := range []failover.State{failover.StateLeader, failover.StateCandidate, failover.StatePreCandidate, failover.StateFollower, failover.StatePaused, failover.StateDown} {
		out = append(out, legendItem{string(s), swatch(stateColors[s])})
	}
	return append(out, legendItem{"probes ok", swatch(alpha(okColor, 0x90))}, legendItem{"probes failed", swatch(failColor)}, legendItem{"cut off", func(c draw.Canvas, x, y vg.Length) { cutMark(c, x-6, x+6, y-4, y+4) }})
}

// callGlyph draws one call. On a stamper it is copied.
func callGlyph(c draw.Canvas, t history.Type, p vg.Point, r vg.Length, a uint8) {
	if s, ok := c.Canvas.(*stamper); ok {
		s.glyph(t, p, r, alpha(callColor(t), a))
		return
	}
	drawGlyph(c, t, p, r, a)
}

func callColor(t history.Type) color.NRGBA {
	switch t {
	case history.OK:
		return okColor
	case history.Fail:
		return failColor
	}
	return unknownColor
}

// drawGlyph: a dot, a cross, a hollow diamond.
func drawGlyph(c draw.Canvas, t history.Type, p vg.Point, r vg.Length, a uint8) {
	switch t {
	case history.OK:
		c.DrawGlyphNoClip(draw.GlyphStyle{Color: alpha(okColor, a), Radius: r * 0.6, Shape: draw.CircleGlyph{}}, p)
	case history.Fail:
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

// hatch fills a rectangle with slanted lines: what is not known.
func hatch(c draw.Canvas, x0, y0, x1, y1 vg.Length) {
	fillRect(c, x0, y0, x1, y1, color.NRGBA{0xff, 0xff, 0xff, 0xc0})
	const step = 5
	high := y1 - y0
	for at := x0 - high; at < x1; at += step {
		from, to := max(at, x0), min(at+high, x1)
		line(c, from, y0+from-at, to, y0+to-at, 0.7, mutedColor)
	}
	s := draw.LineStyle{Color: mutedColor, Width: 0.7}
	c.StrokeLines(s, []vg.Point{{X: x0, Y: y0}, {X: x1, Y: y0}, {X: x1, Y: y1}, {X: x0, Y: y1}, {X: x0, Y: y0}})
}

// drawHoles hatches the times in which no probe was sent, over everything.
func drawHoles(c draw.Canvas, x axis, t *csvTable, bottom, top vg.Length) {
	for _, r := range t.records("what", rowHole) {
		x0, x1 := r.ends(x)
		if x1-x0 < 4 { // too narrow for its lines
			fillRect(c, x0, bottom, max(x1, x0+1), top, alpha(mutedColor, 0xa0))
			continue
		}
		hatch(c, x0, bottom, x1, top)
	}
}

// drawFaults shades the faults.
func drawFaults(c draw.Canvas, x axis, t *csvTable, bottom, top vg.Length) {
	for _, f := range t.records("what", rowFault) {
		x0, x1 := f.ends(x)
		shade := color.NRGBA{0x5b, 0x65, 0x70, 0x1c}
		if f.text("kind") == "leader" {
			shade = alpha(failColor, 0x24)
		}
		fillRect(c, x0, bottom, x1, top, shade)
	}
}

// drawOutages draws the outages of writes and of reads in two lanes under the top.
func drawOutages(c draw.Canvas, x axis, t *csvTable, top vg.Length) {
	for i, kind := range []string{cdfWrites, cdfReads} {
		y := top - 7 - vg.Length(i)*tagRow
		put(c, textStyle(8.5, false, mutedColor), x.a-6, y, text.XRight, strings.TrimSuffix(kind, "s")+" outage")
		line(c, x.a, y, x.b, y, 0.5, gridColor)
		for _, r := range t.records("what", rowOutage) {
			if r.text("kind") != kind {
				continue
			}
			x0, x1 := r.ends(x)
			fillRect(c, x0, y-3, max(x1, x0+1), y+3, failColor)
		}
	}
}

// latencyAxis is whole powers of ten around what was measured; its ends on the canvas are not set.
func latencyAxis(lo, hi float64) axis {
	if !(hi > 0) || math.IsInf(lo, 1) {
		lo, hi = 1, 1000
	}
	return axis{lo: math.Pow(10, math.Floor(math.Log10(lo))), hi: math.Pow(10, math.Ceil(math.Log10(hi*1.01))), log: true}
}

func drawLatencies(c draw.Canvas, x axis, t *csvTable, bottom, top vg.Length) {
	calls, probes := t.records("what", rowCall), t.records("what", rowProbe)
	lo, hi := math.Inf(1), 0.0
	for _, list := range [][]record{calls, probes} {
		for _, r := range list {
			if d, ok := r.number("latency_ms"); ok {
				lo, hi = min(lo, d), max(hi, d)
			}
		}
	}
	y := latencyAxis(lo, hi)
	y.a, y.b = bottom, top
	for p := y.lo; p <= y.hi*1.001; p *= 10 {
		line(c, x.a, y.at(p), x.b, y.at(p), 0.5, gridColor)
		put(c, textStyle(8.5, false, mutedColor), x.a-6, y.at(p), text.XRight, logLabel(p))
	}
	rotated(c, c.Min.X+14, (bottom+top)/2, "latency of a call, from when it was due")
	opacity := callOpacity(len(calls))
	pad := vg.Length(4)
	r := vg.Rectangle{Min: vg.Point{X: x.a - pad, Y: bottom - pad}, Max: vg.Point{X: x.b + pad, Y: top + pad}}
	place := func(r record, origin vg.Point) vg.Point {
		at, _ := r.number("from_s")
		took, _ := r.number("latency_ms")
		return vg.Point{X: x.at(at) - origin.X, Y: y.at(took) - origin.Y}
	}
	raster(c, r, func(layer draw.Canvas) {
		faint := map[history.Type]color.NRGBA{history.OK: alpha(okColor, 0x48), history.Fail: alpha(failColor, 0x48), history.Info: alpha(unknownColor, 0x48)}
		for _, k := range probes {
			layer.DrawGlyphNoClip(draw.GlyphStyle{Color: faint[history.Type(k.text("kind"))], Radius: 0.7, Shape: draw.CircleGlyph{}}, place(k, r.Min))
		}
		for _, typ := range []history.Type{history.OK, history.Info, history.Fail} { // trouble on top
			op := opacity
			if typ != history.OK {
				op = max(opacity, 150)
			}
			for _, k := range calls {
				if history.Type(k.text("kind")) == typ {
					callGlyph(layer, typ, place(k, r.Min), 2.1, op)
				}
			}
		}
	})
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

func drawLanes(c draw.Canvas, x axis, nodes []history.NodeID, t *csvTable, bottom vg.Length) {
	name := textStyle(9.5, true, inkColor)
	for i, node := range nodes {
		y0 := bottom + vg.Length(len(nodes)-1-i)*(laneHeight+laneGap)
		y1 := y0 + laneHeight
		put(c, name, x.a-8, (y0+y1)/2, text.XRight, fitWidth(name, string(node), leftMargin-12))
		mine := slices.DeleteFunc(t.records("member", string(node)), func(r record) bool { return r.text("what") == rowCall || r.text("what") == rowProbe })
		drawRoles(c, x, mine, y0, y1)
		for _, bad := range []bool{false, true} { // failures over successes
			col := alpha(okColor, 0x90)
			if bad {
				col = failColor
			}
			for _, r := range mine {
				if r.text("what") == rowStrip && (r.text("kind") == "failed") == bad {
					x0, x1 := r.ends(x)
					fillRect(c, x0, y0, max(x1, x0+0.5), y0+3.5, col)
				}
			}
		}
		for _, r := range mine {
			if r.text("what") == rowCut {
				x0, x1 := r.ends(x)
				cutMark(c, x0, x1, y0+0.7, y1-0.7)
			}
		}
	}
}

func drawRoles(c draw.Canvas, x axis, rows []record, y0, y1 vg.Length) {
	for _, r := range rows {
		if r.text("what") != rowRole {
			continue
		}
		x0, x1 := r.ends(x)
		if x1-x0 < 0.8 { // what matters is not too short to be seen
			x1 = x0 + 0.8
		}
		state := failover.State(r.text("kind"))
		fillRect(c, x0, y0, x1, y1, stateColors[state])
		laneLabel(c, state, r.text("label"), x0, x1, (y0+y1)/2)
	}
}

func laneLabel(c draw.Canvas, state failover.State, term string, x0, x1, y vg.Length) {
	ink := color.NRGBA{0x48, 0x52, 0x5c, 0xff}
	var label string
	switch state {
	case failover.StateLeader:
		ink, label = color.NRGBA{0xff, 0xff, 0xff, 0xff}, "leader · term "+term
	case failover.StateDown, failover.StatePaused:
		ink, label = color.NRGBA{0xff, 0xff, 0xff, 0xff}, string(state)
	case failover.StateFollower, failover.StateCandidate, failover.StatePreCandidate:
		label = "term " + term
	default:
		return
	}
	st := textStyle(8.5, state == failover.StateLeader, ink)
	if st.Width(label)+8 > x1-x0 {
		if label = term; state == failover.StateDown || state == failover.StatePaused || st.Width(label)+6 > x1-x0 {
			return
		}
	}
	put(c, st, (x0+x1)/2, y, text.XCenter, label)
}

// momentColor is that of a moment's line and words.
func momentColor(kind string) color.NRGBA {
	dark := func(c color.NRGBA) color.NRGBA { return color.NRGBA{c.R / 4 * 3, c.G / 4 * 3, c.B / 4 * 3, 0xff} }
	switch kind {
	case momentT0:
		return color.NRGBA{0xa8, 0x47, 0x00, 0xff}
	case momentTimeout:
		return mutedColor
	case momentDetected:
		return dark(stateColors[failover.StateCandidate])
	case momentElected:
		return dark(stateColors[failover.StateLeader])
	case momentCommit:
		return dark(okColor)
	}
	return inkColor
}
