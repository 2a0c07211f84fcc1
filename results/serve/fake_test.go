package serve

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/results"
)

const (
	mil  = time.Millisecond
	beat = 10 * mil // between the calls of a fake run: what its outages are exact to
)

// fake is a run whose every number is known: a leader is killed, once for each outage, and calls
// through the one member that is never hit fail as long as it says.
type fake struct {
	id       string
	started  time.Time
	outages  []time.Duration
	latency  time.Duration
	unknown  int // calls at the end whose outcome stays unknown
	system   string
	runtime  string
	verdict  harness.Validity
	reason   string
	election time.Duration
	running  bool // run.json as it is before the end
	probes   bool // beside the calls, sent 1 ms after they were due
}

func (f fake) ops() []harness.Op {
	var ops []harness.Op
	add := func(at time.Duration, process int, typ harness.Type, name string, value any, node harness.NodeID) {
		op := harness.Op{Time: at, Process: process, Type: typ, F: name, Value: harness.EncodeValue(value), Node: node}
		if typ == harness.Invoke {
			op.Kind = harness.KindBefore(name)
		}
		ops = append(ops, op)
	}
	phase := func(at time.Duration, p harness.Phase) {
		add(at, harness.HarnessProcess, harness.OK, harness.FPhase, harness.PhaseValue{Phase: p}, "")
	}
	leaders := []harness.NodeID{"n1", "n2"}
	lead := func(at time.Duration, n int) {
		v := harness.StatusValue{Role: harness.Leader, Term: uint64(n + 2), Leader: leaders[n%2]}
		add(at, harness.HarnessProcess, harness.OK, harness.FStatus, v, leaders[n%2])
		v.Role = harness.Follower
		add(at, harness.HarnessProcess, harness.OK, harness.FStatus, v, "n3")
	}
	phase(0, harness.PhaseWarmup)
	lead(mil, 0)
	type gap struct{ from, to time.Duration }
	var gaps []gap
	at := 2 * time.Second
	phase(at, harness.PhaseFaults)
	for i, outage := range f.outages {
		at += time.Second
		v := harness.FaultValue{ID: fmt.Sprintf("f%d", i+1), Fault: "kill", Target: harness.TargetLeader, Nodes: []harness.NodeID{leaders[i%2]}, Leader: leaders[i%2], Term: uint64(i + 2), Issued: at - 5*mil}
		add(at-5*mil, harness.NemesisProcess, harness.Invoke, harness.FInject, v, "")
		v.Confirmed = at
		add(at, harness.NemesisProcess, harness.OK, harness.FInject, v, "")
		gaps = append(gaps, gap{at, at + outage})
		lead(at+outage/2, i+1)
		at += outage + 500*mil
		v.Issued, v.Confirmed = at, 0
		add(at, harness.NemesisProcess, harness.Invoke, harness.FHeal, v, "")
		v.Confirmed = at + 20*mil
		at += 20 * mil
		add(at, harness.NemesisProcess, harness.OK, harness.FHeal, v, "")
	}
	at += 2 * time.Second
	phase(at, harness.PhaseRecover)
	process := 0
	for t := 100 * mil; t < at-100*mil; t += beat {
		name, typ, took := "put", harness.OK, f.latency
		if int(t/beat)%2 == 1 {
			name = "get"
		}
		for _, g := range gaps {
			if t+took > g.from && t < g.to {
				typ, took = harness.Fail, mil/2
			}
		}
		add(t, process, harness.Invoke, name, map[string]string{"key": "k"}, "n3")
		add(t+took, process, typ, name, map[string]string{"key": "k"}, "n3")
		if f.probes {
			add(t+mil, harness.ProbeProcess, harness.Invoke, harness.FProbePut, map[string]string{"key": "p"}, "n3")
			ops[len(ops)-1].Sched = t
			add(t+took+2*mil, harness.ProbeProcess, typ, harness.FProbePut, map[string]string{"key": "p"}, "n3")
		}
	}
	for range f.unknown {
		process++
		add(at-50*mil, process, harness.Invoke, "put", map[string]string{"key": "k"}, "n3")
		add(at-40*mil, process, harness.Info, "put", map[string]string{"key": "k"}, "n3")
	}
	phase(at, harness.PhaseFinal)
	phase(at+mil, harness.PhaseEnd)
	slices.SortStableFunc(ops, func(a, b harness.Op) int { return cmp.Compare(a.Time, b.Time) })
	for i := range ops {
		ops[i].Index = i
	}
	return ops
}

