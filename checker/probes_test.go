package checker

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/history"
)

// probed is a history in which a worker puts 1 and a probe puts and reads its own key.
func probed(read string) history.History {
	op := func(process int, t history.Type, f, value string) history.Op {
		return history.Op{Process: process, Type: t, F: f, Value: []byte(value), Node: "n1"}
	}
	const p = history.ProbeProcess
	ops := []history.Op{
		op(0, history.Invoke, "put", `{"key":"k0","value":"0.1"}`),
		op(p, history.Invoke, history.FProbePut, `{"key":"probe-n1-0","value":"n1.0"}`),
		op(0, history.OK, "put", `{"key":"k0","value":"0.1","rev":2}`),
		op(p, history.OK, history.FProbePut, `{"key":"probe-n1-0","value":"n1.0","rev":3}`),
		op(p+1, history.Invoke, history.FProbeGet, `{"key":"probe-n1-0","value":null}`),
		op(p+1, history.OK, history.FProbeGet, fmt.Sprintf(`{"key":"probe-n1-0","value":%s}`, read)),
		op(0, history.Invoke, "get", `{"key":"k0","value":null}`),
		op(0, history.OK, "get", `{"key":"k0","value":"0.1"}`),
	}
	for i := range ops {
		ops[i].Index = i
	}
	return history.History{Nodes: []history.NodeID{"n1"}, Ops: ops}
}

func TestProbesAreJudgedApart(t *testing.T) {
	for _, c := range []struct {
		name, read string
		want       history.Validity
	}{
		{"fresh", `"n1.0"`, history.Valid},
		{"stale", `null`, history.Invalid},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := Run(t.Context(), []history.Checker{Linearizable{}, Probes{}}, probed(c.read))
			require.Equal(t, history.Valid, got[0].Validity, "the workload's calls are fine")
			require.Equal(t, c.want, got[1].Validity, got[1].Reason)
			require.Equal(t, "probes", got[1].Checker)
			if c.want == history.Invalid {
				require.Contains(t, got[1].Evidence, 5)
			}
		})
	}
}

func TestProbesWithoutProbesAreUnknown(t *testing.T) {
	h := probed(`null`)
	h.Ops = append(h.Ops[:1:1], h.Ops[2], h.Ops[6], h.Ops[7])
	require.Equal(t, history.Unknown, Probes{}.Check(t.Context(), h).Validity)
}
