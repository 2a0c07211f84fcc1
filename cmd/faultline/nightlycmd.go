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
		Short: "Run every scenario on every system asked for, as CI does every night",
		Long: `Runs every scenario on every system asked for, one after another, and leaves beside
the runs' folders one junit.xml and one summary.md of all, and a line a run in
trends.jsonl. What a runtime cannot do is skipped, and says why. --shard I/N runs a
part of the matrix.`,
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
	cmd.Flags().StringVar(&out, "out", out, "folder in which the runs' folders are made")
	cmd.Flags().Uint64Var(&base.Seed, "seed", base.Seed, "seed of every run; 0: each draws its own")
	cmd.Flags().StringSliceVar(&tested, "systems", tested, "systems under test: "+strings.Join(scenario.SystemNames(), ", "))
	cmd.Flags().DurationVar(&length, "time", 0, "length of every faults phase, but no shorter than a scenario's schedule; 0: the scenario's own")
	addLinksFlag(cmd, &links)
	cmd.Flags().StringVar(&shard, "shard", shard, "a part of the matrix: 2/3 is the second of three")
	return cmd
}

// night is one run of the matrix.
type night struct {
	scenario, system string
	code             int
	why              string // where it was not even started
}

// nightlyMatrix is the part of scenarios times systems that the shard names.
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

// nightly runs the matrix, one after another; a run that breaks does not stop the night. One that the
// runtime cannot do is skipped, and says why.
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
	fmt.Fprintln(w, "scenario\tsystem\tended")
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
