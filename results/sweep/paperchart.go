package sweep

import (
	"fmt"
	"image/color"
	"time"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/faultline-chaos/faultline/results"
)

// PaperFigure draws the measured distribution functions over what is known of the paper's: the ranges
// whose width differs on the left, those whose scale differs on the right.
func PaperFigure(rs []PaperResult) (results.Figure, error) {
	random := newPlot("How much randomness: timeouts from 150 ms on", "milliseconds from the crash until a majority knows a new leader", "share of elections that were over")
	scale := newPlot("How short: timeouts from T to 2 T", "milliseconds from the crash until a majority knows a new leader", "")
	n := map[*plot.Plot]int{}
	for _, p := range []*plot.Plot{random, scale} {
		p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, logTicks{}
		p.Y.Min, p.Y.Max = 0, 1
	}
	for _, r := range rs {
		var in []*plot.Plot
		if r.Line.Max == 2*r.Line.Min {
			in = append(in, scale)
		}
		if r.Line.Min == 150*time.Millisecond {
			in = append(in, random)
		}
		for _, p := range in {
			if err := paperCurve(p, r, palette[n[p]%len(palette)]); err != nil {
				return results.Figure{}, err
			}
			n[p]++
		}
	}
	random.Title.Text += " (dashed: model)"
	random.X.Min, random.X.Max = 70, 100_000
	scale.X.Min, scale.X.Max = 8, 5000
	for _, p := range []*plot.Plot{random, scale} {
		p.Legend.YOffs, p.Legend.XOffs = 4, -6
	}
	return figure("paper", 1000, 430, [][]*plot.Plot{{random, scale}})
}

func paperCurve(p *plot.Plot, r PaperResult, col color.NRGBA) error {
	var points plotter.XYs
	for _, s := range r.Line.points() {
		if s.At <= 100*time.Second {
			points = append(points, plotter.XY{X: ms(s.At), Y: s.P})
		}
	}
	known, err := plotter.NewScatter(points)
	if err != nil {
		return fmt.Errorf("draw line %s: %w", r.Line.Name(), err)
	}
	known.GlyphStyle = draw.GlyphStyle{Color: col, Radius: 3.4, Shape: draw.RingGlyph{}}
	p.Add(known)
	name := fmt.Sprintf("%s ms (n = %d", r.Line.Name(), r.Measured.N)
	if c := r.Measured.Censored; c > 0 {
		name += fmt.Sprintf(", %d censored", c)
	}
	if err := drawCDF(p, r.Model, draw.LineStyle{Color: col, Width: 0.8, Dashes: []vg.Length{3, 2}}, ""); err != nil {
		return err
	}
	measured := stairs(r.Sample, 0)
	if len(measured) == 0 {
		legend(p, name+"), ○ paper", known)
		return nil
	}
	curve, err := plotter.NewLine(measured)
	if err != nil {
		return fmt.Errorf("draw line %s: %w", r.Line.Name(), err)
	}
	curve.LineStyle = draw.LineStyle{Color: col, Width: 1.6}
	p.Add(curve)
	legend(p, name+"), ○ paper", curve, known)
	return nil
}
