package trends

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/results/failover"
)

// world draws runs as a nightly makes them: every night a machine of its own speed, every run some
// failovers, whose outages are an election timeout and up to as much again.
type world struct {
	rng    *rand.Rand
	noise  float64 // standard deviation of the logarithm of a night's speed, the same for all its runs
	tail   float64 // part of the nights on a noisy machine
	slower float64 // factor of everything that takes time; 1: as ever
	fewer  float64 // factor of acknowledged calls
	lost   float64 // factor of unknown outcomes
}

func (w *world) run(kind, night int, speed float64) Row {
	r := Row{
		Format: Format, ID: fmt.Sprintf("k%d-n%d", kind, night), Started: time.Date(2026, 1, 1, 2, kind, 0, 0, time.UTC).AddDate(0, 0, night), State: Valid,
		Scenario: fmt.Sprintf("s%d", kind), System: "raftkv", Runtime: "docker", Nodes: 3, Load: 70 * time.Second,
	}
	n := 6 + w.rng.IntN(5)
	for range n {
		took := (1 + w.rng.Float64()) * speed * math.Exp(0.05*w.rng.NormFloat64()) * w.slower
		r.WriteOutages = append(r.WriteOutages, time.Duration(took*float64(time.Second)))
		r.Unavailable += time.Duration(took * float64(time.Second))
		r.Ops.Unknown += int(float64(w.rng.IntN(6)) * w.lost)
	}
	slices.Sort(r.WriteOutages)
	served := (r.Load - r.Unavailable).Seconds()
	r.LoadOK = int(200 * served * math.Exp(0.05*w.rng.NormFloat64()) * w.fewer)
	r.Ops.OK = r.LoadOK
	return r
}

func (w *world) speed() float64 {
	s := math.Exp(w.noise * w.rng.NormFloat64())
	if w.rng.Float64() < w.tail {
		s *= 1.3 + 0.4*w.rng.Float64()
	}
	return s
}

// history draws runs of some kinds over nights. All but the last two are as ever; those two are as
// the world says.
func (w *world) history(kinds, nights int) []Row {
	now := *w
	w.slower, w.fewer, w.lost = 1, 1, 1
	var rows []Row
	for n := range nights {
		if n == nights-2 {
			w.slower, w.fewer, w.lost = now.slower, now.fewer, now.lost
		}
		speed := w.speed()
		for k := range kinds {
			rows = append(rows, w.run(k, n, speed))
		}
	}
	return rows
}

func worldOf(seed uint64) *world {
	return &world{rng: rand.New(rand.NewPCG(seed, 4)), noise: 0.05, tail: 0.05, slower: 1, fewer: 1, lost: 1}
}

func count(found []Finding, o Outcome) (n int) {
	for i := range found {
		if found[i].Outcome == o {
			n++
		}
	}
	return n
}

// TestFalseAlarms: a gate over 14 kinds, of 5 numbers each, whose runs are as ever, with one night in
// twenty on a machine that is 30 to 70 % slower. Fewer than one gate in a hundred fails: in this
// simulation (seeds 1 to 1000) it is the number that the test states.
func TestFalseAlarms(t *testing.T) {
	alarms, suspects := 0, 0
	const gates, kinds = 1000, 14
	for seed := range uint64(gates) {
		found := Judge(worldOf(seed).history(kinds, DefaultWindow+DefaultConfirm), Options{})
		require.Len(t, found, kinds*len(Metrics()))
		require.Zero(t, count(found, TooFew)+count(found, NotCompared))
		alarms += min(1, count(found, Regression))
		suspects += min(1, count(found, Suspect))
	}
	t.Logf("of %d gates without a change, %d alarmed and %d had a suspect", gates, alarms, suspects)
	require.LessOrEqual(t, alarms, gates/100)
	require.Less(t, suspects, gates/10)
}

// TestSlowerIsFound: what the gate finds, of one kind.
func TestSlowerIsFound(t *testing.T) {
	for _, c := range []struct {
		metric string
		change func(*world)
		least  int // of 100 gates
	}{
		{"failover p50", func(w *world) { w.slower = 3 }, 90},
		{"failover p95", func(w *world) { w.slower = 2 }, 80},
		{"unavailable", func(w *world) { w.slower = 4 }, 80},
		{"throughput", func(w *world) { w.fewer = 0.4 }, 90},
		{"unknown outcomes", func(w *world) { w.lost = 6 }, 80},
	} {
		t.Run(c.metric, func(t *testing.T) {
			hit := 0
			for seed := range uint64(100) {
				w := worldOf(seed)
				c.change(w)
				for _, f := range Judge(w.history(1, DefaultWindow+DefaultConfirm), Options{}) {
					if f.Metric.Name == c.metric && f.Outcome == Regression {
						hit++
					}
				}
			}
			t.Logf("found in %d of 100", hit)
			require.GreaterOrEqual(t, hit, c.least)
		})
	}
}

// steady are runs of one kind that differ a little, newest last.
func steady(n int) []Row {
	var rows []Row
	for i := range n {
		d := time.Duration(i%5) * 10 * time.Millisecond
		rows = append(rows, Row{
			Format: Format, ID: fmt.Sprintf("r%02d", i), Started: time.Date(2026, 1, 1+i, 2, 0, 0, 0, time.UTC), State: Valid, Scenario: "chaos", System: "raftkv", Runtime: "docker",
			WriteOutages: []time.Duration{time.Second + d, 1200*time.Millisecond + d, 1500*time.Millisecond + d},
			Load:         time.Minute, LoadOK: 10000 + i%5*100, Unavailable: 4*time.Second + 3*d, Ops: failover.Counts{OK: 10000, Unknown: 5 + i%5},
		})
	}
	return rows
}

