package systems

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/faultline-chaos/faultline/checker"
	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/harness/harnesstest"
	"github.com/faultline-chaos/faultline/harness/sim"
	"github.com/faultline-chaos/faultline/history"
	"github.com/faultline-chaos/faultline/nemesis"
	"github.com/faultline-chaos/faultline/store/core"
	"github.com/faultline-chaos/faultline/workloads"
)

func simOptions() Options {
	return Options{ElectionTimeout: time.Second, HeartbeatInterval: 100 * time.Millisecond, SnapshotCount: 50}
}

// outcome is all that a run leaves behind.
type outcome struct {
	stats   sim.Stats
	history bytes.Buffer
	logs    map[history.NodeID]*bytes.Buffer
	err     error
	members []history.NodeID
	ops     []history.Op
}

// wrong is what is invalid about the run, nil if nothing is: its error, or what the workload's checkers
// find.
func (o *outcome) wrong(ctx context.Context, w harness.Workload) error {
	if o.err != nil {
		return o.err
	}
	for _, v := range checker.Run(ctx, w.Checkers(), history.History{Nodes: o.members, Ops: o.ops}) {
		if v.Validity == history.Invalid {
			return fmt.Errorf("%s: %s", v.Checker, v.Reason)
		}
	}
	return nil
}

type storm struct {
	options sim.Options
	nodes   int
	workers int
	faults  time.Duration
	keep    bool // the ops, to be judged
	hash    time.Duration
	load    workloads.Register
}

// run runs workers under a storm of faults.
func (s storm) run(t testing.TB, seed uint64, o Options) *outcome {
	t.Helper()
	kv := NewRaftKV(o)
	defer func() { require.NoError(t, kv.Close()) }()
	out := &outcome{logs: map[history.NodeID]*bytes.Buffer{}}
	r := sim.Runtime{Options: s.options, OnEnd: func(st sim.Stats) { out.stats = st }}
	cfg := harness.ClusterConfig{Seed: seed, System: kv, Nodes: s.nodes, Logs: func(id history.NodeID) io.Writer {
		out.logs[id] = &bytes.Buffer{}
		return out.logs[id]
	}}
	out.err = r.Run(t.Context(), cfg, func(ctx context.Context, env harness.Env, c harness.Cluster) error {
		rec := harness.NewRecorder(env, &out.history, harness.RecorderOptions{Keep: s.keep})
		defer func() {
			_ = rec.Flush() // into memory
			out.members, out.ops = c.Members(), rec.Ops()
		}()
		faults := []harness.Fault{nemesis.Kill{}, nemesis.PowerFail{}, nemesis.Pause{}, nemesis.Isolate{}, nemesis.Partition{}}
		return harness.Run(ctx, env, c, rec, harness.RunConfig{
			Workload: s.load, Workers: s.workers, Faults: s.faults, HashEvery: s.hash,
			Schedule: nemesis.Storm(env.Rand("schedule"), faults, s.faults, 3*time.Second),
		})
	})
	return out
}

func defaultStorm() storm {
	return storm{nodes: 3, workers: 5, faults: 30 * time.Second, load: workloads.Register{Think: 10 * time.Millisecond}}
}

// refusable has a variant that refuses to start.
type refusable struct{ *RaftKV }

func (refusable) Refusing() harness.System { return NewRaftKV(Options{}) }

func TestSimulationConforms(t *testing.T) {
	kv := NewRaftKV(simOptions())
	defer func() { require.NoError(t, kv.Close()) }()
	harnesstest.Run(t, &sim.Runtime{}, refusable{kv})
}

func TestSimulatedStorm(t *testing.T) {
	ends := 0
	for seed := range uint64(4) {
		s := defaultStorm()
		s.nodes, s.keep = 3+2*int(seed%2), true
		if seed >= 2 {
			s.options = sim.Options{Hostile: s.faults, TickJitter: 0.1}
		}
		out := s.run(t, seed, simOptions())
		require.NoErrorf(t, out.wrong(t.Context(), s.load), "seed %d", seed)
		require.Zero(t, out.stats.Panics)
		ends += out.stats.Ends
		require.Contains(t, out.logs["n1"].String(), "became follower at term 1")
	}
	require.Greater(t, ends, 6)
}

func TestSimulatedHashes(t *testing.T) {
	s := defaultStorm()
	s.keep, s.hash = true, 500*time.Millisecond
	out := s.run(t, 1, simOptions())
	require.NoError(t, out.err)
	type at struct{ revision, compact int64 }
	hashes, members := map[at]uint32{}, map[at]int{}
	for _, op := range out.ops {
		if op.F != history.FHash {
			continue
		}
		var v history.HashValue
		require.NoError(t, json.Unmarshal(op.Value, &v))
		k := at{v.Revision, v.CompactRevision}
		if members[k]++; members[k] > 1 {
			require.Equal(t, hashes[k], v.Hash, "equal states have equal hashes")
		}
		hashes[k] = v.Hash
	}
	compared := 0
	for _, n := range members {
		if n > 1 {
			compared++
		}
	}
	require.Greater(t, compared, 20)
}

