package sim_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/harness/sim"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestSleep(t *testing.T) {
	must(t, func(ctx context.Context, env harness.Env, _ harness.Cluster) error {
		start := env.Now()
		require.NoError(t, env.Sleep(ctx, time.Hour))
		require.Equal(t, time.Hour, env.Now()-start)
		require.NoError(t, env.Sleep(ctx, -time.Second))
		require.Equal(t, time.Hour, env.Now()-start)

		short, cancel := env.WithTimeout(ctx, time.Second)
		defer cancel()
		start = env.Now()
		require.ErrorIs(t, env.Sleep(short, time.Minute), context.DeadlineExceeded)
		require.Equal(t, time.Second, env.Now()-start)
		require.Equal(t, context.DeadlineExceeded, short.Err())
		require.Equal(t, context.DeadlineExceeded, env.Sleep(short, time.Minute), "at once")
		require.Equal(t, time.Second, env.Now()-start)
		return nil
	})
}

func TestContexts(t *testing.T) {
	type key struct{}
	cases := []struct {
		name string
		do   func(ctx context.Context, env harness.Env)
	}{
		{"Done may be polled", func(ctx context.Context, env harness.Env) {
			c, cancel := env.WithTimeout(ctx, time.Second)
			defer cancel()
			select {
			case <-c.Done():
				t.Error("it is closed already")
			default:
			}
			require.NoError(t, env.Sleep(ctx, time.Second+1))
			select {
			case <-c.Done():
			default:
				t.Error("it is still open")
			}
		}},
		{"a value does not change the end", func(ctx context.Context, env harness.Env) {
			c, cancel := env.WithTimeout(ctx, time.Second)
			defer cancel()
			start := env.Now()
			require.ErrorIs(t, env.Sleep(context.WithValue(c, key{}, 1), time.Minute), context.DeadlineExceeded)
			require.Equal(t, time.Second, env.Now()-start)
		}},
		{"values pass", func(ctx context.Context, env harness.Env) {
			c, cancel := env.WithTimeout(context.WithValue(ctx, key{}, 7), time.Second)
			defer cancel()
			require.Equal(t, 7, c.Value(key{}))
			require.Nil(t, ctx.Value(key{}))
		}},
		{"a child inherits the deadline", func(ctx context.Context, env harness.Env) {
			c, cancel := env.WithTimeout(ctx, time.Second)
			defer cancel()
			d, cancel := env.WithTimeout(c, time.Hour)
			defer cancel()
			want, _ := c.Deadline()
			got, ok := d.Deadline()
			require.True(t, ok)
			require.Equal(t, want, got)
			require.NoError(t, env.Sleep(ctx, 2*time.Second))
			require.Equal(t, context.DeadlineExceeded, d.Err())
		}},
		{"another task cancels", func(ctx context.Context, env harness.Env) {
			c, cancel := env.WithTimeout(ctx, time.Hour)
			start := env.Now()
			require.NoError(t, env.Parallel(ctx, func(context.Context) error {
				require.Equal(t, context.Canceled, env.Sleep(c, time.Minute))
				require.Equal(t, time.Second, env.Now()-start)
				return nil
			}, func(ctx context.Context) error {
				defer cancel()
				return env.Sleep(ctx, time.Second)
			}))
			require.Equal(t, context.Canceled, c.Err())
			require.Equal(t, context.Canceled, context.Cause(c))
		}},
		{"WithoutCancel outlives its parent", func(ctx context.Context, env harness.Env) {
			c, cancel := env.WithTimeout(ctx, time.Second)
			cancel()
			free := context.WithoutCancel(c)
			require.NoError(t, env.Sleep(free, time.Second))
			d, cancel := env.WithTimeout(free, time.Second)
			defer cancel()
			require.NoError(t, d.Err())
			require.NoError(t, env.Sleep(ctx, time.Minute))
			require.Equal(t, context.DeadlineExceeded, d.Err())
		}},
		{"a child of one that ended has ended", func(ctx context.Context, env harness.Env) {
			c, cancel := env.WithTimeout(ctx, time.Second)
			cancel()
			d, cancel := env.WithTimeout(c, time.Second)
			defer cancel()
			require.Equal(t, context.Canceled, d.Err())
			require.Equal(t, context.Canceled, env.Sleep(d, time.Second))
		}},
		{"cancelling twice is nothing", func(ctx context.Context, env harness.Env) {
			c, cancel := env.WithTimeout(ctx, time.Second)
			d, cancelChild := env.WithTimeout(c, time.Minute)
			cancelChild()
			cancel()
			cancel()
			cancelChild()
			require.Equal(t, context.Canceled, c.Err())
			require.Equal(t, context.Canceled, d.Err())
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			must(t, func(ctx context.Context, env harness.Env, _ harness.Cluster) error {
				c.do(ctx, env)
				return nil
			})
		})
	}
}

