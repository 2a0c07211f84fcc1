package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/faultline-chaos/faultline/checker"
	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/harness/scenarios"
	"github.com/faultline-chaos/faultline/results"
	"github.com/faultline-chaos/faultline/workloads"
)

func newCheckCmd(a *app) *cobra.Command {
	limit := defaultPlan().CheckTime
	cmd := &cobra.Command{
		Use:   "check DIR|history.jsonl",
		Short: "Judge a run again, or a history by itself",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if limit <= 0 {
				return usage("--check-time is %v: it must be positive", limit)
			}
			info, err := os.Stat(args[0])
			if err != nil {
				return usage("check: %v", err)
			}
			if !info.IsDir() {
				return a.checkFile(cmd.Context(), args[0], limit)
			}
			folder, run, list, err := openRun(args[0])
			if err != nil {
				return err
			}
			analysis, err := judge(cmd.Context(), folder, run, list, limit)
			if err != nil {
				return err
			}
			a.summary(analysis, folder)
			return exit(analysis.Run.ExitCode)
		},
	}
	cmd.Flags().DurationVar(&limit, "check-time", limit, "time for the checkers; what is not decided then is unknown")
	return cmd
}

// checkFile judges a history without its folder: what needs logs is unknown and left out.
func (a *app) checkFile(ctx context.Context, path string, limit time.Duration) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return usage("check: %v", err)
	}
	ops, cut, err := results.ParseHistory(data)
	if err != nil {
		return usage("check %s: %v", path, err)
	}
	if cut != "" {
		fmt.Fprintf(a.stderr, "faultline: %s: %s\n", path, cut)
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	verdicts := checker.Run(ctx, workloads.Register{}.Checkers()[:1], harness.History{Ops: ops})
	for _, v := range verdicts {
		fmt.Fprintf(a.stdout, "%s: %s: %s\n", v.Checker, v.Validity, v.Reason)
	}
	return exit(exitOf(harness.Worst(verdicts)))
}

// openRun opens a run's folder with what judges it.
func openRun(dir string) (*results.Folder, results.Run, []harness.Checker, error) {
	folder, err := results.Open(dir)
	if err != nil {
		return nil, results.Run{}, nil, usage("%v", err)
	}
	run, err := folder.ReadRun()
	if err != nil {
		return nil, results.Run{}, nil, usage("%v", err)
	}
	w, err := workloads.ByName(run.Workload, workloads.Options{})
	if err != nil {
		return nil, results.Run{}, nil, usage("%s: %v", dir, err)
	}
	list := checkers(w, run)
	if len(run.Claims) > 0 {
		list = scriptCheckers(w)
	}
	return folder, run, list, nil
}

func newReportCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "report DIR",
		Short: "Make a run's report, graphs and summaries again from its folder",
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			folder, err := results.Open(args[0])
			if err != nil {
				return usage("%v", err)
			}
			analysis, err := folder.Analyze()
			if err != nil {
				return usage("%v", err)
			}
			if err := folder.Render(analysis); err != nil {
				return infrastructure(err)
			}
			a.summary(analysis, folder)
			return nil
		},
	}
}

func newReplayCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "replay DIR",
		Short: "Run again with the seed and schedule of an earlier run",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			folder, err := results.Open(args[0])
			if err != nil {
				return usage("%v", err)
			}
			run, err := folder.ReadRun()
			if err != nil {
				return usage("%v", err)
			}
			p, err := planOf(run)
			if err != nil {
				return err
			}
			return a.run(cmd.Context(), p)
		},
	}
}

// planOf reads the plan back from the command that repeats a run, with the schedule as it was.
func planOf(run results.Run) (*plan, error) {
	if len(run.Command) < 2 {
		return nil, usage("replay %s: its run.json does not say how to repeat it", run.ID)
	}
	p := defaultPlan()
	cmd := &cobra.Command{Use: "run", SilenceErrors: true, SilenceUsage: true, Args: cobra.MaximumNArgs(1)}
	p.flags(cmd.Flags())
	cmd.Flags().StringP("file", "f", "", "")
	if err := cmd.ParseFlags(run.Command[2:]); err != nil {
		return nil, usage("replay %s: %v", run.ID, err)
	}
	// All settings are in the flags and in run.json; only a script must be looked up again.
	for _, s := range scenarios.All() {
		if slices.Equal(cmd.Flags().Args(), []string{s.Name}) {
			p.Script, p.source = s.Name, cmd.Flags().Args()
		}
	}
	for _, st := range run.Schedule {
		p.Schedule = append(p.Schedule, planStep{At: st.At, For: st.For, Fault: st.Fault, Target: st.Target})
	}
	p.Name = "replay"
	return &p, nil
}
