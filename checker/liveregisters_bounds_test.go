package checker

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/history"
)

// TestLiveRegistersKeepsNoMore: a key that keeps too much is given up, and others are not.
func TestLiveRegistersKeepsNoMore(t *testing.T) {
	r := NewLiveRegisters(true)
	n := 0
	add := func(process int, typ history.Type, value string) {
		r.Observe(t.Context(), &history.Op{Index: n, Time: time.Duration(n) * time.Microsecond, Process: process, Type: typ, F: "get", Value: json.RawMessage(value)})
		n++
	}
	for i := range 2 * liveRegisterOps {
		add(1+i, history.Invoke, `{"key":"open for ever"}`)
		require.LessOrEqual(t, r.stream.Kept(), liveRegisterOps+liveRegisterLines)
	}
	require.Equal(t, 1, r.Undecided())
	add(0, history.Invoke, `{"key":"k"}`)
	add(0, history.OK, `{"key":"k","value":"never written"}`)
	for i := range liveRegisterLines {
		add(-1, history.OK, fmt.Sprint(i))
	}
	require.NotNil(t, r.Violation())
	require.Equal(t, 1, r.Undecided())
}
