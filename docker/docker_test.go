package docker_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/harness/harnesstest"
	"github.com/faultline-chaos/faultline/systems"
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

// What belongs to a harness that lives is nobody else's to remove.
func TestCleanSparesTheLiving(t *testing.T) {
	r := newRuntime(t)
	run := harnesstest.NewRunID()
	err := startCluster(t.Context(), r, harnesstest.BuildToy(t), run, func() error {
		before, err := r.Residue(t.Context(), run)
		require.NoError(t, err)
		require.Len(t, before, 3+1+3, "containers, network, volumes")
		_, err = r.Clean(t.Context(), false)
		require.NoError(t, err)
		after, err := r.Residue(t.Context(), run)
		require.NoError(t, err)
		require.ElementsMatch(t, before, after)
		return nil
	})
	require.NoError(t, err)
}

// The conformance suite on what the runtime is for.
func TestRaftKV(t *testing.T) {
	r := newRuntime(t)
	sys := systems.NewRaftKV(systems.Options{
		Binary:            harnesstest.Build(t, "github.com/faultline-chaos/faultline/cmd/raftkv"),
		ElectionTimeout:   time.Second,
		HeartbeatInterval: 100 * time.Millisecond,
	})
	t.Cleanup(func() { require.NoError(t, sys.Close()) })
	harnesstest.Run(t, r, sys)
}
