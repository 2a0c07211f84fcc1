package serve

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/faultline-chaos/faultline/internal/statistics"
	"github.com/faultline-chaos/faultline/results/format"
)

const significance = 0.05

// sample is one side of a comparison.
type sample struct {
	N, Censored int
	Median      time.Duration     // of the known values; only where N > 0
	Interval    *[2]time.Duration // order statistics that hold the median with 95 %; nil where N is too small for one
}

// change is one duration in two runs.
type change struct {
	Name, Doc string
	A, B      sample
	Shift     *float64          // of the median, as a part of A's; nil where one is missing or A's is zero
	Test      *statistics.UTest // nil where a side is empty
	P         *float64          // Test's, adjusted for all tests of the comparison (Holm); nil where there are too few values
	Verdict   string
	Class     string // of Verdict: "better", "worse", "same", "undecided"
}

// comparison is run B against run A.
type comparison struct {
	A, B      Digest
	Settings  []setting
	Unlike    string // in which settings the runs differ so that a change may come from them
	Failovers []change
	Calls     []change
}

// setting is what one run was set to and the other too, or not.
type setting struct {
	Name, A, B string
	Differs    bool
}

// compare holds two runs, and the latencies of their calls, against each other. It is pure.
func compare(a, b Digest, la, lb map[string][]time.Duration) comparison {
	c := comparison{A: a, B: b, Settings: settings(a, b)}
	c.Unlike = unlike(c.Settings)
	for _, name := range phaseNames(a, b) {
		pa, pb := a.phase(name), b.phase(name)
		doc := pa.Doc
		if doc == "" {
			doc = pb.Doc
		}
		c.Failovers = append(c.Failovers, changeOf(name, doc, pa, pb))
	}
	calls := map[string]bool{}
	for f := range la {
		calls[f] = true
	}
	for f := range lb {
		calls[f] = true
	}
	for _, f := range slices.Sorted(maps.Keys(calls)) {
		c.Calls = append(c.Calls, changeOf(f, "", Phase{Values: la[f]}, Phase{Values: lb[f]}))
	}
	correct(c.Failovers, c.Calls)
	return c
}

// unlike names the settings in which two runs differ, of those that change what is measured. A new
// version or commit is what one compares for.
func unlike(settings []setting) string {
	var names []string
	for _, s := range settings {
		if s.Differs && slices.Contains([]string{"Scenario", "System", "Runtime", "Nodes", "Election timeout", "Heartbeat interval", "Workload", "Outages measured by"}, s.Name) {
			names = append(names, strings.ToLower(s.Name))
		}
	}
	if len(names) == 0 {
		return ""
	}
	return "The runs differ in " + strings.Join(names, "; ") + ": a change may be due to that."
}

func phaseNames(a, b Digest) []string {
	var names []string
	for _, p := range slices.Concat(a.Phases, b.Phases) {
		if !slices.Contains(names, p.Name) {
			names = append(names, p.Name)
		}
	}
	return names
}

func sampleOf(p Phase) sample {
	s := sample{N: len(p.Values), Censored: p.Censored}
	if s.N > 0 {
		s.Median = statistics.Median(p.Values)
	}
	if low, high, _ := statistics.Interval(p.Values, nil, 0.5); high < statistics.Endless {
		s.Interval = &[2]time.Duration{low, high}
	}
	return s
}

// changeOf is not judged yet: correct does that for all changes of a comparison.
func changeOf(name, doc string, a, b Phase) change {
	c := change{Name: name, Doc: doc, A: sampleOf(a), B: sampleOf(b)}
	if c.A.N > 0 && c.B.N > 0 {
		t := statistics.MannWhitney(a.Values, b.Values)
		c.Test = &t
		if c.A.Median != 0 {
			shift := float64(c.B.Median-c.A.Median) / math.Abs(float64(c.A.Median))
			c.Shift = &shift
		}
	}
	return c
}

// correct adjusts the tests of a comparison for each other, and only then says what they show. Changes
// that have too few values to be judged take no part.
func correct(lists ...[]change) {
	var told []*change
	var p []float64
	for _, list := range lists {
		for i := range list {
			if c := &list[i]; c.Test != nil && c.enough() {
				told, p = append(told, c), append(p, c.Test.P)
			}
		}
	}
	for i, adjusted := range statistics.Holm(p) {
		told[i].P = &adjusted
	}
	for _, list := range lists {
		for i := range list {
			list[i].say()
		}
	}
}

// enough says whether both sides have the values that a judgement takes.
func (c *change) enough() bool {
	return c.A.N >= statistics.FewestForMedian && c.B.N >= statistics.FewestForMedian
}

// say fills in the verdict.
func (c *change) say() {
	c.Verdict, c.Class = c.judge()
	if n := c.A.Censored + c.B.Censored; n > 0 {
		c.Verdict += fmt.Sprintf("; %d censored excluded", n)
	}
}

// judge says in words what the test allows to say, and no more.
func (c *change) judge() (words, class string) {
	what := "failovers"
	if c.Doc == "" {
		what = "calls"
	}
	switch {
	case c.P == nil:
		return fmt.Sprintf("too few %s to tell", what), "undecided"
	case *c.P >= significance:
		return "no detectable change", "same"
	case c.Test.Effect > 0:
		return fmt.Sprintf("B is slower: %s effect", statistics.EffectName(c.Test.Effect)), "worse"
	}
	return fmt.Sprintf("B is faster: %s effect", statistics.EffectName(c.Test.Effect)), "better"
}

func settings(a, b Digest) []setting {
	var out []setting
	add := func(name string, of func(d *Digest) string) {
		s := setting{Name: name, A: of(&a), B: of(&b)}
		s.Differs = s.A != s.B
		out = append(out, s)
	}
	add("Verdict", func(d *Digest) string { return string(d.State) })
	add("Started", func(d *Digest) string { return timeText(d.Started) })
	add("Scenario", func(d *Digest) string { return d.Scenario })
	add("System", func(d *Digest) string { return d.System })
	add("Version", func(d *Digest) string { return d.Version })
	add("Commit", func(d *Digest) string { return d.Commit })
	add("Runtime", func(d *Digest) string { return d.Runtime })
	add("Nodes", func(d *Digest) string { return fmt.Sprint(d.Nodes) })
	add("Election timeout", func(d *Digest) string { return format.MS(d.Election) })
	add("Heartbeat interval", func(d *Digest) string { return format.MS(d.Heartbeat) })
	add("Workload", func(d *Digest) string { return d.Workload + ", " + format.Plural(d.Concurrency, "worker", "workers") })
	add("Seed", func(d *Digest) string { return fmt.Sprint(d.Seed) })
	add("Faults confirmed", func(d *Digest) string { return fmt.Sprintf("%d of %d", d.Landed, d.Tried) })
	add("Calls ok, failed, unknown", func(d *Digest) string {
		return fmt.Sprintf("%s, %s, %s", format.Count(d.Ops.OK), format.Count(d.Ops.Failed), format.Count(d.Ops.Unknown))
	})
	add("Throughput", func(d *Digest) string { return rateText(ratio(float64(d.LoadOK), d.Load.Seconds())) })
	add("Write unavailability", func(d *Digest) string { return percentText(ratio(d.Unavailable.Seconds(), d.Load.Seconds())) })
	add("Outages measured by", func(d *Digest) string {
		if d.ProbeEvery == 0 {
			return "the workload's calls"
		}
		return "probes, every " + format.MS(d.ProbeEvery)
	})
	return out
}
