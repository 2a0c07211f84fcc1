package sweep

import (
	"fmt"
	"image/color"
	"math"
	"slices"
	"time"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/faultline-chaos/faultline/internal/statistics"
	"github.com/faultline-chaos/faultline/results/figure"
)

// DefaultsFigure draws when survivors detected and when a new leader committed first, a panel for each
// number of members and a colour for each system, with the 95 % band of Dvoretzky, Kiefer and Wolfowitz,
// and the expected quantiles as rings. Its Name is "" where nothing was measured.
func DefaultsFigure(runtime string, ds []DefaultResult) (figure.Figure, error) {
	var plots []*plot.Plot
	at, systems := map[int]*plot.Plot{}, map[string]int{}
	for _, d := range ds {
		if len(d.WriteReady.Values)+len(d.WriteReady.Bounds) == 0 {
			continue
		}
		p := at[d.Members]
		if p == nil {
			y := ""
			if len(plots) == 0 {
				y = "share of failovers in which it had happened"
			}
			p = NewPlot(fmt.Sprintf("%d members on %s, default timeouts", d.Members, runtime), "milliseconds from the death of the leader", y)
			p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = 500, 2500, 0, 1
			p.Legend.YOffs, p.Legend.XOffs = 4, -6
			at[d.Members] = p
			plots = append(plots, p)
		}
		if _, ok := systems[d.System]; !ok {
			systems[d.System] = len(systems)
		}
		if err := d.draw(p, Palette[systems[d.System]%len(Palette)]); err != nil {
			return figure.Figure{}, err
		}
	}
	if len(plots) == 0 {
		return figure.Figure{}, nil
	}
	for _, d := range ds {
		if p := at[d.Members]; p != nil {
			delete(at, d.Members)
			if err := d.Expected.draw(p); err != nil {
				return figure.Figure{}, err
			}
		}
	}
	return Draw("defaults", vg.Length(max(520, 500*len(plots))), 420, [][]*plot.Plot{plots})
}

func (d DefaultResult) draw(p *plot.Plot, col color.NRGBA) error {
	for _, x := range []struct {
		s    Sample
		name string
		line draw.LineStyle
		band bool
	}{
		{d.Detection, "detection", draw.LineStyle{Color: col, Width: 1.2, Dashes: []vg.Length{4, 3}}, false},
		{d.WriteReady, "first commit", draw.LineStyle{Color: col, Width: 1.8}, true},
	} {
		name := fmt.Sprintf("%s: %s (%s)", d.System, x.name, x.s.Count())
		if x.band && len(x.s.Bounds) == 0 {
			if err := drawBand(p, x.s, col); err != nil {
				return err
			}
			name += fmt.Sprintf(", band ±%.2f", statistics.DKW(len(x.s.Values)))
		}
		if err := DrawCDF(p, x.s, x.line, name); err != nil {
			return err
		}
	}
	return nil
}

func (e Expected) draw(p *plot.Plot) error {
	for _, x := range []struct {
		at    plotter.XYs
		name  string
		shape draw.GlyphDrawer
	}{
		{plotter.XYs{{X: ms(e.Detection), Y: 0.5}}, "expected detection: p50", draw.SquareGlyph{}},
		{plotter.XYs{{X: ms(e.Commit50), Y: 0.5}, {X: ms(e.Commit90), Y: 0.9}, {X: ms(e.Commit99), Y: 0.99}}, "expected first commit: p50, p90, p99", draw.RingGlyph{}},
	} {
		points, err := plotter.NewScatter(x.at)
		if err != nil {
			return fmt.Errorf("draw what is expected: %w", err)
		}
		points.GlyphStyle = draw.GlyphStyle{Color: Palette[6], Radius: 3.6, Shape: x.shape}
		p.Add(points)
		Legend(p, x.name, points)
	}
	return nil
}

// Count is such as "n = 60" or "n = 58, 2 censored".
func (s Sample) Count() string {
	out := fmt.Sprintf("n = %d", len(s.Values))
	if c := len(s.Bounds); c > 0 {
		out += fmt.Sprintf(", %d censored", c)
	}
	return out
}

// stairs are the steps of a distribution function, moved up or down and kept between 0 and 1.
func stairs(s Sample, up float64) plotter.XYs {
	out := plotter.XYs{}
	clip := func(y float64) float64 { return math.Min(1, math.Max(0, y+up)) }
	last := 0.0
	for _, step := range s.CDF() {
		x := max(ms(step.At), 0.01) // axes may be logarithmic
		out = append(out, plotter.XY{X: x, Y: clip(last)}, plotter.XY{X: x, Y: clip(step.P)})
		last = step.P
	}
	return out
}

// DrawCDF draws a distribution function, unless nothing is known of it, and names it.
func DrawCDF(p *plot.Plot, s Sample, style draw.LineStyle, name string) error {
	xys := stairs(s, 0)
	if len(xys) == 0 {
		return nil
	}
	line, err := plotter.NewLine(xys)
	if err != nil {
		return fmt.Errorf("draw %s: %w", name, err)
	}
	line.LineStyle = style
	p.Add(line)
	if name != "" {
		Legend(p, name, line)
	}
	return nil
}

func drawBand(p *plot.Plot, s Sample, col color.NRGBA) error {
	n := len(s.Values)
	if n == 0 {
		return nil
	}
	upper, lower := stairs(s, statistics.DKW(n)), stairs(s, -statistics.DKW(n))
	for i := len(lower) - 1; i >= 0; i-- {
		upper = append(upper, lower[i])
	}
	band, err := plotter.NewPolygon(upper)
	if err != nil {
		return fmt.Errorf("draw a band: %w", err)
	}
	col.A = 0x28
	band.Color, band.LineStyle.Width = col, 0
	p.Add(band)
	return nil
}

// DefaultsCSV is every failover's phases, in milliseconds: the chart's data.
func DefaultsCSV(ds []DefaultResult) ([]byte, error) {
	rows := [][]string{{"system", "members", "phase", "ms", "censored"}}
	for _, d := range ds {
		for _, x := range []struct {
			name string
			s    Sample
		}{{"detection", d.Detection}, {"election", d.Election}, {"first commit", d.WriteReady}, {"outage of writes", d.Sample()}} {
			for i, part := range [][]time.Duration{x.s.Values, x.s.Bounds} {
				for _, v := range slices.Sorted(slices.Values(part)) {
					rows = append(rows, []string{d.System, fmt.Sprint(d.Members), x.name, CSVMillis(v), fmt.Sprint(i == 1)})
				}
			}
		}
	}
	return EncodeCSV(rows)
}
