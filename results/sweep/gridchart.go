package sweep

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/faultline-chaos/faultline/results/figure"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// GridFigures draws outage and false elections against the election timeout: sweep with a column for
// each system and number of members, two rows for each delay and a line for each heartbeat interval,
// and, where there are several columns, compare with all of them in one panel. Axes are the same in
// all panels. It returns none where nothing was measured.
func GridFigures(s Settings, rs []Result) ([]figure.Figure, error) {
	var of []Result
	for _, r := range s.Order(rs) {
		if r.Problem == "" {
			of = append(of, r)
		}
	}
	if len(of) == 0 {
		return nil, nil
	}
	all, err := gridFigure(s, of)
	if err != nil {
		return nil, err
	}
	out := []figure.Figure{all}
	if len(s.Systems)*len(s.Members) > 1 {
		beside, err := compareFigure(s, of)
		if err != nil {
			return nil, err
		}
		out = append(out, beside)
	}
	return out, nil
}

// gridRange is what all panels share.
type gridRange struct{ outage, rate float64 }

func rangeOf(rs []Result) gridRange {
	g := gridRange{1, 1}
	for _, r := range rs {
		if f := r.Sample().Figures(); f.N > 0 {
			g.outage = max(g.outage, ms(f.P90))
		}
		g.rate = max(g.rate, perHour(r))
	}
	return g
}

// tile is a panel's two plots.
type tile struct{ outage, rate *plot.Plot }

func newTile(s Settings, first, last bool, g gridRange) tile {
	y1, y2, x := "", "", ""
	if first {
		y1, y2 = "outage of writes, milliseconds", "false campaigns an hour"
	}
	if last {
		x = "election timeout, milliseconds"
	}
	t := tile{NewPlot("", "", y1), NewPlot("", x, y2)}
	for _, p := range []*plot.Plot{t.outage, t.rate} {
		LogAxis(&p.X, ms(slices.Min(s.Timeouts))/1.25, ms(slices.Max(s.Timeouts))*1.25)
		p.X.Tick.Marker, p.Y.Tick.Marker = timeoutTicks(s.Timeouts), plainTicks{}
		p.Legend.Top, p.Legend.Left = true, p == t.outage
	}
	// room for the legends above
	t.outage.Y.Min, t.outage.Y.Max, t.rate.Y.Min, t.rate.Y.Max = 0, g.outage*1.5, 0, g.rate*1.5
	return t
}

func gridFigure(s Settings, of []Result) (figure.Figure, error) {
	cols := len(s.Systems) * len(s.Members)
	var tiles [][]*plot.Plot
	g := rangeOf(of)
	for i, panel := range s.panels() {
		if i%cols == 0 {
			tiles = append(tiles, make([]*plot.Plot, cols), make([]*plot.Plot, cols))
		}
		var in []Result
		for _, r := range of {
			if r.series() == panel.series() {
				in = append(in, r)
			}
		}
		if len(in) == 0 {
			continue
		}
		t := newTile(s, i%cols == 0, i+cols >= len(s.panels()), g)
		t.outage.Title.Text = fmt.Sprintf("%s on %s", panel.series(), s.Runtime)
		for j, h := range s.Heartbeats {
			var line []Result
			for _, r := range in {
				if r.Heartbeat == h {
					line = append(line, r)
				}
			}
			if err := t.add(line, j, fmt.Sprintf("heartbeat %v", h)); err != nil {
				return figure.Figure{}, err
			}
		}
		if err := drawKnee(in, t.outage, t.rate); err != nil {
			return figure.Figure{}, err
		}
		row := i / cols * 2
		tiles[row][i%cols], tiles[row+1][i%cols] = t.outage, t.rate
	}
	return Draw("sweep", vg.Length(max(480, 400*cols)), vg.Length(260*len(tiles)), tiles)
}

