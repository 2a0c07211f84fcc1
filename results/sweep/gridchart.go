package sweep

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/faultline-chaos/faultline/results/figure"
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

// tile is a panel's two charts.
type tile struct{ outage, rate *figure.Chart }

func newTile(s Settings, title string, first, last bool, g gridRange) tile {
	x := figure.Axis{Min: ms(slices.Min(s.Timeouts)) / 1.25, Max: ms(slices.Max(s.Timeouts)) * 1.25, Log: true}
	for _, d := range s.Timeouts {
		x.Ticks = append(x.Ticks, ms(d))
	}
	// room for the keys above
	t := tile{&figure.Chart{Title: title, X: x, Y: figure.Axis{Max: g.outage * 1.5}, Key: figure.TopLeft}, &figure.Chart{X: x, Y: figure.Axis{Max: g.rate * 1.5}, Key: figure.TopRight}}
	if first {
		t.outage.Y.Title, t.rate.Y.Title = "outage of writes, milliseconds", "false campaigns an hour"
	}
	if last {
		t.rate.X.Title = "election timeout, milliseconds"
	}
	return t
}

func gridFigure(s Settings, of []Result) (figure.Figure, error) {
	cols := len(s.Systems) * len(s.Members)
	var tiles [][]*figure.Chart
	g := rangeOf(of)
	for i, panel := range s.panels() {
		if i%cols == 0 {
			tiles = append(tiles, make([]*figure.Chart, cols), make([]*figure.Chart, cols))
		}
		in := only(of, func(r Result) bool { return r.series() == panel.series() })
		if len(in) == 0 {
			continue
		}
		t := newTile(s, fmt.Sprintf("%s on %s", panel.series(), s.Runtime), i%cols == 0, i+cols >= len(s.panels()), g)
		for j, h := range s.Heartbeats {
			t.add(only(in, func(r Result) bool { return r.Heartbeat == h }), j, fmt.Sprintf("heartbeat %v", h))
		}
		drawKnee(in, t.outage, t.rate)
		row := i / cols * 2
		tiles[row][i%cols], tiles[row+1][i%cols] = t.outage, t.rate
	}
	return figure.Charts("sweep", max(480, 400*cols), 260*len(tiles), tiles)
}

func only(of []Result, which func(Result) bool) (out []Result) {
	for _, r := range of {
		if which(r) {
			out = append(out, r)
		}
	}
	return out
}

// compareFigure puts systems and numbers of members into one panel a delay, at the heartbeat interval
// for which most was measured, the longest of those.
func compareFigure(s Settings, of []Result) (figure.Figure, error) {
	var (
		h  time.Duration
		in []Result
	)
	for _, candidate := range slices.Sorted(slices.Values(s.Heartbeats)) {
		if at := only(of, func(r Result) bool { return r.Heartbeat == candidate }); len(at) >= len(in) {
			h, in = candidate, at
		}
	}
	g := rangeOf(in)
	tiles := make([][]*figure.Chart, 2)
	for i, d := range s.Delays {
		title := fmt.Sprintf("%s, heartbeat %v", s.Runtime, h)
		if d > 0 {
			title += fmt.Sprintf(", delay %v", d)
		}
		t := newTile(s, title, i == 0, true, g)
		n := 0
		for _, panel := range s.panels() {
			if panel.Delay == d {
				name, _, _ := strings.Cut(panel.series(), ", delay")
				t.add(only(in, func(r Result) bool { return r.series() == panel.series() }), n, name)
				n++
			}
		}
		tiles[0], tiles[1] = append(tiles[0], t.outage), append(tiles[1], t.rate)
	}
	return figure.Charts("compare", max(480, 400*len(s.Delays)), 560, tiles)
}

func perHour(r Result) float64 { return float64(r.Campaigns) / r.Stable.Hours() }

// add draws a line of cells: medians with a bar from p10 to p90, and false campaigns. A quantile that
// censoring leaves open is not drawn.
func (t tile) add(line []Result, i int, name string) {
	look := figure.Series{Color: figure.Palette[i%len(figure.Palette)], Width: 1.6, Glyph: figure.Disc}
	median, rate := look, look
	median.Bars = true
	n, least := 0, 0
	shift := 1 + 0.03*float64(i) // so that the bars of two lines do not hide each other
	for _, r := range line {
		rate.Points = append(rate.Points, figure.Point{X: ms(r.Timeout), Y: perHour(r)})
		f := r.Sample().Figures()
		if f.N == 0 || f.Open50 {
			continue
		}
		high := f.P90
		if f.Open90 {
			high = f.P50
		}
		median.Points = append(median.Points, figure.Point{X: ms(r.Timeout) * shift, Y: ms(f.P50), Low: ms(f.P10), High: ms(high)})
		n = max(n, f.N)
		if least == 0 || f.N < least {
			least = f.N
		}
	}
	count := fmt.Sprintf(" (n = %d)", n)
	if least < n {
		count = fmt.Sprintf(" (n = %d to %d)", least, n)
	}
	if len(rate.Points) > 0 {
		rate.Name = name
		t.rate.Series = append(t.rate.Series, rate)
	}
	if len(median.Points) > 0 {
		median.Name = name + ", median; bar: p10 to p90" + count
		t.outage.Series = append(t.outage.Series, median)
	}
}

// drawKnee marks the shortest timeout without false elections.
func drawKnee(in []Result, charts ...*figure.Chart) {
	t, edge := knee(in)
	if t == nil {
		return
	}
	for _, p := range charts {
		s := figure.Series{Name: fmt.Sprintf("no knee down to %v", *t)} // there may be one below
		if !edge {
			s = figure.Series{
				Name: fmt.Sprintf("knee: %v", *t), Color: figure.Muted, Width: 1.2, Dashed: true,
				Points: []figure.Point{{X: ms(*t)}, {X: ms(*t), Y: 0.78 * p.Y.Max}}, // the key is above
			}
		}
		p.Series = append(p.Series, s)
	}
}