func TestParallel(t *testing.T) {
	must(t, func(ctx context.Context, env harness.Env, _ harness.Cluster) error {
		start := env.Now()
		a, b := errors.New("a"), errors.New("b")
		err := env.Parallel(ctx,
			func(ctx context.Context) error { _ = env.Sleep(ctx, 2*time.Second); return a },
			func(context.Context) error { return nil },
			func(ctx context.Context) error { _ = env.Sleep(ctx, time.Second); return b },
		)
		require.EqualError(t, err, "a\nb", "in the order of arguments")
		require.Equal(t, 2*time.Second, env.Now()-start)
		require.NoError(t, env.Parallel(ctx))
		return nil
	})
}

func TestPanicEndsTheOthersAndKeepsItsStack(t *testing.T) {
	healed := false
	err := caught(t, func(ctx context.Context, env harness.Env, _ harness.Cluster) error {
		defer func() { healed = env.Sleep(context.WithoutCancel(ctx), time.Second) == nil }()
		return env.Parallel(ctx,
			func(ctx context.Context) error { return env.Sleep(ctx, 100*time.Hour) },
			func(ctx context.Context) error { return deep(ctx, env, 3) },
		)
	})
	require.Contains(t, string(err.Stack), "sim_test.deep")
	require.Contains(t, err.Error(), "nil pointer")
	require.True(t, healed)
}

// caught is the panic that comes out of a run.
func caught(t *testing.T, f body) (p *harness.PanicError) {
	t.Helper()
	defer func() {
		p, _ = recover().(*harness.PanicError)
		require.NotNil(t, p)
	}()
	require.NoError(t, simulate(t, 1, toy{}, sim.Runtime{}, f))
	return nil
}

func deep(ctx context.Context, env harness.Env, n int) error {
	if n > 0 {
		return deep(ctx, env, n-1)
	}
	var nobody *harness.StartError
	err := env.Sleep(ctx, time.Millisecond)
	nobody.ExitCode++
	return err
}

func TestLimitUnwindsTasksThatWait(t *testing.T) {
	var order []string
	r := sim.Runtime{Options: sim.Options{Limit: time.Minute}}
	forever := func(ctx context.Context, env harness.Env, name string) error {
		defer func() {
			order = append(order, name)
			_ = env.Sleep(ctx, time.Second) // goes on unwinding
			order = append(order, "never")
		}()
		for {
			_ = env.Sleep(ctx, time.Hour)
		}
	}
	err := simulate(t, 1, toy{}, r, func(ctx context.Context, env harness.Env, _ harness.Cluster) error {
		defer func() { order = append(order, "first") }()
		return env.Parallel(ctx,
			func(ctx context.Context) error { return forever(ctx, env, "a") },
			func(ctx context.Context) error { return forever(ctx, env, "b") },
		)
	})
	require.EqualError(t, err, "simulate: the run did not end within 1m0s of virtual time; these tasks wait: the run's first task, task 0, task 1")
	require.Equal(t, []string{"b", "a", "first"}, order)
}

func TestNothingEverHappens(t *testing.T) {
	err := simulate(t, 1, toy{}, sim.Runtime{Options: sim.Options{Limit: time.Minute}}, func(ctx context.Context, env harness.Env, c harness.Cluster) error {
		killer := c.(harness.Killer)
		return env.Parallel(ctx, func(ctx context.Context) error {
			kv, err := c.Dial("n1")
			require.NoError(t, err)
			_, err = kv.(*toyKV).call(ctx, toyRequest{op: "hang"})
			require.ErrorContains(t, err, "connection reset")
			_, err = kv.(*toyKV).call(ctx, toyRequest{op: "hang"})
			require.ErrorIs(t, err, harness.ErrNotApplied)
			require.NoError(t, killer.Start(ctx, "n1"))
			_, err = kv.(*toyKV).call(ctx, toyRequest{op: "hang"})
			return err
		}, func(ctx context.Context) error {
			require.NoError(t, env.Sleep(ctx, time.Second))
			return killer.Kill(ctx, "n1")
		})
	})
	require.ErrorContains(t, err, "the run did not end within 1m0s of virtual time; these tasks wait: the run's first task, task 0")
}

