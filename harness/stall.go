package harness

import (
	"context"
	"time"

	"github.com/faultline-chaos/faultline/history"
)

// Window is a span of a run's time, [From, To).
type Window struct{ From, To time.Duration }

// Stalling returns a cluster whose client calls stall in the windows: a call made in a window waits until
// the window ends. It exists to calibrate outage measurement, and can inject no faults.
func Stalling(c Cluster, env Env, windows []Window) Cluster { return &stalling{c, env, windows} }

type stalling struct {
	Cluster
	env     Env
	windows []Window
}

// Dial makes a client whose calls stall.
func (c *stalling) Dial(id history.NodeID) (KV, error) {
	kv, err := c.Cluster.Dial(id)
	if err != nil {
		return nil, err
	}
	return &stallingKV{kv, c}, nil
}

type stallingKV struct {
	KV
	c *stalling
}

// wait waits until no window is open. A call that was not sent was certainly not applied; callers may still
// record it as unknown.
func (k *stallingKV) wait(ctx context.Context) error {
	now := k.c.env.Now()
	for _, w := range k.c.windows {
		if now >= w.From && now < w.To {
			return k.c.env.Sleep(ctx, w.To-now)
		}
	}
	return nil
}

func (k *stallingKV) Put(ctx context.Context, key, value string) (int64, error) {
	if err := k.wait(ctx); err != nil {
		return 0, err
	}
	return k.KV.Put(ctx, key, value)
}

func (k *stallingKV) Get(ctx context.Context, key string) (Entry, error) {
	if err := k.wait(ctx); err != nil {
		return Entry{}, err
	}
	return k.KV.Get(ctx, key)
}

func (k *stallingKV) CAS(ctx context.Context, key string, old *string, next string) (bool, int64, error) {
	if err := k.wait(ctx); err != nil {
		return false, 0, err
	}
	return k.KV.CAS(ctx, key, old, next)
}

func (k *stallingKV) Delete(ctx context.Context, key string) (int64, int64, error) {
	if err := k.wait(ctx); err != nil {
		return 0, 0, err
	}
	return k.KV.Delete(ctx, key)
}
