package failover

import (
	"slices"
	"strings"
)

// BrokenRow counts faults of one kind on one target.
type BrokenRow struct {
	Fault, Target                    string
	Tried, Landed, Healed, HitLeader int
}

// Broken counts faults by kind and target.
func (a *Analysis) Broken() []BrokenRow {
	var out []BrokenRow
	for i := range a.Faults {
		f := &a.Faults[i]
		n := slices.IndexFunc(out, func(r BrokenRow) bool { return r.Fault == f.Fault && r.Target == string(f.Target) })
		if n < 0 {
			n = len(out)
			out = append(out, BrokenRow{Fault: f.Fault, Target: string(f.Target)})
		}
		r := &out[n]
		r.Tried++
		if f.Landed() {
			r.Landed++
			if f.HitLeader {
				r.HitLeader++
			}
		}
		if f.Healed != nil {
			r.Healed++
		}
	}
	slices.SortStableFunc(out, func(x, y BrokenRow) int { return strings.Compare(x.Fault+" "+x.Target, y.Fault+" "+y.Target) })
	return out
}
