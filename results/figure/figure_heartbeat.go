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

	"github.com/faultline-chaos/faultline/internal/statistics"
	"github.com/faultline-chaos/faultline/results/failover"
	"github.com/faultline-chaos/faultline/results/format"
)

// The rows of the table of phases: a failover, or an end of a line that is expected.
const (
	phaseOne    = "failover"
	phaseAlone  = "expected: heartbeats alone reset the timers"
	phaseWrites = "expected: writes reset them, too"
)

// heartbeats is the outage against the phase within the heartbeat at which the fault came.
func heartbeats(a *failover.Analysis) plan {
	eps := phased(a)
	if len(eps) == 0 {
		return plan{}
	}
	t := tableOf("series", "failover", "cause", "phase_ms", "outage_ms", "detection_ms", "censored")
	var points []phasePoint
	most := a.Run.HeartbeatInterval
	for _, e := range eps {
		d, _ := e.Writes.Length()
		open := e.Writes.Took == nil
		t.add(phaseOne, e.ID, e.Cause(), e.Silence, d, e.Detection, open)
		most = max(most, *e.Silence)
		if e.Detection != nil {
			points = append(points, phasePoint{Milliseconds(*e.Silence), Milliseconds(*e.Detection)})
		}
	}
	h := headOf(a, "Write outage by phase within the heartbeat",
		fmt.Sprintf("n = %s whose phase is known: the time from the last heartbeat that the leader's clock sent and another member received to t0, modulo the heartbeat interval; ● write outage, ○ detection, + censored%s", format.Plural(len(eps), "failover", "failovers"), unphased(a)),
		statsLine("write", a.Stat("write outage")))
	if after, ok := expectedDetection(a); ok {
		t.add(phaseAlone, nil, nil, time.Duration(0), nil, after, nil)
		t.add(phaseAlone, nil, nil, most, nil, after-most, nil)
		t.add(phaseWrites, nil, nil, time.Duration(0), nil, after, nil)
		t.add(phaseWrites, nil, nil, most, nil, after, nil)
		h.subs = append(h.subs, fmt.Sprintf("lines: mean detection time expected from raft with %s and timeouts of T to 2 T, drawn at random in whole heartbeats: %s after the timers were last reset. With heartbeats alone, a fault early in the interval is detected later. %s", format.Plural(len(a.Run.Nodes)-1, "survivor", "survivors"), format.MS(after), resets(a, eps)))
	}
	if lo, mid, hi, ok := theilSen(points); ok {
		h.subs = append(h.subs, fmt.Sprintf("slope of detection: %.2f ms per ms of phase, 95 %% interval %.2f to %.2f (Theil-Sen, n %d); expected -1 with heartbeats alone, 0 with writes", mid, lo, hi, len(points)))
	}
	return plan{head: h, table: t, draw: drawHeartbeats, shows: eps}
}

// phased are the failovers whose phase and outage are known.
func phased(a *failover.Analysis) []*failover.Episode {
	var out []*failover.Episode
	for i := range a.Episodes {
		e := &a.Episodes[i]
		if _, ok := e.Writes.Length(); ok && e.Silence != nil && !e.QuorumLost {
			out = append(out, e)
		}
	}
	return out
}

// unphased says how many failovers are left out since their phase is not known.
func unphased(a *failover.Analysis) string {
	left := 0
	for i := range a.Episodes {
		if e := &a.Episodes[i]; e.Silence == nil && !e.QuorumLost {
			left++
		}
	}
	if left == 0 {
		return ""
	}
	return fmt.Sprintf("; excluded: %s whose phase is unknown", format.Plural(left, "failover", "failovers"))
}

// phaseNote is why there is no figure of the phase; empty where there is one, or nothing to show.
func phaseNote(a *failover.Analysis) string {
	if len(a.Episodes) == 0 || len(phased(a)) > 0 {
		return ""
	}
	return fmt.Sprintf("There is no figure of outages by phase within the heartbeat: %s on %s does not report when a heartbeat last reached another member.", format.OrUnknown(a.Run.System), format.OrUnknown(a.Run.Runtime))
}

// expectedDetection is the mean time from the last reset of the survivors' timers to the first
// campaign. A timer fires on the k-th tick after the reset, k uniform in T to 2 T − 1 ticks of one
// heartbeat; with the reset anywhere between two ticks that is uniform in T − h to 2 T − h. The least
// of s such has the mean T − h + T/(s + 1).
func expectedDetection(a *failover.Analysis) (time.Duration, bool) {
	timeout, beat, members := a.Run.ElectionTimeout, a.Run.HeartbeatInterval, len(a.Run.Nodes)
	if timeout <= 0 || beat <= 0 || members < 2 {
		return 0, false
	}
	return timeout - beat + timeout/time.Duration(members), true
}

// resets says which of the two lines this run should follow: writes came oftener than heartbeats, or
// not.
func resets(a *failover.Analysis, eps []*failover.Episode) string {
	var spaces []time.Duration
	for _, e := range eps {
		if e.Writes.Resolution != nil {
			spaces = append(spaces, *e.Writes.Resolution)
		}
	}
	if len(spaces) == 0 {
		return ""
	}
	slices.Sort(spaces)
	if d := statistics.Median(spaces); 2*d <= a.Run.HeartbeatInterval {
		return fmt.Sprintf("In this run a write was due every %s before the fault, and writes reset the timers, too: the flat line applies.", format.MS(d))
	}
	return "In this run writes were rarer than heartbeats: the falling line applies."
}

