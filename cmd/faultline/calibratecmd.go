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
		Short: "Measure the accuracy of outage timing on this machine",
		Long: `Calibrate measures the error of outage timing. It runs a cluster twice. The baseline
run injects nothing: any outage measured in it is an error. In the second run, client
calls are delayed on their way to the members for known times (stalls), and each stall
is compared with the outage that the probes measured. Each stall is measured like a
failover whose start is known; "unprompted" counts stalls also detected without
knowing the start. The result is stored in calibration.json in the folder given by
--out, and later reports on the same machine and runtime include it.

Exit codes: 0 outage timing is as accurate as reported, 1 it is less accurate,
2 nothing was proven.`,
		Example: `  faultline calibrate --runtime docker
  faultline calibrate --runtime local --stalls 50ms,1s --each 20`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.calibrate(cmd.Context(), &c, out) },
	}
	c.Cluster.Bind(cmd.Flags())
	addOutFlag(cmd, &out)
	cmd.Flags().DurationSliceVar(&c.Stalls, "stalls", c.Stalls, "lengths of the stalls to produce")
	cmd.Flags().IntVar(&c.Each, "each", c.Each, "number of stalls of each length")
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
	fmt.Fprintf(a.stdout, "stored   %s: later reports on this machine and runtime include it\n", filepath.Join(out, results.CalibrationFile))
	if !found.Exact {
		return scenario.Exit(scenario.ExitInvalid)
	}
	return nil
}
