package formats

import (
	"context"
	"errors"
	"io"

	"github.com/faultline-chaos/faultline/checker"
	"github.com/faultline-chaos/faultline/harness"
)

// Stream judges JSON lines of a history of registers, plain or compressed with zstd, while they come:
// it keeps what is undecided, and ends with the first violation. See checker.Streaming. warning is
// what was left out at the end; "": nothing.
func Stream(ctx context.Context, r io.Reader) (v harness.Verdict, warning string, err error) {
	in, end, err := unzipped(r)
	if err != nil {
		return v, "", err
	}
	defer end()
	s := checker.NewStreaming()
	var line checker.Line
	warning, err = harness.ReadOps(in, func(op *harness.RawOp, _ *harness.Sequence, _ []byte) error {
		if ok, err := registerLine(&line, op); err != nil || !ok {
			return err
		}
		if err := s.Add(ctx, &line); err != nil {
			return &harness.DamageError{Err: err}
		}
		if s.Violation() != nil {
			return errEnough
		}
		return ctx.Err()
	})
	if errors.Is(err, errNoRegister) {
		return v, "", errors.New("it is no history of registers alone, and only those can be judged while they come: put it into a file")
	}
	if err != nil && !errors.Is(err, errEnough) {
		return v, "", err
	}
	return s.Verdict(ctx), warning, nil
}

// registerLine is what an op says of a register. It is false for lines of the nemesis and the harness,
// and for probes, which have their own checker.
func registerLine(line *checker.Line, op *harness.RawOp) (ok bool, err error) {
	if op.Process < 0 {
		return false, nil
	}
	f := registerF(op.F)
	if f == "" {
		if s := string(op.F); s == harness.FProbePut || s == harness.FProbeGet {
			return false, nil
		}
		return false, errNoRegister
	}
	line.Position, line.Process, line.Type, line.F = int(op.Index), int(op.Process), op.Type, f
	if op.Type == harness.Invoke || op.Type == harness.OK {
		if err := line.Parse(op.Value); err != nil {
			return false, &harness.DamageError{Err: err}
		}
	}
	return true, nil
}
