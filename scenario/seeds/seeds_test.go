package seeds

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/history"
	"github.com/faultline-chaos/faultline/scenario"
)

func TestProbedSimulationIsDeterministic(t *testing.T) {
	p := Storm()
	p.Time, p.Probe = 5*time.Second, scenario.Auto
	first, again := Simulate(t.Context(), p, 3, true), Simulate(t.Context(), p, 3, false)
	require.NoError(t, first.Err)
	require.Equal(t, first.Hash, again.Hash)
	require.Equal(t, history.Valid, first.Validity())
	p.Probe = 0
	require.NotEqual(t, first.Hash, Simulate(t.Context(), p, 3, false).Hash)
}
