package main

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/dustin/go-humanize/english"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/harness/scenarios"
	"github.com/faultline-chaos/faultline/results"
	"github.com/faultline-chaos/faultline/results/trends"
)

// builtIn are the scenarios that come with the program. Bugs that the harness found stay among them.
//
//go:embed scenarios/*.yaml
var builtIn embed.FS

// scenarioNames lists them, scripts included.
func scenarioNames() (names []string) {
	entries, err := fs.ReadDir(builtIn, "scenarios")
	if err != nil {
		panic(err) // embedded: cannot fail
	}
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".yaml"))
	}
	for _, s := range scenarios.All() {
		names = append(names, s.Name)
	}
	slices.Sort(names)
	return names
}

func newRunCmd(a *app) *cobra.Command {
	p := defaultPlan()
	var file string
	repeat := 1
	cmd := &cobra.Command{
		Use:   "run [SCENARIO]",
		Short: "Start a cluster, break it, judge and report",
		Long: `Run starts a cluster, lets clients call it while faults are injected, proves or
refutes that what they saw is consistent, and leaves a folder with the report.

SCENARIO is one of: ` + strings.Join(scenarioNames(), ", ") + `.
A file given with -f holds the same settings as the flags; flags win.

` + liveHelp + `

Exit codes: ` + exitCodesHelp,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := p.load(cmd.Flags(), file, args); err != nil {
				return err
			}
			if repeat < 1 {
				return usage("--repeat is %d: it must be at least 1", repeat)
			}
			p.Live = !p.Plain && repeat == 1
			return a.repeat(cmd.Context(), &p, repeat)
		},
	}
	cmd.Flags().IntVar(&repeat, "repeat", repeat, "runs, one after another: with a seed, that one and the next ones; else each with a seed of its own")
	cmd.Flags().BoolVar(&p.Plain, "plain", false, plainHelp)
	cmd.Flags().StringVarP(&file, "file", "f", "", "scenario file (YAML)")
	p.flags(cmd.Flags())
	return cmd
}

// load fills the plan from a scenario or a file; flags that were given win.
func (p *plan) load(f *pflag.FlagSet, file string, args []string) error {
	if file != "" && len(args) > 0 {
		return usage("give a scenario's name or -f FILE, not both")
	}
	if file != "" {
		p.source = []string{"-f", file}
		return p.readFile(file, f)
	}
	if len(args) == 0 {
		return nil
	}
	p.source = args
	for _, s := range scenarios.All() {
		if s.Name == args[0] {
			p.Name, p.Script, p.Faults = s.Name, s.Name, []string{"none"}
			return nil
		}
	}
	data, err := builtIn.ReadFile("scenarios/" + args[0] + ".yaml")
	if err != nil {
		return usage("unknown scenario %q: allowed are %s, or -f FILE", args[0], strings.Join(scenarioNames(), ", "))
	}
	p.Name = args[0]
	return p.read(args[0], data, f)
}

// run is the whole of `faultline run`.
func (a *app) run(ctx context.Context, p *plan) error {
	_, err := a.perform(ctx, p)
	return err
}

// perform runs a plan and gives what it measured; nil where it left nothing that could be judged.
func (a *app) perform(ctx context.Context, p *plan) (*results.Analysis, error) {
	r, err := p.prepare(ctx)
	if err != nil {
		return nil, err
	}
	out := a.stdout
	fmt.Fprintf(out, "faultline %s · %s on %s (%s) · %d nodes · seed %d\n", p.Name, p.System, r.runtime.Name(), r.reason, p.Nodes, p.Seed)
	var list []harness.Checker
	done := func() {}
	if p.Script != "" {
		list = scriptCheckers(r.workload)
		a.script(ctx, r)
	} else {
		list = checkers(r.workload, r.run)
		if len(r.schedule) == 0 {
			fmt.Fprintf(out, "no faults were asked for: %v of calls, and nothing about faults is proven\n", p.Time)
		} else {
			fmt.Fprintf(out, "%s in %v: %s\n", english.Plural(len(r.schedule), "fault", ""), p.Time, faultKinds(r.schedule))
		}
		show := a.watch(p, r)
		defer show.stop() // a panic must not leave the terminal to nobody
		r.execute(ctx, show.observe)
		show.stage("judging what the clients saw")
		done = show.stop
	}
	analysis, err := judge(ctx, r.folder, r.run, list, p.CheckTime)
	done()
	if err != nil {
		return nil, err
	}
	a.summary(analysis, r.folder)
	if err := trends.Append(filepath.Join(p.Out, trends.File), trends.RowOf(&analysis)); err != nil {
		return &analysis, &statusError{worse(analysis.Run.ExitCode, exitInfrastructure), err}
	}
	return &analysis, exit(analysis.Run.ExitCode)
}

// faultKinds names each fault of a schedule once.
func faultKinds(s harness.Schedule) string {
	var names []string
	for _, st := range s {
		if name := st.Fault.String(); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
}

func (a *app) summary(analysis results.Analysis, folder *results.Folder) {
	dir := folder.Dir()
	if wd, err := os.Getwd(); err == nil {
		if rel, err := filepath.Rel(wd, dir); err == nil && !strings.HasPrefix(rel, "..") {
			dir = rel
		}
	}
	fmt.Fprintln(a.stdout)
	fmt.Fprint(a.stdout, results.TerminalSummary(analysis, results.TerminalOptions{Color: a.colors(), Dir: dir}))
	if analysis.Run.Error != "" {
		fmt.Fprintln(a.stderr, "faultline: the run broke:", analysis.Run.Error)
	}
	if analysis.Run.HealProblem != "" {
		fmt.Fprintln(a.stderr, "faultline: not healed:", analysis.Run.HealProblem)
	}
}
