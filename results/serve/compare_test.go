package serve

import (
	"encoding/xml"
	"errors"
	"html/template"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/results/trends"
)

func durations(v ...float64) []time.Duration {
	out := make([]time.Duration, len(v))
	for i := range v {
		out[i] = time.Duration(v[i] * 1000)
	}
	return out
}

func digestsOf(root string) map[string]Digest {
	out := map[string]Digest{}
	for _, id := range []string{slowRun, quickRun, etcdRun, badRun, runningRun, tornRun, emptyDir} {
		out[id] = digest(root, id)
	}
	return out
}

func changeNamed(t *testing.T, list []change, name string) change {
	for _, c := range list {
		if c.Name == name {
			return c
		}
	}
	require.Failf(t, "no such change", "%s in %v", name, list)
	return change{}
}

func TestCompareTwoRuns(t *testing.T) {
	root := folderOfRuns(t)
	both := func(id string) (Digest, map[string][]time.Duration) {
		d := digest(root, id)
		l, err := latencies(root, &d)
		require.NoError(t, err)
		return d, l
	}
	a, la := both(slowRun)
	for name, c := range map[string]struct {
		with             string
		outage, put      string
		shift            float64
		outageP, outageE float64
	}{
		// The smaller of each pair of 7 and 7: 2 of 3432 choices.
		"quicker":   {quickRun, "B is faster: large effect", "no detectable change", -0.7407, 2.0 / 3432, -1},
		"like it":   {badRun, "no detectable change", "no detectable change", -0.0185, -1, -1.0 / 7},
		"too few":   {etcdRun, "too few failovers to tell", "B is slower: large effect", -0.0926, -1, -9.0 / 14},
		"with self": {slowRun, "no detectable change", "no detectable change", 0, 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			b, lb := both(c.with)
			got := compare(a, b, la, lb)
			out := changeNamed(t, got.Failovers, writeOutage)
			require.Equal(t, c.outage, out.Verdict)
			require.InDelta(t, c.shift, *out.Shift, 0.02)
			if c.outageP >= 0 {
				require.InDelta(t, c.outageP, out.Test.P, 1e-9)
			}
			require.InDelta(t, c.outageE, out.Test.Effect, 0.15)
			require.Equal(t, c.put, changeNamed(t, got.Calls, "put").Verdict)
		})
	}
}

func TestChangeSaysNoMoreThanItKnows(t *testing.T) {
	some := durations(1, 2, 3, 4, 5, 6, 7, 8)
	for name, c := range map[string]struct {
		a, b    Phase
		verdict string
		class   string
	}{
		"nothing":            {Phase{}, Phase{}, "too few failovers to tell", "undecided"},
		"one side":           {Phase{Values: some}, Phase{}, "too few failovers to tell", "undecided"},
		"five are too few":   {Phase{Values: some}, Phase{Values: durations(100, 101, 102, 103, 104)}, "too few failovers to tell", "undecided"},
		"six are enough":     {Phase{Values: some}, Phase{Values: durations(100, 101, 102, 103, 104, 105)}, "B is slower: large effect", "worse"},
		"the same":           {Phase{Values: some}, Phase{Values: some}, "no detectable change", "same"},
		"censored are told":  {Phase{Values: some, Censored: 2}, Phase{Values: some, Censored: 1}, "no detectable change; 3 censored excluded", "same"},
		"from nothing, zero": {Phase{Values: make([]time.Duration, 8)}, Phase{Values: some}, "B is slower: large effect", "worse"},
	} {
		t.Run(name, func(t *testing.T) {
			changes := []change{changeOf("x", "a duration", c.a, c.b)}
			correct(changes)
			got := changes[0]
			require.Equal(t, c.verdict, got.Verdict)
			require.Equal(t, c.class, got.Class)
			if name == "from nothing, zero" {
				require.Nil(t, got.Shift) // no part of nothing
			}
			wellFormed(t, dotChart(&got, time.Second))
		})
	}
}

func wellFormed(t *testing.T, svg template.HTML) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(string(svg)))
	for {
		_, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err, string(svg))
	}
	require.NotContains(t, string(svg), "NaN")
	require.NotContains(t, string(svg), "Inf")
}

