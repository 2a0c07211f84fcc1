package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/faultline-chaos/faultline/experiments/figure16"
	"github.com/faultline-chaos/faultline/experiments/figure16/server"
	"github.com/faultline-chaos/faultline/results/sweep"
	"github.com/faultline-chaos/faultline/scenario"
)

// sweepPaper runs sweep --paper.
func (a *app) sweepPaper(ctx context.Context, s *sweepFlags, f *pflag.FlagSet) error {
	x, err := s.openPaper(f)
	if err != nil {
		return err
	}
	return x.Run(ctx, a.stdout, newBar(a.stdout, a.isTerminal(), "crashes", 0))
}

func (s *sweepFlags) openPaper(f *pflag.FlagSet) (*figure16.Sweep, error) {
	if s.resume != "" {
		x, err := figure16.Resume(sweep.Folder(s.resume))
		if err != nil {
			return nil, s.unusable(err)
		}
		return x, nil
	}
	if names := others(f, "paper", "lines", "trials", "seed", "out", "runtime"); len(names) > 0 {
		return nil, scenario.Usage("%s does not go with --paper, whose set-up is the paper's: allowed are --runtime, --lines, --trials, --seed, --out", strings.Join(names, ", "))
	}
	set := figure16.Default(s.Runtime)
	set.Seed = s.Seed
	if f.Changed("trials") {
		set.Trials = s.Trials
	}
	if f.Changed("lines") {
		set.Lines = s.lines
	}
	if err := set.Check(); err != nil {
		return nil, err
	}
	return figure16.New(s.out, set)
}

// newPaperNodeCmd is a server of sweep --paper --runtime local. Its timeouts come over the protocol of its
// controller.
func newPaperNodeCmd() *cobra.Command {
	return &cobra.Command{
		Use:    server.Command + " CONTROL PEER DIR",
		Short:  "Internal: one server of sweep --paper",
		Hidden: true,
		Args:   cobra.ExactArgs(3),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := server.Run(cmd.Context(), server.Options{Control: args[0], Peer: args[1], DataDir: args[2]}); err != nil {
				return scenario.Infrastructure(err)
			}
			return nil
		},
	}
}
