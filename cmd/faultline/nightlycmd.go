package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/faultline-chaos/faultline/results"
	"github.com/faultline-chaos/faultline/results/failover"
	"github.com/faultline-chaos/faultline/scenario"
	"github.com/faultline-chaos/faultline/systems"
)

func newNightlyCmd(a *app) *cobra.Command {
	base, out := scenario.Default(), scenario.DefaultOut
	shard := "1/1"
	tested := []string{"raftkv"}
	var length time.Duration
	links := "./"
	cmd := &cobra.Command{
		Use:   "nightly",
		Short: "Run every scenario on every given system, as the nightly CI job does",
		Long: `Nightly runs every scenario on every system given by --systems, one after another. It
writes one junit.xml and one summary.md for all runs beside their folders, and appends
one line per run to trends.jsonl. Runs that the runtime does not support are skipped,
and the reason is printed. --shard I/N runs one part of the matrix.`,
		Example: `  faultline nightly --runtime sim
  faultline nightly --systems raftkv,etcd --shard 2/3`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			matrix, err := nightlyMatrix(tested, shard)
			if err != nil {
				return err
			}
			if length < 0 {
				return scenario.Usage("--time is %v: it must not be negative", length)
			}
			return a.nightly(cmd.Context(), &base, a.options(out, true, false), length, matrix, linkBase(links))
		},
	}
	cmd.Flags().StringVar(&base.Runtime, "runtime", base.Runtime, "where the clusters run: auto, "+strings.Join(scenario.RuntimeNames(), ", "))
	cmd.Flags().StringVar(&out, "out", out, "folder for the folders of the runs")
	cmd.Flags().Uint64Var(&base.Seed, "seed", base.Seed, "seed of every run; 0: each run draws its own")
	cmd.Flags().StringSliceVar(&tested, "systems", tested, "systems to test: "+strings.Join(scenario.SystemNames(), ", "))
	cmd.Flags().DurationVar(&length, "time", 0, "length of the faults phase of every run; never shorter than a scenario's schedule; 0: as each scenario says")
	addLinksFlag(cmd, &links)
	cmd.Flags().StringVar(&shard, "shard", shard, "part of the matrix to run, such as 2/3 for the second of three")
	return cmd
}

// night is one run of the matrix.
type night struct {
	scenario, system string
	code             int
	why              string // why it was not started; empty: it was
}

// nightlyMatrix is the shard's part of all combinations of scenario and system.
func nightlyMatrix(tested []string, shard string) ([]night, error) {
	from, of, _ := strings.Cut(shard, "/")
	i, err1 := strconv.Atoi(from)
	n, err2 := strconv.Atoi(of)
	if err1 != nil || err2 != nil || n < 1 || i < 1 || i > n {
		return nil, scenario.Usage("--shard is %q: it must be I/N with 1 <= I <= N, such as 2/3", shard)
	}
	var all []night
	for _, system := range tested {
		if !slices.ContainsFunc(systems.All(), func(e systems.Entry) bool { return e.Name == system }) {
			return nil, scenario.Usage("unknown system %q: allowed are %s", system, strings.Join(scenario.SystemNames(), ", "))
		}
		for _, name := range scenario.Names() {
			all = append(all, night{scenario: name, system: system})
		}
	}
	var mine []night
	for k := i - 1; k < len(all); k += n {
		mine = append(mine, all[k])
	}
	return mine, nil
}

// nightly runs the matrix, one run after another. A run that fails does not stop the others. A run that
// the runtime does not support is skipped, and the reason is printed.
func (a *app) nightly(ctx context.Context, base *scenario.Settings, o scenario.Options, length time.Duration, matrix []night, links string) error {
	code, done := scenario.ExitValid, newBatch("Nightly", o.Out, links)
	for k := range matrix {
		if ctx.Err() != nil {
			return errors.Join(done.write(), scenario.Status(scenario.ExitUnknown, fmt.Errorf("nightly: %w", context.Cause(ctx))))
		}
		m := &matrix[k]
		fmt.Fprintf(a.stdout, "\n[%d of %d] %s on %s\n", k+1, len(matrix), m.scenario, m.system)
		analysis, err := a.runScenario(ctx, base, o, length, m.scenario, m.system)
		m.code, m.why = done.add(m.scenario, m.system, base.Runtime, base.Seed, analysis, err)
		if m.why != "" {
			fmt.Fprintln(a.stderr, "faultline:", m.why)
		}
		code = scenario.Worse(code, m.code)
	}
	fmt.Fprintln(a.stdout)
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "scenario\tsystem\tresult")
	for i, m := range matrix {
		fmt.Fprintf(w, "%s\t%s\t%s\n", m.scenario, m.system, done.Rows[i].Ended)
	}
	if err := w.Flush(); err != nil {
		return scenario.Infrastructure(err)
	}
	fmt.Fprintf(a.stdout, "\nsummary  %s\njunit    %s\n", filepath.Join(o.Out, results.SummaryFile), filepath.Join(o.Out, results.JUnitFile))
	if err := done.write(); err != nil {
		return scenario.Status(scenario.Worse(code, scenario.ExitInfrastructure), err)
	}
	return scenario.Exit(code)
}

func (a *app) runScenario(ctx context.Context, base *scenario.Settings, o scenario.Options, length time.Duration, name, system string) (*failover.Analysis, error) {
	s, err := scenario.Load(name)
	if err != nil {
		return nil, err
	}
	s.Runtime, s.Seed, s.System = base.Runtime, base.Seed, system
	if length > 0 {
		s.Time = length
		for _, st := range s.Schedule { // a scenario's own schedule is not cut short
			s.Time = max(s.Time, st.At+st.For)
		}
	}
	return a.run(ctx, s, o)
}
