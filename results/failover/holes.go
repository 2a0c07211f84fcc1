package failover

import (
	"cmp"
	"slices"
	"time"
)

// Hole is a time in which probes of a kind were due and none was sent: the harness was late, or could
// not connect. Service is unknown in it, so that it must not look like normal service.
type Hole struct {
	From time.Duration `json:"from"` // when the first of them was due
	To   time.Duration `json:"to"`   // when the next one that was sent was due
}

// Holes are those longer than twice Every, of writes and of reads, merged where they overlap.
func (p *Probing) holes(probes []Call) []Hole {
	var all []Hole
	for _, reads := range []bool{false, true} {
		last := time.Duration(-1)
		for i := range probes {
			c := &probes[i]
			if !c.Is(reads) {
				continue
			}
			if last >= 0 && c.From-last > 2*p.Every {
				all = append(all, Hole{last + p.Step, c.From})
			}
			last = c.From
		}
	}
	slices.SortFunc(all, func(a, b Hole) int { return cmp.Compare(a.From, b.From) })
	var out []Hole
	for _, h := range all {
		if n := len(out); n > 0 && h.From <= out[n-1].To {
			out[n-1].To = max(out[n-1].To, h.To)
			continue
		}
		out = append(out, h)
	}
	return out
}

// Holes are none where the run had no probes.
func (a *Analysis) Holes() []Hole {
	if a.Probes == nil {
		return nil
	}
	return a.Probes.Holes
}

// OutageSpan is a time without service of one kind.
type OutageSpan struct {
	Reads    bool
	From, To time.Duration
	Episode  string // the failover that explains it; empty: none does
}

// OutageSpans are what probes found, or else the outages of the failovers.
func (a *Analysis) OutageSpans() []OutageSpan {
	var out []OutageSpan
	if a.Probes != nil {
		for _, g := range a.Probes.Gaps {
			out = append(out, OutageSpan{g.Reads, g.From, g.To, g.Episode})
		}
		return out
	}
	for i := range a.Episodes {
		e := &a.Episodes[i]
		for _, k := range []struct {
			reads bool
			o     *Outage
		}{{false, &e.Writes}, {true, &e.Reads}} {
			if d, ok := k.o.Length(); ok {
				out = append(out, OutageSpan{k.reads, k.o.LastOK.At, k.o.LastOK.At + d, e.ID})
			}
		}
	}
	return out
}
