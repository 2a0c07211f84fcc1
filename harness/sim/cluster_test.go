package sim_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/harness/sim"
	"github.com/faultline-chaos/faultline/history"
	"github.com/faultline-chaos/faultline/nemesis"
)

// outcome is all that a run leaves behind.
type outcome struct {
	stats   sim.Stats
	history []byte
	logs    string
	err     error
}

// stormTime is short: the race detector makes simulations fifty times slower.
const stormTime = 10 * time.Second

// storm runs workers under a storm of faults.
func storm(ctx context.Context, seed uint64, s harness.System, o sim.Options) (out outcome) {
	file, output := &bytes.Buffer{}, logs{}
	r := sim.Runtime{Options: o, OnEnd: func(st sim.Stats) { out.stats = st }}
	cfg := harness.ClusterConfig{RunID: "storm", Seed: seed, System: s, Nodes: 3, Logs: output.of}
	out.err = r.Run(ctx, cfg, func(ctx context.Context, env harness.Env, c harness.Cluster) error {
		rec := harness.NewRecorder(env, file, harness.RecorderOptions{})
		defer func() { _ = rec.Flush() }()
		faults := []harness.Fault{nemesis.Kill{}, nemesis.Stop{}, nemesis.PowerFail{}, nemesis.Pause{}, nemesis.Isolate{}, nemesis.Partition{}}
		return harness.Run(ctx, env, c, rec, harness.RunConfig{
			Workload: counters{20 * time.Millisecond}, Workers: 3, Faults: stormTime,
			Schedule: nemesis.Storm(env.Rand("schedule"), faults, stormTime, time.Second),
		})
	})
	out.history = file.Bytes()
	for i := range 3 {
		out.logs += output[history.NodeID(fmt.Sprintf("n%d", i+1))].String()
	}
	return out
}

// TestEveryFault: each fault of the nemesis lands and heals on a simulated cluster, the same at every run.
func TestEveryFault(t *testing.T) {
	for _, e := range nemesis.All() {
		t.Run(e.Name(), func(t *testing.T) {
			once := func() string {
				history := &bytes.Buffer{}
				cfg := harness.ClusterConfig{Seed: 3, System: toy{}, Nodes: 3}
				require.NoError(t, (&sim.Runtime{}).Run(t.Context(), cfg, func(ctx context.Context, env harness.Env, c harness.Cluster) error {
					rec := harness.NewRecorder(env, history, harness.RecorderOptions{})
					return errors.Join(harness.NewNemesis(env, c, rec).Run(ctx, harness.Schedule{{At: time.Second, For: time.Second, Fault: e.Fault, Target: "one"}}, 5*time.Second), rec.Flush())
				}))
				return history.String()
			}
			got := once()
			require.NotContains(t, got, `"error"`)
			require.Equal(t, 2, strings.Count(got, `"type":"ok"`), got)
			require.Contains(t, got, fmt.Sprintf(`"effect":%q`, e.Fault.Effect(nil, nil).Kind))
			require.Equal(t, got, once())
		})
	}
}

func TestStorm(t *testing.T) {
	ends := 0
	for seed := range uint64(6) {
		out := storm(t.Context(), seed, toy{}, sim.Options{})
		require.NoErrorf(t, out.err, "seed %d", seed)
		require.Zero(t, out.stats.Trips)
		ends += out.stats.Ends
	}
	require.Greater(t, ends, 12)
}

// In hostile surroundings members lose power by themselves, for a while, and what was acknowledged
// survives that, too. A toy that does not sync is caught.
func TestHostileStorm(t *testing.T) {
	trips, caught := 0, 0
	for seed := range uint64(8) {
		hostile := sim.Options{Hostile: 5 * time.Second}
		out := storm(t.Context(), seed, toy{}, hostile)
		require.NoErrorf(t, out.err, "seed %d", seed)
		require.LessOrEqual(t, strings.Count(out.logs, "power failed for an instant"), 3*2, "at most every 3 s on each")
		require.NotRegexp(t, `(?m)^([5-9]|1\d)\.\d+ simulation: power failed for an instant`, out.logs)
		trips += out.stats.Trips
		if storm(t.Context(), seed, toy{bug: "no-sync"}, hostile).err != nil {
			caught++
		}
	}
	require.Positive(t, trips)
	require.Positive(t, caught)
}

