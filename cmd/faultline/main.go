// Command faultline starts a cluster, breaks it on purpose while clients call it, judges what they
// saw, and reports it.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/faultline-chaos/faultline/checker"
)

// version is set by the linker for releases.
var version = "dev"

func main() {
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run is main with everything that tests replace. A panic is exit code 255 with its stack.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) (code int) {
	defer func() {
		if p := recover(); p != nil {
			fmt.Fprintf(stderr, "faultline: crash: %v\n%s", p, debug.Stack())
			code = exitCrash
		}
	}()
	ctx, stop := interruptible(stderr)
	defer stop()
	if exe, err := os.Executable(); err == nil {
		ctx = checker.WithHelper(ctx, exe, helperName)
	}
	root := newRoot(&app{stdin: stdin, stdout: stdout, stderr: stderr})
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitValid
	}
	var status *statusError
	if errors.As(err, &status) {
		if status.err != nil {
			fmt.Fprintln(stderr, "faultline:", status.err)
		}
		return status.code
	}
	fmt.Fprintln(stderr, "faultline:", err) // cobra's own errors are about usage
	return exitUsage
}

// app is what commands share.
type app struct {
	stdin          io.Reader
	stdout, stderr io.Writer
}

func newRoot(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "faultline",
		Short: "Break a distributed key-value store on purpose, and prove what its clients saw",
		Long: `Faultline starts a cluster in containers (or namespaces, or a simulation), lets
clients call it while a nemesis kills, freezes and cuts off its members, records
every call, proves or refutes that the history is linearizable, and reports what
was broken, what clients saw, and how long every failover took.

Exit codes: ` + exitCodesHelp,
		Version:           version,
		SilenceUsage:      true,
		SilenceErrors:     true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
	}
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	root.SetIn(a.stdin)
	root.AddCommand(
		newRunCmd(a), newCalibrateCmd(a), newSimCmd(a), newSweepCmd(a), newProveCmd(a), newNightlyCmd(a), newMergeCmd(a), newPruneCmd(a), newExportCmd(a), newGateCmd(a), newCheckCmd(a), newGenCmd(a), newReportCmd(a),
		newReplayCmd(a), newServeCmd(a), newListCmd(a), newCleanCmd(a), newAgentCmd(a), newHelperCmd(a), newBenchCheckCmd(a),
	)
	return root
}

// interruptible ends its context at the first Ctrl-C or SIGTERM, so that the run heals, stops and
// reports. The second one ends the program at once; the agents heal by themselves then.
func interruptible(stderr io.Writer) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 2)
	done := make(chan struct{})
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		for n := 0; ; n++ {
			select {
			case s := <-signals:
				if n > 0 {
					os.Exit(exitInfrastructure)
				}
				fmt.Fprintf(stderr, "\nfaultline: %v: stopping in good order (a run heals, and reports what there is); again to leave at once\n", s)
				cancel(fmt.Errorf("signal %v", s))
			case <-done:
				return
			}
		}
	}()
	return ctx, func() { signal.Stop(signals); close(done); cancel(nil) }
}
