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

// sweepFlags are those of `faultline sweep`. Which of them count depends on paper and resume.
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
		// From where a delay of 20 ms makes members elect without need, to etcd's defaults.
		Timeouts: []time.Duration{25 * ms, 50 * ms, 100 * ms, 250 * ms, 500 * ms, time.Second}, Heartbeats: []time.Duration{5 * ms, 25 * ms, 100 * ms},
		Delays: []time.Duration{0, 5 * ms, 20 * ms}, Members: []int{3, 5},
	}}}
}

func newSweepCmd(a *app) *cobra.Command {
	s := defaultSweep()
	cmd := &cobra.Command{
		Use:   "sweep",
		Short: "Find the timeouts to choose: outage and false elections over a grid of timeouts",
		Long: `Sweep runs a cluster for every election timeout and heartbeat interval (and network
delay, and number of members), lets it be for a while to count elections that nobody
needed, then kills its leader again and again and measures how long clients were away.
It draws both against the timeout, and says in words which timeouts to choose.

With --paper it repeats figure 16 of the Raft paper instead: ten ranges of election
timeouts, ` + fmt.Sprint(figure16.TrialsVirtual) + ` crashes of a leader each on sim, and with --runtime local nine ranges with
` + fmt.Sprint(figure16.TrialsReal) + ` crashes each of real processes; the curves are drawn over the paper's own. Then exit
code 0 says that every line is within its tolerance, 1 that one is not, 2 that one could
not be told: too few crashes, or a machine too busy to measure on.

With --defaults it kills the leader of clusters with default timeouts, and holds
detection, election and first commit against what raft must do with them; 0 says that
every number is within 15 %, 1 that one is not.

What was measured is kept as it comes, with each of the three: after Ctrl-C go on with
--resume DIR. On sim the result is the one that it would have been.

Exit codes: ` + scenario.ExitCodesHelp,
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
	f.BoolVar(&s.Defaults, "defaults", false, "hold detection, election and first commit with default timeouts against what is expected, for 3 and 5 members")
	f.BoolVar(&s.paper, "paper", false, "repeat figure 16 of the Raft paper, on sim or local")
	f.StringSliceVar(&s.lines, "lines", nil, "with --paper: lines of the figure, such as 150-155,12-24; all if not given, on local all but 150-150")
	f.StringVar(&s.Runtime, "runtime", s.Runtime, "where the clusters run: "+strings.Join(scenario.RuntimeNames(), ", "))
	f.StringSliceVar(&s.Systems, "system", s.Systems, "what is tested, one or more: "+strings.Join(scenario.SystemNames(), ",")+"; etcd not on sim")
	f.StringVar(&s.Binary, "binary", "", "the system's server program; default: the one beside this program")
	f.Var(newDurations(&s.Timeouts), "election-timeouts", "election timeouts of the grid")
	f.Var(newDurations(&s.Heartbeats), "heartbeats", "heartbeat intervals of the grid; those that a timeout is not five of are left out")
	f.Var(newDurations(&s.Delays), "delays", "delays of the network, one way, in the mean; 0: the runtime's own; sim only")
	f.IntSliceVar(&s.Members, "nodes", s.Members, "numbers of members")
	f.IntVar(&s.Trials, "trials", s.Trials, "leaders that are killed in each cell of the grid; with --paper: crashes a line, 1000 if not given, 100 on local")
	f.DurationVar(&s.Stable, "stable", s.Stable, "time without a fault in which false elections are counted, in each cell")
	f.Uint64Var(&s.Seed, "seed", 0, "seed of everything that is drawn; 0: drawn at random, and printed")
	f.StringVar(&s.out, "out", s.out, "folder in which the sweep's folder is made")
	f.StringVar(&s.resume, "resume", "", "go on in this folder of a sweep that was interrupted, with its settings")
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

// durations is a flag that takes a list of durations. 0 needs no unit.
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
			return fmt.Errorf("%q is no duration: write it as 250ms or 2s", part)
		}
		out = append(out, v)
	}
	if d.given {
		out = append(*d.to, out...)
	}
	*d.to, d.given = out, true
	return nil
}

// others are the flags that were given beside those that are allowed.
func others(f *pflag.FlagSet, allowed ...string) (names []string) {
	f.Visit(func(fl *pflag.Flag) {
		if !slices.Contains(allowed, fl.Name) {
			names = append(names, "--"+fl.Name)
		}
	})
	return names
}