// caps is all that a simulated cluster can do.
type caps interface {
	harness.Cluster
	harness.PowerFailer
	harness.Stopper
	harness.Pauser
	harness.Network
}

// onCluster runs f on three members of a toy.
func onCluster(t *testing.T, s toy, f func(ctx context.Context, env harness.Env, c caps)) (logs, error) {
	t.Helper()
	output := logs{}
	cfg := harness.ClusterConfig{Seed: 7, System: s, Nodes: 3, Logs: output.of}
	return output, (&sim.Runtime{}).Run(t.Context(), cfg, func(ctx context.Context, env harness.Env, c harness.Cluster) error {
		f(ctx, env, c.(caps))
		return nil
	})
}

func TestClients(t *testing.T) {
	_, err := onCluster(t, toy{}, func(ctx context.Context, env harness.Env, c caps) {
		require.Equal(t, "sim", c.Runtime())
		require.Equal(t, []history.NodeID{"n1", "n2", "n3"}, c.Members())
		leader, term := harness.LeaderOf(c.Members(), harness.Statuses(ctx, env, c))
		require.Equal(t, history.NodeID("n1"), leader)
		require.EqualValues(t, 1, term)

		kv, err := c.Dial("n1")
		require.NoError(t, err)
		start := env.Now()
		_, err = kv.Put(ctx, "k", "v")
		require.NoError(t, err)
		require.Greater(t, env.Now()-start, 1500*time.Microsecond, "two ways and a sync")
		e, err := kv.Get(ctx, "k")
		require.NoError(t, err)
		require.Equal(t, "v", e.Value)
		swapped, _, err := kv.CAS(ctx, "k", nil, "w")
		require.NoError(t, err)
		require.False(t, swapped)

		short, cancel := env.WithTimeout(ctx, time.Millisecond)
		defer cancel()
		_, err = kv.Put(short, "k", "x")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.NotErrorIs(t, err, harness.ErrNotApplied)
		_, err = kv.Put(short, "k", "y")
		require.ErrorIs(t, err, harness.ErrNotApplied, "it was not sent")
		require.NoError(t, env.Sleep(ctx, time.Second))
		e, err = kv.Get(ctx, "k")
		require.NoError(t, err)
		require.Equal(t, "x", e.Value, "nobody waited for it, but it was sent")

		require.NoError(t, kv.Close())
		_, err = kv.Get(ctx, "k")
		require.ErrorContains(t, err, "closed")
		_, err = c.Dial("n9")
		require.EqualError(t, err, `dial: "n9" is not a member: members are [n1 n2 n3]`)
		_, err = c.Status(ctx, "n9")
		require.ErrorContains(t, err, "not a member")
	})
	require.NoError(t, err)
}

func TestKillAndStart(t *testing.T) {
	output, err := onCluster(t, toy{}, func(ctx context.Context, env harness.Env, c caps) {
		kv, err := c.Dial("n1")
		require.NoError(t, err)
		_, err = kv.Put(ctx, "k", "v")
		require.NoError(t, err)
		var during error
		require.NoError(t, env.Parallel(ctx, func(ctx context.Context) error {
			_, during = kv.Put(ctx, "k", "w")
			return nil
		}, func(ctx context.Context) error {
			require.NoError(t, env.Sleep(ctx, time.Millisecond)) // too short for a sync
			require.NoError(t, c.Kill(ctx, "n1"))
			return c.Kill(ctx, "n1")
		}))
		require.ErrorContains(t, during, "connection reset")
		require.NotErrorIs(t, during, harness.ErrNotApplied)

		alive, err := c.Alive(ctx, "n1")
		require.NoError(t, err)
		require.False(t, alive)
		_, err = kv.Get(ctx, "k")
		require.ErrorIs(t, err, harness.ErrNotApplied)
		require.ErrorContains(t, err, "connection refused")
		_, err = c.Status(ctx, "n1")
		require.Error(t, err)

		require.NoError(t, c.Start(ctx, "n1"))
		require.NoError(t, c.Start(ctx, "n1"))
		alive, err = c.Alive(ctx, "n1")
		require.NoError(t, err)
		require.True(t, alive)
		e, err := kv.Get(ctx, "k")
		require.NoError(t, err)
		require.Contains(t, []string{"v", "w"}, e.Value)
		require.Error(t, c.Kill(ctx, "n9"))
	})
	require.NoError(t, err)
	require.Regexp(t, `\A0\.000000000 boot at term 1 with 0 keys\n0\.\d{9} boot at term 2 with 1 keys\n\z`, output["n1"].String())
}

