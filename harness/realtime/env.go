// Package realtime is the Env of runs on goroutines and the machine's own clock.
package realtime

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/faultline-chaos/faultline/harness"
)

// Env implements harness.Env. Make it with New.
type Env struct {
	start time.Time
	seed  uint64
}

// New starts a run's clock.
func New(seed uint64) *Env { return &Env{start: time.Now(), seed: seed} }

// Start is the instant that Now counts from.
func (e *Env) Start() time.Time { return e.start }

// Now is the time since New.
func (e *Env) Now() time.Duration { return time.Since(e.start) }

// Rand returns the named stream of the run's seed.
func (e *Env) Rand(stream string) *rand.Rand { return harness.Stream(e.seed, stream) }

// WithTimeout is context.WithTimeout.
func (e *Env) WithTimeout(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, d)
}

// Sleep waits for d or the end of ctx.
func (e *Env) Sleep(ctx context.Context, d time.Duration) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Parallel runs each task on a goroutine of its own.
func (e *Env) Parallel(ctx context.Context, tasks ...harness.Task) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	errs := make([]error, len(tasks))
	var wg sync.WaitGroup
	for i, f := range tasks {
		wg.Go(func() {
			errs[i] = harness.Protect(ctx, f)
			if p := (*harness.PanicError)(nil); errors.As(errs[i], &p) {
				cancel()
			}
		})
	}
	wg.Wait()
	return harness.JoinErrors(errs)
}
