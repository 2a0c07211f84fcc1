package results

import (
	"fmt"
	"image/color"
	"math"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/faultline-chaos/faultline/harness"
)

// maxZooms bounds the graphs of single episodes.
const maxZooms = 40

// Figures draws every graph that the run has data for, in a fixed order, several at a time.
func (a *Analysis) Figures() ([]Figure, error) {
	draws := []func() (Figure, error){
		a.overview, a.throughput, a.phaseBars, a.cdf,
	}
	for i := range a.Episodes[:min(len(a.Episodes), maxZooms)] {
		draws = append(draws, func() (Figure, error) { return a.zoom(&a.Episodes[i]) })
	}
	drawn := make([]Figure, len(draws))
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i, draw := range draws {
		g.Go(func() (err error) {
			drawn[i], err = draw()
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(drawn, func(f Figure) bool { return f.Name == "" }), nil
}

// statsLine says a summary for the head of a figure.
func statsLine(what string, s *Summary) string { return what + " away: " + summaryText(s) }

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
	data := tableOf("bin_start_s", "ok_per_s", "failed_per_s", "unknown_per_s")
	for b := range n {
		at := float64(b) * bin.Seconds()
		data.add(at, float64(bins[0][b])*perSecond, float64(bins[1][b])*perSecond, float64(bins[2][b])*perSecond)
	}
	f, err := figure("throughput", 342, func(c draw.Canvas) {
		heading(c, "Calls answered per second",
			fmt.Sprintf("n = %s calls in bins of %v, by when they ended; stacked; without the final reads and probes; %s never answered", count(loadCalls(a.calls, end)), bin, count(openCalls(a.calls))),
			statsLine("writes", a.stat("write outage")))
		v := view{from: 0, to: end, faultTags: true}
		x := axis{lo: 0, hi: secondsOf(v.to), a: c.Min.X + 62, b: c.Max.X - 18}
		y := axis{lo: 0, hi: float64(top) * perSecond * 1.05, a: c.Min.Y + 42, b: c.Max.Y - 100}
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
		legend(c, c.Max.X-18, c.Max.Y-15, []legendItem{{"ok", swatch(okColor)}, {"failed", swatch(failColor)}, {"outcome unknown", swatch(unknownColor)}})
	})
	if err != nil {
		return f, err
	}
	return f.with(data, pointers(a.Episodes))
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
