package docker_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/faultline-chaos/faultline/harness/harnesstest"
)

func TestConformance(t *testing.T) {
	harnesstest.Run(t, newRuntime(t), harnesstest.BuildToy(t))
}

// Only the network may outlive the containers: nobody is left to remove it.
func TestHarnessDies(t *testing.T) {
	r := newRuntime(t)
	toy := harnesstest.BuildToy(t)
	runID := harnesstest.NewRunID()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "DOOMED_RUN="+runID, "DOOMED_AGENT="+r.Agent, "DOOMED_TOY="+toy.Binary)
	harnesstest.HarnessDies(t, r, cmd, runID, func(what string) bool { return strings.HasPrefix(what, "network ") })
}
