package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/internal/recount"
	"github.com/faultline-chaos/faultline/results"
)

// TestEveryNumberOfARunIsRecounted: every number of real runs, on the page and on the terminal, is what
// package recount makes of their files.
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
			recounted(t, dir, out.String())

			// What etcd's container does not tell either: how a run looks that knows roles from the poller alone.
			require.NoError(t, os.RemoveAll(filepath.Join(dir, results.LogsDir)))
			require.Equal(t, exitValid, run([]string{"report", dir}, nil, &bytes.Buffer{}, &errs), errs.String())
			recounted(t, dir, "")
		})
	}
}

func recounted(t *testing.T, dir, terminal string) {
	t.Helper()
	values, err := recount.Of(dir)
	require.NoError(t, err)
	wrong, seen, err := values.Page(dir)
	require.NoError(t, err)
	require.Empty(t, wrong)
	require.Greater(t, seen, 80)
	require.Empty(t, values.Failovers(dir))
	if terminal != "" {
		at := regexp.MustCompile(`(?m)^(VALID|INVALID|UNKNOWN)  `).FindStringIndex(terminal)
		require.NotNil(t, at, terminal)
		require.Empty(t, values.Terminal(terminal[at[0]:]))
	}
}
