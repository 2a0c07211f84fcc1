package figure

import (
	"fmt"
	"math"
	"slices"
	"time"

	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/faultline-chaos/faultline/history"
	"github.com/faultline-chaos/faultline/results/failover"
	"github.com/faultline-chaos/faultline/results/format"
)

// The rows of the overlay's table: a bin of one failover, or of the median over all.
const (
	overlayOne    = "failover"
	overlayMedian = "median"
)

// leastWatched is how many failovers a bin's median and quartiles need.
const leastWatched = 3

// overlayBin is one failover's service in one bin. NaN: nothing was asked, so nothing is known.
type overlayBin struct {
	share float64
	asked int
}

// overlay lays all failovers over one another at the moment when their fault took effect: which share
// of the writes that were due succeeded.
func overlay(a *failover.Analysis) plan {
	var eps []*failover.Episode
	lost := 0
	for i := range a.Episodes {
		e := &a.Episodes[i]
		switch _, measured := e.Writes.Length(); {
		case e.QuorumLost:
			lost++
		case measured:
			eps = append(eps, e)
		}
	}
	if len(eps) == 0 {
		return plan{}
	}
	from, to, width := overlaySpan(a, eps)
	data := tableOf("series", "failover", "from_ms", "to_ms", "share", "q1", "q3", "asked", "n", "censored")
	bins := make([][]overlayBin, len(eps))
	for i, e := range eps {
		bins[i] = overlayBins(a, e, from, to, width)
		for b, v := range bins[i] {
			at := from + time.Duration(b)*width
			last := e.Writes.Took == nil && b == len(bins[i])-1
			data.add(overlayOne, e.ID, at, at+width, v.share, nil, nil, v.asked, nil, last)
		}
	}
	for b := range int((to - from) / width) {
		at := from + time.Duration(b)*width
		mid, q1, q3, n := quartiles(bins, b)
		data.add(overlayMedian, nil, at, at+width, mid, q1, q3, nil, n, nil)
	}
	what := fmt.Sprintf("write probes through unaffected members, by when they were due, in bins of %s", format.MS(width))
	if a.Probes == nil {
		what = fmt.Sprintf("the workload's acknowledged writes relative to their mean in the second before the fault, in bins of %s (the run had no probes)", format.MS(width))
	}
	h := headOf(a, "Write service around the fault, all failovers aligned at t0",
		fmt.Sprintf("n = %s; 0 = fault effective; %s", format.Plural(len(eps), "failover", "failovers"), what),
		statsLine("write", a.Stat("write outage")),
		fmt.Sprintf("each thin line is a failover; it ends where watching ended, with + if its outage had not ended by then (%d censored); median and quartiles are over the failovers still watched, if at least %d; a gap in a line: no data", censoredOf(eps), leastWatched))
	if lost > 0 {
		h.subs[0] += fmt.Sprintf("; excluded: %s without a healthy majority", format.Plural(lost, "failover", "failovers"))
	}
	return plan{head: h, table: data, draw: drawOverlay, shows: eps}
}

func censoredOf(eps []*failover.Episode) int {
	n := 0
	for _, e := range eps {
		if e.Writes.Took == nil {
			n++
		}
	}
	return n
}

// overlaySpan is what the overlay shows, relative to t0: a little before, to a little after the longest
// known outage, in bins that hold at least four probes of writes and are at most 250.
func overlaySpan(a *failover.Analysis, eps []*failover.Episode) (from, to, width time.Duration) {
	for _, e := range eps {
		if e.Writes.Took != nil {
			to = max(to, e.Writes.Back.At-e.T0)
		}
	}
	if to <= 0 { // all are censored
		for _, e := range eps {
			to = max(to, e.Watched-e.T0)
		}
	}
	to = max(to*5/4, 2*a.Run.ElectionTimeout, 200*time.Millisecond)
	least := failover.Bin
	if a.Probes != nil {
		least = 4 * a.Probes.Step
	}
	least = max(least, to*11/10/250)
	width = roundWidth(least)
	lead := (to/10/width + 1) * width
	return -lead, (to/width + 1) * width, width
}

