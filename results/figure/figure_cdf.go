package figure

import (
	"fmt"
	"image/color"
	"slices"
	"time"

	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/faultline-chaos/faultline/internal/statistics"
	"github.com/faultline-chaos/faultline/results/failover"
	"github.com/faultline-chaos/faultline/results/format"
)

// cdfPoint is the distribution function of an outage from At on.
type cdfPoint struct {
	At               time.Duration
	Share, Low, High float64
	Known, Censored  int // how many outages ended, and how many were no longer watched, at At
}

// cdfPoints are one for each length that was seen, after one at 0.
func cdfPoints(s *failover.Summary) []cdfPoint {
	steps := statistics.KaplanMeier(s.Values, s.Bounds)
	out := make([]cdfPoint, 0, len(steps)+1)
	for _, b := range statistics.Band(s.Values, s.Bounds) {
		p := cdfPoint{At: b.At, Low: b.Low, High: b.High}
		for _, st := range steps {
			if st.At <= b.At {
				p.Share = st.P
			}
		}
		if len(out) > 0 {
			p.Known, p.Censored = countOf(s.Values, b.At), countOf(s.Bounds, b.At)
		}
		out = append(out, p)
	}
	return out
}

func countOf(sorted []time.Duration, v time.Duration) int {
	n := 0
	for _, x := range sorted {
		if x == v {
			n++
		}
	}
	return n
}

// cdfCurve is one curve as the table has it.
type cdfCurve struct {
	label  string
	color  color.NRGBA
	dashes []vg.Length
	points []cdfPoint
	all    failover.Summary // of the lengths at the points
}

const (
	cdfWrites = "writes"
	cdfReads  = "reads"
)

// outageCurves are the distributions of outages: the share that ended within a time.
func outageCurves(a *failover.Analysis) plan {
	data := tableOf("calls", "outage_ms", "share_over", "band_low", "band_high", "ended_here", "censored_here")
	h := headOf(a, "Length of client outages in failovers")
	band := ""
	for _, k := range []struct{ label, kind string }{{cdfWrites, "write"}, {cdfReads, "read"}} {
		s := a.Stat(k.kind + " outage")
		if s == nil {
			continue
		}
		for _, p := range cdfPoints(s) {
			data.add(k.label, p.At, p.Share, p.Low, p.High, p.Known, p.Censored)
		}
		if band == "" {
			band = bandText(k.label, s)
		}
		h.subs = append(h.subs, statsLine(k.kind, s))
	}
	if len(data.rows) == 0 {
		return plan{}
	}
	h.subs = append(h.subs, band)
	return plan{head: h, table: data, draw: drawCDF, shows: failover.Pointers(a.Episodes)}
}

// bandText explains the band.
func bandText(label string, s *failover.Summary) string {
	n := s.N + s.Censored
	t := fmt.Sprintf("band: contains the whole true curve of %s with at least 95 %% confidence, from %s (Dvoretzky-Kiefer-Wolfowitz, ± %.2f; valid for any n, wide for few)", label, format.Plural(n, "failover", "failovers"), statistics.DKW(n))
	if s.Censored > 0 {
		t += "; censored values widen it; curve: Kaplan-Meier"
	}
	return t
}

func cdfCurves(t *csvTable) []cdfCurve {
	out := []cdfCurve{{label: cdfWrites, color: okColor}, {label: cdfReads, color: unknownColor, dashes: []vg.Length{5, 2.5}}}
	for i := range out {
		k := &out[i]
		for _, r := range t.records("calls", k.label) {
			p := cdfPoint{At: r.span("outage_ms"), Known: r.count("ended_here"), Censored: r.count("censored_here")}
			p.Share, _ = r.number("share_over")
			p.Low, _ = r.number("band_low")
			p.High, _ = r.number("band_high")
			k.points = append(k.points, p)
			k.all.Values = append(k.all.Values, slices.Repeat([]time.Duration{p.At}, p.Known)...)
			k.all.Bounds = append(k.all.Bounds, slices.Repeat([]time.Duration{p.At}, p.Censored)...)
		}
		k.all.Compute()
	}
	return slices.DeleteFunc(out, func(k cdfCurve) bool { return len(k.points) == 0 })
}