func TestSimulationIsDeterministic(t *testing.T) {
	trail := func(seed uint64, o sim.Options) any {
		s := defaultStorm()
		s.options, s.faults = o, 10*time.Second
		out := s.run(t, seed, simOptions())
		require.NoErrorf(t, out.err, "seed %d", seed)
		logs := sha256.New()
		for i := range 3 {
			logs.Write(out.logs[history.NodeID(fmt.Sprintf("n%d", i+1))].Bytes())
		}
		return struct {
			stats         sim.Stats
			history, logs [32]byte
		}{out.stats, sha256.Sum256(out.history.Bytes()), [32]byte(logs.Sum(nil))}
	}
	for seed := range uint64(2) {
		first := trail(seed, sim.Options{Copy: sim.CopyNever})
		require.Equal(t, first, trail(seed, sim.Options{Copy: sim.CopyNever}))
		require.Equal(t, first, trail(seed, sim.Options{Copy: sim.CopyAlways}), "messages are copied")
		require.NotEqual(t, first, trail(seed+50, sim.Options{}))
	}
}

func TestSimulationRefusesAsTheServer(t *testing.T) {
	cases := []struct {
		name string
		o    Options
		want string
	}{
		{
			"timeouts",
			Options{ElectionTimeout: 400 * time.Millisecond, HeartbeatInterval: 100 * time.Millisecond},
			"--election-timeout[400ms] should be at least as 5 times as --heartbeat-interval[100ms]",
		},
		{"none", Options{}, "--heartbeat-interval must be >0ms (set to 0ms)"},
		{"bug", Options{ElectionTimeout: time.Second, HeartbeatInterval: 100 * time.Millisecond, Bug: "none-such"}, `plant bug "none-such"`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			out := defaultStorm().run(t, 1, c.o)
			var e *harness.StartError
			require.ErrorAs(t, out.err, &e)
			require.Equal(t, 1, e.ExitCode)
			require.Contains(t, e.Output, c.want)
		})
	}
}

func TestSimulatedStatus(t *testing.T) {
	kv := NewRaftKV(simOptions())
	defer func() { require.NoError(t, kv.Close()) }()
	err := (&sim.Runtime{}).Run(t.Context(), harness.ClusterConfig{System: kv, Nodes: 3}, func(ctx context.Context, env harness.Env, c harness.Cluster) error {
		for _, st := range harness.Statuses(ctx, env, c) {
			require.Equal(t, history.Candidate, st.Role, "nobody has been elected yet")
		}
		require.NoError(t, env.Sleep(ctx, 3*time.Second))
		all := harness.Statuses(ctx, env, c)
		leader, term := harness.LeaderOf(c.Members(), all)
		require.NotEmpty(t, leader)
		for i, st := range all {
			require.Equal(t, leader, st.Leader)
			require.Equal(t, term, st.Term)
			require.EqualValues(t, i+1, st.MemberID)
			require.NotEmpty(t, st.Version)
		}
		client, err := c.Dial(leader)
		require.NoError(t, err)
		_, err = client.Put(ctx, "", "v")
		require.ErrorIs(t, err, harness.ErrNotApplied)
		swapped, rev, err := client.CAS(ctx, "k", nil, "v")
		require.NoError(t, err)
		require.True(t, swapped)
		e, err := client.Get(ctx, "k")
		require.NoError(t, err)
		require.Equal(t, harness.Entry{Value: "v", Found: true, ModRev: rev, Rev: rev}, e)
		n, _, err := client.Delete(ctx, "k")
		require.NoError(t, err)
		require.EqualValues(t, 1, n)
		return client.Close()
	})
	require.NoError(t, err)
}

// TestSimulatedHeartbeats: what the runtime calls the last heartbeat keeps the leader's clock, whatever
// reads make it send between.
func TestSimulatedHeartbeats(t *testing.T) {
	o := simOptions()
	kv := NewRaftKV(o)
	defer func() { require.NoError(t, kv.Close()) }()
	err := (&sim.Runtime{}).Run(t.Context(), harness.ClusterConfig{System: kv, Nodes: 3}, func(ctx context.Context, env harness.Env, c harness.Cluster) error {
		require.NoError(t, env.Sleep(ctx, 3*time.Second))
		leader, _ := harness.LeaderOf(c.Members(), harness.Statuses(ctx, env, c))
		watcher := c.(harness.HeartbeatWatcher)
		first, ok := watcher.LastHeartbeat(leader)
		require.True(t, ok)
		require.Less(t, env.Now()-first, o.HeartbeatInterval+20*time.Millisecond)
		client, err := c.Dial(leader)
		require.NoError(t, err)
		for range 50 {
			_, err := client.Get(ctx, "k")
			require.NoError(t, err)
			at, _ := watcher.LastHeartbeat(leader)
			off := (at - first) % o.HeartbeatInterval
			require.True(t, off < 20*time.Millisecond || off > o.HeartbeatInterval-20*time.Millisecond, "%v after the first", at-first)
			require.NoError(t, env.Sleep(ctx, 7*time.Millisecond))
		}
		return client.Close()
	})
	require.NoError(t, err)
}