// What survives which end of a process, of writes that were acknowledged without a sync.
func TestEnds(t *testing.T) {
	lost := func(end func(context.Context, caps) error, s toy) (n int) {
		for seed := range uint64(10) {
			cfg := harness.ClusterConfig{Seed: seed, System: s, Nodes: 1}
			err := (&sim.Runtime{}).Run(t.Context(), cfg, func(ctx context.Context, _ harness.Env, cl harness.Cluster) error {
				c := cl.(caps)
				kv, err := c.Dial("n1")
				require.NoError(t, err)
				for i := range 10 {
					_, err := kv.Put(ctx, "k", fmt.Sprint(i))
					require.NoError(t, err)
				}
				require.NoError(t, end(ctx, c))
				require.NoError(t, c.Start(ctx, "n1"))
				e, err := kv.Get(ctx, "k")
				if e.Value != "9" {
					n++
				}
				return err
			})
			require.NoError(t, err)
		}
		return n
	}
	kill := func(ctx context.Context, c caps) error { return c.Kill(ctx, "n1") }
	stop := func(ctx context.Context, c caps) error { return c.Stop(ctx, "n1") }
	power := func(ctx context.Context, c caps) error { return c.PowerFail(ctx, "n1") }
	require.Zero(t, lost(kill, toy{}))
	require.Zero(t, lost(power, toy{}))
	require.Zero(t, lost(kill, toy{bug: "no-sync"}), "the operating system had it")
	require.Zero(t, lost(stop, toy{bug: "no-sync"}))
	require.Positive(t, lost(power, toy{bug: "no-sync"}))
}

func TestPause(t *testing.T) {
	_, err := onCluster(t, toy{}, func(ctx context.Context, env harness.Env, c caps) {
		kv, err := c.Dial("n1")
		require.NoError(t, err)
		require.NoError(t, c.Pause(ctx, "n1"))
		paused, err := c.Paused(ctx, "n1")
		require.NoError(t, err)
		require.True(t, paused)
		require.Error(t, c.Stop(ctx, "n1"), "a frozen process takes no signal")
		alive, err := c.Alive(ctx, "n1")
		require.NoError(t, err)
		require.True(t, alive)

		for i := range 5 {
			short, cancel := env.WithTimeout(ctx, 10*time.Millisecond)
			_, err = kv.Put(short, "k", fmt.Sprint(i))
			require.ErrorIs(t, err, context.DeadlineExceeded)
			cancel()
		}
		require.NoError(t, c.Resume(ctx, "n1"))
		require.NoError(t, c.Resume(ctx, "n1"))
		require.NoError(t, env.Sleep(ctx, 100*time.Millisecond))
		e, err := kv.Get(ctx, "k")
		require.NoError(t, err)
		require.Equal(t, "4", e.Value, "what waited happened, in its order")

		require.NoError(t, c.Pause(ctx, "n2"))
		require.NoError(t, c.Kill(ctx, "n2"))
		paused, err = c.Paused(ctx, "n2")
		require.NoError(t, err)
		require.False(t, paused)
		require.EqualError(t, c.Pause(ctx, "n2"), "pause n2: its process does not run")
	})
	require.NoError(t, err)
}

