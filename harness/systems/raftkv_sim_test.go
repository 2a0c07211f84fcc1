package systems

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/harness/sim"
	"github.com/faultline-chaos/faultline/nemesis"
)

func simOptions() Options {
	return Options{ElectionTimeout: time.Second, HeartbeatInterval: 100 * time.Millisecond, SnapshotCount: 50}
}

// outcome is all that a run leaves behind.
type outcome struct {
	stats   sim.Stats
	history bytes.Buffer
	logs    map[harness.NodeID]*bytes.Buffer
	err     error
}

type storm struct {
	options sim.Options
	nodes   int
	workers int
	faults  time.Duration
	load    counters
}

// run runs workers under a storm of faults.
func (s storm) run(t testing.TB, seed uint64, o Options) *outcome {
	t.Helper()
	kv := NewRaftKV(o)
	defer func() { require.NoError(t, kv.Close()) }()
	out := &outcome{logs: map[harness.NodeID]*bytes.Buffer{}}
	r := sim.Runtime{Options: s.options, OnEnd: func(st sim.Stats) { out.stats = st }}
	cfg := harness.ClusterConfig{Seed: seed, System: kv, Nodes: s.nodes, Logs: func(id harness.NodeID) io.Writer {
		out.logs[id] = &bytes.Buffer{}
		return out.logs[id]
	}}
	out.err = r.Run(t.Context(), cfg, func(ctx context.Context, env harness.Env, c harness.Cluster) error {
		rec := harness.NewRecorder(env, &out.history, harness.RecorderOptions{})
		defer func() { _ = rec.Flush() }()
		faults := []harness.Fault{nemesis.Kill{}, nemesis.PowerFail{}, nemesis.Pause{}, nemesis.Isolate{}, nemesis.Partition{}}
		return harness.Run(ctx, env, c, rec, harness.RunConfig{
			Workload: s.load, Workers: s.workers, Faults: s.faults,
			Schedule: nemesis.Storm(env.Rand("schedule"), faults, s.faults, 3*time.Second),
		})
	})
	return out
}

func defaultStorm() storm {
	return storm{nodes: 3, workers: 5, faults: 30 * time.Second, load: counters{think: 10 * time.Millisecond}}
}

func TestSimulatedStorm(t *testing.T) {
	ends := 0
	for seed := range uint64(4) {
		s := defaultStorm()
		s.nodes = 3 + 2*int(seed%2)
		out := s.run(t, seed, simOptions())
		require.NoErrorf(t, out.err, "seed %d", seed)
		require.Zero(t, out.stats.Panics)
		ends += out.stats.Ends
		require.Contains(t, out.logs["n1"].String(), "became follower at term 1")
	}
	require.Greater(t, ends, 6)
}

func TestSimulationIsDeterministic(t *testing.T) {
	trail := func(seed uint64, o sim.Options) any {
		s := defaultStorm()
		s.options, s.faults = o, 10*time.Second
		out := s.run(t, seed, simOptions())
		require.NoErrorf(t, out.err, "seed %d", seed)
		logs := sha256.New()
		for i := range 3 {
			logs.Write(out.logs[harness.NodeID(fmt.Sprintf("n%d", i+1))].Bytes())
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
		{"timeouts", Options{ElectionTimeout: 400 * time.Millisecond, HeartbeatInterval: 100 * time.Millisecond},
			"--election-timeout[400ms] should be at least as 5 times as --heartbeat-interval[100ms]"},
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
			require.Equal(t, harness.Candidate, st.Role, "nobody has been elected yet")
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

// The invariants see what breaks them.
func TestRaftWatch(t *testing.T) {
	cases := []struct {
		name, want string
		do         func(w *raftWatch, host sim.Host)
	}{
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
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			host := sim.Host{Violated: func(format string, args ...any) { got = append(got, fmt.Sprintf(format, args...)) }}
			c.do(newRaftWatch(), host)
			require.Equal(t, []string{c.want}, got)
		})
	}
}

// BenchmarkSimulatedCluster is the work of a sweep over seeds: five workers with a call every 10 ms
// each, faults, and the history written.
func BenchmarkSimulatedCluster(b *testing.B) {
	start, virtual, calls := cpuTime(b), time.Duration(0), 0
	b.ReportAllocs()
	seed := uint64(0)
	for b.Loop() {
		out := defaultStorm().run(b, seed, simOptions())
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

// counters is a workload: every worker counts in a key of its own through any member, and reads it.
type counters struct{ think time.Duration }

type counter struct {
	acked, next int
	open        map[int]bool // of unknown outcome, for ever
}

func (counters) Name() string                { return "counters" }
func (counters) Checkers() []harness.Checker { return nil }

func (c counters) Run(ctx context.Context, w *harness.Worker) error {
	s := &counter{open: map[int]bool{}}
	w.State = s
	members := w.Cluster.Members()
	node := w.ID % len(members)
	for w.Env.Sleep(ctx, time.Duration(w.Rand.Int64N(int64(2*c.think)))) == nil {
		typ, err := s.do(ctx, w, members[node])
		if err != nil {
			return err
		}
		if typ != harness.OK {
			node = w.Rand.IntN(len(members))
		}
	}
	return nil
}

func (s *counter) do(ctx context.Context, w *harness.Worker, node harness.NodeID) (harness.Type, error) {
	if w.Rand.IntN(2) == 0 {
		return s.get(ctx, w, node)
	}
	s.next++
	v := s.next
	typ, _ := w.Do(ctx, harness.Attempt{
		F: "put", Value: v, Node: node, Timeout: 150 * time.Millisecond,
		Invoke: func(ctx context.Context, kv harness.KV) (any, error) {
			_, err := kv.Put(ctx, "k"+strconv.Itoa(w.ID), strconv.Itoa(v))
			return v, err
		},
	})
	switch typ {
	case harness.OK:
		s.acked = v
	case harness.Info:
		s.open[v] = true
	}
	return typ, nil
}

func (s *counter) get(ctx context.Context, w *harness.Worker, node harness.NodeID) (harness.Type, error) {
	var got int
	typ, err := w.Do(ctx, harness.Attempt{
		F: "get", Reads: true, Node: node, Timeout: 150 * time.Millisecond,
		Invoke: func(ctx context.Context, kv harness.KV) (any, error) {
			e, err := kv.Get(ctx, "k"+strconv.Itoa(w.ID))
			if e.Found {
				got, err = strconv.Atoi(e.Value)
			}
			return got, err
		},
	})
	if errors.Is(err, strconv.ErrSyntax) {
		return typ, err
	}
	if typ == harness.OK && got < s.acked && !s.open[got] {
		return typ, fmt.Errorf("worker %d read %d after %d was acknowledged", w.ID, got, s.acked)
	}
	return typ, nil
}

func (counters) Final(ctx context.Context, w *harness.Worker) error {
	for {
		for _, node := range w.Cluster.Members() {
			typ, err := w.State.(*counter).get(ctx, w, node)
			if typ == harness.OK || err != nil {
				return err
			}
		}
		if err := w.Env.Sleep(ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
}