type phasePoint struct{ x, y float64 }

// theilSen is the median slope over all pairs of points, with Sen's interval of 95 % (1968): the ranks
// of Kendall's tau, without correction for ties. It needs 6 points with different x.
func theilSen(points []phasePoint) (lo, mid, hi float64, ok bool) {
	n := len(points)
	if n < 6 {
		return 0, 0, 0, false
	}
	var slopes []float64
	for i := range points {
		for j := range i {
			if dx := points[i].x - points[j].x; dx != 0 {
				slopes = append(slopes, (points[i].y-points[j].y)/dx)
			}
		}
	}
	if len(slopes) < n*(n-1)/4 {
		return 0, 0, 0, false
	}
	slices.Sort(slopes)
	m := len(slopes)
	half := 1.959964 * math.Sqrt(float64(n*(n-1)*(2*n+5))/18)
	low := int(math.Floor((float64(m) - half) / 2))
	high := int(math.Ceil((float64(m) + half) / 2))
	return slopes[max(0, low-1)], (slopes[(m-1)/2] + slopes[m/2]) / 2, slopes[min(m-1, high)], true
}

func drawHeartbeats(h head, t *csvTable) sketch {
	top := h.height() + legendRow + 16
	return sketch{top + 280 + 48, func(c draw.Canvas) {
		h.paint(c)
		wide, high := max(1, Milliseconds(h.heartbeat)), Milliseconds(h.timeout)
		t.each(func(r record) {
			for _, name := range []string{"outage_ms", "detection_ms"} {
				if v, ok := r.number(name); ok {
					high = max(high, v)
				}
			}
			if v, ok := r.number("phase_ms"); ok {
				wide = max(wide, v)
			}
		})
		x := axis{lo: 0, hi: wide * 1.04, a: c.Min.X + 66, b: c.Max.X - 24}
		y := axis{lo: 0, hi: max(1, high*1.06), a: c.Min.Y + 48, b: c.Max.Y - top}
		msAxis(c, x, y.a, y.b, "milliseconds from the leader's last heartbeat to the fault")
		durationAxis(c, x, y, "milliseconds")
		right := x.b
		if h.heartbeat > 0 {
			right = x.at(Milliseconds(h.heartbeat))
			line(c, right, y.a, right, y.b, 1, mutedColor, 2, 2)
			put(c, textStyle(8.5, false, mutedColor), right-4, y.b+7, text.XRight, "heartbeat interval "+format.MS(h.heartbeat))
		}
		timeoutLevel(c, x, y, h.timeout, right-4)
		for _, k := range []struct {
			name string
			col  color.NRGBA
		}{{phaseAlone, stateColors[failover.StateCandidate]}, {phaseWrites, stateColors[failover.StateLeader]}} {
			var points []vg.Point
			for _, r := range t.records("series", k.name) {
				points = append(points, vg.Point{X: x.at(Milliseconds(r.span("phase_ms"))), Y: y.at(Milliseconds(r.span("detection_ms")))})
			}
			if len(points) > 1 {
				c.StrokeLines(draw.LineStyle{Color: k.col, Width: 1.6}, points)
			}
		}
		for _, r := range t.records("series", phaseOne) {
			drawPhasePoint(c, x, y, r)
		}
		legend(c, c.Max.X-24, c.Max.Y-h.height()-legendRow/2, heartbeatLegend())
	}}
}

func drawPhasePoint(c draw.Canvas, x, y axis, r record) {
	px := x.at(Milliseconds(r.span("phase_ms")))
	if d := r.took("detection_ms"); d != nil {
		c.DrawGlyphNoClip(draw.GlyphStyle{Color: mutedColor, Radius: 2.6, Shape: draw.RingGlyph{}}, vg.Point{X: px, Y: y.at(Milliseconds(*d))})
	}
	at := vg.Point{X: px, Y: y.at(Milliseconds(r.span("outage_ms")))}
	if r.text("censored") == "true" {
		censorMark(c, at, okColor)
		return
	}
	c.DrawGlyphNoClip(draw.GlyphStyle{Color: okColor, Radius: 2.8, Shape: draw.CircleGlyph{}}, at)
}

func heartbeatLegend() []legendItem {
	stroke := func(col color.NRGBA) func(draw.Canvas, vg.Length, vg.Length) {
		return func(c draw.Canvas, x, y vg.Length) { line(c, x-10, y, x+6, y, 1.6, col) }
	}
	return []legendItem{
		{"write outage", func(c draw.Canvas, x, y vg.Length) {
			c.DrawGlyphNoClip(draw.GlyphStyle{Color: okColor, Radius: 2.8, Shape: draw.CircleGlyph{}}, vg.Point{X: x, Y: y})
		}},
		{"detection", func(c draw.Canvas, x, y vg.Length) {
			c.DrawGlyphNoClip(draw.GlyphStyle{Color: mutedColor, Radius: 2.6, Shape: draw.RingGlyph{}}, vg.Point{X: x, Y: y})
		}},
		{"expected detection, heartbeats alone", stroke(stateColors[failover.StateCandidate])},
		{"with writes", stroke(stateColors[failover.StateLeader])},
	}
}
