package checker_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/checker"
	"github.com/faultline-chaos/faultline/checker/generate"
	"github.com/faultline-chaos/faultline/history"
)

// generatedOp is a line as a recorder tells it.
func generatedOp(t *testing.T, l *generate.Line) *history.Op {
	value := map[string]any{"key": string(l.Key)}
	text := func(name string, b []byte) {
		if b != nil {
			value[name] = string(b)
		}
	}
	text("value", l.Value)
	text("old", l.Old)
	text("new", l.New)
	if l.Swapped != history.Unsaid {
		value["swapped"] = l.Swapped == history.Yes
	}
	switch l.Deleted {
	case history.Yes:
		value["deleted"] = 1
	case history.No:
		value["deleted"] = 0
	case history.Unsaid:
	}
	op := &history.Op{Index: l.Position, Time: l.Time, Process: l.Process, Type: l.Type, F: l.Form.String()}
	var err error
	op.Value, err = json.Marshal(value)
	require.NoError(t, err)
	return op
}

// TestLiveRegisters: every kind of violation is told, and none where there
// is none; a violation of the workload's is not one where only probes are judged.
func TestLiveRegisters(t *testing.T) {
	kinds, _ := generate.Kinds()
	for _, kind := range append(kinds, "") {
		t.Run("planted "+kind, func(t *testing.T) {
			c := generate.Default()
			c.Ops, c.Keys, c.Clients, c.Unknown, c.Plant, c.Seed, c.Blind = 6000, 2, 6, 0.03, kind, 1, 0.2
			at, probes := checker.NewLiveRegisters(true), checker.NewLiveRegisters(false)
			told := -1
			var end history.Op
			truth, err := generate.Run(t.Context(), c, func(l *generate.Line) error {
				op := generatedOp(t, l)
				at.Observe(t.Context(), op)
				probes.Observe(t.Context(), op)
				if told < 0 && at.Violation() != nil {
					told = l.Position
				}
				end = history.Op{Index: l.Position + 1, Time: l.Time + time.Second, Process: history.HarnessProcess, Type: history.OK, F: history.FPhase}
				return nil
			})
			require.NoError(t, err)
			at.Observe(t.Context(), &end)
			require.Nil(t, probes.Violation())
			require.Zero(t, at.Undecided())
			if kind == "" {
				require.Nil(t, at.Violation())
				return
			}
			require.NotNil(t, at.Violation())
			require.Equal(t, history.Invalid, at.Violation().Validity)
			if told >= 0 {
				require.GreaterOrEqual(t, told, truth.First)
			}
		})
	}
}

// liveOps makes lines for one LiveRegisters.
type liveOps struct {
	t       *testing.T
	r       *checker.LiveRegisters
	n       int
	process int
}

// do is a call and its end.
func (l *liveOps) do(t history.Type, f, value string) {
	for _, t := range []history.Type{history.Invoke, t} {
		l.r.Observe(l.t.Context(), &history.Op{Index: l.n, Time: time.Duration(l.n) * time.Millisecond, Process: l.process, Type: t, F: f, Value: json.RawMessage(value)})
		l.n++
	}
	l.process++
}

// TestLiveRegistersForgets: what was forgotten gives no false alarm, and what is kept is still judged.
func TestLiveRegistersForgets(t *testing.T) {
	l := &liveOps{t: t, r: checker.NewLiveRegisters(true)}
	for i := range 3000 {
		l.do(history.OK, "put", fmt.Sprintf(`{"key":"k%d","value":"v"}`, i))
	}
	l.do(history.OK, "get", `{"key":"k0","value":"v"}`) // a new key would be absent
	l.do(history.OK, "get", `{"key":"k2999","value":"v"}`)
	for range 1000 {
		l.do(history.OK, "other", "")
	}
	require.Nil(t, l.r.Violation())
	require.Zero(t, l.r.Undecided())
	l.do(history.OK, "get", `{"key":"k2999","value":"never written"}`)
	for range 1000 {
		l.do(history.OK, "other", "")
	}
	require.NotNil(t, l.r.Violation())
	require.Contains(t, l.r.Violation().Reason, "k2999")
}

// TestLiveRegistersOfProbes: probes are judged beside a workload of another kind.
func TestLiveRegistersOfProbes(t *testing.T) {
	l := &liveOps{t: t, r: checker.NewLiveRegisters(false), process: history.ProbeProcess}
	l.do(history.OK, history.FProbePut, `{"key":"p","value":"1"}`)
	l.do(history.OK, history.FProbeGet, `{"key":"p","value":null}`)
	for range 1000 {
		l.do(history.OK, "txn", `{"ops":[]}`)
	}
	require.NotNil(t, l.r.Violation())
}

// TestLiveRegistersGivesUp: what cannot be read, and a call without an end, are no violation.
func TestLiveRegistersGivesUp(t *testing.T) {
	for _, value := range []string{"", "[", `{"key":1}`} {
		l := &liveOps{t: t, r: checker.NewLiveRegisters(true)}
		l.do(history.OK, "put", `{"key":"k","value":"1"}`)
		l.do(history.OK, "put", value)
		require.Nil(t, l.r.Violation())
		require.Equal(t, 1, l.r.Undecided(), value)
		l.do(history.OK, "get", `{"key":"k","value":null}`)
		require.Nil(t, l.r.Violation())
	}
}
