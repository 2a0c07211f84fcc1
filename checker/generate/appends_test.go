package generate_test

import (
	"bytes"
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/checker"
	"github.com/faultline-chaos/faultline/checker/generate"
	"github.com/faultline-chaos/faultline/history"
)

func TestAppendsAreTheSameForTheSameSeed(t *testing.T) {
	c := generate.Default()
	c.Ops, c.Keys, c.Clients, c.Unknown = 500, 3, 5, 0.1
	run := func(seed uint64) string {
		var b bytes.Buffer
		c.Seed = seed
		truth, err := generate.Appends(t.Context(), c, func(l *generate.TxnLine) error {
			b.WriteString(string(l.Type) + " ")
			b.Write(l.Value)
			b.WriteByte('\n')
			return nil
		})
		require.NoError(t, err)
		require.True(t, truth.Valid)
		require.Equal(t, 1000, truth.Lines)
		return b.String()
	}
	first, again := run(1), run(1)
	require.Equal(t, first, again)
	require.NotEqual(t, run(1), run(2))
	require.Contains(t, run(1), `["append","k`)
}

// TestTransactionsShowNoAnomaly: lists and registers alike are strictly serializable by construction.
func TestTransactionsShowNoAnomaly(t *testing.T) {
	c := generate.Default()
	c.Ops, c.Keys, c.Clients, c.Unknown, c.Seed = 2_000, 3, 5, 0.1, 7
	for _, run := range []func(context.Context, generate.Config, func(*generate.TxnLine) error) (generate.Truth, error){generate.Appends, generate.ReadWrites} {
		txns := checker.NewTxns()
		truth, err := run(t.Context(), c, func(l *generate.TxnLine) error {
			return txns.Add(&history.Op{Index: l.Position, Process: l.Process, Type: l.Type, F: history.FTxn, Value: l.Value})
		})
		require.NoError(t, err)
		require.True(t, truth.Valid)
		v := checker.Anomalies{}.CheckTxns(txns, nil)
		require.Equal(t, history.Valid, v.Validity, v.Reason)
	}
}
