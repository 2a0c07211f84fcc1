package generate_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/checker/generate"
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
	require.Equal(t, run(1), run(1))
	require.NotEqual(t, run(1), run(2))
	require.Contains(t, run(1), `["append","k`)
}
