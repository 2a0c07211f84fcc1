package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/faultline-chaos/faultline/experiments/figure16"
	"github.com/faultline-chaos/faultline/results/sweep"
	"github.com/faultline-chaos/faultline/scenario"
	"github.com/faultline-chaos/faultline/scenario/grid"
)

// sweepFlags are the flags of `faultline sweep`. Which of them apply depends on paper and resume.
type sweepFlags struct {
	grid.Grid
	paper  bool
	lines  []string
	resume string
	out    string
}

func defaultSweep() sweepFlags {
	const ms = time.Millisecond
	return sweepFlags{out: "results/sweeps", Grid: grid.Grid{Settings: sweep.Settings{
		Runtime: "sim", Systems: []string{"raftkv"}, Trials: 20, Stable: 60 * time.Second,
		// From timeouts for which a delay of 20 ms causes false elections, to etcd's defaults.
		Timeouts: []time.Duration{25 * ms, 50 * ms, 100 * ms, 250 * ms, 500 * ms, time.Second}, Heartbeats: []time.Duration{5 * ms, 25 * ms, 100 * ms},
		Delays: []time.Duration{0, 5 * ms, 20 * ms}, Members: []int{3, 5},
	}}}
}

func newSweepCmd(a *app) *cobra.Command {
	s := defaultSweep()
	cmd := &cobra.Command{
		Use:   "sweep",
		Short: "Recommend timeouts: measure outages and false elections over a grid of timeouts",
		Long: `Sweep measures outages and false elections for every combination of election timeout,
heartbeat interval, network delay and number of members, and recommends timeouts. In
each combination (cell) a cluster first runs without faults, to count false elections;
then its leader is killed repeatedly, to measure the outage of each failover. Both are
drawn against the timeout.

With --paper it repeats figure 16 of the Raft paper instead: ten ranges of election
timeouts, ` + fmt.Sprint(figure16.TrialsVirtual) + ` crashes of a leader each on sim, and with --runtime local nine ranges with
` + fmt.Sprint(figure16.TrialsReal) + ` crashes each of real processes; the curves are drawn over those of the paper. Exit code
0 then means that every line is within its tolerance, 1 that a line is not, and 2 that a
line could not be decided: there were too few crashes, or the machine was too busy.

With --defaults it kills the leader of clusters with default timeouts, and compares the
times of detection, election and first commit with those that raft should have. Exit
code 0 then means that every time is within 15 %, 1 that one is not.

Results are stored while they are measured. After Ctrl-C, continue with --resume DIR; on
sim the final result is the same as without the interruption.

Exit codes:` + scenario.ExitCodesHelp,
		Example: `  faultline sweep
  faultline sweep --runtime local --system raftkv,etcd --election-timeouts 250ms,500ms,1s
  faultline sweep --paper
  faultline sweep --resume results/sweeps/DIR`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			err := a.sweep(cmd.Context(), &s, cmd.Flags())
			if status := (*scenario.StatusError)(nil); err != nil && !errors.As(err, &status) {
				return scenario.Infrastructure(err) // of the sweep's folder
			}
			return err
		},
	}
	f := cmd.Flags()
	f.BoolVar(&s.Defaults, "defaults", false, "compare detection, election and first commit with their expected times, for default timeouts and 3 and 5 members")
	f.BoolVar(&s.paper, "paper", false, "repeat figure 16 of the Raft paper, on sim or local")
	f.StringSliceVar(&s.lines, "lines", nil, "with --paper: lines of the figure, such as 150-155,12-24; default: all; on local all except 150-150")
	f.StringVar(&s.Runtime, "runtime", s.Runtime, "where the clusters run: "+strings.Join(scenario.RuntimeNames(), ", "))
	f.StringSliceVar(&s.Systems, "system", s.Systems, "systems to test, one or more of "+strings.Join(scenario.SystemNames(), ",")+"; etcd does not run on sim")
	f.StringVar(&s.Binary, "binary", "", "path of the system's server program; default: the file of that name beside this program")
	f.Var(newDurations(&s.Timeouts), "election-timeouts", "election timeouts of the grid")
	f.Var(newDurations(&s.Heartbeats), "heartbeats", "heartbeat intervals of the grid; combined only with timeouts of at least five heartbeats")
	f.Var(newDurations(&s.Delays), "delays", "mean one-way delays of the network; 0: the runtime's default; only on sim")
	f.IntSliceVar(&s.Members, "nodes", s.Members, "numbers of members of the clusters")
	f.IntVar(&s.Trials, "trials", s.Trials, "number of leaders to kill in each cell; with --paper: number of crashes per line, default 1000, on local 100")
	f.DurationVar(&s.Stable, "stable", s.Stable, "time without faults in each cell, in which false elections are counted")
	f.Uint64Var(&s.Seed, "seed", 0, "seed of all randomness; 0: drawn at random and printed")
	f.StringVar(&s.out, "out", s.out, "folder for the sweep's folder")
	f.StringVar(&s.resume, "resume", "", "continue the interrupted sweep in this folder, with its settings")
	return cmd
}

func (a *app) sweep(ctx context.Context, s *sweepFlags, f *pflag.FlagSet) error {
	if s.resume != "" {
		if err := s.checkResume(f); err != nil {
			return err
		}
	}
	if s.paper {
		return a.sweepPaper(ctx, s, f)
	}
	dir, err := s.openSweep(f)
	if err != nil {
		return err
	}
	return a.sweepGrid(ctx, s, dir)
}

// durations is a flag that holds a list of durations. 0 needs no unit.
type durations struct {
	to    *[]time.Duration
	given bool
}

func newDurations(to *[]time.Duration) *durations { return &durations{to: to} }

func (*durations) Type() string { return "durations" }

func (d *durations) String() string {
	var s []string
	if d.to != nil {
		for _, v := range *d.to {
			s = append(s, v.String())
		}
	}
	return strings.Join(s, ",")
}

func (d *durations) Set(s string) error {
	var out []time.Duration
	for part := range strings.SplitSeq(s, ",") {
		v, err := time.ParseDuration(strings.TrimSpace(part))
		if err != nil {
			return fmt.Errorf("%q is not a duration: write it as 250ms or 2s", part)
		}
		out = append(out, v)
	}
	if d.given {
		out = append(*d.to, out...)
	}
	*d.to, d.given = out, true
	return nil
}

// others are the flags that were given and are not among the allowed ones.
func others(f *pflag.FlagSet, allowed ...string) (names []string) {
	f.Visit(func(fl *pflag.Flag) {
		if !slices.Contains(allowed, fl.Name) {
			names = append(names, "--"+fl.Name)
		}
	})
	return names
}
