package checker

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/harness"
)

// TestLiveRegistersFallsBehind: a history with a gap is not judged: the get would be a violation.
func TestLiveRegistersFallsBehind(t *testing.T) {
	r := NewLiveRegisters(true)
	queue := make(chan harness.Op, 2) // of a goroutine that does not get to run
	r.queue = queue
	for i, value := range []string{`{"key":"k"}`, `{"key":"k"}`, `{"key":"k","value":"1"}`, `{"key":"k","value":"1"}`} {
		op := harness.Op{Index: i, Process: i / 2, Type: harness.Invoke, F: "get", Value: json.RawMessage(value)}
		if i%2 == 1 {
			op.Type = harness.OK
		}
		r.Observe(&op)
	}
	require.Len(t, queue, 2)
	require.True(t, r.behind.Load())
	op := <-queue
	r.take(t.Context(), &op)
	require.Nil(t, r.stream)
	require.Nil(t, r.Violation())
}

// TestLiveRegistersKeepsNoMore: a key that keeps too much is given up, and others are not.
func TestLiveRegistersKeepsNoMore(t *testing.T) {
	r := NewLiveRegisters(true)
	n := 0
	add := func(process int, typ harness.Type, value string) {
		r.Observe(&harness.Op{Index: n, Time: time.Duration(n) * time.Microsecond, Process: process, Type: typ, F: "get", Value: json.RawMessage(value)})
		n++
	}
	for i := range 2 * liveRegisterOps {
		add(1+i, harness.Invoke, `{"key":"open for ever"}`)
		require.LessOrEqual(t, r.stream.Kept(), liveRegisterOps+liveRegisterLines)
	}
	require.Equal(t, 1, r.Undecided())
	add(0, harness.Invoke, `{"key":"k"}`)
	add(0, harness.OK, `{"key":"k","value":"never written"}`)
	for i := range liveRegisterLines {
		add(-1, harness.OK, fmt.Sprint(i))
	}
	require.NotNil(t, r.Violation())
	require.Equal(t, 1, r.Undecided())
}
