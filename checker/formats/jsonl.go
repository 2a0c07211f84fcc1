package formats

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/faultline-chaos/faultline/checker"
	"github.com/faultline-chaos/faultline/harness"
)

func isJSONL(head []byte) bool {
	ours := bytes.HasPrefix(head, []byte(`{"`)) || bytes.HasPrefix(head, []byte(`{ "`))
	return len(head) == 0 || ours && !isRobustness(head)
}

var errNoRegister = errors.New("not a history of registers alone")

// readJSONL reads a history of registers straight into its compact form, so that a million ops take
// a fraction of what their lines would. Where it meets any other op of a client it starts again and
// keeps the lines.
func readJSONL(src *source) (*History, error) {
	h := &History{keys: checker.NewKeys()}
	file := &fileLines{src: src}
	h.lines = file
	r, err := src.open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	clients := 0
	var line checker.Line
	h.Warning, err = harness.ReadOps(r, func(op *harness.RawOp, _ *harness.Sequence, _ []byte) error {
		if op.Process < 0 {
			o := op.Op()
			o.Value = bytes.Clone(o.Value)
			file.others = append(file.others, o)
			return nil
		}
		if ok, err := registerLine(&line, op); err != nil || !ok {
			return err
		}
		clients++
		if err := h.keys.Add(&line); err != nil {
			return &harness.DamageError{Err: err}
		}
		return nil
	})
	if errors.Is(err, errNoRegister) || err == nil && clients == 0 {
		ops, cut, err := src.ops()
		return &History{Ops: ops, Warning: cut}, err
	}
	return h, err
}

// registerF is the name without copying it; "" if it is not one of a register's ops.
func registerF(b []byte) string {
	switch string(b) {
	case "get":
		return "get"
	case "put":
		return "put"
	case "cas":
		return "cas"
	case "delete":
		return "delete"
	}
	return ""
}

// ops reads all lines.
func (s *source) ops() (ops []harness.Op, cut string, err error) {
	r, err := s.open()
	if err != nil {
		return nil, "", err
	}
	defer r.Close()
	cut, err = harness.ReadOps(r, func(op *harness.RawOp, _ *harness.Sequence, _ []byte) error {
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
	others []harness.Op
}

var errEnough = errors.New("enough")

// Some reads the file up to the last of the positions.
func (l *fileLines) Some(positions []int) (_ map[int]harness.Op, err error) {
	out := map[int]harness.Op{}
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
	_, err = harness.ReadOps(r, func(op *harness.RawOp, _ *harness.Sequence, _ []byte) error {
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
func (l *fileLines) Others() []harness.Op { return l.others }
