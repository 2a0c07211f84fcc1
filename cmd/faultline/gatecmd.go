package main

import (
	"fmt"
	"io"
	"math"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/faultline-chaos/faultline/results/format"
	"github.com/faultline-chaos/faultline/results/trends"
	"github.com/faultline-chaos/faultline/scenario"
)

func newGateCmd(a *app) *cobra.Command {
	o := trends.Options{Window: trends.DefaultWindow, Spread: trends.DefaultSpread, Confirm: trends.DefaultConfirm}
	dir, merged := scenario.DefaultOut, ""
	cmd := &cobra.Command{
		Use:   "gate [TRENDS.jsonl...]",
		Short: "Fail if the newest runs are worse than earlier runs",
		Long: `Gate compares the newest runs of every scenario, system and runtime with earlier runs
of the same settings, and fails on a regression. It compares failover p50 and p95,
unavailability, throughput, and the share of unknown outcomes with the medians of the
earlier runs. The numbers come from trends.jsonl, to which every run appends a line;
if several files are given, their lines are combined.

A number is worse if it differs from the median by more than --spread standard
deviations (estimated from the median absolute deviation), differs by a minimum
fraction of the median, and is beyond the worst earlier run. It is a regression if
the newest --confirm runs all are worse; a single one is a suspect and does not fail.
In a simulation of 1000 gates of 70 numbers each in which nothing had changed, and
one night in twenty ran on a machine 30 to 70 % slower, 3 gates failed.

Exit codes: 0 no regression, 5 regression, 254 bad usage.`,
		Example: `  faultline gate
  faultline gate --append-to all-trends.jsonl nightly/trends.jsonl`,
		RunE: func(_ *cobra.Command, args []string) error {
			if o.Window < 3 || o.Spread <= 0 || o.Confirm < 1 {
				return scenario.Usage("--window must be at least 3, --spread above 0, --confirm at least 1: they are %d, %g and %d", o.Window, o.Spread, o.Confirm)
			}
			if len(args) == 0 {
				args = []string{filepath.Join(dir, trends.File)}
			}
			rows, err := a.readTrends(args)
			if err != nil {
				return err
			}
			if merged != "" {
				if err := trends.Append(merged, newRows(merged, rows)...); err != nil {
					return scenario.Infrastructure(err)
				}
			}
			found := trends.Judge(rows, o)
			if err := gateTable(a.stdout, found, len(rows)); err != nil {
				return scenario.Infrastructure(err)
			}
			for i := range found {
				if found[i].Outcome == trends.Regression {
					return scenario.Exit(scenario.ExitRegression)
				}
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&dir, "dir", dir, "folder of the runs; used if no files are given")
	cmd.Flags().IntVar(&o.Window, "window", o.Window, "number of earlier runs behind each median; with fewer, nothing is compared")
	cmd.Flags().Float64Var(&o.Spread, "spread", o.Spread, "allowed distance from the median, in standard deviations")
	cmd.Flags().IntVar(&o.Confirm, "confirm", o.Confirm, "number of newest runs that must all be worse")
	cmd.Flags().StringVar(&merged, "append-to", "", "file to which the missing lines are also appended")
	return cmd
}

// readTrends reads all files; each must exist.
func (a *app) readTrends(paths []string) ([]trends.Row, error) {
	var rows []trends.Row
	for _, path := range paths {
		list, skipped, err := trends.ReadFile(path)
		if err != nil {
			return nil, scenario.Usage("%v", err)
		}
		for _, s := range skipped {
			fmt.Fprintf(a.stderr, "faultline: %s: left out %s\n", path, s)
		}
		rows = append(rows, list...)
	}
	if len(rows) == 0 {
		return nil, scenario.Usage("gate: %s holds no runs; every run appends a line to %s", strings.Join(paths, ", "), trends.File)
	}
	return trends.Merge(rows), nil
}

// newRows returns the rows whose runs the file does not hold yet. A file that cannot be read counts as
// empty: appending to it reports the error.
func newRows(path string, rows []trends.Row) (out []trends.Row) {
	old, _, _ := trends.ReadFile(path)
	known := map[string]bool{}
	for i := range old {
		known[old[i].ID] = true
	}
	for i := range rows {
		if !known[rows[i].ID] {
			out = append(out, rows[i])
		}
	}
	return out
}

// gateTable lists each number, the median it was compared with, and the change.
func gateTable(out io.Writer, found []trends.Finding, runs int) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "scenario\tsystem\truntime\tnumber\tnewest\tmedian\tchange\tlimit\t")
	counts := map[trends.Outcome]int{}
	for i := range found {
		f := &found[i]
		counts[f.Outcome]++
		newest, median, limit, change := "–", "–", "–", "–"
		if f.Outcome != trends.NotCompared {
			newest = valueText(f.Metric.Unit, f.Value)
		}
		if f.Outcome != trends.NotCompared && f.Outcome != trends.TooFew {
			median, limit = valueText(f.Metric.Unit, f.Median), valueText(f.Metric.Unit, f.Limit)
			if c, ok := f.Change(); ok && !math.IsInf(c, 0) {
				change = fmt.Sprintf("%+.0f %%", 100*c)
			}
		}
		outcome := string(f.Outcome)
		if f.Why != "" {
			outcome += ": " + f.Why
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", f.Kind.Scenario, f.Kind.System, f.Kind.Runtime, f.Metric.Name, newest, median, change, limit, outcome)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "\n%d numbers, from %d runs: %d regressions, %d suspects, %d better, %d without a detectable change, %d with too few runs, %d not compared\n", len(found), runs,
		counts[trends.Regression], counts[trends.Suspect], counts[trends.Better], counts[trends.Same], counts[trends.TooFew], counts[trends.NotCompared])
	return err
}

func valueText(u trends.Unit, v float64) string {
	switch {
	case math.IsInf(v, 1):
		return "no end"
	case u == trends.Share:
		return fmt.Sprintf("%.2f %%", 100*v)
	case u == trends.PerSecond:
		return fmt.Sprintf("%.0f/s", v)
	}
	return format.MS(time.Duration(v * float64(time.Second)))
}
