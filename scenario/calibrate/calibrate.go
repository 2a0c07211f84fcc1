// Package calibrate measures the error of outage timing: with a baseline run without faults, and a run in
// which client calls stall for known times.
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
	Cluster scenario.Settings // the cluster; no faults are injected into it
	Stalls  []time.Duration   // lengths of the stalls, 1ms to 1m
	Each    int               // stalls of each length, 1 to 1000
}

// Default produces five stalls of each of five lengths.
func Default() Settings {
	c := Settings{Cluster: scenario.Default(), Stalls: []time.Duration{20e6, 50e6, 100e6, 250e6, 1e9}, Each: 5}
	c.Cluster.Name, c.Cluster.Time, c.Cluster.Faults, c.Cluster.Hash = "calibrate", 10*time.Second, []string{"none"}, 0
	return c
}

// Check returns a usage error if the settings cannot be run. It starts nothing.
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
		return scenario.Usage("--probe is 0: calibration needs probes")
	}
	return c.Cluster.Check()
}

// Found is a calibration together with the probes of its two runs.
type Found struct {
	results.Calibration
	BaselineProbes, StalledProbes *failover.Probing
}

// ErrNothingProven means that no probe of a calibration was answered.
var ErrNothingProven = errors.New("no probe was answered, so nothing was proven")

// Run does both runs on a runtime and compares the measured outages with the stalls that were produced.
func Run(ctx context.Context, c Settings, rt harness.Runtime) (f Found, err error) {
	baseline, _, err := c.measure(ctx, rt, false)
	if err != nil {
		return f, err
	}
	stalled, windows, err := c.measure(ctx, rt, true)
	if err != nil {
		return f, err
	}
	if baseline.Probes == nil || baseline.Probes.Calls.OK == 0 || stalled.Probes == nil || stalled.Probes.Calls.OK == 0 {
		return f, ErrNothingProven
	}
	f = Found{judge(&baseline, &stalled, windows), baseline.Probes, stalled.Probes}
	f.At, f.Machine, f.Runtime, f.System = time.Now(), results.ThisMachine(), rt.Name(), c.Cluster.System
	f.Nodes, f.Seed = c.Cluster.Nodes, c.Cluster.Seed
	return f, nil
}

// stallWindows draws the stalls after start, at random phases of the probe interval. It returns them and the
// time at which the last one is over.
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

// measure does one run and analyses its history. The stalls begin a second after the start of the faults
// phase, in which no fault is injected.
func (c *Settings) measure(ctx context.Context, rt harness.Runtime, stalls bool) (a failover.Analysis, windows []harness.Window, err error) {
	p := c.Cluster
	system, err := p.NewSystem()
	if err != nil {
		return a, nil, err
	}
	defer func() { _ = system.Close() }() // an error to close its connections does not matter
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

// reading is the measurement of one stall with one kind of call (reads or writes).
type reading struct {
	length, measured time.Duration
	found            bool
	unprompted       bool // it is among the gaps, which are detected without knowing the start of the stall
}

// measured measures every stall like a failover whose start is known.
func measured(a *failover.Analysis, windows []harness.Window) (out []reading) {
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
			r.unprompted = slices.ContainsFunc(a.Probes.Gaps, func(g failover.Gap) bool { return g.Reads == reads && overlaps(g, w.From, w.To) })
			out = append(out, r)
		}
	}
	return out
}

// judge compares the measurements with the stalls that were produced. The error of a stall must be at most
// the probe interval plus the longest answer in the baseline run.
func judge(baseline, stalled *failover.Analysis, windows []harness.Window) results.Calibration {
	p := baseline.Probes
	out := results.Calibration{Every: p.Every, Timeout: p.Timeout, Calm: p.Calls.All()}
	from, to := served(baseline)
	for _, g := range p.Gaps {
		if overlaps(g, from, to) {
			out.Outages++
		}
	}
	out.Noise = max(baseline.LongestWait(false, from, to), baseline.LongestWait(true, from, to))
	for _, x := range []*failover.Probing{p, stalled.Probes} {
		if x.Unsent != nil {
			out.Unsent += *x.Unsent
		}
	}
	byLength := map[time.Duration][]reading{}
	for _, r := range measured(stalled, windows) {
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

// allowed is the largest error that a measurement may have.
func allowed(c *results.Calibration) time.Duration { return c.Every + c.Noise }

// served is the part of the baseline run in which the cluster served, after members and connections have
// started and the first election is over.
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

// stallOf summarizes the measurements of the stalls of one length.
func stallOf(d time.Duration, rs []reading) results.Stall {
	s := results.Stall{Length: d, N: len(rs)}
	var took []time.Duration
	for _, r := range rs {
		if r.found {
			took = append(took, r.measured)
		}
		if r.unprompted {
			s.Unasked++
		}
	}
	if s.Read = len(took); s.Read > 0 {
		slices.Sort(took)
		s.Median, s.Low, s.High = took[(len(took)-1)/2], took[0]-d, took[len(took)-1]-d
	}
	return s
}

// stallTrouble says what is wrong with the measurements; empty: nothing.
func stallTrouble(s results.Stall, allowed time.Duration) string {
	switch {
	case s.Read == 0:
		return "none was measured"
	case s.Read < s.N:
		return fmt.Sprintf("%d were not measured", s.N-s.Read)
	case s.Low < -allowed || s.High > allowed:
		return "the error is too large"
	}
	return ""
}

// Text is the calibration in words.
func (f *Found) Text() string {
	c, baseline, stalled := &f.Calibration, f.BaselineProbes, f.StalledProbes
	var b strings.Builder
	fmt.Fprintf(&b, "baseline %d probes, %d outages measured; latency p50 %v, p99 %v, max %v\n", c.Calm, c.Outages, round(baseline.P50), round(baseline.P99), round(c.Noise))
	for _, x := range []*failover.Probing{baseline, stalled} {
		if x.Unsent != nil && x.LateMax != nil {
			fmt.Fprintf(&b, "probes   every %v; %d of %d skipped; sent at most %v late\n", x.Every, *x.Unsent, *x.Unsent+x.Calls.All(), round(*x.LateMax))
		}
	}
	fmt.Fprintf(&b, "%-9s %4s %12s %12s %12s %11s\n", "stall", "n", "median", "min error", "max error", "unprompted")
	for _, s := range c.Stalls {
		trouble := stallTrouble(s, allowed(c))
		if trouble == "" {
			trouble = "accurate"
		}
		if s.Read > 0 {
			fmt.Fprintf(&b, "%-9v %4d %12v %12v %12v %11d  %s\n", s.Length, s.N, round(s.Median), round(s.Low), round(s.High), s.Unasked, trouble)
		} else {
			fmt.Fprintf(&b, "%-9v %4d  %s\n", s.Length, s.N, trouble)
		}
	}
	if c.Exact {
		fmt.Fprintf(&b, "VALID    outage timing is accurate to within %v here (probe interval + longest answer of the baseline run)\n", round(allowed(c)))
	} else {
		fmt.Fprintf(&b, "INVALID  outage timing is less accurate than reported: errors of at most %v are allowed\n", round(allowed(c)))
	}
	fmt.Fprintf(&b, "limit    a stall shorter than a probe's timeout (%v) fails no probe: if its start is not known, it appears\n         as slow answers, and not as an outage (column unprompted)\n", c.Timeout)
	return b.String()
}

func round(d time.Duration) time.Duration { return d.Round(10 * time.Microsecond) }
