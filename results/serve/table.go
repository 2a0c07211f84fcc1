package serve

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/faultline-chaos/faultline/internal/statistics"
)

// table is the runs of a folder. Those who read one must not change it.
type table []Digest

// filter picks runs; an empty field picks all, but for those whose folder is gone: they are for trends.
type filter struct {
	Search, State, System, Runtime, Scenario string
	Gone                                     bool // these, too
}

// picks says whether a run passes: every word of the search must be in it.
func (f filter) picks(d *Digest) bool {
	for _, c := range []struct{ want, is string }{{f.State, string(d.State)}, {f.System, d.System}, {f.Runtime, d.Runtime}, {f.Scenario, d.Scenario}} {
		if c.want != "" && c.want != c.is {
			return false
		}
	}
	if d.Gone && !f.Gone {
		return false
	}
	words := strings.Fields(strings.ToLower(f.Search))
	if len(words) == 0 {
		return true
	}
	text := d.searchText()
	return !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(text, w) })
}

// order compares two runs; sign is -1 for the largest first. What was not measured comes last either way.
type order func(a, b *Digest, sign int) int

// by orders by a value that every run has.
func by[T cmp.Ordered](of func(d *Digest) T) order {
	return func(a, b *Digest, sign int) int { return sign * cmp.Compare(of(a), of(b)) }
}

// byOutage orders by a number of the write outages.
func byOutage(of func(sorted []time.Duration) time.Duration) order {
	return func(a, b *Digest, sign int) int {
		va, vb := a.phase(writeOutage).Values, b.phase(writeOutage).Values
		if len(va) == 0 || len(vb) == 0 {
			return cmp.Compare(min(1, len(vb)), min(1, len(va)))
		}
		return sign * cmp.Compare(of(va), of(vb))
	}
}

// orders are those that can be asked for.
func orders() map[string]order {
	return map[string]order{
		"time":     func(a, b *Digest, sign int) int { return sign * a.Started.Compare(b.Started) },
		"scenario": by(func(d *Digest) string { return d.Scenario }),
		"system":   by(func(d *Digest) string { return d.System }),
		"runtime":  by(func(d *Digest) string { return d.Runtime }),
		"nodes":    by(func(d *Digest) int { return d.Nodes }),
		"seed":     by(func(d *Digest) uint64 { return d.Seed }),
		"verdict":  by(func(d *Digest) State { return d.State }),
		"failovers": by(func(d *Digest) int {
			p := d.phase(writeOutage)
			return len(p.Values) + p.Censored
		}),
		"p50":     byOutage(statistics.Median[time.Duration]),
		"p95":     byOutage(func(v []time.Duration) time.Duration { return statistics.NearestRank(v, 0.95) }),
		"max":     byOutage(func(v []time.Duration) time.Duration { return v[len(v)-1] }),
		"ok":      by(func(d *Digest) int { return d.Ops.OK }),
		"failed":  by(func(d *Digest) int { return d.Ops.Failed }),
		"unknown": by(func(d *Digest) int { return d.Ops.Unknown }),
		"faults":  by(func(d *Digest) int { return d.Landed }),
	}
}

// find gives the runs of a filter in an order, equal ones newest first.
func (t table) find(f filter, by string, descending bool) []Digest {
	var out []Digest
	for i := range t {
		if f.picks(&t[i]) {
			out = append(out, t[i])
		}
	}
	first, sign := orders()[by], 1
	if descending {
		sign = -1
	}
	slices.SortFunc(out, func(a, b Digest) int {
		return cmp.Or(first(&a, &b, sign), b.Started.Compare(a.Started), cmp.Compare(b.ID, a.ID))
	})
	return out
}

// errNoRun is for a run that is not in the folder.
var errNoRun = errors.New("there is no such run")

// get gives one run, or an error that names it and is errNoRun.
func (t table) get(id string) (Digest, error) {
	i := slices.IndexFunc(t, func(d Digest) bool { return d.ID == id })
	if i < 0 {
		return Digest{}, fmt.Errorf("%s: %w", id, errNoRun)
	}
	return t[i], nil
}

// choices are the values of a column, for the filters.
func (t table) choices(of func(d *Digest) string) []string {
	seen := map[string]bool{}
	for i := range t {
		seen[of(&t[i])] = true
	}
	delete(seen, "")
	return slices.Sorted(maps.Keys(seen))
}
