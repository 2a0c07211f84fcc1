package local_test

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/faultline-chaos/faultline/harness/agent/linux"
	"github.com/faultline-chaos/faultline/harness/local"
	"go.uber.org/goleak"
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
	goleak.VerifyTestMain(m)
}

func newRuntime(t testing.TB) *local.Runtime {
	r := &local.Runtime{TempDir: t.TempDir()}
	if err := r.Probe(t.Context()); err != nil {
		t.Skipf("runtime local cannot be used here: %v", err)
	}
	return r
}
