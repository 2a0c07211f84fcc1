package figure

import (
	"cmp"
	"fmt"
	"image/color"
	"slices"
	"time"

	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/faultline-chaos/faultline/internal/statistics"
	"github.com/faultline-chaos/faultline/results/failover"
	"github.com/faultline-chaos/faultline/results/format"
)

// phaseNames are the parts of a bar: each from the end of the one before.
var phaseNames = []string{"inject → effective", "→ first campaign", "→ elected", "→ first commit", "→ first put"}

// phaseRow is one bar: when each phase ended, after t0. What was not seen is nil.
type phaseRow struct {
	id, cause     string
	issued        *time.Duration // before t0, so not above 0
	ends          [4]*time.Duration
	writes, reads *time.Duration // back for good
}

// barPart is one coloured part. A phase whose end was not seen is missing, and the next one begins
// where the last seen one ended.
type barPart struct {
	phase    int
	from, to time.Duration
}

func phaseRowOf(e *failover.Episode) phaseRow {
	r := phaseRow{id: e.ID, cause: e.Cause(), issued: failover.Since(e.Issued, e.T0), writes: failover.Since(e.Writes.Back, e.T0), reads: failover.Since(e.Reads.Back, e.T0)}
	r.ends = [4]*time.Duration{failover.Since(e.Detected, e.T0), failover.Since(e.Elected, e.T0), nil, failover.Since(e.FirstPut, e.T0)}
	if e.CommitBy == "log" { // else it is only known from the first put
		r.ends[2] = failover.Since(e.Committed, e.T0)
	}
	return r
}

func (r *phaseRow) parts() []barPart {
	var out []barPart
	at := time.Duration(0)
	if r.issued != nil && *r.issued < 0 {
		out = append(out, barPart{0, *r.issued, 0})
	}
	for i, end := range r.ends {
		if end != nil && *end > at {
			out = append(out, barPart{i + 1, at, *end})
			at = *end
		}
	}
	return out
}

func (r *phaseRow) length() time.Duration {
	if p := r.parts(); len(p) > 0 {
		return p[len(p)-1].to
	}
	return 0
}

// medianRow has the median of each moment over the rows in which it was seen.
func medianRow(rows []phaseRow) phaseRow {
	mid := func(get func(*phaseRow) *time.Duration) *time.Duration {
		var v []time.Duration
		for i := range rows {
			if d := get(&rows[i]); d != nil {
				v = append(v, *d)
			}
		}
		if len(v) == 0 {
			return nil
		}
		slices.Sort(v)
		d := statistics.Median(v)
		return &d
	}
	out := phaseRow{id: "median", cause: fmt.Sprintf("of each moment, n %d", len(rows))}
	out.issued = mid(func(r *phaseRow) *time.Duration { return r.issued })
	for i := range out.ends {
		out.ends[i] = mid(func(r *phaseRow) *time.Duration { return r.ends[i] })
	}
	out.writes, out.reads = mid(func(r *phaseRow) *time.Duration { return r.writes }), mid(func(r *phaseRow) *time.Duration { return r.reads })
	return out
}

// maxBars bounds the bars that are drawn: with more failovers, each k-th of the sorted ones is.
const maxBars = 60

// phaseBars is a waterfall: one bar an episode, in the order of their lengths, and the median.
func phaseBars(a *failover.Analysis) plan {
	var rows []phaseRow
	var eps []*failover.Episode
	for i := range a.Episodes {
		if e := &a.Episodes[i]; e.Elected != nil {
			rows, eps = append(rows, phaseRowOf(e)), append(eps, e)
		}
	}
	if len(rows) == 0 {
		return plan{}
	}
	slices.SortStableFunc(rows, func(x, y phaseRow) int { return cmp.Compare(x.length(), y.length()) })
	data := tableOf("failover", "cause", "issued_ms", "first_campaign_ms", "elected_ms", "first_commit_ms", "first_put_ms", "writes_back_ms", "reads_back_ms")
	for _, r := range append(slices.Clone(rows), medianRow(rows)) {
		data.add(r.id, r.cause, r.issued, r.ends[0], r.ends[1], r.ends[2], r.ends[3], r.writes, r.reads)
	}
	h := headOf(a, "Phases of each failover",
		fmt.Sprintf("n = %s with a new leader, shortest first; 0 = fault effective; ● end of the write outage, ○ of the read outage", format.Plural(len(rows), "failover", "failovers")),
		statsLine("write", a.Stat("write outage")))
	if n := len(rows); n > maxBars {
		h.subs[0] += fmt.Sprintf("; one of every %d is drawn", drawnEvery(n))
	}
	return plan{head: h, table: data, draw: drawPhases, shows: eps}
}