// compareFigure puts systems and numbers of members into one panel a delay, at the heartbeat interval
// for which most was measured, the longest of those.
func compareFigure(s Settings, of []Result) (figure.Figure, error) {
	var h time.Duration
	most := 0
	for _, candidate := range slices.Sorted(slices.Values(s.Heartbeats)) {
		n := 0
		for _, r := range of {
			if r.Heartbeat == candidate {
				n++
			}
		}
		if n >= most {
			h, most = candidate, n
		}
	}
	var in []Result
	for _, r := range of {
		if r.Heartbeat == h {
			in = append(in, r)
		}
	}
	g := rangeOf(in)
	tiles := make([][]*plot.Plot, 2)
	for i, d := range s.Delays {
		t := newTile(s, i == 0, true, g)
		t.outage.Title.Text = fmt.Sprintf("%s, heartbeat %v", s.Runtime, h)
		if d > 0 {
			t.outage.Title.Text += fmt.Sprintf(", delay %v", d)
		}
		n := 0
		for _, panel := range s.panels() {
			if panel.Delay != d {
				continue
			}
			var line []Result
			for _, r := range in {
				if r.series() == panel.series() {
					line = append(line, r)
				}
			}
			name, _, _ := strings.Cut(panel.series(), ", delay")
			if err := t.add(line, n, name); err != nil {
				return figure.Figure{}, err
			}
			n++
		}
		tiles[0], tiles[1] = append(tiles[0], t.outage), append(tiles[1], t.rate)
	}
	return Draw("compare", vg.Length(max(480, 400*len(s.Delays))), 560, tiles)
}

func perHour(r Result) float64 { return float64(r.Campaigns) / r.Stable.Hours() }

// add draws a line of cells: medians with a bar from p10 to p90, and false campaigns. A quantile that
// censoring leaves open is not drawn.
func (t tile) add(line []Result, i int, name string) error {
	var median, rate plotter.XYs
	bars := spans{}
	n, least := 0, 0
	shift := 1 + 0.03*float64(i) // so that the bars of two lines do not hide each other
	for _, r := range line {
		rate = append(rate, plotter.XY{X: ms(r.Timeout), Y: perHour(r)})
		f := r.Sample().Figures()
		if f.N == 0 || f.Open50 {
			continue
		}
		high := f.P90
		if f.Open90 {
			high = f.P50
		}
		median = append(median, plotter.XY{X: ms(r.Timeout) * shift, Y: ms(f.P50)})
		bars.YErrors = append(bars.YErrors, struct{ Low, High float64 }{ms(f.P50 - f.P10), ms(high - f.P50)})
		n = max(n, f.N)
		if least == 0 || f.N < least {
			least = f.N
		}
	}
	bars.XYs = median
	col := Palette[i%len(Palette)]
	count := fmt.Sprintf(" (n = %d)", n)
	if least < n {
		count = fmt.Sprintf(" (n = %d to %d)", least, n)
	}
	for _, x := range []struct {
		p   *plot.Plot
		xys plotter.XYs
		doc string
	}{{t.outage, median, ", median; bar: p10 to p90" + count}, {t.rate, rate, ""}} {
		if len(x.xys) == 0 {
			continue
		}
		drawn, points, err := plotter.NewLinePoints(x.xys)
		if err != nil {
			return fmt.Errorf("draw %s: %w", name, err)
		}
		drawn.LineStyle = draw.LineStyle{Color: col, Width: 1.6}
		points.GlyphStyle = draw.GlyphStyle{Color: col, Radius: 2.8, Shape: draw.CircleGlyph{}}
		x.p.Add(drawn, points)
		Legend(x.p, name+x.doc, drawn, points)
	}
	if len(median) == 0 {
		return nil
	}
	e, err := plotter.NewYErrorBars(bars)
	if err != nil {
		return fmt.Errorf("draw %s: %w", name, err)
	}
	e.LineStyle = draw.LineStyle{Color: col, Width: 0.9}
	t.outage.Add(e)
	return nil
}

// spans are points with errors.
type spans struct {
	plotter.XYs
	plotter.YErrors
}

type timeoutTicks []time.Duration

func (t timeoutTicks) Ticks(low, high float64) (out []plot.Tick) {
	for _, d := range t {
		if v := ms(d); v >= low && v <= high {
			out = append(out, plot.Tick{Value: v, Label: strconv.FormatFloat(v, 'f', -1, 64)})
		}
	}
	return out
}

// drawKnee marks the shortest timeout without false elections.
func drawKnee(in []Result, ps ...*plot.Plot) error {
	t, edge := knee(in)
	if t == nil {
		return nil
	}
	name := fmt.Sprintf("knee: %v", *t)
	for _, p := range ps {
		if edge { // there may be one below
			Legend(p, fmt.Sprintf("no knee down to %v", *t))
			continue
		}
		l, err := plotter.NewLine(plotter.XYs{{X: ms(*t), Y: p.Y.Min}, {X: ms(*t), Y: p.Y.Min + 0.78*(p.Y.Max-p.Y.Min)}}) // the legend is above
		if err != nil {
			return fmt.Errorf("draw the knee: %w", err)
		}
		l.LineStyle = draw.LineStyle{Color: Muted, Width: 1.2, Dashes: []vg.Length{4, 3}}
		p.Add(l)
		Legend(p, name, l)
	}
	return nil
}
