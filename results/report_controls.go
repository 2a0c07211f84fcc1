package results

type controlView struct {
	C                              *Control
	Fault, From, For, Gap, Noticed string
	Refs                           []refView
}

func controlViewOf(a *Analysis, c *Control) controlView {
	v := controlView{c, c.Fault.Label(), clock(c.From), ms(c.To - c.From), optional(c.LongestGap), "no", nil}
	switch {
	case c.Asked.All() == 0:
		v.Noticed = "nobody called"
	case !c.Undisturbed():
		v.Noticed, v.Refs = "yes", lineViews(a, c.Errors...)
	}
	return v
}

func controlsOfPage(a *Analysis) (out []controlView) {
	for i := range a.Controls {
		out = append(out, controlViewOf(a, &a.Controls[i]))
	}
	return out
}
