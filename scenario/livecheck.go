package scenario

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/faultline-chaos/faultline/history"
	"github.com/faultline-chaos/faultline/results"
)

// liveCheck tails the run's history file and judges it while the run goes on. The file is the queue: however
// slow judging is, the run never waits for it, no op is lost, and memory does not grow. liveCheck may lag
// behind the run, and reports by how much.
//
// A simulation does not use it: nothing may run concurrently with a simulation.
type liveCheck struct {
	file   *results.Following
	cancel context.CancelFunc
	done   chan struct{} // closed when judging has ended

	recorded, judged place
	most             atomic.Int64 // longest lag so far, ns of the run's clock
	problem          error        // valid after done is closed
}

// place is a position in a history: the number of ops, and the time of the last one.
type place struct{ ops, at atomic.Int64 }

func (p *place) set(op *history.Op) {
	p.ops.Store(int64(op.Index) + 1)
	p.at.Store(int64(op.Time))
}

// startLiveCheck calls judge with every op of the history that a run writes into folder, in its own
// goroutine, until stop or the end of ctx. The op is valid until judge returns.
func startLiveCheck(ctx context.Context, folder *results.Folder, judge func(context.Context, *history.Op)) (*liveCheck, error) {
	file, err := folder.FollowHistory()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	b := &liveCheck{file: file, cancel: cancel, done: make(chan struct{})}
	context.AfterFunc(ctx, file.End)
	go func() {
		defer close(b.done)
		b.problem = b.read(ctx, file, judge)
	}()
	return b, nil
}

var errLiveCheckEnded = errors.New("the live check was stopped")

func (b *liveCheck) read(ctx context.Context, r io.Reader, judge func(context.Context, *history.Op)) error {
	_, err := history.ReadOps(r, func(raw *history.RawOp, _ *history.Sequence, _ []byte) error {
		if ctx.Err() != nil {
			return errLiveCheckEnded
		}
		op := raw.Op()
		judge(ctx, &op)
		b.judged.set(&op)
		if lag := b.recorded.at.Load() - int64(op.Time); lag > b.most.Load() {
			b.most.Store(lag)
		}
		return nil
	})
	if err != nil && !errors.Is(err, errLiveCheckEnded) {
		return fmt.Errorf("judge the history during the run: %w", err)
	}
	return nil
}

// record notes that an op was recorded.
func (b *liveCheck) record(op *history.Op) { b.recorded.set(op) }

// behind returns how far judging lags behind recording.
func (b *liveCheck) behind() (ops int, lag time.Duration) {
	ops = int(b.recorded.ops.Load() - b.judged.ops.Load())
	return max(ops, 0), max(time.Duration(b.recorded.at.Load()-b.judged.at.Load()), 0)
}

// stop waits until every recorded op is judged, but at most for patience: the checkers of the whole history
// judge the rest. It returns what was judged. Call it once.
func (b *liveCheck) stop(patience time.Duration) results.LiveCheck {
	b.file.End()
	select {
	case <-b.done:
	case <-time.After(patience):
	}
	b.cancel()
	<-b.done
	left, _ := b.behind()
	c := results.LiveCheck{Judged: int(b.judged.ops.Load()), Left: left, MostBehind: time.Duration(b.most.Load())}
	if err := errors.Join(b.problem, b.file.Close()); err != nil {
		c.Problem = err.Error()
	}
	return c
}

// liveCheckPatience is how long a run that has ended waits for its live check. Ops that are not judged by
// then are judged with the whole history.
const liveCheckPatience = 10 * time.Second

// observeLive passes an op to the live checks.
func (r *Prepared) observeLive(ctx context.Context, op *history.Op) {
	r.monitor.Observe(op)
	if r.live != nil {
		r.live.Observe(ctx, op)
	}
}

// undecided is the number of keys that the live checks did not judge completely.
func (r *Prepared) undecided() int {
	if r.live == nil {
		return 0
	}
	return r.live.Undecided()
}

// violation returns an error if the live checks found a violation.
func (r *Prepared) violation() error {
	if v := r.found(); v != nil {
		return &violationError{v.Reason}
	}
	return nil
}

// found returns the first violation of any live check, or nil.
func (r *Prepared) found() *history.Verdict {
	if v := r.monitor.Violation(); v != nil || r.live == nil {
		return v
	}
	return r.live.Violation()
}

// violationError ends a run that stops on a violation.
type violationError struct{ reason string }

func (e *violationError) Error() string { return "a live check found a violation: " + e.reason }
