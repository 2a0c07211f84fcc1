package failover

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/history"
	"github.com/faultline-chaos/faultline/results"
	"github.com/faultline-chaos/faultline/results/internal/synthetic"
)

func TestParseHistoryReadsWhatTheRecorderWrites(t *testing.T) {
	_, _, h := synthetic.Standard(3, 20*synthetic.Mil, 20*synthetic.Mil)
	h.Ops[0].Error = "quotes \" and \\ and \n and ä"
	var b []byte
	for i := range h.Ops {
		b = h.Ops[i].AppendJSON(b)
	}
	ops, cut, err := results.ParseHistory(b)
	require.NoError(t, err)
	require.Empty(t, cut)
	require.Equal(t, h.Ops, ops)
}

func FuzzParseHistory(f *testing.F) {
	f.Add([]byte(`{"index":0,"time":1,"process":0,"type":"invoke","f":"get"}` + "\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		ops, _, err := results.ParseHistory(b)
		if err != nil {
			require.Contains(t, err.Error(), "line ")
			return
		}
		for i := range ops {
			require.Equal(t, i, ops[i].Index)
		}
		Analyze(results.Run{Nodes: []history.NodeID{"n1"}}, history.History{Ops: ops})
	})
}

func TestFolderReadsCutFiles(t *testing.T) {
	_, run, h := synthetic.Standard(2, 50*synthetic.Mil, 50*synthetic.Mil)
	f := synthetic.WriteFolder(t, t.TempDir(), run, h)
	for _, path := range []string{f.Path(results.HistoryFile), f.Path(filepath.Join(results.LogsDir, "n2.log"))} {
		b, err := os.ReadFile(path)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(path, append(b, "12.0000"...), 0o644))
	}
	a, err := AnalyzeFolder(f)
	require.NoError(t, err)
	require.Len(t, a.Warnings, 2)
	require.NoError(t, os.WriteFile(f.Path(filepath.Join(results.LogsDir, "n2.log")), []byte("no time\n"), 0o644))
	_, err = AnalyzeFolder(f)
	require.ErrorContains(t, err, "n2.log: line 1: parse log line")
}
