package sweep

import (
	"fmt"
	"image/color"
	"time"

	"github.com/faultline-chaos/faultline/results/figure"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// PaperFigure draws the measured distribution functions over the paper's own: the ranges whose width
// differs on the left, those whose scale differs on the right.
func PaperFigure(runtime string, rs []PaperResult) (figure.Figure, error) {
	const x = "milliseconds from the crash until a majority knows a new leader"
	random := newPlot("How much randomness: timeouts from 150 ms on, on "+runtime, x, "share of elections that were over")
	scale := newPlot("How short: timeouts from T to 2 T, on "+runtime, x, "")
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
			if err := paperCurve(p, r, palette[n[p]%len(palette)]); err != nil {
				return figure.Figure{}, err
			}
			n[p]++
		}
	}
	for _, p := range []*plot.Plot{random, scale} {
		paperKey(p)
		p.Legend.YOffs, p.Legend.XOffs = 4, -6
	}
	// Room for the legend on the right, where curves have come to 1.
	logAxis(&random.X, 70, longest)
	logAxis(&scale.X, 8, 5000)
	return newFigure("paper", 1000, 430, [][]*plot.Plot{{random, scale}})
}

// paperWide is how the paper's own curves are drawn: wide and pale, below the measured ones.
func paperWide(col color.NRGBA) draw.LineStyle {
	col.A = 0x50
	return draw.LineStyle{Color: col, Width: 4.5}
}

func paperCurve(p *plot.Plot, r PaperResult, col color.NRGBA) error {
	own, err := r.Line.Trials16()
	if err != nil {
		return err
	}
	if err := drawCDF(p, own, paperWide(col), ""); err != nil {
		return err
	}
	thin := draw.LineStyle{Color: col, Width: 1.3}
	name := fmt.Sprintf("%s ms (%s)", r.Line.Name(), countText(r.Sample))
	if len(r.Sample.CDF()) > 0 {
		return drawCDF(p, r.Sample, thin, name)
	}
	legend(p, name, &plotter.Line{LineStyle: thin})
	return nil
}

// paperKey says which curve is whose.
func paperKey(p *plot.Plot) {
	legend(p, "wide: the paper's own trials", &plotter.Line{LineStyle: paperWide(mutedColor)})
	legend(p, "thin: measured", &plotter.Line{LineStyle: draw.LineStyle{Color: mutedColor, Width: vg.Length(1.3)}})
}
