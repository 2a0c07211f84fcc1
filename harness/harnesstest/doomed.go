package harnesstest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/harness"
)

const doomedReady = "all broken"

// Doomed is a harness that will be killed: it breaks everything that its runtime can break, says so
// on out, and waits. HarnessDies runs it in a process of its own.
func Doomed(ctx context.Context, rt harness.Runtime, sys harness.System, runID string, out io.Writer) error {
	return rt.Run(ctx, harness.ClusterConfig{RunID: runID, Seed: 1, System: sys, Nodes: 3}, func(ctx context.Context, env harness.Env, c harness.Cluster) error {
		err := errors.Join(
			c.(harness.Network).Cut(ctx, "doomed", append(both("n1", "n2"), both("n1", "n3")...)),
			c.(harness.Pauser).Pause(ctx, "n1"),
			c.(harness.Pauser).Pause(ctx, "n2"),
			c.(harness.Killer).Kill(ctx, "n3"),
		)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintln(out, doomedReady); err != nil {
			return err
		}
		return env.Sleep(ctx, time.Hour)
	})
}

// deathTime is how long everything may outlive the harness.
const deathTime = 5 * time.Second

// HarnessDies starts cmd, a program that calls Doomed and prints nothing else, kills it with SIGKILL
// once everything is broken, and expects the run to be gone soon, except for what remains says yes
// to: that must go with the runtime's Clean.
func HarnessDies(t *testing.T, rt interface {
	Residuer
	Clean(ctx context.Context, all bool) ([]string, error)
}, cmd *exec.Cmd, runID string, remains func(string) bool,
) {
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	var errout strings.Builder
	cmd.Stderr = &errout
	require.NoError(t, cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	before, residueErr := rt.Residue(t.Context(), runID)
	require.NoError(t, cmd.Process.Kill())
	require.NoError(t, residueErr)
	_ = cmd.Wait() // it was killed
	require.NoError(t, err, errout.String())
	require.Equal(t, doomedReady+"\n", line)
	require.NotEmpty(t, slices.DeleteFunc(slices.Clone(before), remains), "nothing was seen while the harness lived")
	t.Logf("while the harness lived: %q", before)

	killed := time.Now()
	var left []string
	for {
		found, err := rt.Residue(t.Context(), runID)
		require.NoError(t, err)
		left = slices.DeleteFunc(slices.Clone(found), remains)
		if len(left) == 0 || time.Since(killed) > deathTime {
			break
		}
		time.Sleep(20 * time.Millisecond) // a dead harness sends no events
	}
	require.Empty(t, left, "still there %v after the harness was killed", deathTime)
	t.Logf("all gone %v after the harness was killed", time.Since(killed).Round(time.Millisecond))

	_, err = rt.Clean(t.Context(), false)
	require.NoError(t, err)
	found, err := rt.Residue(t.Context(), runID)
	require.NoError(t, err)
	require.Empty(t, found, "still there after Clean")
}
