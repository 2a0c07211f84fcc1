package trends

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/results/failover"
)

func TestScenarioOf(t *testing.T) {
	for id, want := range map[string]string{
		"20261125-093613-leader-kill-5966":           "leader-kill",
		"20261125-093613-prove-read-id-reused-f039":  "prove-read-id-reused",
		"20261125-093613-chaos":                      "chaos",
		"synthetic":                                  "synthetic",
		"20261125-093613-five-nodes-not-hexadecimal": "five-nodes-not-hexadecimal",
	} {
		require.Equal(t, want, ScenarioOf(id))
	}
}

func TestAwayCountsEachMomentOnce(t *testing.T) {
	mark := func(s float64) *failover.Mark {
		return &failover.Mark{At: time.Duration(s * float64(time.Second))}
	}
	took := time.Second
	at := func(from, to float64) failover.Episode {
		return failover.Episode{Writes: failover.Outage{LastOK: mark(from), Back: mark(to), Took: &took}}
	}
	censored := failover.Episode{Writes: failover.Outage{LastOK: mark(9), AtLeast: &took}}
	for name, c := range map[string]struct {
		eps  []failover.Episode
		want time.Duration
	}{
		"none":            {nil, 0},
		"apart":           {[]failover.Episode{at(5, 6), at(1, 3)}, 3 * time.Second},
		"overlap":         {[]failover.Episode{at(1, 4), at(2, 5)}, 4 * time.Second},
		"one in another":  {[]failover.Episode{at(1, 6), at(2, 3)}, 5 * time.Second},
		"censored":        {[]failover.Episode{censored}, time.Second},
		"beyond the load": {[]failover.Episode{at(9, 14)}, time.Second},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, c.want, outageTime(c.eps, 10*time.Second)) })
	}
}
