// Package calibrate measures how exactly outages are measured: a run in which nothing happens, and one
// in which the clients' path stalls for known times.
package calibrate

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/history"
	"github.com/faultline-chaos/faultline/results"
	"github.com/faultline-chaos/faultline/results/failover"
	"github.com/faultline-chaos/faultline/scenario"
)

// Settings of a calibration.
type Settings struct {
	Cluster scenario.Settings // what is run; nothing of it is broken
	Stalls  []time.Duration   // lengths of the stalls, 1ms to 1m
	Each    int               // stalls of each length, 1 to 1000
}

// Default is five stalls of each of five lengths.
func Default() Settings {
	c := Settings{Cluster: scenario.Default(), Stalls: []time.Duration{20e6, 50e6, 100e6, 250e6, 1e9}, Each: 5}
	c.Cluster.Name, c.Cluster.Time, c.Cluster.Faults, c.Cluster.Hash = "calibrate", 10*time.Second, []string{"none"}, 0
	return c
}

// Check says what is wrong with the settings, before anything is started.
func (c *Settings) Check() error {
	if c.Each < 1 || c.Each > 1000 {
		return scenario.Usage("--each is %d: allowed are 1 to 1000", c.Each)
	}
	for _, d := range c.Stalls {
		if d < time.Millisecond || d > time.Minute {
			return scenario.Usage("--stalls has %v: allowed are 1ms to 1m", d)
		}
	}
	if len(c.Stalls) == 0 {
		return scenario.Usage("--stalls is empty: it must name at least one length")
	}
	if c.Cluster.Probe == 0 {
		return scenario.Usage("--probe is 0: the probes are what is calibrated")
	}
	return c.Cluster.Check()
}

// Found is a calibration with the probes of its two runs.
type Found struct {
	results.Calibration
	CalmProbes, StalledProbes *failover.Probing
}

// ErrNothingProven is of a calibration in which no probe was answered.
var ErrNothingProven = errors.New("no probe was answered, so nothing was proven")

// Run does both runs on a runtime and compares what was read with what was done.
func Run(ctx context.Context, c Settings, rt harness.Runtime) (f Found, err error) {
	calm, _, err := c.measure(ctx, rt, false)
	if err != nil {
		return f, err
	}
	stalled, windows, err := c.measure(ctx, rt, true)
	if err != nil {
		return f, err
	}
	if calm.Probes == nil || calm.Probes.Calls.OK == 0 || stalled.Probes == nil || stalled.Probes.Calls.OK == 0 {
		return f, ErrNothingProven
	}
	f = Found{judge(&calm, &stalled, windows), calm.Probes, stalled.Probes}
	f.At, f.Machine, f.Runtime, f.System = time.Now(), results.ThisMachine(), rt.Name(), c.Cluster.System
	f.Nodes, f.Seed = c.Cluster.Nodes, c.Cluster.Seed
	return f, nil
}

// stallWindows are the stalls from start on, at random phases of the probes' schedule, and when the
// last is over.
func (c *Settings) stallWindows(start time.Duration) (out []harness.Window, end time.Duration) {
	r := harness.Stream(c.Cluster.Seed, "calibrate")
	for range c.Each {
		for _, d := range c.Stalls {
			start += 500*time.Millisecond + time.Duration(r.Int64N(int64(100*time.Millisecond)))
			out = append(out, harness.Window{From: start, To: start + d})
			start += d
		}
	}
	return out, start + 500*time.Millisecond
}

// measure does one run and analyses its history. The stalls begin a second after the start of the
// faults phase that no fault is in.
func (c *Settings) measure(ctx context.Context, rt harness.Runtime, stalls bool) (a failover.Analysis, windows []harness.Window, err error) {
	p := c.Cluster
	system, err := p.NewSystem()
	if err != nil {
		return a, nil, err
	}
	defer func() { _ = system.Close() }() // nothing is lost with its connections
	w, err := p.NewWorkload()
	if err != nil {
		return a, nil, err
	}
	run := results.Run{ElectionTimeout: p.Election, HeartbeatInterval: p.Heartbeat}
	run.ProbeEvery, run.ProbeTimeout = p.Probes()
	got, err := scenario.Job{
		Runtime: rt, Cluster: harness.ClusterConfig{RunID: scenario.FolderName(time.Now(), "calibrate"), Seed: p.Seed, System: system, Nodes: p.Nodes},
		Record: harness.RecorderOptions{Keep: true}, Silent: true,
		Do: func(ctx context.Context, env harness.Env, hc harness.Cluster, r *harness.Recorder) error {
			rc := p.RunConfig(w, nil)
			if stalls {
				var end time.Duration
				windows, end = c.stallWindows(env.Now() + 4*time.Second)
				rc.Faults = max(rc.Faults, end-env.Now())
				hc = harness.Stalling(hc, env, windows)
			}
			return harness.Run(ctx, env, hc, r, rc)
		},
	}.Perform(ctx)
	run.Nodes = got.Members
	return failover.Analyze(run, history.History{Nodes: got.Members, Ops: got.Ops}), windows, err
}

// reading is what the history says about one kind of call in one stall.
type reading struct {
	length, measured time.Duration
	found            bool
	unasked          bool // it is among the gaps, which are found without being told when
}

