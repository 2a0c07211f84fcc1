package main

import (
	"bytes"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/results"
	"github.com/faultline-chaos/faultline/scenario"
)

// TestCalibrate: on virtual time a run without faults measures no outage, every stall is measured to within
// a probe's interval and an answer's time, whether it is shorter or longer than a probe's timeout; the
// result is stored, later reports include it, and the same seed prints the same.
func TestCalibrate(t *testing.T) {
	out := t.TempDir()
	command := func(args ...string) string {
		var stdout, stderr bytes.Buffer
		code := run(append(args, "--runtime", "sim", "--out", out), nil, &stdout, &stderr)
		require.Equal(t, scenario.ExitValid, code, stdout.String()+stderr.String())
		return stdout.String()
	}
	args := []string{"calibrate", "--seed", "3", "--each", "3", "--time", "3s", "--stalls", "15ms,70ms,99ms,101ms,130ms,800ms"}
	first := command(args...)
	require.Contains(t, first, "0 outages measured")
	require.Contains(t, first, "VALID")
	require.Contains(t, first, "stored   "+filepath.Join(out, results.CalibrationFile))
	require.Equal(t, first, command(args...))

	list, err := results.ReadCalibrations(out)
	require.NoError(t, err)
	require.Len(t, list, 1, "the second replaced the first")
	c := list[0]
	require.True(t, c.Exact)
	require.Zero(t, c.Outages)
	require.Zero(t, c.Unsent)
	require.Equal(t, 10*time.Millisecond, c.Every)
	require.Less(t, c.Noise, 15*time.Millisecond, "the wait for the first leader is no noise")
	require.Len(t, c.Stalls, 6)
	for _, s := range c.Stalls {
		require.Equal(t, 6, s.N)
		require.Equal(t, s.N, s.Read)
		require.GreaterOrEqual(t, s.Low, time.Duration(0), "%v: an outage is never measured shorter than it was", s.Length)
		require.LessOrEqual(t, s.High, c.Every+c.Noise, "%v", s.Length)
		if s.Length > c.Timeout+c.Every {
			require.Equal(t, s.N, s.Unasked, "%v: longer than a probe's timeout, it is detected without knowing its start", s.Length)
		}
		if s.Length < c.Timeout-c.Every {
			require.Zero(t, s.Unasked, "%v: no probe fails", s.Length)
		}
	}

	text := command("run", "--seed", "3", "--time", "6s", "--faults", "kill")
	require.Contains(t, text, "calibrated on "+c.At.UTC().Format(time.DateOnly)+": 36 of 36 stalls measured, errors +")
}

func TestCalibrateUsage(t *testing.T) {
	for _, c := range []struct {
		flag, value, says string
	}{
		{"--stalls", "0s", "--stalls has 0s: allowed are 1ms to 1m"},
		{"--each", "0", "--each is 0: allowed are 1 to 1000"},
		{"--probe", "0", "--probe is 0: calibration needs probes"},
	} {
		var out, errs bytes.Buffer
		require.Equal(t, scenario.ExitUsage, run([]string{"calibrate", "--runtime", "sim", c.flag, c.value, "--out", t.TempDir()}, nil, &out, &errs))
		require.Contains(t, errs.String(), c.says)
	}
}
