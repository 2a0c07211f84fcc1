package page

import (
	"github.com/faultline-chaos/faultline/results/failover"
	"github.com/faultline-chaos/faultline/results/format"
)

type controlView struct {
	C                             *failover.Control
	Fault, From, For, Gap, Effect string
	Refs                          []refView
}

func controlViewOf(a *failover.Analysis, c *failover.Control) controlView {
	v := controlView{c, c.Fault.Label(), format.Clock(c.From), format.MS(c.To - c.From), format.Optional(c.LongestGap), "no", nil}
	switch {
	case c.Asked.All() == 0:
		v.Effect = "no calls"
	case !c.Unaffected():
		v.Effect, v.Refs = "yes", lineViews(a, c.Errors...)
	}
	return v
}

func controlsOfPage(a *failover.Analysis) (out []controlView) {
	for i := range a.Controls {
		out = append(out, controlViewOf(a, &a.Controls[i]))
	}
	return out
}