// read reads every stall back as the outage of a failover is, told when it began.
func read(a *failover.Analysis, windows []harness.Window) (out []reading) {
	for i, w := range windows {
		until := a.End
		if i+1 < len(windows) {
			until = windows[i+1].From
		}
		for _, reads := range []bool{false, true} {
			r := reading{length: w.To - w.From}
			if o := a.OutageAt(w.From, until, reads); o.Took != nil {
				r.measured, r.found = *o.Took, true
			}
			r.unasked = slices.ContainsFunc(a.Probes.Gaps, func(g failover.Gap) bool { return g.Reads == reads && overlaps(g, w.From, w.To) })
			out = append(out, r)
		}
	}
	return out
}

// judge compares what was read with what was done. A stall must be read to within the probes' interval
// and what an answer took when nothing stalled.
func judge(calm, stalled *failover.Analysis, windows []harness.Window) results.Calibration {
	p := calm.Probes
	out := results.Calibration{Every: p.Every, Timeout: p.Timeout, Calm: p.Calls.All()}
	from, to := served(calm)
	for _, g := range p.Gaps {
		if overlaps(g, from, to) {
			out.Outages++
		}
	}
	out.Noise = max(calm.LongestWait(false, from, to), calm.LongestWait(true, from, to))
	for _, x := range []*failover.Probing{p, stalled.Probes} {
		if x.Unsent != nil {
			out.Unsent += *x.Unsent
		}
	}
	byLength := map[time.Duration][]reading{}
	for _, r := range read(stalled, windows) {
		byLength[r.length] = append(byLength[r.length], r)
	}
	out.Exact = out.Outages == 0
	for _, d := range slices.Sorted(maps.Keys(byLength)) {
		s := stallOf(d, byLength[d])
		out.Stalls = append(out.Stalls, s)
		out.Exact = out.Exact && stallTrouble(s, allowed(&out)) == ""
	}
	return out
}

func overlaps(g failover.Gap, from, to time.Duration) bool { return g.From < to && g.To > from }

// allowed is how far off a reading may be.
func allowed(c *results.Calibration) time.Duration { return c.Every + c.Noise }

// served is the calm in which the cluster served: before it, members, connections and the first election
// take their time.
func served(a *failover.Analysis) (from, to time.Duration) {
	to = a.End
	for _, p := range a.Phases {
		switch p.Phase {
		case history.PhaseFaults:
			from = p.At
		case history.PhaseRecover:
			to = p.At
		}
	}
	return from, to
}

// stallOf sums up what was read of the stalls of one length.
func stallOf(d time.Duration, rs []reading) results.Stall {
	s := results.Stall{Length: d, N: len(rs)}
	var took []time.Duration
	for _, r := range rs {
		if r.found {
			took = append(took, r.measured)
		}
		if r.unasked {
			s.Unasked++
		}
	}
	if s.Read = len(took); s.Read > 0 {
		slices.Sort(took)
		s.Median, s.Low, s.High = took[(len(took)-1)/2], took[0]-d, took[len(took)-1]-d
	}
	return s
}

// stallTrouble is what is wrong with the readings; empty: nothing.
func stallTrouble(s results.Stall, allowed time.Duration) string {
	switch {
	case s.Read == 0:
		return "not one was read"
	case s.Read < s.N:
		return fmt.Sprintf("%d were not read", s.N-s.Read)
	case s.Low < -allowed || s.High > allowed:
		return "too far off"
	}
	return ""
}

// Text is the calibration in words.
func (f *Found) Text() string {
	c, calm, stalled := &f.Calibration, f.CalmProbes, f.StalledProbes
	var b strings.Builder
	fmt.Fprintf(&b, "calm     %d probes, %d outages read; answers take p50 %v, p99 %v, at most %v\n", c.Calm, c.Outages, round(calm.P50), round(calm.P99), round(c.Noise))
	for _, x := range []*failover.Probing{calm, stalled} {
		if x.Unsent != nil && x.LateMax != nil {
			fmt.Fprintf(&b, "probes   every %v; %d of %d unsent; sent at most %v late\n", x.Every, *x.Unsent, *x.Unsent+x.Calls.All(), round(*x.LateMax))
		}
	}
	fmt.Fprintf(&b, "%-9s %4s %12s %12s %12s %9s\n", "stall", "n", "read, median", "least error", "most error", "unasked")
	for _, s := range c.Stalls {
		trouble := stallTrouble(s, allowed(c))
		if trouble == "" {
			trouble = "exact enough"
		}
		if s.Read > 0 {
			fmt.Fprintf(&b, "%-9v %4d %12v %12v %12v %9d  %s\n", s.Length, s.N, round(s.Median), round(s.Low), round(s.High), s.Unasked, trouble)
		} else {
			fmt.Fprintf(&b, "%-9v %4d  %s\n", s.Length, s.N, trouble)
		}
	}
	if c.Exact {
		fmt.Fprintf(&b, "VALID    outages are read to within %v here: the probes' interval, and the longest answer of the calm run\n", round(allowed(c)))
	} else {
		fmt.Fprintf(&b, "INVALID  the ruler is not as exact as it says: %v were allowed\n", round(allowed(c)))
	}
	fmt.Fprintf(&b, "bound    a stall shorter than a probe's timeout (%v) fails no probe: where no fault says when it began, it shows\n         as slow answers, and not as a time without service (unasked)\n", c.Timeout)
	return b.String()
}

func round(d time.Duration) time.Duration { return d.Round(10 * time.Microsecond) }