func TestNetwork(t *testing.T) {
	_, err := onCluster(t, toy{}, func(ctx context.Context, env harness.Env, c caps) {
		to, back := harness.Link{From: "n1", To: "n2"}, harness.Link{From: "n2", To: "n1"}
		other := harness.Link{From: "n1", To: "n3"}
		open := func(l harness.Link) bool { return c.Probe(ctx, l) == nil }
		require.True(t, open(to))
		require.NoError(t, c.Cut(ctx, "a", []harness.Link{to}))
		require.False(t, open(to), "the way there is cut")
		require.False(t, open(back), "its answer is lost")
		require.True(t, open(other))
		require.NoError(t, c.Cut(ctx, "b", []harness.Link{to, other}))
		require.NoError(t, c.Mend(ctx, "a"))
		require.False(t, open(to), "b cuts it, too")
		require.NoError(t, c.Cut(ctx, "b", []harness.Link{other}))
		require.True(t, open(to), "b is another rule now")
		require.False(t, open(other))
		require.NoError(t, c.Mend(ctx, "b"))
		require.NoError(t, c.Mend(ctx, "b"))
		require.True(t, open(other))
		require.NoError(t, c.Kill(ctx, "n3"))
		require.True(t, open(other), "its host answers")
		require.NoError(t, c.Start(ctx, "n3"))

		require.NoError(t, c.Cut(ctx, "a", []harness.Link{to}))
		kv, err := c.Dial("n1")
		require.NoError(t, err)
		rev, err := kv.Put(ctx, "k", "v")
		require.NoError(t, err, "clients are never cut off")
		applied := func(id history.NodeID) uint64 {
			st, err := c.Status(ctx, id)
			require.NoError(t, err)
			return st.Applied
		}
		require.NoError(t, env.Sleep(ctx, time.Second))
		require.EqualValues(t, rev, applied("n3"))
		require.Zero(t, applied("n2"))
		require.NoError(t, c.Mend(ctx, "a"))
		require.NoError(t, env.Sleep(ctx, time.Second))
		require.EqualValues(t, rev, applied("n2"))

		require.Error(t, c.Cut(ctx, "a", []harness.Link{{From: "n1", To: "n1"}}))
		require.Error(t, c.Cut(ctx, "a", []harness.Link{{From: "n1", To: "n7"}}))
		require.Error(t, c.Probe(ctx, harness.Link{From: "n1", To: "n7"}))
	})
	require.NoError(t, err)
}

func TestEndedContext(t *testing.T) {
	_, err := onCluster(t, toy{}, func(ctx context.Context, env harness.Env, c caps) {
		ctx, cancel := env.WithTimeout(ctx, time.Second)
		cancel()
		for name, err := range map[string]error{
			"kill": c.Kill(ctx, "n1"), "start": c.Start(ctx, "n1"), "pause": c.Pause(ctx, "n1"),
			"cut": c.Cut(ctx, "r", nil), "mend": c.Mend(ctx, "r"), "probe": c.Probe(ctx, harness.Link{From: "n1", To: "n2"}),
		} {
			require.ErrorIs(t, err, context.Canceled, name)
		}
	})
	require.NoError(t, err)
}

func TestRefusesToStart(t *testing.T) {
	var e *harness.StartError
	output, err := onCluster(t, toy{refuse: func() error { return errors.New("--toy must not be empty") }}, nil)
	require.ErrorAs(t, err, &e)
	require.Equal(t, &harness.StartError{Node: "n1", ExitCode: 1, Output: "--toy must not be empty"}, e)
	require.Equal(t, "0.000000000 --toy must not be empty\n", output["n1"].String())

	boots := 0
	_, err = onCluster(t, toy{refuse: func() error {
		if boots++; boots > 3 {
			return errors.New("no more")
		}
		return nil
	}}, func(ctx context.Context, _ harness.Env, c caps) {
		require.NoError(t, c.Kill(ctx, "n2"))
		require.ErrorAs(t, c.Start(ctx, "n2"), &e)
		require.Equal(t, history.NodeID("n2"), e.Node)
		alive, err := c.Alive(ctx, "n2")
		require.NoError(t, err)
		require.False(t, alive)
	})
	require.NoError(t, err)

	_, err = onCluster(t, toy{refuse: func() error { panic("toy: boot") }}, nil)
	require.ErrorAs(t, err, &e)
	require.Equal(t, &harness.StartError{Node: "n1", ExitCode: 2, Output: "panic: toy: boot"}, e)
}

