package figure

import (
	"fmt"
	"image/color"
	"math"
	"slices"
	"time"

	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/faultline-chaos/faultline/results/failover"
	"github.com/faultline-chaos/faultline/results/format"
)

// rowRate is a bin of the table of throughput; its other rows are bands as in a swimlane's.
const rowRate = "rate"

// throughput is how many calls ended how, per second, in bins of 100 ms.
func throughput(a *failover.Analysis) plan {
	end := max(a.LoadEnd(), time.Second) // the final reads come all at once: no throughput
	if len(a.WorkloadCalls) == 0 {
		return plan{}
	}
	bins := make([]failover.Counts, int(end/failover.Bin)+1)
	for i := range a.WorkloadCalls {
		if k := &a.WorkloadCalls[i]; k.Done > 0 && k.To <= end {
			bins[k.To/failover.Bin].Add(k)
		}
	}
	perSecond := float64(time.Second / failover.Bin)
	data := tableOf("what", "kind", "member", "from_s", "to_s", "ok_per_s", "failed_per_s", "unknown_per_s", "label", "line")
	for b, n := range bins {
		from := float64(b) * failover.Bin.Seconds()
		to := min(from+failover.Bin.Seconds(), end.Seconds())
		data.add(rowRate, nil, nil, from, to, float64(n.OK)*perSecond, float64(n.Failed)*perSecond, float64(n.Unknown)*perSecond, nil, nil)
	}
	bands := tableOf()
	addBands(a, bands, view{from: 0, to: end})
	for _, r := range bands.rows { // without a latency
		data.rows = append(data.rows, []string{r[0], r[1], r[2], r[3], r[4], "", "", "", r[6], r[7]})
	}
	h := headOf(a, "Calls answered per second",
		fmt.Sprintf("n = %s calls in bins of %v, by when they ended, stacked, without final reads and probes; %s never answered", format.Count(loadCalls(a.WorkloadCalls, end)), failover.Bin, format.Count(openCalls(a.WorkloadCalls))),
		statsLine("write", a.Stat("write outage")))
	h.to, h.marked = end, true
	return plan{head: h, table: data, draw: drawThroughput, shows: failover.Pointers(a.Episodes)}
}

func drawThroughput(h head, t *csvTable) sketch {
	x := axis{lo: secondsOf(h.from), hi: secondsOf(h.to), a: leftMargin, b: figureWidth - rightMargin}
	tags := placeTags(x, t.records("what", rowFault), maxTagRows, faultStyle)
	top := h.height() + legendRow + tags.height()
	return sketch{top + outageHeight + 200 + 46, func(c draw.Canvas) {
		h.paint(c)
		rates := t.records("what", rowRate)
		columns := []string{"ok_per_s", "failed_per_s", "unknown_per_s"}
		most := 0.0
		for _, r := range rates {
			sum := 0.0
			for _, name := range columns {
				v, _ := r.number(name)
				sum += v
			}
			most = max(most, sum)
		}
		panel := c.Max.Y - top
		y := axis{lo: 0, hi: max(1, most*1.05), a: c.Min.Y + 46, b: panel - outageHeight}
		timeAxis(c, x, panel, y.a, "seconds since the start of the run")
		for _, tick := range niceTicks(0, y.hi, 5) {
			line(c, x.a, y.at(tick), x.b, y.at(tick), 0.5, gridColor)
			put(c, textStyle(8.5, false, mutedColor), x.a-6, y.at(tick), text.XRight, tickCount(tick))
		}
		rotated(c, c.Min.X+14, (y.a+y.b)/2, "calls per second")
		drawFaults(c, x, t, y.a, panel)
		tags.paint(c, panel, panel, false)
		drawOutages(c, x, t, panel)
		base := make([]float64, len(rates))
		for i, col := range []color.NRGBA{okColor, failColor, unknownColor} {
			stackArea(c, x, y, base, rates, columns[i], col)
		}
		drawHoles(c, x, t, y.a, panel)
		items := []legendItem{{"ok", swatch(okColor)}, {"failed", swatch(failColor)}, {"outcome unknown", swatch(unknownColor)}}
		if len(t.records("what", rowHole)) > 0 {
			items = append(items, holeLegend())
		}
		legend(c, c.Max.X-rightMargin, c.Max.Y-h.height()-legendRow/2, items)
	}}
}

// tickCount is a rate's label; fractions stay.
func tickCount(v float64) string {
	if v == math.Trunc(v) {
		return format.Count(int(v))
	}
	return fmt.Sprintf("%g", v)
}

func loadCalls(calls []failover.Call, end time.Duration) int {
	n := 0
	for i := range calls {
		if calls[i].To <= end {
			n++
		}
	}
	return n
}

func openCalls(calls []failover.Call) int {
	n := 0
	for i := range calls {
		if calls[i].Done == 0 {
			n++
		}
	}
	return n
}

// stackArea fills one layer as steps, and raises base by it.
func stackArea(c draw.Canvas, x, y axis, base []float64, rates []record, column string, col color.NRGBA) {
	var run []vg.Point // upper edge of the current stretch
	var under []vg.Point
	flush := func() {
		if len(run) > 0 {
			slices.Reverse(under)
			c.FillPolygon(col, append(run, under...))
			run, under = nil, nil
		}
	}
	for b, r := range rates {
		n, _ := r.number(column)
		if n == 0 {
			flush()
			continue
		}
		x0, x1 := r.ends(x)
		low, high := y.at(base[b]), y.at(base[b]+n)
		run = append(run, vg.Point{X: x0, Y: high}, vg.Point{X: x1, Y: high})
		under = append(under, vg.Point{X: x0, Y: low}, vg.Point{X: x1, Y: low})
		base[b] += n
	}
	flush()
}
