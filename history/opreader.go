package history

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// MaxLine is the longest line that is read, in bytes.
const MaxLine = 16 << 20

var errLong = fmt.Errorf("it is longer than %d MiB, the most that is read", MaxLine>>20)

// lineReader reads lines without copying those that fit its buffer.
type lineReader struct {
	r    *bufio.Reader
	long []byte
}

// next is the next line without its newline; whole says whether it had one. The line is good until
// the next call. At the end it returns io.EOF; errors of the reader come after the lines before them.
func (l *lineReader) next() (line []byte, whole bool, err error) {
	line, err = l.r.ReadSlice('\n')
	if err == nil {
		return line[:len(line)-1], true, nil
	}
	l.long = append(l.long[:0], line...)
	for errors.Is(err, bufio.ErrBufferFull) {
		line, err = l.r.ReadSlice('\n')
		if l.long = append(l.long, line...); len(l.long) > MaxLine {
			return nil, false, errLong
		}
	}
	if err != nil && (len(l.long) == 0 || !errors.Is(err, io.EOF)) {
		return nil, false, err
	}
	line, whole = bytes.CutSuffix(l.long, []byte{'\n'})
	return line, whole, nil
}

// ReadOps reads a history line by line and gives each op to take, with the line that it shares its
// memory with; both are good until take returns. cut says what was left out at the end: a last line
// without its end, as a crash leaves it, or what follows the end of a stream that was cut off.
// Everything else that is damaged is a *DamageError. An error of take ends the reading and is
// returned as it is, with the line if it is a *DamageError without one.
func ReadOps(r io.Reader, take func(r *RawOp, s *Sequence, line []byte) error) (cut string, err error) {
	lines := lineReader{r: bufio.NewReaderSize(r, 256<<10)}
	return readOps(lines.next, take)
}

// ParseOps is ReadOps for a history in memory: lines stay good for as long as b does not change.
func ParseOps(b []byte, take func(r *RawOp, s *Sequence, line []byte) error) (cut string, err error) {
	return readOps(func() (line []byte, whole bool, err error) {
		if len(b) == 0 {
			return nil, false, io.EOF
		}
		line, b, whole = bytes.Cut(b, []byte{'\n'})
		if len(line) > MaxLine {
			return nil, false, errLong
		}
		return line, whole, nil
	}, take)
}

func readOps(next func() ([]byte, bool, error), take func(*RawOp, *Sequence, []byte) error) (cut string, err error) {
	var op RawOp
	var sequence Sequence
	for n := 1; ; n++ {
		line, whole, err := next()
		switch {
		case errors.Is(err, io.EOF):
			return "", nil
		case errors.Is(err, io.ErrUnexpectedEOF):
			return fmt.Sprintf("its compressed stream ends early; line %d and what followed were left out", n), nil
		case errors.Is(err, errLong):
			return "", &DamageError{Line: n, Err: err}
		case err != nil:
			return "", fmt.Errorf("after line %d: %w", n-1, err)
		}
		if err = op.Parse(line); err != nil && !whole {
			return fmt.Sprintf("line %d has no end and was left out", n), nil
		}
		if err == nil {
			err = sequence.Next(&op, line)
		}
		if err == nil {
			err = take(&op, &sequence, line)
		}
		if err != nil {
			var damage *DamageError
			if errors.As(err, &damage) && damage.Line == 0 {
				damage.Line = n
			}
			return "", err
		}
	}
}
