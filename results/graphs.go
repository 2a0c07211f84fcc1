package results

import (
	"fmt"
	"image/color"
	"math"
	"slices"
	"time"

	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/faultline-chaos/faultline/harness"
)

// maxZooms bounds the graphs of single episodes.
const maxZooms = 40

// Figures draws every graph that the run has data for.
func (a *Analysis) Figures() ([]Figure, error) {
	var out []Figure
	add := func(f Figure, err error) error {
		if err == nil && f.Name != "" {
			out = append(out, f)
		}
		return err
	}
	for _, draw := range []func() (Figure, error){a.overview, a.throughput, a.phaseBars, a.cdf} {
		if err := add(draw()); err != nil {
			return nil, err
		}
	}
	for i := range a.Episodes[:min(len(a.Episodes), maxZooms)] {
		if err := add(a.zoom(&a.Episodes[i])); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// barParts are the phases of one episode, in order. A phase whose end was not seen is missing, and
// the next one begins where the last seen one ended.
type barPart struct {
	phase    int
	from, to time.Duration // after T0
}

var phaseNames = []string{"inject → effective", "→ first campaign", "→ elected", "→ first commit", "→ first put"}

func barParts(e *Episode) []barPart {
	marks := []*Mark{mark(e.T0, e.T0Ref), e.Detected, e.Elected, e.Committed, e.FirstPut}
	if e.CommitBy == "client" {
		marks[3] = nil // it is only known from the first put
	}
	at := time.Duration(0)
	if e.Issued != nil {
		at = e.Issued.At - e.T0
	}
	var out []barPart
	for i, m := range marks {
		if m == nil {
			continue
		}
		if to := m.At - e.T0; to > at {
			out = append(out, barPart{i, at, to})
			at = to
		}
	}
	return out
}

// phaseBars is a waterfall: one bar an episode, in the order of their lengths.
func (a *Analysis) phaseBars() (Figure, error) {
	var eps []*Episode
	for i := range a.Episodes {
		if a.Episodes[i].Elected != nil {
			eps = append(eps, &a.Episodes[i])
		}
	}
	if len(eps) == 0 {
		return Figure{}, nil
	}
	length := func(e *Episode) time.Duration {
		p := barParts(e)
		if len(p) == 0 {
			return 0
		}
		return p[len(p)-1].to
	}
	slices.SortStableFunc(eps, func(x, y *Episode) int { return int(length(x) - length(y)) })
	row := vg.Length(22)
	h := 74 + row*vg.Length(len(eps)) + 48
	return figure("phases", h, func(c draw.Canvas) {
		heading(c, "Where the time of each failover goes", fmt.Sprintf("n = %d failovers with a new leader, shortest first; 0 = fault effective; ● writes back for good, ○ reads", len(eps)))
		lo, hi := time.Duration(0), time.Duration(0)
		for _, e := range eps {
			for _, p := range barParts(e) {
				lo, hi = min(lo, p.from), max(hi, p.to)
			}
			for _, o := range []Outage{e.Writes, e.Reads} {
				if o.Back != nil {
					hi = max(hi, o.Back.At-e.T0)
				}
			}
		}
		x := axis{lo: msOf(lo), hi: max(msOf(hi)*1.10, msOf(lo)+1), a: c.Min.X + 170, b: c.Max.X - 24}
		bottom, top := c.Min.Y+44, c.Max.Y-70
		for _, t := range niceTicks(x.lo, x.hi, 10) {
			line(c, x.at(t), bottom, x.at(t), top, 0.5, gridColor)
			put(c, textStyle(8.5, false, mutedColor), x.at(t), bottom-9, text.XCenter, fmt.Sprintf("%g", t))
		}
		put(c, textStyle(9, false, mutedColor), (x.a+x.b)/2, bottom-24, text.XCenter, "milliseconds after the fault took effect")
		items := make([]legendItem, len(phaseNames))
		for i := range phaseNames {
			items[i] = legendItem{phaseNames[i], swatch(phaseColors[i])}
		}
		legend(c, c.Max.X-24, c.Max.Y-52, items)
		for i, e := range eps {
			drawBar(c, x, e, top-row*vg.Length(i)-row/2)
		}
		line(c, x.at(0), bottom, x.at(0), top, 0.9, inkColor)
	})
}

func drawBar(c draw.Canvas, x axis, e *Episode, y vg.Length) {
	put(c, textStyle(9, true, inkColor), c.Min.X+14, y, text.XLeft, e.ID)
	put(c, textStyle(9, false, mutedColor), c.Min.X+42, y, text.XLeft, fit(e.Cause(), 24))
	end := x.at(0)
	for _, p := range barParts(e) {
		fillRect(c, x.at(msOf(p.from)), y-7, x.at(msOf(p.to)), y+7, phaseColors[p.phase])
		end = max(end, x.at(msOf(p.to)))
	}
	for i, o := range []Outage{e.Writes, e.Reads} {
		if o.Back == nil {
			continue
		}
		px := x.at(msOf(o.Back.At - e.T0))
		end = max(end, px)
		p := vg.Point{X: px, Y: y}
		if i == 0 {
			c.DrawGlyphNoClip(draw.GlyphStyle{Color: color.White, Radius: 3.2, Shape: draw.CircleGlyph{}}, p)
			c.DrawGlyphNoClip(draw.GlyphStyle{Color: inkColor, Radius: 2.3, Shape: draw.CircleGlyph{}}, p)
		} else {
			c.DrawGlyphNoClip(draw.GlyphStyle{Color: inkColor, Radius: 4.6, Shape: draw.RingGlyph{}}, p)
		}
	}
	if e.Writes.Back != nil {
		put(c, textStyle(8.5, false, mutedColor), end+8, y, text.XLeft, ms(e.Writes.Back.At-e.T0))
	}
}

// cdf is how likely an outage is over within a time.
func (a *Analysis) cdf() (Figure, error) {
	type curve struct {
		s      *Summary
		label  string
		color  color.NRGBA
		dashes []vg.Length
	}
	var curves []curve
	for _, k := range []curve{
		{a.stat("write outage"), "writes", okColor, nil},
		{a.stat("read outage"), "reads", unknownColor, []vg.Length{5, 2.5}},
	} {
		if k.s != nil && k.s.N > 0 {
			curves = append(curves, k)
		}
	}
	if len(curves) == 0 {
		return Figure{}, nil
	}
	hi := a.Run.ElectionTimeout
	for _, k := range curves {
		hi = max(hi, k.s.Max)
		for _, b := range k.s.Bounds {
			hi = max(hi, b)
		}
	}
	band := curves[0].s.N+curves[0].s.Censored >= 20 && curves[0].s.Censored == 0
	sub := fmt.Sprintf("writes: %s", summaryText(curves[0].s))
	if band {
		sub += "; band: 95 % (DKW)"
	}
	return figure("cdf", 400, func(c draw.Canvas) {
		heading(c, "How long clients were without service in a failover", sub)
		x := axis{lo: 0, hi: msOf(hi) * 1.08, a: c.Min.X + 62, b: c.Max.X - 24}
		y := axis{lo: 0, hi: 1, a: c.Min.Y + 48, b: c.Max.Y - 66}
		for _, t := range niceTicks(x.lo, x.hi, 10) {
			line(c, x.at(t), y.a, x.at(t), y.b, 0.5, gridColor)
			put(c, textStyle(8.5, false, mutedColor), x.at(t), y.a-9, text.XCenter, fmt.Sprintf("%g", t))
		}
		for _, t := range []float64{0, 0.25, 0.5, 0.75, 0.9, 1} {
			line(c, x.a, y.at(t), x.b, y.at(t), 0.5, gridColor)
			put(c, textStyle(8.5, false, mutedColor), x.a-6, y.at(t), text.XRight, fmt.Sprintf("%g %%", t*100))
		}
		put(c, textStyle(9, false, mutedColor), (x.a+x.b)/2, y.a-26, text.XCenter, "milliseconds from the last acknowledged call to the first of 5 in a row")
		rotated(c, c.Min.X+16, (y.a+y.b)/2, "share of failovers that were over")
		if t := a.Run.ElectionTimeout; t > 0 {
			px := x.at(msOf(t))
			line(c, px, y.a, px, y.b, 1, mutedColor, 2, 2)
			put(c, textStyle(8.5, false, mutedColor), px+4, y.a+10, text.XLeft, "election timeout "+ms(t))
		}
		if s := curves[0].s; s.Interval != nil {
			fillRect(c, x.at(msOf(s.Interval[0])), y.at(0.5)-3, x.at(msOf(s.Interval[1])), y.at(0.5)+3, alpha(okColor, 0x40))
			put(c, textStyle(8.5, false, okColor), x.at(msOf(s.Interval[0]))-5, y.at(0.5)+8, text.XRight, fmt.Sprintf("median, %.0f %% interval", s.Coverage*100))
		}
		items := []legendItem{}
		for _, k := range curves {
			drawCDF(c, x, y, k.s, k.color, k.dashes, band)
			n := fmt.Sprintf("%s (n = %d", k.label, k.s.N)
			if k.s.Censored > 0 {
				n += fmt.Sprintf(", %d censored", k.s.Censored)
			}
			items = append(items, legendItem{n + ")", func(c draw.Canvas, lx, ly vg.Length) { line(c, lx-10, ly, lx+6, ly, 2, k.color, k.dashes...) }})
		}
		legend(c, c.Max.X-24, c.Max.Y-50, items)
	})
}

func drawCDF(c draw.Canvas, x, y axis, s *Summary, col color.NRGBA, dashes []vg.Length, band bool) {
	steps := kaplanMeier(s.Values, s.Bounds)
	stairs := func(shift float64) []vg.Point {
		p := 0.0
		pts := []vg.Point{{X: x.at(0), Y: y.at(y.clamp(shift))}}
		for _, st := range steps {
			px := x.at(msOf(st.At))
			pts = append(pts, vg.Point{X: px, Y: y.at(y.clamp(p + shift))}, vg.Point{X: px, Y: y.at(y.clamp(st.P + shift))})
			p = st.P
		}
		return append(pts, vg.Point{X: x.b, Y: y.at(y.clamp(p + shift))})
	}
	if band {
		d := dkw(s.N)
		up, down := stairs(d), stairs(-d)
		slices.Reverse(down)
		c.FillPolygon(alpha(col, 0x1e), append(up, down...))
	}
	c.StrokeLines(draw.LineStyle{Color: col, Width: 2, Dashes: dashes}, stairs(0))
	for _, st := range steps {
		if len(steps) <= 60 {
			c.DrawGlyphNoClip(draw.GlyphStyle{Color: col, Radius: 2.4, Shape: draw.CircleGlyph{}}, vg.Point{X: x.at(msOf(st.At)), Y: y.at(st.P)})
		}
	}
}

// throughput is how many calls ended how, per second, in bins of 100 ms.
func (a *Analysis) throughput() (Figure, error) {
	end := max(a.loadEnd(), time.Second) // the final reads come all at once: no throughput
	n := int(end/bin) + 1
	if len(a.calls) == 0 {
		return Figure{}, nil
	}
	var bins [3][]int
	for i := range bins {
		bins[i] = make([]int, n)
	}
	kind := map[harness.Type]int{harness.OK: 0, harness.Fail: 1, harness.Info: 2}
	for i := range a.calls {
		k := &a.calls[i]
		if k.done > 0 && k.to <= end {
			bins[kind[k.typ]][int(k.to/bin)]++
		}
	}
	top := 0
	for b := range n {
		top = max(top, bins[0][b]+bins[1][b]+bins[2][b])
	}
	perSecond := float64(time.Second / bin)
	return figure("throughput", 330, func(c draw.Canvas) {
		heading(c, "Calls answered per second", fmt.Sprintf("n = %s calls in bins of %v, by when they ended; stacked; without the final reads and probes; %s never answered", count(loadCalls(a.calls, end)), bin, count(openCalls(a.calls))))
		v := view{from: 0, to: end, faultTags: true}
		x := axis{lo: 0, hi: secondsOf(v.to), a: c.Min.X + 62, b: c.Max.X - 18}
		y := axis{lo: 0, hi: float64(top) * perSecond * 1.05, a: c.Min.Y + 42, b: c.Max.Y - 88}
		timeAxis(c, x, y.b, y.a, "seconds since the start of the run")
		ticks := niceTicks(0, y.hi, 5)
		for _, t := range ticks {
			line(c, x.a, y.at(t), x.b, y.at(t), 0.5, gridColor)
			put(c, textStyle(8.5, false, mutedColor), x.a-6, y.at(t), text.XRight, count(int(t)))
		}
		rotated(c, c.Min.X+14, (y.a+y.b)/2, "calls per second")
		a.faultBands(c, x, v, y.a, y.b)
		base := make([]float64, n)
		for i, col := range []color.NRGBA{okColor, failColor, unknownColor} {
			stackArea(c, x, y, base, bins[i], perSecond, col)
		}
		legend(c, c.Max.X-18, c.Max.Y-31, []legendItem{{"ok", swatch(okColor)}, {"failed", swatch(failColor)}, {"outcome unknown", swatch(unknownColor)}})
	})
}

func loadCalls(calls []call, end time.Duration) int {
	n := 0
	for i := range calls {
		if calls[i].to <= end {
			n++
		}
	}
	return n
}

func openCalls(calls []call) int {
	n := 0
	for i := range calls {
		if calls[i].done == 0 {
			n++
		}
	}
	return n
}

// stackArea fills one layer as steps, and raises base by it.
func stackArea(c draw.Canvas, x, y axis, base []float64, bins []int, scale float64, col color.NRGBA) {
	var run []vg.Point // upper edge of the current stretch
	var under []vg.Point
	flush := func() {
		if len(run) > 0 {
			slices.Reverse(under)
			c.FillPolygon(col, append(run, under...))
			run, under = nil, nil
		}
	}
	for b, n := range bins {
		if n == 0 {
			flush()
			continue
		}
		x0, x1 := x.at(float64(b)*bin.Seconds()), x.at(math.Min(float64(b+1)*bin.Seconds(), x.hi))
		low, high := y.at(base[b]), y.at(base[b]+float64(n)*scale)
		run = append(run, vg.Point{X: x0, Y: high}, vg.Point{X: x1, Y: high})
		under = append(under, vg.Point{X: x0, Y: low}, vg.Point{X: x1, Y: low})
		base[b] += float64(n) * scale
	}
	flush()
}
