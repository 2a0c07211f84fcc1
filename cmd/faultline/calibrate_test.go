package main

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestCalibrate: on virtual time the ruler is exact, every stall is read, and the same seed prints the
// same.
func TestCalibrate(t *testing.T) {
	text := func() string {
		var out, errs bytes.Buffer
		code := run([]string{"calibrate", "--runtime", "sim", "--seed", "3", "--each", "2", "--time", "3s"}, nil, &out, &errs)
		require.Equal(t, exitValid, code, out.String()+errs.String())
		return out.String()
	}
	first := text()
	require.Contains(t, first, "0 outages read")
	require.Contains(t, first, "VALID")
	require.NotContains(t, first, "not read")
	require.Equal(t, first, text())
	var out, errs bytes.Buffer
	require.Equal(t, exitUsage, run([]string{"calibrate", "--runtime", "sim", "--stalls", "0s"}, nil, &out, &errs))
	require.Contains(t, errs.String(), "allowed are 1ms to 1m")
}
