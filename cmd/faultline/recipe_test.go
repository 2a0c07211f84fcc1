package main

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/results"
	"github.com/faultline-chaos/faultline/scenario"
)

// newFaultsCmd is CONTRIBUTING's recipe for a command: flags, one call, one print.
func newFaultsCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "faults DIR",
		Short: "Say which faults a run was to have",
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			folder, err := results.Open(args[0])
			if err != nil {
				return scenario.Usage("faults: %v", err)
			}
			run, err := folder.ReadRun()
			if err != nil {
				return scenario.Usage("faults: %v", err)
			}
			for _, s := range run.Schedule {
				fmt.Fprintf(a.stdout, "%v %s on %s\n", s.At, s.Fault, s.Target)
			}
			return nil
		},
	}
}

// TestCommandRecipe: a command is in the help and runs by its place in commands alone.
func TestCommandRecipe(t *testing.T) {
	var out bytes.Buffer
	a := &app{stdout: &out, stderr: &out}
	run := func(args ...string) (string, error) {
		out.Reset()
		root := newRoot(a)
		root.AddCommand(newFaultsCmd(a))
		root.SetArgs(args)
		err := root.ExecuteContext(t.Context())
		return out.String(), err
	}
	help, err := run("--help")
	require.NoError(t, err)
	require.Regexp(t, `faults +Say which faults`, help)
	text, err := run("faults", "../../scenario/testdata/runs/sim-stale-read")
	require.NoError(t, err)
	require.Contains(t, text, "partition on leader")
	_, err = run("faults", "nowhere")
	require.ErrorContains(t, err, "nowhere")
}

// TestCommandsSayWhatTheyDo, but for those that are not meant to be called.
func TestCommandsSayWhatTheyDo(t *testing.T) {
	for _, c := range commands(&app{}) {
		require.True(t, c.Hidden || c.Short != "", c.Name())
	}
}
