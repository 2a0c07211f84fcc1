package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/history"
	"github.com/faultline-chaos/faultline/results"
	"github.com/faultline-chaos/faultline/results/failover"
	"github.com/faultline-chaos/faultline/results/page"
	"github.com/faultline-chaos/faultline/results/trends"
	"github.com/faultline-chaos/faultline/scenario"
)

func TestRepeatedSaysHowOftenAndWhich(t *testing.T) {
	rows := []page.SummaryRow{{Seed: 1, Ended: "valid"}, {Seed: 2, Ended: "INVALID"}, {Seed: 3, Ended: "valid"}, {Seed: 4, Ended: "unknown"}, {Seed: 5, Ended: "INVALID"}, {Seed: 6, Ended: "broke"}}
	require.Equal(t, `6 runs: 2 valid, 2 INVALID, 1 unknown, 1 broke
violations in 2 of the 4 runs that could be judged: 50.0 % (95 % confidence interval: 6.8 to 93.2 %)
seeds that ended INVALID: 2 5
seeds that ended unknown: 4
seeds that ended broke: 6
`, repeated(rows))
	require.Equal(t, "1 runs: 0 valid, 0 INVALID, 1 broke\nseeds that ended broke: 6\n", repeated(rows[5:]))
}

// TestBatchTellsHowRunsEnded: a violation, a run that could not start, and one that the runtime cannot do.
func TestBatchTellsHowRunsEnded(t *testing.T) {
	b := newBatch("Nightly", filepath.Join(t.TempDir(), "runs"), "./")
	run := results.Run{
		ID: "20260101-000000-chaos-abcd", Seed: 7, Runtime: "sim", System: "raftkv", Workload: "register", Verdict: history.Invalid, Finished: time.Now(),
		Verdicts: []history.Verdict{{Checker: "linearizable", Validity: history.Invalid, Reason: "v7 was lost"}},
	}
	invalid := failover.Analyze(run, history.History{})
	code, _ := b.add("chaos", "raftkv", "auto", 0, &invalid, scenario.Exit(scenario.ExitInvalid))
	require.Equal(t, scenario.ExitInvalid, code)
	code, why := b.add("storm", "raftkv", "local", 3, nil, scenario.Infrastructure(errors.New("no Docker")))
	require.Equal(t, scenario.ExitInfrastructure, code)
	require.Equal(t, "no Docker", why)
	code, why = b.add("power", "etcd", "local", 3, nil, scenario.Refused(&harness.UnsupportedError{Reasons: []error{errors.New("fault powerfail is not supported")}}))
	require.Equal(t, scenario.ExitValid, code, "what a runtime cannot do is no failure")
	require.Equal(t, "fault powerfail is not supported", why)
	require.NoError(t, b.write())
	text, err := os.ReadFile(filepath.Join(b.dir, results.SummaryFile))
	require.NoError(t, err)
	for _, want := range []string{"❌ Nightly", "3 runs: 1 INVALID, 1 broke, 1 skipped", "[**INVALID**](./20260101-000000-chaos-abcd/report.html)", "linearizable: v7 was lost", "no Docker"} {
		require.Contains(t, string(text), want)
	}
	tests, err := os.ReadFile(filepath.Join(b.dir, results.JUnitFile))
	require.NoError(t, err)
	for _, want := range []string{`failures="2"`, `errors="1"`, `skipped="1"`, `name="register, no fault, seed 7"`, `skipped message="fault powerfail is not supported"`, `error message="no Docker" type="infrastructure"`} {
		require.Contains(t, string(tests), want)
	}
}

// trendsFile has a kind with as many runs as asked for; the last two are slow, or not.
func trendsFile(t *testing.T, n int, slow bool) string {
	path := filepath.Join(t.TempDir(), trends.File)
	for i := range n {
		d := time.Second + time.Duration(i%4)*10*time.Millisecond
		if slow && i >= n-2 {
			d *= 3
		}
		require.NoError(t, trends.Append(path, trends.Row{
			Format: trends.Format, ID: fmt.Sprintf("r%d", i), Started: time.Date(2026, 1, 1+i, 0, 0, 0, 0, time.UTC), State: trends.Valid,
			Scenario: "chaos", System: "raftkv", Runtime: "docker", Load: time.Minute, LoadOK: 9000, Unavailable: 5 * time.Second, Ops: failover.Counts{OK: 9000},
			WriteOutages: []time.Duration{d, d + 100*time.Millisecond, d + 200*time.Millisecond},
		}))
	}
	return path
}

func TestGate(t *testing.T) {
	for _, c := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{"steady", []string{trendsFile(t, 16, false)}, scenario.ExitValid, "0 regressions, 0 suspects, 0 better, 5 without a detectable change"},
		{"slower", []string{trendsFile(t, 16, true)}, scenario.ExitRegression, "REGRESSION"},
		{"too few", []string{trendsFile(t, 9, true)}, scenario.ExitValid, "too few runs: 7 of 14"},
		{"a smaller window", []string{"--window", "7", trendsFile(t, 9, true)}, scenario.ExitRegression, "+179 %"},
		{"of several files", []string{trendsFile(t, 16, true), trendsFile(t, 3, false)}, scenario.ExitRegression, "from 16 runs"},
		{"nothing", []string{filepath.Join(t.TempDir(), "none")}, scenario.ExitUsage, ""},
		{"no window", []string{"--window", "1"}, scenario.ExitUsage, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out bytes.Buffer
			root := newRoot(&app{stdout: &out, stderr: &out})
			root.SetArgs(append([]string{"gate"}, c.args...))
			err := root.ExecuteContext(t.Context())
			var status *scenario.StatusError
			if c.code == scenario.ExitValid {
				require.NoError(t, err)
			} else {
				require.ErrorAs(t, err, &status)
				require.Equal(t, c.code, status.Code)
			}
			require.Contains(t, out.String(), c.want)
		})
	}
}

func TestGateCarriesHistoryOn(t *testing.T) {
	history := filepath.Join(t.TempDir(), "history.jsonl")
	for range 2 { // the second time there is nothing to add
		root := newRoot(&app{stdout: &bytes.Buffer{}, stderr: &bytes.Buffer{}})
		root.SetArgs([]string{"gate", "--append-to", history, trendsFile(t, 5, false)})
		require.NoError(t, root.ExecuteContext(t.Context()))
	}
	b, err := os.ReadFile(history)
	require.NoError(t, err)
	require.Equal(t, 5, bytes.Count(b, []byte("\n")))
}
