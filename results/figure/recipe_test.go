package figure

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/faultline-chaos/faultline/results/failover"
	"github.com/faultline-chaos/faultline/results/format"
	"github.com/faultline-chaos/faultline/results/internal/synthetic"
)

// What follows is CONTRIBUTING's recipe for a figure: how long faults affected each member, a bar each. Its
// line of figureKinds would be {"members", "how long faults affected each member", UnderTimeline, affectedMembers, nil}.

func affectedMembers(a *failover.Analysis) plan {
	t := tableOf("member", "affected_ms")
	for _, id := range a.Run.Nodes {
		var sum time.Duration
		for _, f := range a.Faults {
			if slices.Contains(f.Affected, id) && f.Healed != nil {
				sum += *f.Healed - f.Confirmed
			}
		}
		if sum > 0 {
			t.add(string(id), sum)
		}
	}
	if len(t.rows) == 0 {
		return plan{}
	}
	return plan{head: headOf(a, "How long faults affected each member", "from the confirmed effect to the confirmed healing"), table: t, draw: drawAffectedMembers}
}

func drawAffectedMembers(h head, t *csvTable) sketch {
	const row, left = vg.Length(18), vg.Length(60)
	return sketch{h.height() + row*vg.Length(len(t.rows)+1), func(c draw.Canvas) {
		h.paint(c)
		x := axis{hi: 1, a: c.Min.X + left, b: c.Max.X - left}
		t.each(func(r record) { x.hi = max(x.hi, secondsOf(r.span("affected_ms"))) })
		y, style := c.Max.Y-h.height()-row, textStyle(9, false, inkColor)
		t.each(func(r record) {
			d := r.span("affected_ms")
			put(c, style, c.Min.X+sideMargin, y, text.XLeft, r.text("member"))
			fillRect(c, x.at(0), y-row/4, x.at(secondsOf(d)), y+row/4, mutedColor)
			put(c, style, x.at(secondsOf(d))+4, y, text.XLeft, format.MS(d))
			y -= row
		})
	}}
}

// TestFigureRecipe: a kind of figure is drawn, named and linked to its data by its line in the table alone.
func TestFigureRecipe(t *testing.T) {
	a := failover.Analyze(synthetic.Probed(synthetic.Mix))
	list := plans(&a, kindOfFigure{"members", "how long faults affected each member", UnderTimeline, affectedMembers, nil})
	i := slices.IndexFunc(list, func(p plan) bool { return p.name == "members" })
	require.GreaterOrEqual(t, i, 0)
	p := &list[i]
	requireReadable(t, p)
	drawn, err := p.figure()
	require.NoError(t, err)
	require.Equal(t, UnderTimeline, drawn.Place)
	table, err := decodeTable(drawn.CSV)
	require.NoError(t, err)
	require.Equal(t, string(drawn.SVG), redraw(t, p, table), "it is drawn from its table")
}
