package formats

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/faultline-chaos/faultline/checker"
	"github.com/faultline-chaos/faultline/history"
)

// Stream judges JSON lines of a history of registers, plain or compressed with zstd, while they come:
// it keeps what is undecided, and ends with the first violation. See checker.Streaming. limit is the
// time for judging, in which waiting for lines does not count; when it is up, or ctx ends, the verdict
// is Unknown and says how far it came. warning is what was left out at the end; "": nothing.
func Stream(ctx context.Context, r io.Reader, limit time.Duration) (v history.Verdict, warning string, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	paid := newPaidReader(r, limit, func() { cancel(fmt.Errorf("the time for judging, %v, was up", limit)) })
	defer paid.stop()
	in, end, err := unzipped(paid)
	if err != nil {
		return v, "", err
	}
	defer end()
	s := checker.NewStreaming()
	lines := 0
	var line checker.Line
	warning, err = history.ReadOps(in, func(op *history.RawOp, _ *history.Sequence, _ []byte) error {
		lines++
		if ok, err := registerLine(&line, op); err != nil || !ok {
			return err
		}
		if err := s.Add(ctx, &line); err != nil {
			return &history.DamageError{Err: err}
		}
		if s.Violation() != nil || ctx.Err() != nil {
			return errEnough
		}
		return nil
	})
	switch {
	case errors.Is(err, errOther):
		return v, "", errors.New("it is no history of registers alone, and only those can be judged while they come: put it into a file")
	case err != nil && !errors.Is(err, errEnough):
		return v, "", err
	}
	if v = s.Verdict(ctx); v.Validity != history.Invalid && ctx.Err() != nil {
		v = history.Verdict{Checker: v.Checker, Reason: fmt.Sprintf("%v, after %d lines of the history; no violation was seen in them", context.Cause(ctx), lines)}
	}
	return v, warning, nil
}

// paidReader counts the time that passes between its reads, and calls up when there is none left.
type paidReader struct {
	r     io.Reader
	left  time.Duration
	since time.Time
	timer *time.Timer
}

func newPaidReader(r io.Reader, limit time.Duration, up func()) *paidReader {
	return &paidReader{r: r, left: limit, since: time.Now(), timer: time.AfterFunc(limit, up)}
}

// Read waits at no cost.
func (p *paidReader) Read(b []byte) (int, error) {
	p.stop()
	n, err := p.r.Read(b)
	p.since = time.Now()
	p.timer.Reset(max(p.left, 0))
	return n, err
}

func (p *paidReader) stop() {
	p.timer.Stop()
	p.left -= time.Since(p.since)
	p.since = time.Now()
}

// registerLine is what an op says of a register. It is false for lines of the nemesis and the harness,
// and for probes, which have their own checker.
func registerLine(line *checker.Line, op *history.RawOp) (ok bool, err error) {
	if op.Process < 0 {
		return false, nil
	}
	form := op.Form()
	switch {
	case !form.Register():
		return false, errOther
	case op.Probe():
		return false, nil
	}
	line.Position, line.Process, line.Type, line.Form = int(op.Index), int(op.Process), op.Type, form
	if op.Type == history.Invoke || op.Type == history.OK {
		if err := line.Parse(op.Value); err != nil {
			return false, &history.DamageError{Err: err}
		}
	}
	return true, nil
}