// roundWidth is the least of 1, 2 and 5 times a power of ten of milliseconds that is no less.
func roundWidth(least time.Duration) time.Duration {
	for p := time.Millisecond; ; p *= 10 {
		for _, m := range []time.Duration{1, 2, 5} {
			if m*p >= least {
				return m * p
			}
		}
	}
}

// overlayBins are an episode's, as far as it was watched.
func overlayBins(a *failover.Analysis, e *failover.Episode, from, to, width time.Duration) []overlayBin {
	n := int((min(to, e.Watched-e.T0) - from) / width)
	bins := make([]overlayBin, max(n, 0))
	ok := make([]int, len(bins))
	base := math.NaN()
	index := func(t time.Duration) int {
		d := t - e.T0 - from
		if d < 0 || d >= time.Duration(len(bins))*width {
			return -1
		}
		return int(d / width)
	}
	if a.Probes != nil {
		for i := range a.ProbeCalls {
			c := &a.ProbeCalls[i]
			if b := index(c.From); b >= 0 && c.Is(false) && c.Unharmed {
				bins[b].asked++
				if c.Type == history.OK {
					ok[b]++
				}
			}
		}
	} else {
		before := 0
		for i := range a.WorkloadCalls {
			c := &a.WorkloadCalls[i]
			if !c.Is(false) || c.Type != history.OK {
				continue
			}
			if c.To >= e.Begin()-time.Second && c.To < e.Begin() {
				before++
			}
			if b := index(c.To); b >= 0 {
				ok[b]++
			}
		}
		base = float64(before) * width.Seconds() / min(time.Second, max(e.Begin(), time.Millisecond)).Seconds()
	}
	for b := range bins {
		switch {
		case a.Probes == nil && base > 0:
			bins[b].share = float64(ok[b]) / base
		case bins[b].asked > 0:
			bins[b].share = float64(ok[b]) / float64(bins[b].asked)
		default:
			bins[b].share = math.NaN()
		}
	}
	return bins
}

// quartiles are over the failovers that tell something in a bin; NaN where they are too few.
func quartiles(bins [][]overlayBin, b int) (mid, q1, q3 float64, n int) {
	var v []float64
	for _, e := range bins {
		if b < len(e) && !math.IsNaN(e[b].share) {
			v = append(v, e[b].share)
		}
	}
	if len(v) < leastWatched {
		return math.NaN(), math.NaN(), math.NaN(), len(v)
	}
	slices.Sort(v)
	at := func(p float64) float64 { return v[max(0, int(math.Ceil(p*float64(len(v))-1e-9))-1)] }
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2, at(0.25), at(0.75), len(v)
}

// overlayLine is one line as the table has it; missing values break it.
type overlayLine struct {
	id       string
	at       []float64 // ms, the middle of each bin
	share    []float64
	q1, q3   []float64
	censored bool
}

func overlayLines(t *csvTable) (ones []overlayLine, mid overlayLine) {
	at := map[string]int{}
	t.each(func(r record) {
		from, _ := r.number("from_ms")
		to, _ := r.number("to_ms")
		value := func(column string) float64 {
			if v, ok := r.number(column); ok {
				return v
			}
			return math.NaN()
		}
		l := &mid
		if r.text("series") == overlayOne {
			id := r.text("failover")
			if _, known := at[id]; !known {
				at[id] = len(ones)
				ones = append(ones, overlayLine{id: id})
			}
			l = &ones[at[id]]
		}
		l.at, l.share = append(l.at, (from+to)/2), append(l.share, value("share"))
		l.q1, l.q3 = append(l.q1, value("q1")), append(l.q3, value("q3"))
		l.censored = l.censored || r.text("censored") == "true"
	})
	return ones, mid
}

// pieces are the parts of a line in which every value is known.
func (l *overlayLine) pieces(x, y axis, values []float64) [][]vg.Point {
	var out [][]vg.Point
	open := false
	for i, v := range values {
		if math.IsNaN(v) {
			open = false
			continue
		}
		if !open {
			out, open = append(out, nil), true
		}
		n := len(out) - 1
		out[n] = append(out[n], vg.Point{X: x.at(l.at[i]), Y: y.at(y.clamp(v))})
	}
	return out
}

