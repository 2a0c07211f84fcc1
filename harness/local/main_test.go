package local_test

import (
	"context"
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/faultline-chaos/faultline/harness/agent/linux"
	"github.com/faultline-chaos/faultline/harness/harnesstest"
	"github.com/faultline-chaos/faultline/harness/local"
)

// The test binary is also the agent, and the harness that gets killed.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "agent" {
		if err := linux.Main(context.Background(), os.Stdin, os.Stdout, os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if runID := os.Getenv("DOOMED_RUN"); runID != "" {
		r := &local.Runtime{TempDir: os.Getenv("DOOMED_TEMP")}
		toy := &harnesstest.Toy{Binary: os.Getenv("DOOMED_TOY")}
		fmt.Fprintln(os.Stderr, harnesstest.Doomed(context.Background(), r, toy, runID, os.Stdout))
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

func newRuntime(t testing.TB) *local.Runtime {
	r := &local.Runtime{TempDir: t.TempDir()}
	if _, err := r.Probe(t.Context()); err != nil {
		t.Skipf("runtime local cannot be used here: %v", err)
	}
	return r
}
