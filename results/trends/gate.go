package trends

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/faultline-chaos/faultline/internal/statistics"
)

// Defaults of the gate. TestFalseAlarms states what they cost and TestSlowerIsFound what they find.
const (
	DefaultWindow  = 14  // runs that make the median
	DefaultSpread  = 6.0 // standard deviations, estimated from the median absolute deviation
	DefaultConfirm = 2   // newest runs in a row that must be worse
	fresh          = 36 * time.Hour
)

// Kind is what runs must share to be compared: what was run, and all settings that change what is
// measured.
type Kind struct {
	Scenario, System, Runtime string
	Settings                  Settings
}

// Settings change what is measured.
type Settings struct {
	Nodes, Concurrency                    int
	Election, Heartbeat, Time, ProbeEvery time.Duration
	Workload                              string
}

// KindOf is a row's kind.
func KindOf(r *Row) Kind {
	return Kind{r.Scenario, r.System, r.Runtime, Settings{r.Nodes, r.Concurrency, r.Election, r.Heartbeat, r.Time, r.ProbeEvery, r.Workload}}
}

// named is the kind whatever its settings.
func (k Kind) named() Kind { return Kind{Scenario: k.Scenario, System: k.System, Runtime: k.Runtime} }

// Metric is one number of a run that may become worse.
type Metric struct {
	Name string
	// Unit says how values are written: seconds, a share of 1, or calls a second.
	Unit Unit
	// MoreIsBetter is so for throughput only.
	MoreIsBetter bool
	// A change smaller than MinPart of the median, or than MinStep, is never a regression, however
	// steady the runs before were.
	MinPart, MinStep float64
	value            func(*Row) (v float64, whyNot string)
}

// Unit of a metric's values.
type Unit int

const (
	Seconds Unit = iota
	Share
	PerSecond
)

// Metrics are what the gate looks at.
func Metrics() []Metric {
	return []Metric{
		{Name: "failover p50", Unit: Seconds, MinPart: 0.25, MinStep: 0.05, value: func(r *Row) (float64, string) { return outage(r, 0.5, 3) }},
		{Name: "failover p95", Unit: Seconds, MinPart: 0.4, MinStep: 0.1, value: func(r *Row) (float64, string) { return outage(r, 0.95, 3) }},
		{Name: "unavailable", Unit: Share, MinPart: 0.4, MinStep: 0.01, value: func(r *Row) (float64, string) { return part(r.Unavailable.Seconds(), r.Load.Seconds()) }},
		{Name: "throughput", Unit: PerSecond, MoreIsBetter: true, MinPart: 0.2, value: func(r *Row) (float64, string) { return part(float64(r.LoadOK), r.Load.Seconds()) }},
		{Name: "unknown outcomes", Unit: Share, MinPart: 0.5, MinStep: 0.002, value: func(r *Row) (float64, string) { return part(float64(r.Ops.Unknown), float64(r.Ops.All())) }},
	}
}

func part(a, b float64) (float64, string) {
	if b <= 0 {
		return 0, "not measured"
	}
	return a / b, ""
}

// outage is a quantile of a run's write outages, by nearest rank. Censored ones count as infinite:
// leaving the longest out would make a worse run look better.
func outage(r *Row, q float64, least int) (float64, string) {
	n := len(r.WriteOutages) + r.WriteCensored
	if n < least {
		return 0, fmt.Sprintf("too few failovers: %d of %d", n, least)
	}
	k := int(math.Ceil(q*float64(n))) - 1
	if k >= len(r.WriteOutages) {
		return math.Inf(1), ""
	}
	return r.WriteOutages[k].Seconds(), ""
}

// Outcome of one comparison.
type Outcome string

const (
	Regression  Outcome = "REGRESSION"
	Suspect     Outcome = "suspect" // worse, but not in as many runs in a row as it takes
	Better      Outcome = "better"
	Same        Outcome = "no detectable change"
	TooFew      Outcome = "too few runs"
	NotCompared Outcome = "not compared"
)

// Finding is one number of the newest run of a kind against the runs before it.
type Finding struct {
	Kind    Kind
	Metric  Metric
	Run     Row // the newest of its kind
	Outcome Outcome
	Why     string  // of TooFew and NotCompared
	Value   float64 // of the newest run
	Before  int     // runs that made the median
	Median  float64
	Spread  float64 // estimated standard deviation: 1.4826 times the median absolute deviation
	Limit   float64 // beyond it is a regression
}

// Change is the value's change as a part of the median; false where the median is zero.
func (f *Finding) Change() (float64, bool) {
	if f.Median == 0 {
		return 0, false
	}
	return (f.Value - f.Median) / f.Median, true
}

