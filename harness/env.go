package harness

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"runtime/debug"
	"time"
)

// Env is what a simulation replaces: time, waiting, concurrency and randomness. All methods may be
// called from any task.
type Env interface {
	// Now is the time since the start of the run, on one monotonic clock.
	Now() time.Duration
	// Sleep returns nil after d, or the context's cause as soon as ctx ends.
	Sleep(ctx context.Context, d time.Duration) error
	// WithTimeout is context.WithTimeout on this Env's clock. Package context's own WithCancel,
	// WithTimeout and WithDeadline must not be used: in a simulation they panic.
	WithTimeout(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc)
	// Parallel runs every task and returns when all have returned: there are no detached tasks.
	// Errors are joined in argument order. A panic in one task ends ctx for the others and goes
	// on, as a *PanicError with the task's own stack, in the caller.
	Parallel(ctx context.Context, tasks ...Task) error
	// Rand returns a new generator that depends on the run's seed and the stream's name alone.
	// It must not be shared between tasks.
	Rand(stream string) *rand.Rand
}

// Task is one unit of concurrency in [Env.Parallel].
type Task func(context.Context) error

// PanicError carries a panic from one task to another, or out of a run.
type PanicError struct {
	Value any
	Stack []byte // of the task that panicked, taken before unwinding
}

func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v\n\n%s", e.Value, e.Stack) }

// Protect runs f and turns its panic into a *PanicError. It is for implementations of Env.
func Protect(ctx context.Context, f Task) (err error) {
	defer func() {
		if r := recover(); r != nil {
			if p, ok := r.(*PanicError); ok {
				err = p
				return
			}
			err = &PanicError{Value: r, Stack: debug.Stack()}
		}
	}()
	return f(ctx)
}

// JoinErrors is errors.Join, except that a *PanicError among errs goes on in the caller. It is for
// implementations of Env.
func JoinErrors(errs []error) error {
	for _, err := range errs {
		if p := (*PanicError)(nil); errors.As(err, &p) {
			panic(p)
		}
	}
	return errors.Join(errs...)
}

// Stream is the one way from a seed to randomness, the same on every runtime.
func Stream(seed uint64, name string) *rand.Rand {
	h := fnv.New64a()
	_, _ = h.Write([]byte(name)) // a hash never fails
	return rand.New(rand.NewPCG(seed, h.Sum64()))
}
