package page

import (
	"html"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/results"
	"github.com/faultline-chaos/faultline/results/failover"
	"github.com/faultline-chaos/faultline/results/internal/synthetic"
)

// TestKeepCalibration: the newest of each machine, runtime and system is kept.
func TestKeepCalibration(t *testing.T) {
	root := filepath.Join(t.TempDir(), "runs")
	none, err := results.ReadCalibrations(root)
	require.NoError(t, err)
	require.Empty(t, none)
	for _, c := range []results.Calibration{synthetic.CalibrationOf("a", "sim", "raftkv", 1), synthetic.CalibrationOf("a", "local", "raftkv", 2), synthetic.CalibrationOf("b", "local", "raftkv", 3), synthetic.CalibrationOf("a", "local", "raftkv", 4)} {
		require.NoError(t, results.KeepCalibration(root, c))
	}
	list, err := results.ReadCalibrations(root)
	require.NoError(t, err)
	require.Equal(t, []results.Calibration{synthetic.CalibrationOf("a", "sim", "raftkv", 1), synthetic.CalibrationOf("b", "local", "raftkv", 3), synthetic.CalibrationOf("a", "local", "raftkv", 4)}, list)
	require.NoError(t, os.WriteFile(filepath.Join(root, results.CalibrationFile), []byte(`{"format": 99}`), 0o644))
	_, err = results.ReadCalibrations(root)
	require.ErrorContains(t, err, "its format is 99; this program reads 1")
	require.Error(t, results.KeepCalibration(root, list[0]), "what cannot be read is not overwritten")
}

func TestLatestCalibration(t *testing.T) {
	here := results.Machine{Host: "a", CPU: "x", Cores: 2, Kernel: "6.2"}
	list := []results.Calibration{synthetic.CalibrationOf("a", "local", "etcd", 5), synthetic.CalibrationOf("a", "local", "raftkv", 2), synthetic.CalibrationOf("a", "local", "raftkv", 4), synthetic.CalibrationOf("b", "local", "raftkv", 9), synthetic.CalibrationOf("a", "sim", "raftkv", 9)}
	for _, c := range []struct {
		name            string
		machine         results.Machine
		runtime, system string
		want            *results.Calibration
	}{
		{"the newest of the system, after an update of the kernel", here, "local", "raftkv", &list[2]},
		{"of another system rather than none", here, "sim", "etcd", &list[4]},
		{"the system's own", here, "local", "etcd", &list[0]},
		{"another runtime", here, "docker", "raftkv", nil},
		{"another processor", results.Machine{Host: "a", CPU: "y", Cores: 2}, "local", "raftkv", nil},
		{"a machine without a name", results.Machine{CPU: "x", Cores: 2}, "local", "raftkv", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.Equal(t, c.want, results.LatestCalibration(list, c.machine, c.runtime, c.system))
		})
	}
}

// TestReportsSayHowExact: the page, the terminal and the summary, with a calibration and without; each
// number on the page is of run.json.
func TestReportsSayHowExact(t *testing.T) {
	first := failover.Analyze(synthetic.Probed(func(s *synthetic.Synthetic) time.Duration {
		s.Add("kill", true, 4*synthetic.Sec, 2*synthetic.Sec, false)
		return 8 * synthetic.Sec
	}))
	run, h := first.Run, first.History
	run.Runtime, run.ProbeEvery = "local", 12*synthetic.Mil
	texts := func() (page, terminal, summary string) {
		a := failover.Analyze(run, h)
		var b strings.Builder
		require.NoError(t, writeReport(&a, &b, nil))
		return b.String(), TerminalSummary(a, TerminalOptions{}), string(JobSummary(&a))
	}
	page, terminal, summary := texts()
	for _, text := range []string{page, summary} {
		require.Contains(t, text, "Not calibrated: there was no calibration of runtime local on this machine when the run was made (run: faultline calibrate --runtime local).")
	}
	require.Contains(t, terminal, "accuracy      not calibrated on this machine (run: faultline calibrate --runtime local)\n")

	c := synthetic.CalibrationOf("a", "local", "raftkv", 4)
	run.Calibration = &c
	page, terminal, summary = texts()
	require.Contains(t, terminal, "accuracy      calibrated on 2026-11-04: 19 of 20 stalls measured, errors −1.00 ms to +9.00 ms\n")
	words := "Calibrated on 2026-11-04 with raftkv on the same machine and runtime, with a probe interval of 10.0 ms: 19 of 20 outages caused by stalls of 20.0 ms to 1000 ms were measured, with errors from −1.00 ms to +9.00 ms; a run without faults reported 0 outages, and its slowest answer took 12.0 ms. The probe interval of this run was 12.0 ms."
	require.Contains(t, summary, words)
	require.Contains(t, html.UnescapeString(page), words)
	c.Exact, c.Stalls = false, nil
	page, terminal, _ = texts()
	require.Contains(t, page, "Outage timing is less accurate than reported.")
	require.Contains(t, terminal, "LESS THAN REPORTED, calibrated on 2026-11-04: no stall was measured")
}
