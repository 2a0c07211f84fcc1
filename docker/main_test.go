package docker_test

import (
	"context"
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/faultline-chaos/faultline/docker"
	"github.com/faultline-chaos/faultline/harness/harnesstest"
)

// The test binary is also the harness that gets killed.
func TestMain(m *testing.M) {
	if runID := os.Getenv("DOOMED_RUN"); runID != "" {
		r := &docker.Runtime{Agent: os.Getenv("DOOMED_AGENT"), AgentArgs: []string{}}
		toy := &harnesstest.Toy{Binary: os.Getenv("DOOMED_TOY")}
		fmt.Fprintln(os.Stderr, harnesstest.Doomed(context.Background(), r, toy, runID, os.Stdout))
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

// newRuntime has an agent of its own: a test binary need not be static.
func newRuntime(t testing.TB) *docker.Runtime {
	r := &docker.Runtime{}
	if _, err := r.Probe(t.Context()); err != nil {
		t.Skipf("runtime docker cannot be used here: %v", err)
	}
	r.Agent = harnesstest.Build(t, "github.com/faultline-chaos/faultline/docker/testdata/agentd")
	r.AgentArgs = []string{}
	return r
}
