package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/results"
	"github.com/faultline-chaos/faultline/scenario"
)

// TestUnreadOutput: when nobody reads the output any more, the run ends in good order and leaves its report.
func TestUnreadOutput(t *testing.T) {
	out := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "faultline", "run", "--runtime", "sim", "--seed", "1", "--time", "10m", "--out", out)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	lines := bufio.NewScanner(stdout)
	for lines.Scan() && !strings.Contains(lines.Text(), "phase faults") {
	}
	require.NoError(t, stdout.Close())
	var exit *exec.ExitError
	require.ErrorAs(t, cmd.Wait(), &exit)
	require.Equal(t, scenario.ExitUnknown, exit.ExitCode(), stderr.String())
	require.Contains(t, stderr.String(), "standard output is closed")
	folder, err := results.Open(filepath.Join(out, "latest"))
	require.NoError(t, err)
	run, err := folder.ReadRun()
	require.NoError(t, err)
	require.NotEmpty(t, run.Verdicts, "it was judged")
	require.FileExists(t, folder.Path("report.html"))
}

// TestBrokenConnection: a connection or pipe whose other end is gone, such as a killed member's, is an error
// of its write and no reason to stop: the first reason is the signal that comes after it.
func TestBrokenConnection(t *testing.T) {
	signals, ctx := newInterrupts(io.Discard)
	defer signals.stop()
	r, w, err := os.Pipe()
	require.NoError(t, err)
	require.NoError(t, r.Close())
	_, err = w.Write([]byte("x"))
	require.ErrorIs(t, err, syscall.EPIPE)
	require.NoError(t, w.Close())
	require.NoError(t, syscall.Kill(os.Getpid(), syscall.SIGTERM))
	<-ctx.Done()
	require.EqualError(t, context.Cause(ctx), "signal terminated")
}
