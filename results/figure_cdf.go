package results

import (
	"fmt"
	"image/color"
	"slices"
	"time"

	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// cdfPoint is the distribution function of an outage from At on.
type cdfPoint struct {
	At               time.Duration
	Share, Low, High float64
	Known, Censored  int // how many outages ended, and how many were no longer watched, at At
}

// cdfPoints are one for each length that was seen, after one at 0.
func cdfPoints(s *Summary) []cdfPoint {
	steps := KaplanMeier(s.Values, s.Bounds)
	out := make([]cdfPoint, 0, len(steps)+1)
	for _, b := range cdfBand(s.Values, s.Bounds) {
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

type cdfCurve struct {
	s      *Summary
	label  string
	color  color.NRGBA
	dashes []vg.Length
	points []cdfPoint
}

// cdf is how likely an outage is over within a time.
func (a *Analysis) cdf() (Figure, error) {
	var curves []cdfCurve
	for _, k := range []cdfCurve{
		{s: a.stat("write outage"), label: "writes", color: okColor},
		{s: a.stat("read outage"), label: "reads", color: unknownColor, dashes: []vg.Length{5, 2.5}},
	} {
		if k.s != nil {
			k.points = cdfPoints(k.s)
			curves = append(curves, k)
		}
	}
	if len(curves) == 0 {
		return Figure{}, nil
	}
	data := tableOf("calls", "outage_ms", "share_over", "band_low", "band_high", "ended_here", "censored_here")
	hi := a.Run.ElectionTimeout
	subs := []string{}
	for _, k := range curves {
		for _, p := range k.points {
			data.add(k.label, p.At, p.Share, p.Low, p.High, p.Known, p.Censored)
		}
		hi = max(hi, k.points[len(k.points)-1].At)
		subs = append(subs, statsLine(k.label, k.s))
	}
	subs = append(subs, bandText(curves[0]))
	f, err := figure("cdf", 430, func(c draw.Canvas) {
		heading(c, "How long clients were without service in a failover", subs...)
		x := axis{lo: 0, hi: msOf(hi) * 1.08, a: c.Min.X + 62, b: c.Max.X - 24}
		y := axis{lo: 0, hi: 1, a: c.Min.Y + 48, b: c.Max.Y - 98}
		msAxis(c, x, y.a, y.b, "milliseconds from the last acknowledged call to the first of 5 in a row")
		for _, t := range []float64{0, 0.25, 0.5, 0.75, 0.9, 1} {
			line(c, x.a, y.at(t), x.b, y.at(t), 0.5, gridColor)
			put(c, textStyle(8.5, false, mutedColor), x.a-6, y.at(t), text.XRight, fmt.Sprintf("%g %%", t*100))
		}
		rotated(c, c.Min.X+16, (y.a+y.b)/2, "share of failovers that were over")
		drawBand(c, x, y, curves[0])
		timeoutLine(c, x, a.Run.ElectionTimeout, y.a, y.b)
		if s := curves[0].s; s.Interval != nil {
			fillRect(c, x.at(msOf(s.Interval[0])), y.at(0.5)-3, x.at(msOf(s.Interval[1])), y.at(0.5)+3, alpha(okColor, 0x40))
			put(c, textStyle(8.5, false, okColor), x.at(msOf(s.Interval[0]))-5, y.at(0.5)+8, text.XRight, fmt.Sprintf("median, %.0f %% interval", s.Coverage*100))
		}
		items := []legendItem{}
		for _, k := range curves {
			drawCDF(c, x, y, k)
			items = append(items, legendItem{k.label, func(c draw.Canvas, lx, ly vg.Length) { line(c, lx-10, ly, lx+6, ly, 2, k.color, k.dashes...) }})
		}
		items = append(items, legendItem{"95 % band of writes", swatch(alpha(okColor, 0x1e))}, legendItem{"censored", func(c draw.Canvas, lx, ly vg.Length) { censorMark(c, vg.Point{X: lx, Y: ly}, mutedColor) }})
		legend(c, c.Max.X-24, c.Max.Y-15, items)
	})
	if err != nil {
		return f, err
	}
	return f.with(data, pointers(a.Episodes))
}

// bandText says what the band is and is not.
func bandText(k cdfCurve) string {
	n := k.s.N + k.s.Censored
	s := fmt.Sprintf("band: holds the whole true curve with 95 %% or more, from %s of %s (Dvoretzky-Kiefer-Wolfowitz, ± %.2f; exact for any n, wide for few)", plural(n, "failover", "failovers"), k.label, DKW(n))
	if k.s.Censored > 0 {
		s += "; what is censored widens it; curve: Kaplan-Meier"
	}
	return s
}

// edge is the stairs of one value of the points, to the right edge.
func edge(x, y axis, points []cdfPoint, value func(cdfPoint) float64) []vg.Point {
	var out []vg.Point
	for i, p := range points {
		px, py := x.at(msOf(p.At)), y.at(value(p))
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

func drawCDF(c draw.Canvas, x, y axis, k cdfCurve) {
	c.StrokeLines(draw.LineStyle{Color: k.color, Width: 2, Dashes: k.dashes}, edge(x, y, k.points, func(p cdfPoint) float64 { return p.Share }))
	if len(k.points) > 60 {
		return
	}
	for _, p := range k.points {
		at := vg.Point{X: x.at(msOf(p.At)), Y: y.at(p.Share)}
		if p.Known > 0 {
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
