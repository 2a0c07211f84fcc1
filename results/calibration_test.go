package results

import (
	"html"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func calibrationOf(host, runtime, system string, day int) Calibration {
	return Calibration{
		At: time.Date(2026, 11, day, 9, 0, 0, 0, time.UTC), Machine: Machine{Host: host, CPU: "x", Cores: 2, Kernel: "6.1"}, Runtime: runtime, System: system,
		Every: 10 * mil, Timeout: 100 * mil, Noise: 12 * mil, Exact: true,
		Stalls: []Stall{{Length: 20 * mil, N: 10, Read: 10, Low: 2 * mil, High: 9 * mil}, {Length: sec, N: 10, Read: 9, Low: -mil, High: 3 * mil}},
	}
}

// TestKeepCalibration: the newest of each machine, runtime and system is kept.
func TestKeepCalibration(t *testing.T) {
	root := filepath.Join(t.TempDir(), "runs")
	none, err := ReadCalibrations(root)
	require.NoError(t, err)
	require.Empty(t, none)
	for _, c := range []Calibration{calibrationOf("a", "sim", "raftkv", 1), calibrationOf("a", "local", "raftkv", 2), calibrationOf("b", "local", "raftkv", 3), calibrationOf("a", "local", "raftkv", 4)} {
		require.NoError(t, KeepCalibration(root, c))
	}
	list, err := ReadCalibrations(root)
	require.NoError(t, err)
	require.Equal(t, []Calibration{calibrationOf("a", "sim", "raftkv", 1), calibrationOf("b", "local", "raftkv", 3), calibrationOf("a", "local", "raftkv", 4)}, list)
	require.NoError(t, os.WriteFile(filepath.Join(root, CalibrationFile), []byte(`{"format": 99}`), 0o644))
	_, err = ReadCalibrations(root)
	require.ErrorContains(t, err, "its format is 99; this program reads 1")
	require.Error(t, KeepCalibration(root, list[0]), "what cannot be read is not overwritten")
}

func TestLatestCalibration(t *testing.T) {
	here := Machine{Host: "a", CPU: "x", Cores: 2, Kernel: "6.2"}
	list := []Calibration{calibrationOf("a", "local", "etcd", 5), calibrationOf("a", "local", "raftkv", 2), calibrationOf("a", "local", "raftkv", 4), calibrationOf("b", "local", "raftkv", 9), calibrationOf("a", "sim", "raftkv", 9)}
	for _, c := range []struct {
		name            string
		machine         Machine
		runtime, system string
		want            *Calibration
	}{
		{"the newest of the system, after an update of the kernel", here, "local", "raftkv", &list[2]},
		{"of another system rather than none", here, "sim", "etcd", &list[4]},
		{"the system's own", here, "local", "etcd", &list[0]},
		{"another runtime", here, "docker", "raftkv", nil},
		{"another processor", Machine{Host: "a", CPU: "y", Cores: 2}, "local", "raftkv", nil},
		{"a machine without a name", Machine{CPU: "x", Cores: 2}, "local", "raftkv", nil},
	} {
		t.Run(c.name, func(t *testing.T) { require.Equal(t, c.want, LatestCalibration(list, c.machine, c.runtime, c.system)) })
	}
}

// TestReportsSayHowExact: the page, the terminal and the summary, with a calibration and without; each
// number on the page is of run.json.
func TestReportsSayHowExact(t *testing.T) {
	_, first := probed(func(s *synthetic) time.Duration {
		s.add("kill", true, 4*sec, 2*sec, false)
		return 8 * sec
	})
	run, h := first.Run, first.History
	run.Runtime, run.ProbeEvery = "local", 12*mil
	texts := func() (page, terminal, summary string) {
		a := Analyze(run, h)
		var b strings.Builder
		require.NoError(t, writeReport(&a, &b, nil))
		return b.String(), TerminalSummary(a, TerminalOptions{}), string(JobSummary(&a))
	}
	page, terminal, summary := texts()
	for _, text := range []string{page, summary} {
		require.Contains(t, text, "Not calibrated: when the run was made, there was no calibration of runtime local on its machine (faultline calibrate --runtime local).")
	}
	require.Contains(t, terminal, "exact    not calibrated here: faultline calibrate --runtime local says how exact that is\n")

	c := calibrationOf("a", "local", "raftkv", 4)
	run.Calibration = &c
	page, terminal, summary = texts()
	require.Contains(t, terminal, "exact    calibrated 2026-11-04: 19 of 20 stalls read, errors −1.00 ms to +9.00 ms\n")
	words := "Calibrated 2026-11-04 with raftkv on this machine and runtime, probes every 10.0 ms: of stalls of 20.0 ms to 1000 ms, 19 of 20 readings were made, with errors from −1.00 ms to +9.00 ms; a run without faults read 0 outages and no answer took longer than 12.0 ms. This run's probes were due every 12.0 ms."
	require.Contains(t, summary, words)
	require.Contains(t, html.UnescapeString(page), words)
	c.Exact, c.Stalls = false, nil
	page, terminal, _ = texts()
	require.Contains(t, page, "That is less exact than the ruler says of itself.")
	require.Contains(t, terminal, "NOT AS IT SAYS, calibrated 2026-11-04: no stall was read")
}
