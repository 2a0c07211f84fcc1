package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/results"
)

// calibration is how exact the ruler is: a run in which nothing happens, and one in which the clients'
// path stalls for known times.
type calibration struct {
	plan    plan
	lengths []time.Duration
	repeat  int
}

func newCalibrateCmd(a *app) *cobra.Command {
	c := calibration{plan: defaultPlan(), lengths: []time.Duration{20e6, 50e6, 100e6, 250e6, 1e9}, repeat: 5}
	c.plan.Name, c.plan.Time, c.plan.Faults, c.plan.Hash = "calibrate", 10*time.Second, []string{"none"}, 0
	cmd := &cobra.Command{
		Use:   "calibrate",
		Short: "Measure how exactly outages are measured here: a calm run, and stalls of known length",
		Long: `Calibrate runs a cluster twice. In the first run nothing is broken, and no outage may
be read. In the second, calls of clients are held back for known times on their way to
the members, and what the probes' history says about each stall is compared with it.
A stall is read as the outage of a failover is, told when it began; "unasked" counts
those that were also found without being told. The result is kept in calibration.json
beside the runs' folders (--out), and every later report of a run on the same machine
and runtime says how exact its ruler is.

Exit codes: 0 the ruler is as exact as it says, 1 it is not, 2 nothing was proven.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.calibrate(cmd.Context(), &c) },
	}
	c.plan.flags(cmd.Flags())
	cmd.Flags().DurationSliceVar(&c.lengths, "stalls", c.lengths, "lengths of the stalls")
	cmd.Flags().IntVar(&c.repeat, "each", c.repeat, "stalls of each length")
	for _, hidden := range []string{"faults", "storm", "hostile", "workload", "check-time", "stop-on-violation", "hash"} {
		_ = cmd.Flags().MarkHidden(hidden) // the flags exist
	}
	return cmd
}

func (c *calibration) check() error {
	if c.repeat < 1 || c.repeat > 1000 {
		return usage("--each is %d: allowed are 1 to 1000", c.repeat)
	}
	for _, d := range c.lengths {
		if d < time.Millisecond || d > time.Minute {
			return usage("--stalls has %v: allowed are 1ms to 1m", d)
		}
	}
	if len(c.lengths) == 0 {
		return usage("--stalls is empty: it must name at least one length")
	}
	if c.plan.Probe == 0 {
		return usage("--probe is 0: the probes are what is calibrated")
	}
	return c.plan.validate()
}

// stallWindows are the stalls from start on, at random phases of the probes' schedule, and when the
// last is over.
func (c *calibration) stallWindows(start time.Duration) (out []harness.Window, end time.Duration) {
	r := harness.Stream(c.plan.Seed, "calibrate")
	for range c.repeat {
		for _, d := range c.lengths {
			start += 500*time.Millisecond + time.Duration(r.Int64N(int64(100*time.Millisecond)))
			out = append(out, harness.Window{From: start, To: start + d})
			start += d
		}
	}
	return out, start + 500*time.Millisecond
}

// measure does one run and analyses its history. The stalls begin a second after the start of the
// faults phase that no fault is in.
func (c *calibration) measure(ctx context.Context, rt harness.Runtime, stalls bool) (a results.Analysis, windows []harness.Window, err error) {
	p := c.plan
	system, err := p.makeSystem()
	if err != nil {
		return a, nil, err
	}
	defer func() { _ = system.Close() }() // nothing is lost with its connections
	w, err := p.makeWorkload()
	if err != nil {
		return a, nil, err
	}
	run := results.Run{ElectionTimeout: p.Election, HeartbeatInterval: p.Heartbeat}
	run.ProbeEvery, run.ProbeTimeout = p.probe()
	rc := p.runConfig(w, nil)
	cfg := harness.ClusterConfig{RunID: folderName(time.Now(), "calibrate"), Seed: p.Seed, System: system, Nodes: p.Nodes}
	var h harness.History
	err = rt.Run(ctx, cfg, func(ctx context.Context, env harness.Env, hc harness.Cluster) error {
		if stalls {
			begin := env.Now() + 4*time.Second
			var end time.Duration
			windows, end = c.stallWindows(begin)
			rc.Faults = max(rc.Faults, end-env.Now())
			hc = harness.Stalling(hc, env, windows)
		}
		r := harness.NewRecorder(env, io.Discard, harness.RecorderOptions{Keep: true})
		err := harness.Run(ctx, env, hc, r, rc)
		h = harness.History{Nodes: hc.Members(), Ops: r.Ops()}
		return err
	})
	run.Nodes = h.Nodes
	return results.Analyze(run, h), windows, err
}

// reading is what the history says about one kind of call in one stall.
type reading struct {
	length, measured time.Duration
	found            bool
	unasked          bool // it is among the gaps, which are found without being told when
}

// read reads every stall back as the outage of a failover is, told when it began.
func read(a *results.Analysis, windows []harness.Window) (out []reading) {
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
			r.unasked = slices.ContainsFunc(a.Probes.Gaps, func(g results.Gap) bool { return g.Reads == reads && overlaps(g, w.From, w.To) })
			out = append(out, r)
		}
	}
	return out
}

func (a *app) calibrate(ctx context.Context, c *calibration) error {
	if c.plan.Seed == 0 {
		c.plan.Seed = drawSeed()
	}
	if err := c.check(); err != nil {
		return err
	}
	rt, reason, err := c.plan.chooseRuntime(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(a.stdout, "faultline calibrate · %s on %s (%s) · %d nodes · seed %d\n", c.plan.System, rt.Name(), reason, c.plan.Nodes, c.plan.Seed)
	calm, _, err1 := c.measure(ctx, rt, false)
	var stalled results.Analysis
	var windows []harness.Window
	var err2 error
	if err1 == nil {
		stalled, windows, err2 = c.measure(ctx, rt, true)
	}
	if err := errors.Join(err1, err2); err != nil {
		return infrastructure(err)
	}
	if calm.Probes == nil || calm.Probes.Calls.OK == 0 || stalled.Probes == nil || stalled.Probes.Calls.OK == 0 {
		fmt.Fprintln(a.stderr, "faultline: unknown: no probe was answered, so nothing was proven")
		return exit(exitUnknown)
	}
	found := c.judge(&calm, &stalled, windows)
	found.At, found.Machine, found.Runtime, found.System = time.Now(), results.ThisMachine(), rt.Name(), c.plan.System
	found.Faultline, found.Nodes, found.Seed = strings.TrimSpace(version+" "+commit()), c.plan.Nodes, c.plan.Seed
	fmt.Fprint(a.stdout, calibrationText(&found, calm.Probes, stalled.Probes))
	if err := results.KeepCalibration(c.plan.Out, found); err != nil {
		return infrastructure(err)
	}
	fmt.Fprintf(a.stdout, "kept     %s: reports of runs on this machine and runtime say so from now on\n", filepath.Join(c.plan.Out, results.CalibrationFile))
	if !found.Exact {
		return exit(exitInvalid)
	}
	return nil
}

// judge compares what was read with what was done. A stall must be read to within the probes' interval
// and what an answer took when nothing stalled.
func (c *calibration) judge(calm, stalled *results.Analysis, windows []harness.Window) results.Calibration {
	p := calm.Probes
	out := results.Calibration{Every: p.Every, Timeout: p.Timeout, Calm: p.Calls.All()}
	from, to := served(calm)
	for _, g := range p.Gaps {
		if overlaps(g, from, to) {
			out.Outages++
		}
	}
	out.Noise = max(calm.LongestWait(false, from, to), calm.LongestWait(true, from, to))
	for _, x := range []*results.Probing{p, stalled.Probes} {
		if x.Unsent != nil {
			out.Unsent += *x.Unsent
		}
	}
	byLength := map[time.Duration][]reading{}
	for _, r := range read(stalled, windows) {
		byLength[r.length] = append(byLength[r.length], r)
	}
	out.Exact = out.Outages == 0
	for _, d := range slices.Sorted(mapKeysOf(byLength)) {
		s := stallOf(d, byLength[d])
		out.Stalls = append(out.Stalls, s)
		out.Exact = out.Exact && stallTrouble(s, allowed(&out)) == ""
	}
	return out
}

func overlaps(g results.Gap, from, to time.Duration) bool { return g.From < to && g.To > from }

// allowed is how far off a reading may be.
func allowed(c *results.Calibration) time.Duration { return c.Every + c.Noise }

// served is the calm in which the cluster served: before it, members, connections and the first election
// take their time.
func served(a *results.Analysis) (from, to time.Duration) {
	to = a.End
	for _, p := range a.Phases {
		switch p.Phase {
		case harness.PhaseFaults:
			from = p.At
		case harness.PhaseRecover:
			to = p.At
		}
	}
	return from, to
}

func mapKeysOf[V any](m map[time.Duration]V) func(func(time.Duration) bool) {
	return func(yield func(time.Duration) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
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

func calibrationText(c *results.Calibration, calm, stalled *results.Probing) string {
	var b strings.Builder
	fmt.Fprintf(&b, "calm     %d probes, %d outages read; answers take p50 %v, p99 %v, at most %v\n", c.Calm, c.Outages, round(calm.P50), round(calm.P99), round(c.Noise))
	for _, x := range []*results.Probing{calm, stalled} {
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
