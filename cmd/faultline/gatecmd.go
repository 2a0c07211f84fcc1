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

	"github.com/faultline-chaos/faultline/results/page"
	"github.com/faultline-chaos/faultline/results/trends"
	"github.com/faultline-chaos/faultline/scenario"
)

func newGateCmd(a *app) *cobra.Command {
	o := trends.Options{Window: trends.DefaultWindow, Spread: trends.DefaultSpread, Confirm: trends.DefaultConfirm}
	dir, merged := scenario.DefaultOut, ""
	cmd := &cobra.Command{
		Use:   "gate [TRENDS.jsonl...]",
		Short: "Fail where the newest runs are worse than those before them",
		Long: `Compares the newest runs of every scenario, system and runtime with the median of the
runs before them with the same settings: failover p50 and p95, unavailability,
throughput, and the share of unknown outcomes. It reads trends.jsonl, to which every
run appends a line; of several files it takes all lines.

A number is worse where it is beyond the median by --spread standard deviations
(from the median absolute deviation), by a least part of the median, and beyond the
worst of the runs before. It is a regression where that is so in the newest --confirm
runs; one such run alone is a suspect and does not fail. In simulation, 3 of 1000
gates of 70 numbers each failed where nothing had changed, with one night in twenty
on a machine 30 to 70 % slower.

Exit codes: 0 no regression, 5 regression, 254 bad usage.`,
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
	cmd.Flags().StringVar(&dir, "dir", dir, "the folder of the run folders, where no files are named")
	cmd.Flags().IntVar(&o.Window, "window", o.Window, "runs that make the median; with fewer nothing is judged")
	cmd.Flags().Float64Var(&o.Spread, "spread", o.Spread, "standard deviations from the median")
	cmd.Flags().IntVar(&o.Confirm, "confirm", o.Confirm, "newest runs in a row that must be worse")
	cmd.Flags().StringVar(&merged, "append-to", "", "also append the lines that this file lacks to it")
	return cmd
}

// readTrends reads all files; each must be there.
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
		return nil, scenario.Usage("gate: there are no runs in %s; every run appends a line to %s", strings.Join(paths, ", "), trends.File)
	}
	return trends.Merge(rows), nil
}

// newRows are the rows of runs that a file does not know. One that cannot be read has none: appending
// to it will say why.
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

// gateTable says which number changed by how much against which median.
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
	return page.FormatDuration(time.Duration(v * float64(time.Second)))
}
