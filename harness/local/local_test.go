package local_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/faultline-chaos/faultline/harness/harnesstest"
)

func TestConformance(t *testing.T) {
	r := newRuntime(t)
	toy := harnesstest.BuildToy(t)
	harnesstest.Run(t, r, toy)
	if os.Geteuid() != 0 {
		return
	}
	t.Run("in a user namespace", func(t *testing.T) {
		r := *r
		r.UserNamespace = true
		if err := r.Probe(t.Context()); err != nil {
			t.Skipf("no user namespace can be made here: %v", err)
		}
		harnesstest.Run(t, &r, toy)
	})
}

func TestHarnessDies(t *testing.T) {
	r := newRuntime(t)
	toy := harnesstest.BuildToy(t)
	runID := harnesstest.NewRunID()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "DOOMED_RUN="+runID, "DOOMED_TEMP="+r.TempDir, "DOOMED_TOY="+toy.Binary)
	harnesstest.HarnessDies(t, r, cmd, runID, func(what string) bool { return strings.HasPrefix(what, "directory ") })
}
