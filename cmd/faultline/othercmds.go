package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/faultline-chaos/faultline/checker"
	"github.com/faultline-chaos/faultline/harness/agent/linux"
	"github.com/faultline-chaos/faultline/nemesis"
	"github.com/faultline-chaos/faultline/scenario"
	"github.com/faultline-chaos/faultline/store/core"
	"github.com/faultline-chaos/faultline/systems"
	"github.com/faultline-chaos/faultline/workloads"
)

// lists are the tables of what exists.
func lists() map[string]func(add func(name, doc string)) {
	return map[string]func(add func(name, doc string)){
		"faults": func(add func(name, doc string)) {
			for _, e := range nemesis.All() {
				add(e.Fault.String(), e.Doc)
			}
		},
		"workloads": func(add func(name, doc string)) {
			for _, e := range workloads.All() {
				add(e.Name, e.Doc)
				for _, op := range e.New(workloads.Options{}).Ops() {
					add("", fmt.Sprintf("%s (%s): %s", op.Name, op.Kind, op.Doc))
				}
			}
		},
		"checkers": func(add func(name, doc string)) {
			for _, e := range checker.All() {
				add(e.Name, e.Doc)
			}
		},
		"systems": func(add func(name, doc string)) {
			for _, e := range systems.All() {
				add(e.Name, e.Doc)
			}
		},
		"runtimes": func(add func(name, doc string)) {
			for _, e := range scenario.Runtimes() {
				add(e.Name, e.Doc)
			}
		},
		"scenarios": func(add func(name, doc string)) {
			for _, name := range scenario.Names() {
				add(name, scenario.Doc(name))
			}
		},
		"bugs": func(add func(name, doc string)) {
			for _, name := range core.Bugs() {
				add(name, "planted in the store; --bug "+name)
			}
		},
	}
}

func newListCmd(a *app) *cobra.Command {
	names := []string{"faults", "workloads", "checkers", "systems", "runtimes", "scenarios", "bugs"}
	return &cobra.Command{
		Use:       "list " + strings.Join(names, "|"),
		Short:     "List what exists",
		ValidArgs: names,
		Args:      cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			list, ok := lists()[args[0]]
			if !ok {
				return scenario.Usage("unknown list %q: allowed are %s", args[0], strings.Join(names, ", "))
			}
			w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
			n := 0
			list(func(name, doc string) { n++; fmt.Fprintf(w, "%s\t%s\n", name, doc) })
			if args[0] == "faults" {
				fmt.Fprintln(w)
				listSupport(cmd.Context(), w)
			}
			if n == 0 {
				fmt.Fprintln(a.stderr, "faultline: this build has none: build it with -tags bugs (make prove does)")
			}
			return w.Flush()
		},
	}
}

// cleaner is a runtime that leaves something behind where its program is killed.
type cleaner interface {
	Clean(ctx context.Context, all bool) (removed []string, err error)
}

func newCleanCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "clean",
		Short: "Remove what runs left behind whose program is gone",
		Args:  cobra.NoArgs,
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

// newAgentCmd is the program beside each member. Runtimes start it; nobody else does.
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
