package checker

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/harness"
)

// probed is a history in which a worker puts 1 and a probe puts and reads its own key.
func probed(read string) harness.History {
	op := func(process int, t harness.Type, f, value string) harness.Op {
		return harness.Op{Process: process, Type: t, F: f, Value: []byte(value), Node: "n1"}
	}
	const p = harness.ProbeProcess
	ops := []harness.Op{
		op(0, harness.Invoke, "put", `{"key":"k0","value":"0.1"}`),
		op(p, harness.Invoke, harness.FProbePut, `{"key":"probe-n1-0","value":"n1.0"}`),
		op(0, harness.OK, "put", `{"key":"k0","value":"0.1","rev":2}`),
		op(p, harness.OK, harness.FProbePut, `{"key":"probe-n1-0","value":"n1.0","rev":3}`),
		op(p+1, harness.Invoke, harness.FProbeGet, `{"key":"probe-n1-0","value":null}`),
		op(p+1, harness.OK, harness.FProbeGet, fmt.Sprintf(`{"key":"probe-n1-0","value":%s}`, read)),
		op(0, harness.Invoke, "get", `{"key":"k0","value":null}`),
		op(0, harness.OK, "get", `{"key":"k0","value":"0.1"}`),
	}
	for i := range ops {
		ops[i].Index = i
	}
	return harness.History{Nodes: []harness.NodeID{"n1"}, Ops: ops}
}

func TestProbesAreJudgedApart(t *testing.T) {
	for _, c := range []struct {
		name, read string
		want       harness.Validity
	}{
		{"fresh", `"n1.0"`, harness.Valid},
		{"stale", `null`, harness.Invalid},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := Run(t.Context(), []harness.Checker{Linearizable{}, Probes{}}, probed(c.read))
			require.Equal(t, harness.Valid, got[0].Validity, "the workload's calls are fine")
			require.Equal(t, c.want, got[1].Validity, got[1].Reason)
			require.Equal(t, "probes", got[1].Checker)
			if c.want == harness.Invalid {
				require.Contains(t, got[1].Evidence, 5)
			}
		})
	}
}

func TestProbesWithoutProbesAreUnknown(t *testing.T) {
	h := probed(`null`)
	h.Ops = append(h.Ops[:1:1], h.Ops[2], h.Ops[6], h.Ops[7])
	require.Equal(t, harness.Unknown, Probes{}.Check(t.Context(), h).Validity)
}
