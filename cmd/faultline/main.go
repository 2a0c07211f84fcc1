// Command faultline starts a cluster, injects faults while clients call it, judges what the clients saw,
// and reports the result.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/faultline-chaos/faultline/checker"
	"github.com/faultline-chaos/faultline/scenario"
)

// version is set by the linker for releases.
var version = "dev"

func main() {
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run is main with its inputs and outputs as parameters, for tests. A panic prints its stack and returns
// exit code 255.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) (code int) {
	defer func() {
		if p := recover(); p != nil {
			fmt.Fprintf(stderr, "faultline: crash: %v\n%s", p, debug.Stack())
			code = scenario.ExitCrash
		}
	}()
	signals, ctx := newInterrupts(stderr)
	defer signals.stop()
	if exe, err := os.Executable(); err == nil {
		ctx = checker.WithHelper(ctx, exe, helperName)
	}
	root := newRoot(&app{stdin: stdin, stdout: signals.output(stdout), stderr: stderr, signals: signals})
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return scenario.ExitValid
	}
	var status *scenario.StatusError
	if errors.As(err, &status) {
		if status.Err != nil {
			fmt.Fprintln(stderr, "faultline:", status.Err)
		}
		return status.Code
	}
	fmt.Fprintln(stderr, "faultline:", err) // errors of cobra itself are usage errors
	return scenario.ExitUsage
}

// app holds what all commands share.
type app struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	signals        *interrupts // may be nil
}

func newRoot(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "faultline",
		Short: "Break a distributed key-value store on purpose and check what its clients saw",
		Long: `Faultline starts a cluster in containers, in namespaces or in a simulation. Clients
call it while a nemesis kills, freezes and partitions its members. Faultline records
every call, proves or refutes that the history is linearizable, and reports which
faults were injected, what clients saw, and how long every failover took.

Exit codes:` + scenario.ExitCodesHelp,
		Example: `  faultline run                                kill, freeze and partition members for 60 s
  faultline run --runtime sim --seed 5         the same in a simulation, repeatable by its seed
  faultline check history.jsonl                judge a recorded history`,
		Version:           version,
		SilenceUsage:      true,
		SilenceErrors:     true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
	}
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	root.SetIn(a.stdin)
	root.AddCommand(commands(a)...)
	return root
}

// commands are all of them, in the order of their use.
func commands(a *app) []*cobra.Command {
	return []*cobra.Command{
		newRunCmd(a), newReplayCmd(a), newCheckCmd(a), newReportCmd(a), newServeCmd(a), newListCmd(a), newCleanCmd(a),
		newSimCmd(a), newSweepCmd(a), newCalibrateCmd(a), newProveCmd(a), newGenCmd(a),
		newNightlyCmd(a), newMergeCmd(a), newGateCmd(a), newPruneCmd(a), newExportCmd(a),
		newAgentCmd(a), newHelperCmd(a), newPaperNodeCmd(),
	}
}
