package main

import (
	"github.com/spf13/cobra"

	"github.com/faultline-chaos/faultline/checker"
	"github.com/faultline-chaos/faultline/scenario"
)

const helperName = "checker-helper"

// newHelperCmd is the process in which checkers run porcupine: see checker.WithHelper.
func newHelperCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:    helperName,
		Short:  "Internal: search for a linearization of the history on standard input",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if err := checker.ServeHelper(a.stdin, a.stdout); err != nil {
				return scenario.Infrastructure(err)
			}
			return nil
		},
	}
}
