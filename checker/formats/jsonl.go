package formats

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/faultline-chaos/faultline/history"
)

func isJSONL(head []byte) bool {
	ours := bytes.HasPrefix(head, []byte(`{"`)) || bytes.HasPrefix(head, []byte(`{ "`))
	return len(head) == 0 || ours && !isRobustness(head)
}

// errOther says that an op is not one of those that a form takes.
var errOther = errors.New("an op of another kind")

// readJSONL reads a history that one checker judges straight into the form in which it does, so that a
// million ops take a fraction of what their lines would. Where that meets an op of a client that the form
// does not take it starts again, at last with the lines themselves.
func readJSONL(src *source) (*History, error) {
	for _, f := range forms(src.judge) {
		if src.judge != "" && src.judge != f.name {
			continue
		}
		h, err := src.read(f)
		if !errors.Is(err, errOther) {
			return h, err
		}
	}
	ops, cut, err := src.ops()
	return &History{Ops: ops, Warning: cut}, err
}

// read is a history in a form, or errOther.
func (s *source) read(f *form) (*History, error) {
	file := &fileLines{src: s}
	h := &History{form: f, lines: file}
	r, err := s.open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	h.Warning, err = history.ReadOps(r, func(op *history.RawOp, _ *history.Sequence, _ []byte) error {
		if op.Process < 0 {
			o := op.Op()
			o.Value = bytes.Clone(o.Value)
			file.others = append(file.others, o)
			return nil
		}
		return f.take(op)
	})
	if err == nil && !f.enough() {
		err = errOther
	}
	return h, err
}

// ops reads all lines.
func (s *source) ops() (ops []history.Op, cut string, err error) {
	r, err := s.open()
	if err != nil {
		return nil, "", err
	}
	defer r.Close()
	cut, err = history.ReadOps(r, func(op *history.RawOp, _ *history.Sequence, _ []byte) error {
		o := op.Op()
		o.Value = bytes.Clone(o.Value)
		ops = append(ops, o)
		return nil
	})
	return ops, cut, err
}

// fileLines reads lines of a history again, in one go, when a violation is told.
type fileLines struct {
	src    *source
	others []history.Op
}

var errEnough = errors.New("enough")

// Some reads the file up to the last of the positions.
func (l *fileLines) Some(positions []int) (_ map[int]history.Op, err error) {
	out := map[int]history.Op{}
	if len(positions) == 0 {
		return out, nil
	}
	wanted, last := map[int64]bool{}, int64(0)
	for _, p := range positions {
		wanted[int64(p)] = true
		last = max(last, int64(p))
	}
	r, err := l.src.open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	_, err = history.ReadOps(r, func(op *history.RawOp, _ *history.Sequence, _ []byte) error {
		if wanted[op.Index] {
			o := op.Op()
			o.Value = bytes.Clone(o.Value)
			out[o.Index] = o
		}
		if op.Index >= last {
			return errEnough
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return nil, fmt.Errorf("read the lines of the violation again: %w", err)
	}
	if len(out) < len(wanted) {
		return nil, fmt.Errorf("read the lines of the violation again: %d of %d are not in the file any more", len(wanted)-len(out), len(wanted))
	}
	return out, nil
}

// Others are the lines of the nemesis and the harness.
func (l *fileLines) Others() []history.Op { return l.others }