func TestTrendByRunAndByNight(t *testing.T) {
	digests := digestsOf(folderOfRuns(t))
	runs := []Digest{digests[badRun], digests[quickRun], digests[slowRun], digests[etcdRun]}
	byRun := trend(runs, false)
	require.Len(t, byRun, 4)
	require.Equal(t, slowRun, byRun[0].Run) // oldest first
	require.Equal(t, badRun, byRun[3].Run)
	require.InDelta(t, 1.35, *byRun[0].P50, 0.04)
	require.InDelta(t, 1.5, *byRun[0].P95, 0.04)
	require.InDelta(t, digests[quickRun].Unavailable.Seconds()/digests[quickRun].Load.Seconds(), *byRun[1].Unavailable, 1e-9)
	require.InDelta(t, 3/float64(digests[quickRun].Ops.All()), *byRun[1].UnknownShare, 1e-9)
	require.InDelta(t, float64(digests[quickRun].LoadOK)/digests[quickRun].Load.Seconds(), *byRun[1].Throughput, 1e-9)

	nights := trend(runs, true)
	require.Len(t, nights, 3)
	require.Equal(t, "2026-11-19", nights[0].Label) // at 3 in the morning: the night that began the day before
	require.Equal(t, 2, nights[1].Runs)
	require.Equal(t, map[State]int{Valid: 1, Unknown: 1}, nights[1].States)
	require.Equal(t, len(quick)+2, nights[1].Failovers)
	require.InDelta(t, 0.40, *nights[1].P50, 0.04) // the fifth of 7 quick and 2 slow ones is 0.40
	require.InDelta(t, 1.25, *nights[1].P95, 0.04)

	require.InDelta(t, 1, *nights[1].Landed, 0)

	broken := trend([]Digest{digests[tornRun]}, false)
	require.Nil(t, broken[0].P50)
	require.Nil(t, broken[0].Throughput)
	require.Nil(t, broken[0].Unavailable)
	require.Empty(t, trend(nil, true))
}

func TestChartsAreWellFormed(t *testing.T) {
	evil := `"><script>alert(1)</script>&`
	value := func(v float64) *float64 { return &v }
	for name, points := range map[string][]point{
		"one":      {{Run: evil, Label: evil, Runs: 1, States: map[State]int{Valid: 1}, P50: value(1.5), P95: value(2)}},
		"unknown":  {{Runs: 1, States: map[State]int{Broken: 1}}},
		"zeros":    {{Runs: 1, P50: value(0), Unavailable: value(0)}, {Runs: 1, P50: value(0), Unavailable: value(0)}},
		"gaps":     {{Runs: 9, P50: value(1)}, {Runs: 2}, {Runs: 1, P50: value(3)}},
		"very big": {{Runs: 100000, P50: value(1e9), Throughput: value(1e7)}, {Runs: 1, P50: value(1e-9), Throughput: value(1e-3)}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, c := range trendCharts(points) {
				wellFormed(t, c.SVG)
				require.NotContains(t, string(c.SVG), "<script")
			}
		})
	}
}

func TestNiceScaleHoldsTheMost(t *testing.T) {
	for most, want := range map[float64][2]float64{0: {1, 1}, 1: {1, 0.2}, 1.1: {1.5, 0.5}, 7: {8, 2}, 10: {10, 2}, 612: {800, 200}, 0.0213: {0.025, 0.005}} {
		top, step := niceScale(most)
		require.InDelta(t, want[0], top, 1e-9, "top for %g", most)
		require.InDelta(t, want[1], step, 1e-9, "step for %g", most)
	}
}

func TestMixedRunsAreToldApart(t *testing.T) {
	a := Digest{Row: trends.Row{State: Valid, Scenario: "chaos", System: "raftkv", Nodes: 3}}
	b := a
	require.Empty(t, mixed([]Digest{a, b}))
	require.Empty(t, mixed([]Digest{a, {Row: trends.Row{State: Broken}}}))
	b.Nodes = 5
	require.Contains(t, mixed([]Digest{a, b}), "2 different settings")
}
