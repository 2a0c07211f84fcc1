package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/internal/recount"
	"github.com/faultline-chaos/faultline/results"
	"github.com/faultline-chaos/faultline/results/failover"
	"github.com/faultline-chaos/faultline/scenario"
)

// TestEveryNumberOfARunIsRecounted: every number that the reports of real runs show, and every one in
// failovers.jsonl, is what package recount makes of their files.
func TestEveryNumberOfARunIsRecounted(t *testing.T) {
	for _, c := range []struct {
		name string
		args []string
	}{
		{"three members", []string{"--faults", "kill,pause,partition,isolate", "--time", "20s"}},
		{"five members, overlapping faults", []string{"--nodes", "5", "--storm", "3s", "--time", "12s", "--faults", "kill,stop,powerfail,pause,partition,isolate"}},
		{"nothing is broken", []string{"--faults", "none", "--time", "5s"}},
		{"without probes", []string{"--probe", "0", "--time", "12s", "--rate", "400"}},
		{"a scenario with claims", []string{"election-basics"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := t.TempDir()
			var out, errs bytes.Buffer
			run(append([]string{"run", "--runtime", "sim", "--seed", "11", "--out", root}, c.args...), nil, &out, &errs)
			dir, err := filepath.EvalSymlinks(filepath.Join(root, results.Latest))
			require.NoError(t, err, errs.String())
			recounted(t, dir)

			// What etcd's container does not tell either: how a run looks that knows roles from the poller alone.
			require.NoError(t, os.RemoveAll(filepath.Join(dir, results.LogsDir)))
			require.Equal(t, scenario.ExitValid, run([]string{"report", dir}, nil, &bytes.Buffer{}, &errs), errs.String())
			recounted(t, dir)
		})
	}
}

func recounted(t *testing.T, dir string) {
	t.Helper()
	f, err := results.Open(dir)
	require.NoError(t, err)
	a, err := failover.AnalyzeFolder(f)
	require.NoError(t, err)
	values, err := recount.Of(dir)
	require.NoError(t, err)
	wrong, compared, err := values.Compare(a)
	require.NoError(t, err)
	require.Empty(t, wrong)
	require.Greater(t, compared, 30)
	wrong, err = values.Failovers(dir)
	require.NoError(t, err)
	require.Empty(t, wrong)
}
