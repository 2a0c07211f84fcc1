package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/dustin/go-humanize/english"
	"github.com/spf13/cobra"

	"github.com/faultline-chaos/faultline/checker"
	"github.com/faultline-chaos/faultline/harness/agent/linux"
	"github.com/faultline-chaos/faultline/scenario"
	"github.com/faultline-chaos/faultline/store/core"
	"github.com/faultline-chaos/faultline/systems"
	"github.com/faultline-chaos/faultline/workloads"
)

// list is a table that faultline list prints.
type list struct {
	name string
	rows func(ctx context.Context, add func(name, doc string))
}

func lists() []list {
	return []list{
		{"faults", listFaults},
		{"workloads", func(_ context.Context, add func(name, doc string)) {
			for _, e := range workloads.All() {
				w := e.New(workloads.Options{})
				add(e.Name, e.Doc)
				for _, op := range w.Ops() {
					add("", fmt.Sprintf("%s (%s): %s", op.Name, op.Kind, op.Doc))
				}
				var judges []string
				for _, c := range w.Checkers() {
					judges = append(judges, c.Name())
				}
				add("", "checkers: "+strings.Join(judges, ", ")+", and those of every run")
			}
		}},
		{"checkers", func(_ context.Context, add func(name, doc string)) {
			for _, e := range checker.All() {
				add(e.Name, e.Doc)
				if n, ok := e.New().(checker.Needing); ok {
					add("", fmt.Sprintf("needs %v; used only if the system has it", english.WordSeries(words(n.Needs()), "and")))
				}
			}
		}},
		{"systems", func(_ context.Context, add func(name, doc string)) {
			for _, e := range systems.All() {
				add(e.Name, e.Doc)
			}
		}},
		{"runtimes", func(ctx context.Context, add func(name, doc string)) {
			for _, e := range scenario.Runtimes() {
				add(e.Name, e.Doc)
				if _, err := e.New(scenario.Default()).Probe(ctx); err != nil {
					add("", fmt.Sprintf("not usable here: %v", err))
				} else {
					add("", "usable here")
				}
			}
		}},
		{"scenarios", func(_ context.Context, add func(name, doc string)) {
			for _, name := range scenario.Names() {
				add(name, scenario.Doc(name))
			}
		}},
		{"bugs", func(_ context.Context, add func(name, doc string)) {
			for _, name := range core.Bugs() {
				add(name, "a bug planted in the store raftkv; use it with --bug "+name)
			}
		}},
	}
}

// words converts names to strings.
func words[S ~string](names []S) (out []string) {
	for _, n := range names {
		out = append(out, string(n))
	}
	return out
}

func newListCmd(a *app) *cobra.Command {
	var names []string
	for _, l := range lists() {
		names = append(names, l.name)
	}
	return &cobra.Command{
		Use:   "list " + strings.Join(names, "|"),
		Short: "List faults, workloads, checkers, systems, runtimes or scenarios",
		Long: `List prints one table: a name and a description per line. The list of faults also
shows which of them each runtime supports on this machine, and why not the others.`,
		Example: `  faultline list faults
  faultline list checkers`,
		ValidArgs: names,
		Args:      cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			i := slices.Index(names, args[0])
			if i < 0 {
				return scenario.Usage("unknown list %q: allowed are %s", args[0], strings.Join(names, ", "))
			}
			w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
			n := 0
			lists()[i].rows(cmd.Context(), func(name, doc string) { n++; fmt.Fprintln(w, strings.TrimSuffix(name+"\t"+doc, "\t")) })
			if n == 0 {
				fmt.Fprintln(a.stderr, "faultline: this build has no planted bugs: build it with -tags bugs, or use make prove")
			}
			return w.Flush()
		},
	}
}

// cleaner is a runtime that may leave something behind if the program is killed.
type cleaner interface {
	Clean(ctx context.Context, all bool) (removed []string, err error)
}

func newCleanCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "clean",
		Short: "Remove leftovers of runs that are no longer running",
		Long: `Clean removes what runs left behind whose program has ended: containers, volumes and
networks (docker), processes and data directories (local), and old images that are not
in use. Runs that are still going on are not touched.`,
		Example: `  faultline clean`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var errs []error
			total := 0
			report := func(removed []string, err error) {
				for _, what := range removed {
					fmt.Fprintln(a.stdout, "removed", what)
				}
				total += len(removed)
				errs = append(errs, err)
			}
			for _, e := range scenario.Runtimes() {
				rt := e.New(scenario.Default())
				c, ok := rt.(cleaner)
				if !ok {
					continue
				}
				if _, err := rt.Probe(cmd.Context()); err == nil {
					report(c.Clean(cmd.Context(), false))
				}
			}
			if err := errors.Join(errs...); err != nil {
				return scenario.Status(scenario.ExitResidue, fmt.Errorf("clean: %w", err))
			}
			if total == 0 {
				fmt.Fprintln(a.stdout, "nothing was left behind")
			}
			return nil
		},
	}
}

// newAgentCmd is the agent that runs beside each member. Only runtimes start it.
func newAgentCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:    "agent",
		Hidden: true,
		Args:   cobra.ArbitraryArgs,
		// The flags are the agent's own.
		DisableFlagParsing: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			return linux.Main(cmd.Context(), a.stdin, a.stdout, args)
		},
	}
}
