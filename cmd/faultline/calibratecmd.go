package main

import (
	"context"
	"errors"
	"fmt"
	"io"
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

Exit codes: 0 the ruler is as exact as it says, 1 it is not, 2 nothing was proven.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.calibrate(cmd.Context(), &c) },
	}
	c.plan.flags(cmd.Flags())
	cmd.Flags().DurationSliceVar(&c.lengths, "stalls", c.lengths, "lengths of the stalls")
	cmd.Flags().IntVar(&c.repeat, "each", c.repeat, "stalls of each length")
	for _, hidden := range []string{"out", "faults", "storm", "hostile", "workload", "check-time", "stop-on-violation", "hash"} {
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

// reading is what the history says about one stall.
type reading struct {
	length, measured time.Duration
	found            bool
}

// read reads every stall back: one that outlasts a probe's timeout as a gap, a shorter one as a wait.
func read(a *results.Analysis, windows []harness.Window) (out []reading) {
	for _, w := range windows {
		for _, reads := range []bool{false, true} {
			r := reading{length: w.To - w.From}
			if r.length > a.Probes.Timeout {
				for _, g := range a.Probes.Gaps {
					if g.Reads == reads && g.From < w.To && g.To > w.From {
						r.measured, r.found = g.Took, true
					}
				}
			} else {
				r.measured = a.LongestWait(reads, w.From-a.Probes.Every, w.To)
				r.found = r.measured > 0
			}
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
	if calm.Probes == nil || calm.Probes.Calls.OK == 0 || stalled.Probes == nil {
		fmt.Fprintln(a.stderr, "faultline: unknown: no probe was answered, so nothing was proven")
		return exit(exitUnknown)
	}
	text, code := verdictOf(&calm, &stalled, windows)
	fmt.Fprint(a.stdout, text)
	return exit(code)
}

// verdictOf compares what was read with what was done. A stall must be read to within the probes'
// spacing and what an answer took when nothing stalled.
func verdictOf(calm, stalled *results.Analysis, windows []harness.Window) (string, int) {
	var b strings.Builder
	p := calm.Probes
	noise := max(calm.LongestWait(false, 0, calm.End), calm.LongestWait(true, 0, calm.End))
	allowed := p.Every + noise
	fmt.Fprintf(&b, "calm     %d probes, %d outages read; answers take p50 %v, p99 %v, at most %v\n", p.Calls.All(), len(p.Gaps), round(p.P50), round(p.P99), round(noise))
	for _, x := range []*results.Probing{p, stalled.Probes} {
		if x.Unsent != nil && x.LateMax != nil {
			fmt.Fprintf(&b, "probes   every %v; %d of %d unsent; sent at most %v late\n", x.Every, *x.Unsent, *x.Unsent+x.Calls.All(), round(*x.LateMax))
		}
	}
	fmt.Fprintf(&b, "%-9s %4s %12s %12s %12s  %s\n", "stall", "n", "read, median", "least error", "most error", "")
	code := exitValid
	if len(p.Gaps) > 0 {
		code = exitInvalid
	}
	byLength := map[time.Duration][]reading{}
	for _, r := range read(stalled, windows) {
		byLength[r.length] = append(byLength[r.length], r)
	}
	for _, d := range slices.Sorted(mapKeysOf(byLength)) {
		line, ok := judgeStall(d, byLength[d], noise, allowed)
		fmt.Fprintln(&b, line)
		if !ok {
			code = exitInvalid
		}
	}
	if code == exitValid {
		fmt.Fprintf(&b, "VALID    outages are read to within %v here; stalls under %v are not told from noise\n", round(allowed), round(noise))
	} else {
		fmt.Fprintf(&b, "INVALID  the ruler is not as exact as it says: %v were allowed\n", round(allowed))
	}
	return b.String(), code
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

func judgeStall(d time.Duration, rs []reading, noise, allowed time.Duration) (line string, ok bool) {
	var took []time.Duration
	for _, r := range rs {
		if r.found {
			took = append(took, r.measured)
		}
	}
	if len(took) == 0 {
		return fmt.Sprintf("%-9v %4d  not one was read", d, len(rs)), false
	}
	slices.Sort(took)
	low, high := took[0]-d, took[len(took)-1]-d
	line = fmt.Sprintf("%-9v %4d %12v %12v %12v", d, len(rs), round(took[len(took)/2]), round(low), round(high))
	switch {
	case len(took) < len(rs):
		return line + fmt.Sprintf("  %d were not read", len(rs)-len(took)), false
	case d <= noise:
		return line + "  not above the noise here", true
	case low < -allowed || high > allowed:
		return line + "  too far off", false
	}
	return line + "  exact enough", true
}

func round(d time.Duration) time.Duration { return d.Round(10 * time.Microsecond) }
