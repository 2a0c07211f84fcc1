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

	"github.com/faultline-chaos/faultline/harness"
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
		h := harness.History{Nodes: []harness.NodeID{"n1", "n2", "n3"}, Logs: map[harness.NodeID][]harness.LogLine{}}
		for line := range bytes.SplitSeq(data, []byte("\n")) {
			var op harness.Op
			if json.Unmarshal(line, &op) == nil {
				op.Index = len(h.Ops)
				h.Ops = append(h.Ops, op)
			}
			h.Logs["n1"] = append(h.Logs["n1"], harness.LogLine{Text: string(line)})
		}
		var list []harness.Checker
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

// FuzzValue: the decoder by hand agrees with encoding/json wherever it says that it can read a value.
func FuzzValue(f *testing.F) {
	for _, s := range []string{
		`{"key":"k","value":"a","rev":3}`, `{"key":"k","value":"a","mod":2,"rev":3}`, `{"key":"k","value":null}`, `{"key":"k","old":null,"new":"b","swapped":true}`,
		`{"key":"k","deleted":1}`, `{"key":"\u0041"}`, `{ "key":"k"}`, `{"key":"k",}`, `{"key":"k","rev":01}`, `{"rev":-1}`, `{}`, `{"key":7}`, `{"swapped":true,"swapped":null}`, `{"key":"a","key":"b"}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var fast, slow value
		if !fast.scan(data) {
			return
		}
		require.NoError(t, json.Unmarshal(data, &slow), "%q", data)
		require.Equal(t, slow, fast, "%q", data)
	})
}
