package figure16

import (
	"fmt"
	"image/color"
	"time"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/faultline-chaos/faultline/results/figure"
	"github.com/faultline-chaos/faultline/results/sweep"
)

// drawing draws the measured distribution functions over the paper's own: the ranges whose width
// differs on the left, those whose scale differs on the right.
func drawing(runtime string, rs []Result) (figure.Figure, error) {
	const x = "milliseconds from the crash until a majority knows a new leader"
	random := sweep.NewPlot("How much randomness: timeouts from 150 ms on, on "+runtime, x, "share of elections that were over")
	scale := sweep.NewPlot("How short: timeouts from T to 2 T, on "+runtime, x, "")
	n, longest := map[*plot.Plot]int{}, 100_000.0
	for _, p := range []*plot.Plot{random, scale} {
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
		if !r.Line.Judged {
			longest = 3_000_000
		}
		for _, p := range in {
			if err := drawLine(p, r, sweep.Palette[n[p]%len(sweep.Palette)]); err != nil {
				return figure.Figure{}, err
			}
			n[p]++
		}
	}
	for _, p := range []*plot.Plot{random, scale} {
		drawKey(p)
		p.Legend.YOffs, p.Legend.XOffs = 4, -6
	}
	// Room for the legend on the right, where curves have come to 1.
	sweep.LogAxis(&random.X, 70, longest)
	sweep.LogAxis(&scale.X, 8, 5000)
	return sweep.Draw("paper", 1000, 430, [][]*plot.Plot{{random, scale}})
}

// wide is how the paper's own curves are drawn: wide and pale, below the measured ones.
func wide(col color.NRGBA) draw.LineStyle {
	col.A = 0x50
	return draw.LineStyle{Color: col, Width: 4.5}
}

func drawLine(p *plot.Plot, r Result, col color.NRGBA) error {
	own, err := r.Line.Own()
	if err != nil {
		return err
	}
	if err := sweep.DrawCDF(p, own, wide(col), ""); err != nil {
		return err
	}
	thin := draw.LineStyle{Color: col, Width: 1.3}
	name := fmt.Sprintf("%s ms (%s)", r.Line.Name(), r.Sample.Count())
	if len(r.Sample.CDF()) > 0 {
		return sweep.DrawCDF(p, r.Sample, thin, name)
	}
	sweep.Legend(p, name, &plotter.Line{LineStyle: thin})
	return nil
}

// drawKey says which curve is whose.
func drawKey(p *plot.Plot) {
	sweep.Legend(p, "wide: the paper's own trials", &plotter.Line{LineStyle: wide(sweep.Muted)})
	sweep.Legend(p, "thin: measured", &plotter.Line{LineStyle: draw.LineStyle{Color: sweep.Muted, Width: vg.Length(1.3)}})
}