type watchCase struct {
	name, want string
	do         func(w *raftWatch, host sim.Host)
}

// The invariants see what breaks them.
func TestRaftWatch(t *testing.T) {
	cases := []watchCase{
		{"two leaders", "n1 and n2 both lead in term 3", func(w *raftWatch, host sim.Host) {
			w.hooks(1, host).BecameLeader(3)
			w.hooks(1, host).BecameLeader(3)
			w.hooks(2, host).BecameLeader(4)
			w.hooks(2, host).BecameLeader(3)
		}},
		{"another entry", "n2 applied an entry of term 1 at index 7, where n1 had another of term 1", func(w *raftWatch, host sim.Host) {
			w.hooks(1, host).Applied(7, 1, 10, 20)
			w.hooks(3, host).Applied(7, 1, 10, 20)
			w.hooks(2, host).Applied(7, 1, 11, 20)
		}},
		{"another term", "n2 applied an entry of term 2 at index 7, where n1 had another of term 1", func(w *raftWatch, host sim.Host) {
			w.hooks(1, host).Applied(7, 1, 10, 20)
			w.hooks(2, host).Restored(7, 2, 20)
		}},
		{"another state", "at index 7 the state of n2 has hash 15, that of n3 14", func(w *raftWatch, host sim.Host) {
			w.hooks(1, host).Restored(7, 1, 20)
			w.hooks(3, host).Applied(7, 1, 10, 20)
			w.hooks(2, host).Applied(7, 1, 10, 21)
		}},
		{"state under a snapshot", "n2 applied an entry of term 1 at index 7, where n1 had another of term 1", func(w *raftWatch, host sim.Host) {
			w.hooks(3, host).Restored(7, 1, 20)
			w.hooks(1, host).Applied(7, 1, 10, 20)
			w.hooks(2, host).Applied(7, 1, 11, 20)
		}},
	}
	entry := func(index, term uint64) *raftpb.Entry { return &raftpb.Entry{Index: &index, Term: &term} }
	cases = append(cases, watchCase{"falling term", "n1 writes entry 8 of term 2 behind entry 7 of term 3", func(w *raftWatch, host sim.Host) {
		w.wrote(1, host, &core.Record{Entries: []*raftpb.Entry{entry(6, 1), entry(7, 3)}})
		w.wrote(1, host, &core.Record{Entries: []*raftpb.Entry{entry(7, 3), entry(8, 2)}})
	}}, watchCase{"gap", "n1 writes entry 9 of term 3 behind entry 7 of term 3", func(w *raftWatch, host sim.Host) {
		w.wrote(1, host, &core.Record{Entries: []*raftpb.Entry{entry(7, 3), entry(9, 3)}})
	}}, watchCase{"two votes", "n1 votes for n2 and n3 in term 5", func(w *raftWatch, host sim.Host) {
		vote := func(to, term uint64, reject bool) *raftpb.Message {
			return &raftpb.Message{Type: raftpb.MsgVoteResp.Enum(), To: &to, Term: &term, Reject: &reject}
		}
		w.sent(1, host, vote(2, 5, false))
		w.sent(1, host, vote(3, 5, true))
		w.sent(1, host, vote(3, 6, false))
		w.sent(2, host, vote(3, 5, false))
		w.sent(1, host, vote(3, 5, false))
	}})
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			host := sim.Host{Violated: func(format string, args ...any) { got = append(got, fmt.Sprintf(format, args...)) }}
			c.do(newRaftWatch(), host)
			require.Equal(t, []string{c.want}, got)
		})
	}
}

// BenchmarkSimulatedCluster is the work of a sweep over seeds: five workers, faults, and the history
// written. The pauses are those of a worker between its calls.
func BenchmarkSimulatedCluster(b *testing.B) {
	for _, pause := range []time.Duration{10 * time.Millisecond, 50 * time.Millisecond} {
		b.Run("pause="+pause.String(), func(b *testing.B) {
			s := defaultStorm()
			s.load.Think = pause
			benchmark(b, s)
		})
	}
}

func benchmark(b *testing.B, s storm) {
	start, virtual, calls := cpuTime(b), time.Duration(0), 0
	b.ReportAllocs()
	seed := uint64(0)
	for b.Loop() {
		out := s.run(b, seed, simOptions())
		require.NoError(b, out.err)
		virtual += out.stats.Time
		calls += out.stats.Calls
		seed++
	}
	cpu := cpuTime(b) - start
	b.ReportMetric(virtual.Seconds()/cpu.Seconds(), "cluster-s/cpu-s")
	b.ReportMetric(float64(calls)/cpu.Seconds(), "calls/cpu-s")
}

func cpuTime(t testing.TB) time.Duration {
	t.Helper()
	var u syscall.Rusage
	require.NoError(t, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
