package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/faultline-chaos/faultline/results"
	"github.com/faultline-chaos/faultline/results/failover"
	"github.com/faultline-chaos/faultline/results/page"
	"github.com/faultline-chaos/faultline/scenario"
)

func newRunCmd(a *app) *cobra.Command {
	given, out := scenario.Default(), scenario.DefaultOut
	var file string
	plain := false
	repeat := 1
	cmd := &cobra.Command{
		Use:   "run [SCENARIO]",
		Short: "Run a cluster, inject faults, judge what clients saw, and write a report",
		Long: `Run starts a cluster and injects faults while clients call it. Then it proves or
refutes that what the clients saw is consistent, and writes a folder with the report.

SCENARIO is one of: ` + strings.Join(scenario.Names(), ", ") + `.
A scenario file (-f) holds the same settings as the flags; flags override it.

` + liveHelp + `

Exit codes:` + scenario.ExitCodesHelp,
		Example: `  faultline run
  faultline run leader-kill --runtime sim --seed 7
  faultline run --system etcd --binary bin/etcd --faults kill,pause --time 2m
  faultline run -f my-scenario.yaml --repeat 10`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := load(given, cmd.Flags().Changed, file, args)
			if err != nil {
				return err
			}
			if repeat < 1 {
				return scenario.Usage("--repeat is %d: it must be at least 1", repeat)
			}
			return a.repeat(cmd.Context(), s, a.options(out, plain || repeat > 1, plain), repeat)
		},
	}
	cmd.Flags().IntVar(&repeat, "repeat", repeat, "number of runs, one after another; with --seed S they use the seeds S, S+1, ...; otherwise each draws its own")
	cmd.Flags().BoolVar(&plain, "plain", plain, plainHelp)
	cmd.Flags().StringVarP(&file, "file", "f", "", "scenario file (YAML)")
	given.Bind(cmd.Flags())
	addOutFlag(cmd, &out)
	return cmd
}

// addOutFlag adds --out to commands that write run folders.
func addOutFlag(cmd *cobra.Command, out *string) {
	cmd.Flags().StringVar(out, "out", *out, "folder for the run's folder")
}

// load reads the settings of a scenario or a file; flags that were given override them.
func load(flags scenario.Settings, given func(string) bool, file string, args []string) (s scenario.Settings, err error) {
	switch {
	case file != "" && len(args) > 0:
		return s, scenario.Usage("give a scenario's name or -f FILE, not both")
	case file != "":
		s, err = scenario.LoadFile(file)
	case len(args) > 0:
		s, err = scenario.Load(args[0])
	default:
		s = scenario.Default()
	}
	if err == nil {
		s.Take(flags, given)
	}
	return s, err
}

// options are those of every run that is shown. Unless plain is set, lines may be rewritten.
func (a *app) options(out string, lines, plain bool) scenario.Options {
	return scenario.Options{
		Out: out, Stdout: a.stdout, Program: os.Args[0], Version: version,
		Watch: func(r *scenario.Prepared) scenario.Watcher { return a.watch(r, lines, plain) },
	}
}

// run does one run and prints its summary. Its error carries the exit code.
func (a *app) run(ctx context.Context, s scenario.Settings, o scenario.Options) (*failover.Analysis, error) {
	done, err := scenario.Perform(ctx, s, o)
	if done.Folder == nil {
		return nil, err
	}
	a.summary(done.Analysis, done.Folder)
	if err != nil {
		return &done.Analysis, err
	}
	return &done.Analysis, scenario.Exit(done.Analysis.Run.ExitCode)
}

func (a *app) summary(analysis failover.Analysis, folder *results.Folder) {
	dir := folder.Dir()
	if wd, err := os.Getwd(); err == nil {
		if rel, err := filepath.Rel(wd, dir); err == nil && !strings.HasPrefix(rel, "..") {
			dir = rel
		}
	}
	fmt.Fprintln(a.stdout)
	fmt.Fprint(a.stdout, page.TerminalSummary(analysis, page.TerminalOptions{Color: a.colors(), Dir: dir}))
	if analysis.Run.Error != "" {
		fmt.Fprintln(a.stderr, "faultline: the run failed:", analysis.Run.Error)
	}
	if analysis.Run.HealProblem != "" {
		fmt.Fprintln(a.stderr, "faultline: not healed:", analysis.Run.HealProblem)
	}
}