func TestInterruption(t *testing.T) {
	cause := errors.New("Ctrl-C")
	ctx, interrupt := context.WithCancelCause(t.Context())
	healed := false
	cfg := harness.ClusterConfig{System: toy{}, Nodes: 3}
	err := (&sim.Runtime{}).Run(ctx, cfg, func(ctx context.Context, env harness.Env, _ harness.Cluster) error {
		defer func() {
			heal, cancel := env.WithTimeout(context.WithoutCancel(ctx), time.Second)
			defer cancel()
			healed = env.Sleep(heal, time.Millisecond) == nil
		}()
		below, cancel := env.WithTimeout(ctx, 1000*time.Hour)
		defer cancel()
		for i := 0; ; i++ {
			if i == 10 {
				interrupt(cause)
			}
			if err := env.Sleep(below, time.Second); err != nil {
				require.Equal(t, context.Canceled, below.Err())
				require.Equal(t, cause, context.Cause(below))
				require.Equal(t, cause, context.Cause(context.WithValue(ctx, t, 1)))
				return err
			}
		}
	})
	require.Equal(t, cause, err)
	require.True(t, healed)
}

// TestMisuse breaks the rules in a process of its own each.
func TestMisuse(t *testing.T) {
	const variable = "SIM_MISUSE"
	var mu sync.Mutex
	cases := []struct {
		name, want string
		do         func(ctx context.Context, env harness.Env)
	}{
		{"receive", "[chan receive", func(ctx context.Context, _ harness.Env) { <-ctx.Done() }},
		{"select", "[select", func(ctx context.Context, _ harness.Env) {
			select {
			case <-ctx.Done():
			case <-time.After(time.Hour):
			}
		}},
		{"mutex", "[sync.Mutex.Lock", func(ctx context.Context, env harness.Env) {
			mu.Lock()
			_ = env.Parallel(ctx, func(context.Context) error { mu.Lock(); return nil })
		}},
		{"spin", "TestMisuse", func(ctx context.Context, _ harness.Env) {
			for ctx.Err() == nil {
				continue
			}
		}},
		{"sleep", "[sleep", func(context.Context, harness.Env) { time.Sleep(time.Minute) }},
		{"go", "somebody started one with go", func(ctx context.Context, env harness.Env) {
			go time.Sleep(time.Second)
			_ = env.Sleep(ctx, 1)
		}},
		{"context.WithTimeout", "use Env.WithTimeout", func(ctx context.Context, _ harness.Env) {
			_, cancel := context.WithTimeout(ctx, time.Second)
			cancel()
		}},
		{"context.WithCancel", "use Env.WithTimeout", func(ctx context.Context, _ harness.Env) {
			_, cancel := context.WithCancel(context.WithValue(ctx, t, 1))
			cancel()
		}},
		{"context.AfterFunc", "use Env.WithTimeout", func(ctx context.Context, _ harness.Env) {
			context.AfterFunc(ctx, func() {})
		}},
		{"foreign context", "derive contexts with Env.WithTimeout", func(_ context.Context, env harness.Env) {
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			_ = env.Sleep(ctx, 1)
		}},
		{"t.FailNow", "FAIL", func(context.Context, harness.Env) { t.FailNow() }},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if os.Getenv(variable) == c.name { // the process of its own
				misuse(t, c.name, c.do)
				return
			}
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestMisuse$/^"+c.name+"$")
			cmd.Env = append(os.Environ(), variable+"="+c.name)
			out, err := cmd.CombinedOutput()
			require.Error(t, err)
			require.Contains(t, string(out), c.want)
		})
	}
}

func misuse(t *testing.T, name string, do func(context.Context, harness.Env)) {
	r := sim.Runtime{Options: sim.Options{Watchdog: 300 * time.Millisecond, Strict: name == "go"}}
	err := simulate(t, 1, toy{}, r, func(ctx context.Context, env harness.Env, _ harness.Cluster) error {
		return env.Parallel(ctx, func(ctx context.Context) error { return env.Sleep(ctx, time.Minute) }, func(ctx context.Context) error {
			do(ctx, env)
			return nil
		})
	})
	t.Log(err)
}

func TestOutsideATask(t *testing.T) {
	var env harness.Env
	must(t, func(_ context.Context, e harness.Env, _ harness.Cluster) error { env = e; return nil })
	require.Panics(t, func() { _ = env.Sleep(context.Background(), 1) })
}