func find(t *testing.T, found []Finding, metric string) Finding {
	t.Helper()
	i := slices.IndexFunc(found, func(f Finding) bool { return f.Metric.Name == metric })
	require.GreaterOrEqual(t, i, 0)
	return found[i]
}

func TestJudge(t *testing.T) {
	slow := func(r *Row) {
		r.WriteOutages = []time.Duration{2 * time.Second, 3 * time.Second, 4 * time.Second}
	}
	for _, c := range []struct {
		name string
		rows func() []Row
		o    Options
		want Outcome
		why  string
	}{
		{"nothing changed", func() []Row { return steady(16) }, Options{}, Same, ""},
		{"one slow run", func() []Row { r := steady(16); slow(&r[15]); return r }, Options{}, Suspect, ""},
		{"one slow run is enough if told so", func() []Row { r := steady(15); slow(&r[14]); return r }, Options{Confirm: 1}, Regression, ""},
		{"two slow runs", func() []Row { r := steady(16); slow(&r[14]); slow(&r[15]); return r }, Options{}, Regression, ""},
		{"a slow run that is over", func() []Row { r := steady(16); slow(&r[14]); return r }, Options{}, Same, ""},
		{"quick", func() []Row { r := steady(16); r[15].WriteOutages = []time.Duration{1, 2, 3}; return r }, Options{}, Better, ""},
		{"within what there was before", func() []Row { r := steady(16); slow(&r[3]); slow(&r[14]); slow(&r[15]); return r }, Options{}, Same, ""},
		{"too few", func() []Row { return steady(9) }, Options{}, TooFew, "7 of 14"},
		{"the first of its kind", func() []Row { return steady(1) }, Options{}, TooFew, "0 of 14"},
		{"a smaller window", func() []Row { return steady(9) }, Options{Window: 7}, Same, ""},
		{"other settings are another kind", func() []Row { r := steady(16); r[15].Election = time.Second; return r }, Options{}, TooFew, "0 of 14"},
		{"the newest broke", func() []Row { r := steady(16); r[15].Broke = "the run broke"; return r }, Options{}, NotCompared, "the run broke"},
		{"broken ones before do not count", func() []Row { r := steady(17); r[2].Broke = "the run broke"; return r }, Options{}, Same, ""},
		{"then there are too few", func() []Row { r := steady(16); r[2].Broke = "the run broke"; return r }, Options{}, TooFew, "13 of 14"},
		{"too few failovers", func() []Row { r := steady(16); r[15].WriteOutages = r[15].WriteOutages[:2]; return r }, Options{}, NotCompared, "too few failovers: 2 of 3"},
		{"outages without end are the worst", func() []Row {
			r := steady(16)
			for i := 14; i < 16; i++ {
				r[i].WriteOutages, r[i].WriteCensored = r[i].WriteOutages[:1], 2
			}
			return r
		}, Options{}, Regression, ""},
		{"as they always were", func() []Row {
			r := steady(16)
			for i := range r {
				r[i].WriteOutages, r[i].WriteCensored = nil, 3
			}
			return r
		}, Options{}, NotCompared, "most outages of the earlier runs were censored"},
	} {
		t.Run(c.name, func(t *testing.T) {
			rows := c.rows()
			f := find(t, Judge(rows, c.o), "failover p50")
			require.Equal(t, c.want, f.Outcome, "%+v", f)
			require.Equal(t, c.why, f.Why)
			slices.Reverse(rows) // their order says nothing
			again := find(t, Judge(rows, c.o), "failover p50")
			f.Metric.value, again.Metric.value = nil, nil // functions are never equal
			require.Equal(t, f, again)
		})
	}
}

func TestJudgeLooksAtEveryNumber(t *testing.T) {
	rows := steady(16)
	for i := 14; i < 16; i++ {
		rows[i].LoadOK, rows[i].Unavailable, rows[i].Ops.Unknown = 4000, 20*time.Second, 500
		rows[i].WriteOutages[2] = 5 * time.Second
	}
	found := Judge(rows, Options{})
	for metric, want := range map[string]Outcome{"failover p50": Same, "failover p95": Regression, "unavailable": Regression, "throughput": Regression, "unknown outcomes": Regression} {
		require.Equal(t, want, find(t, found, metric).Outcome, metric)
	}
	f := find(t, found, "throughput")
	require.InDelta(t, 4000.0/60, f.Value, 1e-9)
	require.Less(t, f.Limit, f.Median)
	change, ok := f.Change()
	require.True(t, ok)
	require.Less(t, change, -0.5)
}

// TestStaleKindsAreLeftOut: a kind that is run no more does not fail every night to come.
func TestStaleKindsAreLeftOut(t *testing.T) {
	rows := steady(16)
	gone := steady(10)
	for i := range gone {
		gone[i].ID, gone[i].Scenario = "gone-"+gone[i].ID, "gone"
	}
	for _, f := range Judge(append(rows, gone...), Options{}) {
		require.Equal(t, "chaos", f.Kind.Scenario)
	}
	require.Empty(t, Judge(nil, Options{}))
}