func drawCDF(h head, t *csvTable) sketch {
	curves := cdfCurves(t)
	hi := h.timeout
	for _, k := range curves {
		hi = max(hi, k.points[len(k.points)-1].At)
	}
	top := h.height() + legendRow + 18
	return sketch{top + 332, func(c draw.Canvas) {
		h.paint(c)
		x := axis{lo: 0, hi: max(1, Milliseconds(hi)*1.08), a: c.Min.X + 62, b: c.Max.X - 24}
		y := axis{lo: 0, hi: 1, a: c.Min.Y + 48, b: c.Max.Y - top}
		msAxis(c, x, y.a, y.b, "milliseconds from the last acknowledged call to the first of 5 successful calls in a row")
		shareAxis(c, x, y, []float64{0, 0.25, 0.5, 0.75, 0.9, 1}, "share of outages that had ended")
		timeoutLine(c, x, h.timeout, y.a, y.b)
		items := []legendItem{}
		if len(curves) > 0 {
			drawBand(c, x, y, curves[0])
			drawMedian(c, x, y, &curves[0])
			items = append(items, legendItem{"95 % band of " + curves[0].label, swatch(alpha(curves[0].color, 0x1e))})
		}
		for _, k := range curves {
			drawSteps(c, x, y, k)
			items = append(items, legendItem{k.label, func(c draw.Canvas, lx, ly vg.Length) { line(c, lx-10, ly, lx+6, ly, 2, k.color, k.dashes...) }})
		}
		items = append(items, legendItem{"censored", func(c draw.Canvas, lx, ly vg.Length) { censorMark(c, vg.Point{X: lx, Y: ly}, mutedColor) }})
		legend(c, c.Max.X-24, c.Max.Y-h.height()-legendRow/2, items)
	}}
}

// shareAxis draws shares of one beside the panel.
func shareAxis(c draw.Canvas, x, y axis, at []float64, title string) {
	for _, t := range at {
		line(c, x.a, y.at(t), x.b, y.at(t), 0.5, gridColor)
		put(c, textStyle(8.5, false, mutedColor), x.a-6, y.at(t), text.XRight, fmt.Sprintf("%g %%", t*100))
	}
	rotated(c, c.Min.X+16, (y.a+y.b)/2, title)
}

// drawMedian marks the interval of the median, with words where there is room for them.
func drawMedian(c draw.Canvas, x, y axis, k *cdfCurve) {
	s := &k.all
	if s.Interval == nil {
		return
	}
	left, right := x.at(Milliseconds(s.Interval[0])), x.at(Milliseconds(s.Interval[1]))
	fillRect(c, left, y.at(0.5)-3, right, y.at(0.5)+3, alpha(k.color, 0x40))
	st := textStyle(8.5, false, k.color)
	words := fmt.Sprintf("median, %.0f %% interval", s.Coverage*100)
	switch w := st.Width(words); {
	case left-5-w > x.a:
		put(c, st, left-5, y.at(0.5)+8, text.XRight, words)
	case right+5+w < x.b:
		put(c, st, right+5, y.at(0.5)-9, text.XLeft, words)
	}
}

// edge is the stairs of one value of the points, to the right edge.
func edge(x, y axis, points []cdfPoint, value func(cdfPoint) float64) []vg.Point {
	var out []vg.Point
	for i, p := range points {
		px, py := x.at(Milliseconds(p.At)), y.at(value(p))
		if i > 0 {
			out = append(out, vg.Point{X: px, Y: out[len(out)-1].Y})
		}
		out = append(out, vg.Point{X: px, Y: py})
	}
	return append(out, vg.Point{X: x.b, Y: out[len(out)-1].Y})
}

func drawBand(c draw.Canvas, x, y axis, k cdfCurve) {
	up := edge(x, y, k.points, func(p cdfPoint) float64 { return p.High })
	down := edge(x, y, k.points, func(p cdfPoint) float64 { return p.Low })
	slices.Reverse(down)
	c.FillPolygon(alpha(k.color, 0x1e), append(up, down...))
}

func drawSteps(c draw.Canvas, x, y axis, k cdfCurve) {
	c.StrokeLines(draw.LineStyle{Color: k.color, Width: 2, Dashes: k.dashes}, edge(x, y, k.points, func(p cdfPoint) float64 { return p.Share }))
	for _, p := range k.points {
		at := vg.Point{X: x.at(Milliseconds(p.At)), Y: y.at(p.Share)}
		if p.Known > 0 && len(k.points) <= 60 {
			c.DrawGlyphNoClip(draw.GlyphStyle{Color: k.color, Radius: 2.4, Shape: draw.CircleGlyph{}}, at)
		}
		if p.Censored > 0 {
			censorMark(c, at, k.color)
		}
	}
}

// censorMark is a plus, as Kaplan and Meier's curves have it.
func censorMark(c draw.Canvas, p vg.Point, col color.Color) {
	line(c, p.X-4, p.Y, p.X+4, p.Y, 1.2, col)
	line(c, p.X, p.Y-4, p.X, p.Y+4, 1.2, col)
}
