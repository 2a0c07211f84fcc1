package live

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/history"
)

// TestMonitorForgets: memory stays bounded, and what was forgotten gives no false alarm.
func TestMonitorForgets(t *testing.T) {
	m := NewMonitor()
	n := 0
	do := func(typ history.Type, process int, f, value string) {
		m.Observe(&history.Op{Index: n, Process: process, Type: typ, F: f, Value: []byte(value)})
		n++
	}
	for i := range 3 * monitorValues / 2 { // nobody knows what became of them
		v := fmt.Sprintf(`{"key":"k%d","value":"%d"}`, i%10, i)
		do(history.Invoke, i, "put", v)
		do(history.Info, i, "put", v)
	}
	require.LessOrEqual(t, m.keys.values, monitorValues)
	for i := range 2 * monitorKeys {
		v := fmt.Sprintf(`{"key":"q%d","value":"x"}`, i)
		do(history.Invoke, 0, "put", v)
		do(history.OK, 0, "put", v)
	}
	require.LessOrEqual(t, len(m.keys.keys), monitorKeys)
	require.LessOrEqual(t, m.keys.used.Len(), monitorKeys)
	for i := range 10 {
		do(history.Invoke, 0, "get", fmt.Sprintf(`{"key":"k%d"}`, i))
		do(history.OK, 0, "get", fmt.Sprintf(`{"key":"k%d","value":"%d"}`, i, i))
		do(history.Invoke, 0, "get", fmt.Sprintf(`{"key":"q%d"}`, i))
		do(history.OK, 0, "get", fmt.Sprintf(`{"key":"q%d","value":null}`, i))
	}
	require.Nil(t, m.Violation())
	for i := range 20_000 { // one key, for hours
		v := fmt.Sprintf(`{"key":"k","value":"w%d"}`, i)
		do(history.Invoke, 0, "put", v)
		do(history.OK, 0, "put", v)
	}
	require.LessOrEqual(t, len(m.keys.keys["k"].values), keptDead+1)
	do(history.Invoke, 0, "get", `{"key":"k"}`)
	do(history.OK, 0, "get", `{"key":"k","value":"w19995"}`)
	require.NotNil(t, m.Violation())
}
