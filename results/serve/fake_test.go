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

	"github.com/faultline-chaos/faultline/history"
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
	verdict  history.Validity
	reason   string
	election time.Duration
	running  bool // run.json as it is before the end
	probes   bool // beside the calls, sent 1 ms after they were due
}

func (f fake) ops() []history.Op {
	var ops []history.Op
	add := func(at time.Duration, process int, typ history.Type, name string, value any, node history.NodeID) {
		op := history.Op{Time: at, Process: process, Type: typ, F: name, Value: history.EncodeValue(value), Node: node}
		if typ == history.Invoke {
			op.Kind = history.KindBefore(name)
		}
		ops = append(ops, op)
	}
	phase := func(at time.Duration, p history.Phase) {
		add(at, history.HarnessProcess, history.OK, history.FPhase, history.PhaseValue{Phase: p}, "")
	}
	leaders := []history.NodeID{"n1", "n2"}
	lead := func(at time.Duration, n int) {
		v := history.StatusValue{Role: history.Leader, Term: uint64(n + 2), Leader: leaders[n%2]}
		add(at, history.HarnessProcess, history.OK, history.FStatus, v, leaders[n%2])
		v.Role = history.Follower
		add(at, history.HarnessProcess, history.OK, history.FStatus, v, "n3")
	}
	phase(0, history.PhaseWarmup)
	lead(mil, 0)
	type gap struct{ from, to time.Duration }
	var gaps []gap
	at := 2 * time.Second
	phase(at, history.PhaseFaults)
	for i, outage := range f.outages {
		at += time.Second
		v := history.FaultValue{ID: fmt.Sprintf("f%d", i+1), Fault: "kill", Target: history.TargetLeader, Nodes: []history.NodeID{leaders[i%2]}, Leader: leaders[i%2], Term: uint64(i + 2), Issued: at - 5*mil}
		add(at-5*mil, history.NemesisProcess, history.Invoke, history.FInject, v, "")
		v.Confirmed = at
		add(at, history.NemesisProcess, history.OK, history.FInject, v, "")
		gaps = append(gaps, gap{at, at + outage})
		lead(at+outage/2, i+1)
		at += outage + 500*mil
		v.Issued, v.Confirmed = at, 0
		add(at, history.NemesisProcess, history.Invoke, history.FHeal, v, "")
		v.Confirmed = at + 20*mil
		at += 20 * mil
		add(at, history.NemesisProcess, history.OK, history.FHeal, v, "")
	}
	at += 2 * time.Second
	phase(at, history.PhaseRecover)
	process := 0
	for t := 100 * mil; t < at-100*mil; t += beat {
		name, typ, took := "put", history.OK, f.latency
		if int(t/beat)%2 == 1 {
			name = "get"
		}
		for _, g := range gaps {
			if t+took > g.from && t < g.to {
				typ, took = history.Fail, mil/2
			}
		}
		add(t, process, history.Invoke, name, map[string]string{"key": "k"}, "n3")
		add(t+took, process, typ, name, map[string]string{"key": "k"}, "n3")
		if f.probes {
			add(t+mil, history.ProbeProcess, history.Invoke, history.FProbePut, map[string]string{"key": "p"}, "n3")
			ops[len(ops)-1].Sched = t
			add(t+took+2*mil, history.ProbeProcess, typ, history.FProbePut, map[string]string{"key": "p"}, "n3")
		}
	}
	for range f.unknown {
		process++
		add(at-50*mil, process, history.Invoke, "put", map[string]string{"key": "k"}, "n3")
		add(at-40*mil, process, history.Info, "put", map[string]string{"key": "k"}, "n3")
	}
	phase(at, history.PhaseFinal)
	phase(at+mil, history.PhaseEnd)
	slices.SortStableFunc(ops, func(a, b history.Op) int { return cmp.Compare(a.Time, b.Time) })
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
		Nodes: []history.NodeID{"n1", "n2", "n3"}, ElectionTimeout: cmp.Or(f.election, time.Second), HeartbeatInterval: 100 * mil, Workload: "register", Concurrency: 1,
		Verdict: f.verdict, Verdicts: []history.Verdict{{Checker: "linearizable", Validity: f.verdict, Reason: cmp.Or(f.reason, "every key has a linearization")}},
	}
	if f.probes {
		run.ProbeEvery = 2 * beat // of three members: a probe each 10 ms, though only n3 is asked here
	}
	if f.running {
		run.Finished = time.Time{}
	}
	require.NoError(t, folder.WriteRun(run))
	require.NoError(t, folder.Write(results.ReportFile, []byte("<!doctype html><title>report of "+f.id+"</title>")))
	require.NoError(t, os.WriteFile(filepath.Join(folder.Dir(), results.LogsDir, "n1.log"), history.AppendLogLine(nil, mil, []byte("hello")), 0o600))
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
		{id: slowRun, started: day, outages: slow, latency: 4 * mil, verdict: history.Valid},
		{id: quickRun, started: day.AddDate(0, 0, 1), outages: quick, latency: 4 * mil, verdict: history.Valid, unknown: 3, election: 500 * mil},
		{id: etcdRun, started: day.AddDate(0, 0, 1).Add(time.Hour), outages: slow[:2], latency: 6 * mil, system: "etcd", runtime: "docker", verdict: history.Unknown, reason: "no fault landed"},
		{id: badRun, started: day.AddDate(0, 0, 2), outages: slow[:6], latency: 4 * mil, verdict: history.Invalid, reason: `v7 was read after <b>v9</b>`},
		{id: runningRun, started: day.AddDate(0, 0, 2).Add(2 * time.Hour), running: true},
	} {
		f.write(t, root)
	}
	require.NoError(t, os.Mkdir(filepath.Join(root, tornRun), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(root, tornRun, results.RunFile), []byte(`{"format": 1`), 0o600))
	require.NoError(t, os.Mkdir(filepath.Join(root, emptyDir), 0o700))
	return root
}
