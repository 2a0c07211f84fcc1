package harness_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/history"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestOpJSONIsEncodingJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		op := history.Op{
			Index: rapid.Int().Draw(t, "index"), Time: time.Duration(rapid.Int64().Draw(t, "time")), Process: rapid.Int().Draw(t, "process"),
			Type: rapid.SampledFrom([]history.Type{history.Invoke, history.OK, history.Fail, history.Info}).Draw(t, "type"),
			F:    rapid.SampledFrom([]string{"get", "put", history.FInject}).Draw(t, "f"), Call: rapid.Int().Draw(t, "call"),
			Sched: time.Duration(rapid.Int64().Draw(t, "sched")),
			Node:  rapid.SampledFrom([]history.NodeID{"", "n1"}).Draw(t, "node"), Error: rapid.String().Draw(t, "error"),
			Value: rapid.SampledFrom([]json.RawMessage{nil, json.RawMessage(`{"key":"k"}`)}).Draw(t, "value"),
		}
		want, err := json.Marshal(op)
		require.NoError(t, err)
		require.Equal(t, string(want)+"\n", string(op.AppendJSON(nil)))
	})
}

func TestLogLineRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		at := time.Duration(rapid.Int64Range(0, int64(24*time.Hour)).Draw(t, "at"))
		text := rapid.StringMatching(`[ -~]*`).Draw(t, "text")
		line := history.AppendLogLine(nil, at, []byte(text+"\r\n"))
		got, err := history.ParseLogLine(string(bytes.TrimSuffix(line, []byte("\n"))))
		require.NoError(t, err)
		require.Equal(t, history.LogLine{At: at, Text: text}, got)
	})
	for _, bad := range []string{"", "x", "1.5 a", "1.000000000", "-1.000000000 a", "1.00000000x a"} {
		_, err := history.ParseLogLine(bad)
		require.Error(t, err, bad)
	}
}

func TestTargets(t *testing.T) {
	three := []history.NodeID{"n1", "n2", "n3"}
	five := []history.NodeID{"n1", "n2", "n3", "n4", "n5"}
	for name, c := range map[string]struct {
		target        history.Target
		members, free []history.NodeID
		leader        history.NodeID
		count         int
		has, hasNot   history.NodeID
	}{
		"leader":                         {"leader", three, three, "n2", 1, "n2", ""},
		"leader, nobody leads":           {"leader", three, three, "", 0, "", ""},
		"leader is held":                 {"leader", three, three[:1], "n2", 0, "", ""},
		"follower":                       {"follower", three, three, "n2", 1, "", "n2"},
		"follower, nobody leads":         {"follower", three, three, "", 0, "", ""},
		"one":                            {"one", three, three, "", 1, "", ""},
		"minority of three is one":       {"minority", three, three, "", 1, "", ""},
		"minority of five is two":        {"minority", five, five, "", 2, "", ""},
		"minority of one":                {"minority", three[:1], three[:1], "", 1, "n1", ""},
		"majority of five":               {"majority", five, five, "", 3, "", ""},
		"all":                            {"all", five, five, "", 5, "", ""},
		"all that are free":              {"all", five, five[:2], "", 2, "", "n3"},
		"node":                           {"node=n3", five, five, "", 1, "n3", ""},
		"leader and a minority in all":   {"leader+minority", five, five, "n4", 2, "n4", ""},
		"leader and minority of three":   {"leader+minority", three, three, "n1", 2, "n1", ""},
		"leader and follower":            {"leader+follower", three, three, "n1", 2, "n1", ""},
		"sum does not pick a node twice": {"node=n1+all", three, three, "", 3, "n1", ""},
	} {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, c.target.Check(c.members))
			for seed := range uint64(20) {
				got := c.target.Resolve(c.members, c.free, c.leader, harness.Stream(seed, "t"))
				require.Len(t, got, c.count)
				require.Subset(t, c.free, got)
				require.IsIncreasing(t, append([]history.NodeID{"n0"}, got...))
				if c.has != "" {
					require.Contains(t, got, c.has)
				}
				require.NotContains(t, got, c.hasNot)
			}
		})
	}
	require.ErrorContains(t, history.Target("leadr").Check(three), `unknown target "leadr": allowed are leader`)
	require.ErrorContains(t, history.Target("node=n9").Check(three), `"n9" is not a member`)
	require.True(t, history.Target("one+leader").NeedsLeader())
	require.False(t, history.Target("minority").NeedsLeader())
}

func TestWorst(t *testing.T) {
	v := func(vs ...history.Validity) (out []history.Verdict) {
		for _, x := range vs {
			out = append(out, history.Verdict{Validity: x})
		}
		return out
	}
	require.Equal(t, history.Unknown, history.Worst(nil), "no verdict proves nothing")
	require.Equal(t, history.Valid, history.Worst(v(history.Valid, history.Valid)))
	require.Equal(t, history.Unknown, history.Worst(v(history.Valid, history.Unknown)))
	require.Equal(t, history.Invalid, history.Worst(v(history.Unknown, history.Invalid, history.Valid)))
}

// lost is a writer that fails.
type lost struct{ err error }

func (w lost) Write([]byte) (int, error) { return 0, w.err }

func TestRecorder(t *testing.T) {
	env := newFakeEnv()
	var out bytes.Buffer
	var seen []int
	r := harness.NewRecorder(env, &out, harness.RecorderOptions{Keep: true, Observe: func(op *history.Op) { seen = append(seen, op.Index) }})
	for i := range 3000 {
		require.Equal(t, i, r.Add(history.Op{F: "put", Type: history.Invoke}).Index)
	}
	require.NoError(t, r.Flush())
	require.Len(t, r.Ops(), 3000)
	require.Equal(t, 3000, r.Len())
	require.Len(t, seen, 3000)
	require.Equal(t, 3000, bytes.Count(out.Bytes(), []byte("\n")))

	full := errors.New("disk full")
	r = harness.NewRecorder(env, lost{full}, harness.RecorderOptions{})
	for range 3000 {
		r.Add(history.Op{F: "put", Type: history.Invoke})
	}
	require.ErrorIs(t, r.Flush(), full, "what could not be written is not forgotten")
}