// drawnEvery is of how many bars one is drawn.
func drawnEvery(n int) int { return (n + maxBars - 1) / maxBars }

// phaseRows are the bars to draw, as the table has them: the median is the last.
func phaseRows(t *csvTable) []phaseRow {
	var rows []phaseRow
	t.each(func(r record) {
		p := phaseRow{id: r.text("failover"), cause: r.text("cause"), issued: r.took("issued_ms"), writes: r.took("writes_back_ms"), reads: r.took("reads_back_ms")}
		p.ends = [4]*time.Duration{r.took("first_campaign_ms"), r.took("elected_ms"), r.took("first_commit_ms"), r.took("first_put_ms")}
		rows = append(rows, p)
	})
	n := len(rows) - 1
	if n <= maxBars {
		return rows
	}
	var few []phaseRow
	for i := (n - 1) % drawnEvery(n); i < n; i += drawnEvery(n) { // the longest is among them
		few = append(few, rows[i])
	}
	return append(few, rows[n])
}

func drawPhases(h head, t *csvTable) sketch {
	const row = vg.Length(22)
	rows := phaseRows(t)
	top := h.height() + legendRow + 16
	return sketch{top + row*vg.Length(len(rows)) + 58, func(c draw.Canvas) {
		h.paint(c)
		lo, hi := time.Duration(0), h.timeout
		for i := range rows {
			for _, p := range rows[i].parts() {
				lo, hi = min(lo, p.from), max(hi, p.to)
			}
			for _, d := range []*time.Duration{rows[i].writes, rows[i].reads} {
				if d != nil {
					hi = max(hi, *d)
				}
			}
		}
		x := axis{lo: Milliseconds(lo), hi: max(Milliseconds(hi)*1.10, Milliseconds(lo)+1), a: c.Min.X + 200, b: c.Max.X - 24}
		bottom, top := c.Min.Y+44, c.Max.Y-top
		msAxis(c, x, bottom, top, "milliseconds after the fault took effect")
		items := make([]legendItem, len(phaseNames))
		for i := range phaseNames {
			items[i] = legendItem{phaseNames[i], swatch(phaseColors[i])}
		}
		legend(c, c.Max.X-24, c.Max.Y-h.height()-legendRow/2, items)
		timeoutLine(c, x, h.timeout, bottom, top)
		for i := range rows {
			y := top - row*vg.Length(i) - row/2
			if i == len(rows)-1 { // the median, set off
				y -= 6
				line(c, c.Min.X+12, y+row/2+2, c.Max.X-24, y+row/2+2, 0.8, mutedColor)
			}
			drawBar(c, x, &rows[i], y)
		}
		line(c, x.at(0), bottom, x.at(0), top, 0.9, inkColor)
	}}
}

func drawBar(c draw.Canvas, x axis, r *phaseRow, y vg.Length) {
	id, cause := textStyle(9, true, inkColor), textStyle(9, false, mutedColor)
	name := fitWidth(id, r.id, 60)
	put(c, id, c.Min.X+14, y, text.XLeft, name)
	left := c.Min.X + 14 + max(28, id.Width(name)+6)
	put(c, cause, left, y, text.XLeft, fitWidth(cause, r.cause, x.a-10-left))
	end := x.at(0)
	for _, p := range r.parts() {
		fillRect(c, x.at(Milliseconds(p.from)), y-7, x.at(Milliseconds(p.to)), y+7, phaseColors[p.phase])
		end = max(end, x.at(Milliseconds(p.to)))
	}
	for i, d := range []*time.Duration{r.writes, r.reads} {
		if d == nil {
			continue
		}
		px := x.at(Milliseconds(*d))
		end = max(end, px)
		p := vg.Point{X: px, Y: y}
		if i == 0 {
			c.DrawGlyphNoClip(draw.GlyphStyle{Color: color.White, Radius: 3.2, Shape: draw.CircleGlyph{}}, p)
			c.DrawGlyphNoClip(draw.GlyphStyle{Color: inkColor, Radius: 2.3, Shape: draw.CircleGlyph{}}, p)
		} else {
			c.DrawGlyphNoClip(draw.GlyphStyle{Color: inkColor, Radius: 4.6, Shape: draw.RingGlyph{}}, p)
		}
	}
	if r.writes != nil {
		put(c, cause, end+8, y, text.XLeft, format.MS(*r.writes))
	}
}