func drawOverlay(h head, t *csvTable) sketch {
	ones, mid := overlayLines(t)
	top := h.height() + legendRow + 16
	return sketch{top + 250 + 46, func(c draw.Canvas) {
		h.paint(c)
		x := axis{lo: 0, hi: 1, a: c.Min.X + 62, b: c.Max.X - 24}
		if n := len(mid.at); n > 1 {
			half := (mid.at[1] - mid.at[0]) / 2
			x.lo, x.hi = mid.at[0]-half, mid.at[n-1]+half
		}
		y := axis{lo: 0, hi: 1.05, a: c.Min.Y + 46, b: c.Max.Y - top}
		for _, l := range ones {
			for _, v := range l.share {
				if v > 1.05 { // of calls: goodput over what it was before
					y.hi = min(max(y.hi, v), 2)
				}
			}
		}
		msAxis(c, x, y.a, y.b, "milliseconds after the fault took effect")
		shareAxis(c, x, y, []float64{0, 0.25, 0.5, 0.75, 1}, "share of writes that succeeded")
		drawQuartiles(c, x, y, &mid)
		drawThin(c, x, y, ones)
		for _, p := range mid.pieces(x, y, mid.share) {
			c.StrokeLines(draw.LineStyle{Color: okColor, Width: 2.2}, p)
		}
		line(c, x.at(0), y.a, x.at(0), y.b, 0.9, inkColor)
		timeoutLine(c, x, h.timeout, y.a, y.b)
		s := textStyle(8.5, false, inkColor)
		put(c, s, x.at(0)-3, y.b+7, text.XRight, "t0")
		legend(c, c.Max.X-24, c.Max.Y-h.height()-legendRow/2, []legendItem{
			{"one failover", func(c draw.Canvas, lx, ly vg.Length) { line(c, lx-10, ly, lx+6, ly, 0.8, mutedColor) }},
			{"median", func(c draw.Canvas, lx, ly vg.Length) { line(c, lx-10, ly, lx+6, ly, 2.2, okColor) }},
			{"quartiles", swatch(alpha(okColor, 0x38))},
			{"censored", func(c draw.Canvas, lx, ly vg.Length) { censorMark(c, vg.Point{X: lx, Y: ly}, failColor) }},
		})
	}}
}

func drawQuartiles(c draw.Canvas, x, y axis, mid *overlayLine) {
	up, down := mid.pieces(x, y, mid.q3), mid.pieces(x, y, mid.q1)
	for i := range min(len(up), len(down)) {
		low := slices.Clone(down[i])
		slices.Reverse(low)
		c.FillPolygon(alpha(okColor, 0x38), append(up[i], low...))
	}
}

// drawThin draws a line a failover; many as an image, so that the SVG stays small.
func drawThin(c draw.Canvas, x, y axis, ones []overlayLine) {
	col := alpha(mutedColor, uint8(min(0xb0, max(0x28, 0xb0*12/max(1, len(ones))))))
	paint := func(c draw.Canvas, x, y axis) {
		for i := range ones {
			l := &ones[i]
			for _, p := range l.pieces(x, y, l.share) {
				if len(p) == 1 {
					c.DrawGlyphNoClip(draw.GlyphStyle{Color: col, Radius: 0.8, Shape: draw.CircleGlyph{}}, p[0])
					continue
				}
				c.StrokeLines(draw.LineStyle{Color: col, Width: 0.8}, p)
			}
		}
	}
	if len(ones) <= 20 {
		paint(c, x, y)
	} else {
		pad := vg.Length(2)
		r := vg.Rectangle{Min: vg.Point{X: x.a - pad, Y: y.a - pad}, Max: vg.Point{X: x.b + pad, Y: y.b + pad}}
		move := func(v axis, by vg.Length) axis { v.a, v.b = v.a-by, v.b-by; return v }
		raster(c, r, func(layer draw.Canvas) { paint(layer, move(x, r.Min.X), move(y, r.Min.Y)) })
	}
	for i := range ones {
		l := &ones[i]
		last := len(l.at) - 1
		if !l.censored || last < 0 {
			continue
		}
		v := l.share[last]
		if math.IsNaN(v) {
			v = 0
		}
		censorMark(c, vg.Point{X: x.at(l.at[last]), Y: y.at(y.clamp(v))}, failColor)
	}
}
