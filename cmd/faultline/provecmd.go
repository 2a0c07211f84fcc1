package main

import (
	"context"
	"fmt"
	"os"
	"runtime/debug"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/faultline-chaos/faultline/scenario"
	"github.com/faultline-chaos/faultline/scenario/seeds"
	"github.com/faultline-chaos/faultline/store/core"
)

func newProveCmd(a *app) *cobra.Command {
	var only []string
	cmd := &cobra.Command{
		Use:   "prove",
		Short: "Check that every planted bug is caught, to prove that checkers can fail",
		Long: `Prove runs the store with each planted bug until a checker or an invariant catches the
bug: first on the runtime sim, then on local for bugs that sim does not show. The store
without bugs must pass the same runs. Prove needs a build with -tags bugs; make prove
builds it and runs it.

Exit codes: 0 every bug was caught, and the store without bugs passed; 1 otherwise;
2 interrupted; 254 bad usage.`,
		Example: `  make prove
  bin/bugs/faultline prove --bugs stale-read`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			bugs := core.Bugs()
			if len(bugs) == 0 {
				return scenario.Usage("this build has no planted bugs: build it with -tags bugs, or use make prove")
			}
			for _, b := range only {
				if err := core.CheckBug(b); err != nil {
					return scenario.Usage("%v", err)
				}
			}
			if len(only) > 0 {
				bugs = only
			}
			return a.prove(cmd.Context(), bugs, only)
		},
	}
	cmd.Flags().StringSliceVar(&only, "bugs", nil, "bugs to run; default: all")
	return cmd
}

func (a *app) prove(ctx context.Context, bugs, only []string) error {
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // there is much short-lived garbage
	o := scenario.Options{Program: os.Args[0], Version: version}
	good := seeds.Good(ctx, o)
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "bug\tcaught by\truntime\truns\tfaults\tops\tseconds")
	code := scenario.ExitValid
	proofs := []seeds.Proof{good}
	if good.Caught {
		code = scenario.ExitInvalid
	}
	for _, bug := range bugs {
		if why, ok := seeds.Directed()[bug]; ok && len(only) == 0 {
			fmt.Fprintf(a.stdout, "%s: not run here: %s\n", bug, why)
			proofs = append(proofs, seeds.Proof{Bug: bug, By: "not run here: a directed test catches it", Runtime: "-", Caught: true})
			continue
		}
		p := seeds.Bug(ctx, bug, o)
		if ctx.Err() != nil {
			return scenario.Status(scenario.ExitUnknown, fmt.Errorf("prove: %w", context.Cause(ctx)))
		}
		if !p.Caught {
			code = scenario.Worse(code, scenario.ExitInvalid)
		}
		fmt.Fprintf(a.stdout, "%s: %s\n", bug, p)
		proofs = append(proofs, p)
	}
	fmt.Fprintln(a.stdout)
	for _, p := range proofs {
		by := p.By
		switch {
		case p.Bug == "none" && !p.Caught:
			by = "nothing (as expected)"
		case !p.Caught:
			by = "NOT CAUGHT"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%d\t%d\t%.1f\n", p.Bug, by, p.Runtime, p.Runs, p.Faults, p.Ops, p.Took.Seconds())
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return scenario.Exit(code)
}
