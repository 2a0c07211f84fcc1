package scripts

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/history"
)

// leadership is a leader and its term.
type leadership struct {
	id   history.NodeID
	term uint64
}

const look = 10 * time.Millisecond

// awaitLeader waits until one member leads and every member that answers follows it.
func (s *Stage) awaitLeader(ctx context.Context, limit time.Duration) (leadership, error) {
	return s.awaitOther(ctx, "", limit)
}

// awaitOther waits like awaitLeader, for a leader other than not.
func (s *Stage) awaitOther(ctx context.Context, not history.NodeID, limit time.Duration) (leadership, error) {
	wait, cancel := s.Env.WithTimeout(ctx, limit)
	defer cancel()
	members := s.Cluster.Members()
	for {
		statuses := harness.Statuses(wait, s.Env, s.Cluster)
		id, term := harness.LeaderOf(members, statuses)
		agreed := id != "" && id != not
		for _, st := range statuses {
			agreed = agreed && (st.Role == history.Unreached || st.Leader == id && st.Term == term)
		}
		if agreed {
			return leadership{id, term}, nil
		}
		if s.Env.Sleep(wait, look) != nil {
			if ctx.Err() != nil {
				return leadership{}, context.Cause(ctx)
			}
			return leadership{}, &harness.NoRecoveryError{Problem: fmt.Sprintf("after %v there was no leader that all members follow", limit)}
		}
	}
}

func (s *Stage) phase(p history.Phase) {
	s.Recorder.Add(history.Op{Process: history.HarnessProcess, Type: history.OK, F: history.FPhase, Value: history.EncodeValue(history.PhaseValue{Phase: p})})
}

// heal heals even if ctx has ended.
func (s *Stage) heal(ctx context.Context, in *harness.Injected) error {
	heal, cancel := s.Env.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	return s.Nemesis.Heal(heal, in)
}

func (s *Stage) healAll(ctx context.Context) error {
	heal, cancel := s.Env.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	return s.Nemesis.HealAll(heal)
}

// attemptTimeout is the timeout of one call, well below the outage of a failover.
func (b *basics) attemptTimeout() time.Duration { return max(b.o.Election/5, 100*time.Millisecond) }

// calls are the ops of scripts.
func calls() []history.OpKind {
	return []history.OpKind{
		{Name: "put", Kind: history.KindWrite, Doc: "write a key"},
		{Name: "get", Kind: history.KindRead, Doc: "read a key"},
	}
}

func (b *basics) put(node history.NodeID, key, v string) harness.Attempt {
	return harness.Attempt{
		F: "put", Node: node, Timeout: b.attemptTimeout(), Value: history.RegisterValue{Key: key, Value: &v},
		Invoke: func(ctx context.Context, kv harness.KV) (any, error) {
			rev, err := kv.Put(ctx, key, v)
			return history.RegisterValue{Key: key, Value: &v, Rev: rev}, err
		},
	}
}

func (b *basics) get(node history.NodeID, key string) harness.Attempt {
	return harness.Attempt{
		F: "get", Node: node, Timeout: b.attemptTimeout(), Value: history.RegisterValue{Key: key},
		Invoke: func(ctx context.Context, kv harness.KV) (any, error) {
			e, err := kv.Get(ctx, key)
			if err != nil || !e.Found {
				return history.RegisterValue{Key: key, Rev: e.Rev}, err
			}
			b.client.State = e.Value
			return history.RegisterValue{Key: key, Value: &e.Value, Rev: e.Rev}, nil
		},
	}
}

// untilOK makes attempts until one is ok, and returns what a get read. A retried put has the same value, so
// repeating it changes nothing.
func (b *basics) untilOK(ctx context.Context, node history.NodeID, next func() harness.Attempt, limit time.Duration) (string, error) {
	got, _, err := b.untilOKCounted(ctx, node, next, limit)
	return got, err
}

func (b *basics) untilOKCounted(ctx context.Context, node history.NodeID, next func() harness.Attempt, limit time.Duration) (got string, failed int, err error) {
	wait, cancel := b.stage.Env.WithTimeout(ctx, limit)
	defer cancel()
	for call := b.client.NewCall(); ; failed++ {
		b.client.State = "nothing"
		a := next()
		a.Call = call
		t, err := b.client.Do(wait, a)
		if t == history.OK {
			return b.client.State.(string), failed, nil
		}
		if b.stage.Env.Sleep(wait, look) != nil {
			return "", failed, fmt.Errorf("%s through %s, %d attempts: %w", a.F, node, failed+1, err)
		}
	}
}

type traffic struct {
	calls, failed int
	late          time.Duration // longest delay of a wake-up: how long the machine kept this program waiting
}

// traffic puts and gets through the members in turn for some time, and counts calls and failures.
func (b *basics) traffic(ctx context.Context, members []history.NodeID, d time.Duration) (t traffic) {
	env := b.stage.Env
	end := env.Now() + d
	for i := 0; env.Now() < end && ctx.Err() == nil; i++ {
		node := members[i/2%len(members)]
		a := b.get(node, "traffic")
		if i%2 == 0 {
			a = b.put(node, "traffic", "t"+strconv.Itoa(i)+"."+b.client.Unique())
		}
		t.calls++
		if typ, _ := b.client.Do(ctx, a); typ != history.OK {
			t.failed++
		}
		slept := env.Now()
		_ = env.Sleep(ctx, 2*look) // the loop's condition sees the end of ctx
		t.late = max(t.late, env.Now()-slept-2*look)
	}
	return t
}