func TestMachinePanicIsACrash(t *testing.T) {
	output, err := onCluster(t, toy{}, func(ctx context.Context, _ harness.Env, c caps) {
		kv, err := c.Dial("n1")
		require.NoError(t, err)
		_, err = kv.Put(ctx, "k", "v")
		require.NoError(t, err)
		_, err = kv.Put(ctx, "panic", "invariant")
		require.ErrorContains(t, err, "connection reset")
		alive, err := c.Alive(ctx, "n1")
		require.NoError(t, err)
		require.False(t, alive)
		require.NoError(t, c.Start(ctx, "n1"))
		e, err := kv.Get(ctx, "k")
		require.NoError(t, err)
		require.Equal(t, "v", e.Value)
	})
	require.NoError(t, err)
	require.Regexp(t, `panic: toy: invariant\n\S+ \n\S+ goroutine 1 \[running\]:\n\S+ \S+sim_test\.\(\*toyMachine\)\.Request \(toy_test.go:\d+\)\n`, output["n1"].String())
}

func TestBrokenInvariantEndsTheRun(t *testing.T) {
	unwound, went := false, false
	_, err := onCluster(t, toy{}, func(ctx context.Context, _ harness.Env, c caps) {
		defer func() { unwound = true }()
		kv, err := c.Dial("n2")
		require.NoError(t, err)
		_, _ = kv.Put(ctx, "violate", "bad")
		went = true
	})
	var e *sim.InvariantError
	require.ErrorAs(t, err, &e)
	require.Equal(t, history.NodeID("n2"), e.Node)
	require.Equal(t, "key violate is bad", e.Problem)
	require.Contains(t, e.Error(), "invariant broken on n2 at ")
	require.True(t, unwound)
	require.False(t, went)
}

func TestWrongConfigurations(t *testing.T) {
	nothing := func(context.Context, harness.Env, harness.Cluster) error { return nil }
	require.EqualError(t,
		simulate(t, 1, onlyReal{toy{}}, sim.Runtime{}, nothing),
		"simulate: system toy cannot be simulated: it is not written as machines without I/O (sim.System)")
	require.EqualError(t,
		(&sim.Runtime{}).Run(t.Context(), harness.ClusterConfig{System: toy{}, Nodes: 8}, nothing),
		"simulate: 8 members: 1 to 7 are allowed")
	require.EqualError(t,
		simulate(t, 1, toy{}, sim.Runtime{Options: sim.Options{Fsync: sim.Delay{Min: 2, Mean: 1}}}, nothing),
		"simulation option Fsync: the mean 1ns must not be shorter than the least 2ns, nor either negative")
	require.EqualError(t,
		simulate(t, 1, toy{}, sim.Runtime{Options: sim.Options{TickJitter: 1}}, nothing),
		"simulation option TickJitter: 1 must be at least 0 and below 1")
	_, err := (&sim.Runtime{}).Probe(t.Context())
	require.NoError(t, err)
	require.Equal(t, "sim", (&sim.Runtime{}).Name())
}

// onlyReal hides that a system can be simulated.
type onlyReal struct{ harness.System }

func TestTraceAndJitter(t *testing.T) {
	var trace bytes.Buffer
	right := storm(t.Context(), 1, toy{}, sim.Options{Trace: &trace})
	require.NoError(t, right.err)
	require.Equal(t, right.stats.Hash, storm(t.Context(), 1, toy{}, sim.Options{}).stats.Hash)
	require.Regexp(t, `(?m)^\d+ tick n1 0 0 0$`, trace.String())
	skewed := storm(t.Context(), 1, toy{}, sim.Options{TickJitter: 0.2})
	require.NoError(t, skewed.err)
	require.NotEqual(t, right.stats.Hash, skewed.stats.Hash)
	broken := storm(t.Context(), 1, toy{}, sim.Options{Trace: failing{}})
	require.ErrorContains(t, broken.err, "write the simulation's trace: no space")
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errors.New("no space") }
