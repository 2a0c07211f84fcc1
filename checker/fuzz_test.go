package checker

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/history"
)

// FuzzCheckers: whatever a history looks like, no checker fails, none is without a reason, and the
// evidence is of ops that there are. The seeds are the histories of testdata.
func FuzzCheckers(f *testing.F) {
	files, err := filepath.Glob("testdata/*")
	require.NoError(f, err)
	for _, file := range files {
		if info, err := os.Stat(file); err != nil || info.IsDir() {
			continue
		}
		datadriven.RunTestAny(f, file, func(_ testing.TB, d *datadriven.TestData) string {
			h, err := runScript(d.Input)
			require.NoError(f, err)
			var lines []byte
			for i := range h.Ops {
				lines = h.Ops[i].AppendJSON(lines)
			}
			f.Add(lines)
			return d.Expected
		})
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		h := history.History{Nodes: []history.NodeID{"n1", "n2", "n3"}, Logs: map[history.NodeID][]history.LogLine{}}
		for line := range bytes.SplitSeq(data, []byte("\n")) {
			var op history.Op
			if json.Unmarshal(line, &op) == nil {
				op.Index = len(h.Ops)
				h.Ops = append(h.Ops, op)
			}
			h.Logs["n1"] = append(h.Logs["n1"], history.LogLine{Text: string(line)})
		}
		var list []history.Checker
		for _, e := range All() {
			list = append(list, e.New())
		}
		list = append(list, Linearizable{Budget: time.Second})
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		for _, v := range Run(ctx, list, h) {
			require.NotEmpty(t, v.Reason, v.Checker)
			require.NotContains(t, v.Reason, "the checker itself failed", v.Checker)
			require.NotContains(t, v.Reason, "contradict each other", v.Checker)
			for _, i := range v.Evidence {
				require.Less(t, i, len(h.Ops))
			}
		}
	})
}
