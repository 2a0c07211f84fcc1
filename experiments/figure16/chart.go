package figure16

import (
	"fmt"
	"image/color"
	"time"

	"github.com/faultline-chaos/faultline/results/figure"
)

// drawing draws the measured distribution functions over the paper's own: the ranges whose width differs on
// the left, those whose scale differs on the right.
func drawing(runtime string, rs []Result) (figure.Figure, error) {
	x := figure.Axis{Title: "milliseconds from the crash until a majority knows a new leader", Log: true}
	random := &figure.Chart{Title: "How much randomness: timeouts from 150 ms on, on " + runtime, X: x, Y: figure.Axis{Title: "share of elections that were over", Max: 1}}
	scale := &figure.Chart{Title: "How short: timeouts from T to 2 T, on " + runtime, X: x, Y: figure.Axis{Max: 1}}
	// Room for the key on the right, where curves have come to 1.
	random.X.Min, random.X.Max, scale.X.Min, scale.X.Max = 70, 100_000, 8, 5000
	n := map[*figure.Chart]int{}
	for _, r := range rs {
		var in []*figure.Chart
		if r.Line.Max == 2*r.Line.Min {
			in = append(in, scale)
		}
		if r.Line.Min == 150*time.Millisecond {
			in = append(in, random)
		}
		if !r.Line.Judged {
			random.X.Max = 3_000_000
		}
		own, err := r.Line.Own()
		if err != nil {
			return figure.Figure{}, err
		}
		for _, p := range in {
			paper, measured := looks(figure.Palette[n[p]%len(figure.Palette)])
			paper.Points, measured.Points = own.Stairs(0), r.Sample.Stairs(0)
			measured.Name = fmt.Sprintf("%s ms (%s)", r.Line.Name(), r.Sample.Count())
			p.Series = append(p.Series, paper, measured)
			n[p]++
		}
	}
	for _, p := range []*figure.Chart{random, scale} {
		paper, measured := looks(figure.Muted)
		paper.Name, measured.Name = "wide: the paper's own trials", "thin: measured"
		p.Series = append(p.Series, paper, measured)
	}
	return figure.Charts("paper", 1000, 430, [][]*figure.Chart{{random, scale}})
}

// looks are those of the paper's own curve, which is wide and pale and below, and of the measured one.
func looks(col color.NRGBA) (paper, measured figure.Series) {
	measured = figure.Series{Color: col, Width: 1.3}
	col.A = 0x50
	return figure.Series{Color: col, Width: 4.5}, measured
}
