package figure

import (
	"cmp"
	"fmt"
	"image/color"
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

// matrix is the heat map of faults and targets: how long writes were away in the median, and for faults
// that left the leader alone the longest time without an acknowledged write, as the control.
func matrix(a *failover.Analysis) plan {
	if len(a.Groups) == 0 {
		return plan{}
	}
	t := tableOf("fault", "target", "tried", "failovers", "n", "censored", "median_ms", "interval_low_ms", "interval_high_ms", "p90_ms", "p99_ms", "max_ms", "quorum_lost", "controls", "gap_n", "gap_median_ms", "gap_max_ms")
	row := func(g *failover.Group) {
		cells := []any{g.Fault, string(g.Target), triedFaults(a, g.Fault, g.Target), len(g.Episodes), g.Writes.N, g.Writes.Censored}
		if w := &g.Writes; w.N+w.Censored > 0 {
			cells = append(cells, w.Median)
			if w.Interval != nil {
				cells = append(cells, w.Interval[0], w.Interval[1])
			} else {
				cells = append(cells, nil, nil)
			}
			cells = append(cells, w.P90, w.P99, w.Max)
		} else {
			cells = append(cells, nil, nil, nil, nil, nil, nil)
		}
		cells = append(cells, g.Lost, len(g.Controls), g.Gaps.N)
		if g.Gaps.N > 0 {
			cells = append(cells, g.Gaps.Median, g.Gaps.Max)
		} else {
			cells = append(cells, nil, nil)
		}
		t.add(cells...)
	}
	for i := range a.Groups {
		row(&a.Groups[i])
	}
	for _, b := range a.Broken() { // tried, but neither a failover nor a control came of it
		if !slices.ContainsFunc(a.Groups, func(g failover.Group) bool { return g.Fault == b.Fault && string(g.Target) == b.Target }) {
			row(&failover.Group{Fault: b.Fault, Target: history.Target(b.Target)})
		}
	}
	h := headOf(a, "Write outage by fault and target",
		statsLine("write", a.Stat("write outage")),
		"each cell: the median with its interval, the maximum, n. Framed: controls, which are faults that did not affect the leader, with the median and maximum of their longest times without an acknowledged write. Hatched: nothing was measured")
	return plan{head: h, table: t, draw: drawMatrix, shows: failover.Pointers(a.Episodes)}
}

// triedFaults counts the injections of one kind on one target, whether they had an effect or not.
func triedFaults(a *failover.Analysis, fault string, target history.Target) int {
	n := 0
	for i := range a.Faults {
		if a.Faults[i].Fault == fault && a.Faults[i].Target == target {
			n++
		}
	}
	return n
}

// matrixCell is one fault on one target, as the table has it.
type matrixCell struct {
	fault, target string
	lines         []string // the first one is emphasized
	value         time.Duration
	known         bool // there is a value
	control       bool // it is that of controls
}

func matrixCellOf(r record) matrixCell {
	m := matrixCell{fault: r.text("fault"), target: r.text("target")}
	gap, hasGap := r.quantile("gap_median_ms")
	longest, _ := r.quantile("gap_max_ms")
	controls := fmt.Sprintf("%s: %s, max %s", format.Plural(r.count("gap_n"), "control", "controls"), gap, longest)
	if q, ok := r.quantile("median_ms"); ok {
		m.value, m.known = q.At, true
		m.lines = []string{q.String()}
		if lo, hi := r.took("interval_low_ms"), r.took("interval_high_ms"); lo != nil && hi != nil {
			m.lines = append(m.lines, fmt.Sprintf("[%s, %s]", format.MS(*lo), format.MS(*hi)))
		}
		most, _ := r.quantile("max_ms")
		n := fmt.Sprintf("max %s · n %d", most, r.count("n"))
		if cens := r.count("censored"); cens > 0 {
			n += fmt.Sprintf(" + %d cens.", cens)
		}
		m.lines = append(m.lines, n)
		if hasGap {
			m.lines = append(m.lines, controls)
		}
		return m
	}
	if hasGap {
		m.value, m.known, m.control = gap.At, true, true
		m.lines = []string{gap.String(), "max " + longest.String() + fmt.Sprintf(" · n %d", r.count("gap_n"))}
		return m
	}
	why := "not measured"
	if lost := r.count("quorum_lost"); lost > 0 {
		why = "no majority left"
	}
	m.lines = []string{format.Missing, why, fmt.Sprintf("n 0, tried %d", r.count("tried"))}
	return m
}

// matrixAxes are the rows and columns: the leader first, and what has no fault or target last.
func matrixAxes(cells []matrixCell) (faults, targets []string) {
	for _, m := range cells {
		if !slices.Contains(faults, m.fault) {
			faults = append(faults, m.fault)
		}
		if !slices.Contains(targets, m.target) {
			targets = append(targets, m.target)
		}
	}
	rank := func(s string) int {
		switch s {
		case string(history.TargetLeader):
			return 0
		case failover.NoFault, "":
			return 2
		}
		return 1
	}
	by := func(x, y string) int { return cmp.Or(cmp.Compare(rank(x), rank(y)), cmp.Compare(x, y)) }
	slices.SortFunc(faults, by)
	slices.SortFunc(targets, by)
	return faults, targets
}

func drawMatrix(h head, t *csvTable) sketch {
	const row, head = vg.Length(54), vg.Length(20)
	var cells []matrixCell
	t.each(func(r record) { cells = append(cells, matrixCellOf(r)) })
	faults, targets := matrixAxes(cells)
	scale := heatScaleOf(cells)
	top := h.height() + legendRow + 8 + head
	return sketch{top + row*vg.Length(len(faults)) + 14, func(c draw.Canvas) {
		h.paint(c)
		left := c.Min.X + 150
		width := min(170, (c.Max.X-24-left)/vg.Length(max(1, len(targets))))
		y0 := c.Max.Y - top
		name := textStyle(9, true, inkColor)
		for i, target := range targets {
			put(c, name, left+width*(vg.Length(i)+0.5), y0+head/2, text.XCenter, fitWidth(name, cmp.Or(target, format.Missing), width-8))
		}
		for i, fault := range faults {
			y := y0 - row*vg.Length(i)
			put(c, name, left-8, y-row/2, text.XRight, fitWidth(name, fault, left-c.Min.X-sideMargin-8))
			for j, target := range targets {
				x := left + width*vg.Length(j)
				n := slices.IndexFunc(cells, func(m matrixCell) bool { return m.fault == fault && m.target == target })
				m := matrixCell{lines: []string{format.Missing, "not tried"}}
				if n >= 0 {
					m = cells[n]
				}
				drawCell(c, &m, scale, x+1, y-row+1, x+width-1, y-1)
			}
		}
		scale.legend(c, c.Max.X-24, c.Max.Y-h.height()-legendRow/2)
	}}
}

func drawCell(c draw.Canvas, m *matrixCell, scale heatScale, x0, y0, x1, y1 vg.Length) {
	ink := color.Color(mutedColor)
	switch {
	case !m.known:
		hatch(c, x0, y0, x1, y1)
		fillRect(c, x0+6, y0+6, x1-6, y1-6, color.White) // words are read on white
	default:
		col := scale.color(m.value)
		fillRect(c, x0, y0, x1, y1, col)
		ink = inkColor
		if luminance(col) < 0.18 {
			ink = color.White
		}
		if m.control {
			s := draw.LineStyle{Color: inkColor, Width: 1.2, Dashes: []vg.Length{3, 2}}
			c.StrokeLines(s, []vg.Point{{X: x0 + 2, Y: y0 + 2}, {X: x1 - 2, Y: y0 + 2}, {X: x1 - 2, Y: y1 - 2}, {X: x0 + 2, Y: y1 - 2}, {X: x0 + 2, Y: y0 + 2}})
		}
	}
	const step = vg.Length(11)
	y := (y0+y1)/2 + step*vg.Length(len(m.lines)-1)/2
	for i, words := range m.lines {
		s := textStyle(8, false, ink)
		if i == 0 {
			s = textStyle(10, true, ink)
		}
		put(c, s, (x0+x1)/2, y-step*vg.Length(i), text.XCenter, fitWidth(s, words, x1-x0-8))
	}
}

// heatScale is the duration of the darkest colour; the lightest is 0. From light to dark, so that it
// reads in print.
type heatScale time.Duration

func heatScaleOf(cells []matrixCell) heatScale {
	var s heatScale
	for _, m := range cells {
		if m.known {
			s = max(s, heatScale(m.value))
		}
	}
	return s
}

func (s heatScale) color(d time.Duration) color.NRGBA {
	part := 0.0
	if s > 0 {
		part = float64(d) / float64(s)
	}
	light, dark := color.NRGBA{0xf1, 0xf6, 0xfb, 0xff}, color.NRGBA{0x06, 0x3c, 0x70, 0xff}
	mix := func(a, b uint8) uint8 { return uint8(math.Round(float64(a) + (float64(b)-float64(a))*part)) }
	return color.NRGBA{mix(light.R, dark.R), mix(light.G, dark.G), mix(light.B, dark.B), 0xff}
}

// luminance is relative, as WCAG has it but for a power of 2.2: words of more than 0.18 under them are
// read better in black.
func luminance(c color.NRGBA) float64 {
	linear := func(v uint8) float64 { return math.Pow(float64(v)/255, 2.2) }
	return 0.2126*linear(c.R) + 0.7152*linear(c.G) + 0.0722*linear(c.B)
}

// legend is the scale with its ends, and nothing where no value is known.
func (s heatScale) legend(c draw.Canvas, right, y vg.Length) {
	if s == 0 {
		return
	}
	st := textStyle(8.5, false, mutedColor)
	lo, hi := "median: 0", format.MS(time.Duration(s))
	const bar, steps = vg.Length(120), 24
	put(c, st, right-st.Width(hi), y, text.XLeft, hi)
	x := right - st.Width(hi) - 6 - bar
	for i := range steps {
		at := time.Duration((float64(i) + 0.5) / steps * float64(s))
		fillRect(c, x+bar*vg.Length(i)/steps, y-4, x+bar*vg.Length(i+1)/steps, y+4, s.color(at))
	}
	put(c, st, x-6-st.Width(lo), y, text.XLeft, lo)
}