// Options of the gate. Zero values mean the defaults.
type Options struct {
	Window int     // runs before the newest that make the median; fewer are too few to tell
	Spread float64 // how many standard deviations from the median are worse
	// Confirm is how many of the newest runs in a row must be worse: one slow machine is no
	// regression. None of them is among those that make the median.
	Confirm int
}

// Judge compares the newest runs of every scenario, system and runtime with the median of Window runs
// of the same [Kind] before them: after a setting was changed there are too few at first.
// Kinds whose newest run is more than a day and a half older than the newest of all are stale and
// left out. It is pure; rows may be in any order. Findings are in order of scenario, system, runtime
// and metric.
//
// A number is worse where it is beyond the median by Spread standard deviations, estimated from the
// median absolute deviation, which a few bad nights do not move; by at least the metric's MinPart and
// MinStep; and beyond the worst of the runs before, whatever the noise is like: of 15 runs alike, each
// is the worst once in 15 times. It is a regression where that is so in Confirm runs in a row.
func Judge(rows []Row, o Options) []Finding {
	o = Options{cmp.Or(o.Window, DefaultWindow), cmp.Or(o.Spread, DefaultSpread), cmp.Or(o.Confirm, DefaultConfirm)}
	runs, last := map[Kind][]Row{}, map[Kind]*Row{} // last is by kind without settings
	var newest time.Time
	for _, r := range Merge(rows) { // oldest first
		kind := KindOf(&r)
		runs[kind] = append(runs[kind], r)
		last[kind.named()], newest = &r, r.Started
	}
	var out []Finding
	for _, r := range last {
		if newest.Sub(r.Started) > fresh {
			continue
		}
		kind := KindOf(r)
		before := runs[kind][:len(runs[kind])-1]
		for _, m := range Metrics() {
			out = append(out, judge(kind, m, before, r, o))
		}
	}
	slices.SortStableFunc(out, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Kind.Scenario, b.Kind.Scenario), cmp.Compare(a.Kind.System, b.Kind.System), cmp.Compare(a.Kind.Runtime, b.Kind.Runtime))
	})
	return out
}

func judge(kind Kind, m Metric, before []Row, last *Row, o Options) Finding {
	f := Finding{Kind: kind, Metric: m, Run: *last, Outcome: NotCompared}
	if f.Why = unusable(last); f.Why != "" {
		return f
	}
	if f.Value, f.Why = m.value(last); f.Why != "" {
		return f
	}
	recent := measured(before, m, o.Confirm-1+o.Window)
	repeats := recent[:min(o.Confirm-1, len(recent))] // the runs that must confirm it
	values := recent[len(repeats):]
	f.Before = len(values)
	if f.Before < o.Window {
		f.Outcome, f.Why = TooFew, fmt.Sprintf("%d of %d", f.Before, o.Window)
		return f
	}
	f.Median = statistics.Median(slices.Sorted(slices.Values(values)))
	if math.IsInf(f.Median, 1) { // more than half never ended: nothing can be worse
		f.Why = "most outages of the earlier runs were censored"
		return f
	}
	f.Spread = statistics.Deviation(values, f.Median)
	margin := max(o.Spread*f.Spread, m.MinPart*f.Median, m.MinStep)
	up, down := max(f.Median+margin, slices.Max(values)), min(f.Median-margin, slices.Min(values))
	worse, better := func(v float64) bool { return v > up }, func(v float64) bool { return v < down }
	f.Limit = up
	if m.MoreIsBetter {
		f.Limit, worse, better = down, better, worse
	}
	switch {
	case worse(f.Value) && !slices.ContainsFunc(repeats, func(v float64) bool { return !worse(v) }):
		f.Outcome = Regression
	case worse(f.Value):
		f.Outcome = Suspect
	case better(f.Value):
		f.Outcome = Better
	default:
		f.Outcome = Same
	}
	return f
}

// measured are the metric's values in the latest runs that have one, newest first, at most n.
func measured(runs []Row, m Metric, n int) (values []float64) {
	for i := len(runs) - 1; i >= 0 && len(values) < n; i-- {
		if unusable(&runs[i]) != "" {
			continue
		}
		if v, whyNot := m.value(&runs[i]); whyNot == "" {
			values = append(values, v)
		}
	}
	return values
}

// unusable says why a run's numbers tell nothing.
func unusable(r *Row) string {
	switch {
	case r.State == Unfinished || r.State == Broken:
		return "the run is " + string(r.State)
	case r.Broke != "":
		return r.Broke
	}
	return ""
}