// write makes the folder as the engine does.
func (f fake) write(t testing.TB, root string) {
	t.Helper()
	folder, err := results.Create(root, f.id)
	require.NoError(t, err)
	h, err := folder.CreateHistory()
	require.NoError(t, err)
	var b []byte
	ops := f.ops()
	for i := range ops {
		b = ops[i].AppendJSON(b)
	}
	_, err = h.Write(b)
	require.NoError(t, err)
	require.NoError(t, h.Close())
	run := results.Run{
		ID: f.id, Started: f.started, Finished: f.started.Add(time.Minute), Seed: 7, Runtime: cmp.Or(f.runtime, "sim"), System: cmp.Or(f.system, "raftkv"),
		Nodes: []harness.NodeID{"n1", "n2", "n3"}, ElectionTimeout: cmp.Or(f.election, time.Second), HeartbeatInterval: 100 * mil, Workload: "register", Concurrency: 1,
		Verdict: f.verdict, Verdicts: []harness.Verdict{{Checker: "linearizable", Validity: f.verdict, Reason: cmp.Or(f.reason, "every key has a linearization")}},
	}
	if f.probes {
		run.ProbeEvery = 2 * beat // of three members: a probe each 10 ms, though only n3 is asked here
	}
	if f.running {
		run.Finished = time.Time{}
	}
	require.NoError(t, folder.WriteRun(run))
	require.NoError(t, folder.Write(results.ReportFile, []byte("<!doctype html><title>report of "+f.id+"</title>")))
	require.NoError(t, os.WriteFile(filepath.Join(folder.Dir(), results.LogsDir, "n1.log"), harness.AppendLogLine(nil, mil, []byte("hello")), 0o600))
}

func seconds(v ...float64) []time.Duration {
	out := make([]time.Duration, len(v))
	for i := range v {
		out[i] = time.Duration(v[i] * float64(time.Second))
	}
	return out
}

var (
	slow  = seconds(1.2, 1.25, 1.3, 1.35, 1.4, 1.45, 1.5)
	quick = seconds(0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5)
	day   = time.Date(2026, 11, 20, 3, 0, 0, 0, time.Local)
)

// names of the runs in folderOfRuns.
const (
	slowRun    = "20261120-030000-chaos-aaaa"
	quickRun   = "20261121-030000-chaos-bbbb"
	etcdRun    = "20261121-040000-leader-kill-cccc"
	badRun     = "20261122-030000-storm-dddd"
	runningRun = "20261122-050000-chaos-eeee"
	tornRun    = "20261123-030000-chaos-ffff"
	emptyDir   = "notes"
)

// folderOfRuns has a run of every state and two broken folders.
func folderOfRuns(t testing.TB) string {
	root := filepath.Join(t.TempDir(), "runs")
	for _, f := range []fake{
		{id: slowRun, started: day, outages: slow, latency: 4 * mil, verdict: harness.Valid},
		{id: quickRun, started: day.AddDate(0, 0, 1), outages: quick, latency: 4 * mil, verdict: harness.Valid, unknown: 3, election: 500 * mil},
		{id: etcdRun, started: day.AddDate(0, 0, 1).Add(time.Hour), outages: slow[:2], latency: 6 * mil, system: "etcd", runtime: "docker", verdict: harness.Unknown, reason: "no fault landed"},
		{id: badRun, started: day.AddDate(0, 0, 2), outages: slow[:6], latency: 4 * mil, verdict: harness.Invalid, reason: `v7 was read after <b>v9</b>`},
		{id: runningRun, started: day.AddDate(0, 0, 2).Add(2 * time.Hour), running: true},
	} {
		f.write(t, root)
	}
	require.NoError(t, os.Mkdir(filepath.Join(root, tornRun), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(root, tornRun, results.RunFile), []byte(`{"format": 1`), 0o600))
	require.NoError(t, os.Mkdir(filepath.Join(root, emptyDir), 0o700))
	return root
}
