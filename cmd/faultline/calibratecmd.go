package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/faultline-chaos/faultline/results"
	"github.com/faultline-chaos/faultline/scenario"
	"github.com/faultline-chaos/faultline/scenario/calibrate"
)

func newCalibrateCmd(a *app) *cobra.Command {
	c, out := calibrate.Default(), scenario.DefaultOut
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
		RunE: func(cmd *cobra.Command, _ []string) error { return a.calibrate(cmd.Context(), &c, out) },
	}
	c.Cluster.Bind(cmd.Flags())
	addOutFlag(cmd, &out)
	cmd.Flags().DurationSliceVar(&c.Stalls, "stalls", c.Stalls, "lengths of the stalls")
	cmd.Flags().IntVar(&c.Each, "each", c.Each, "stalls of each length")
	for _, hidden := range []string{"faults", "storm", "hostile", "workload", "check-time", "stop-on-violation", "hash"} {
		_ = cmd.Flags().MarkHidden(hidden) // the flags exist
	}
	return cmd
}

func (a *app) calibrate(ctx context.Context, c *calibrate.Settings, out string) error {
	if c.Cluster.Seed == 0 {
		c.Cluster.Seed = scenario.DrawSeed()
	}
	if err := c.Check(); err != nil {
		return err
	}
	rt, _, reason, err := c.Cluster.NewRuntime(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(a.stdout, "faultline calibrate · %s on %s (%s) · %d nodes · seed %d\n", c.Cluster.System, rt.Name(), reason, c.Cluster.Nodes, c.Cluster.Seed)
	found, err := calibrate.Run(ctx, *c, rt)
	if errors.Is(err, calibrate.ErrNothingProven) {
		fmt.Fprintln(a.stderr, "faultline: unknown:", err)
		return scenario.Exit(scenario.ExitUnknown)
	}
	if err != nil {
		return scenario.Infrastructure(err)
	}
	found.Faultline = strings.TrimSpace(version + " " + scenario.Commit())
	fmt.Fprint(a.stdout, found.Text())
	if err := results.KeepCalibration(out, found.Calibration); err != nil {
		return scenario.Infrastructure(err)
	}
	fmt.Fprintf(a.stdout, "kept     %s: reports of runs on this machine and runtime say so from now on\n", filepath.Join(out, results.CalibrationFile))
	if !found.Exact {
		return scenario.Exit(scenario.ExitInvalid)
	}
	return nil
}
