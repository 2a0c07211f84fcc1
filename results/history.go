package results

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/faultline-chaos/faultline/harness"
)

// ParseHistory reads the content of history.jsonl. The ops' values share b's memory, so b must not
// change afterwards. cut says what was left out: a last line without its end, as a crash leaves it.
// Everything else that is damaged is an error that names the line and what is wrong with it.
func ParseHistory(b []byte) (ops []harness.Op, cut string, err error) {
	ops = make([]harness.Op, 0, bytes.Count(b, []byte{'\n'})+1)
	check := sequence{open: map[int]string{}, retired: map[int]bool{}, faults: map[string]bool{}}
	for n := 1; len(b) > 0; n++ {
		line, rest, whole := bytes.Cut(b, []byte{'\n'})
		op, err := parseOp(line)
		if err != nil && !whole {
			return ops, fmt.Sprintf("line %d has no end and was left out", n), nil
		}
		if err == nil {
			err = check.next(&op)
		}
		if err != nil {
			return nil, "", fmt.Errorf("line %d: %w", n, err)
		}
		ops = append(ops, op)
		b = rest
	}
	return ops, "", nil
}

// sequence checks what a history promises from one op to the next.
type sequence struct {
	count   int
	last    time.Duration
	open    map[int]string  // process → F of its open call
	retired map[int]bool    // processes whose call ended with an unknown outcome
	faults  map[string]bool // injections and healings that were begun
}

func (s *sequence) next(op *harness.Op) error {
	if op.Index != s.count {
		return fmt.Errorf("index %d, want %d: lines are missing or doubled", op.Index, s.count)
	}
	if op.Time < s.last {
		return fmt.Errorf("time %d is before %d, that of the line above", op.Time, s.last)
	}
	s.count, s.last = s.count+1, op.Time
	switch {
	case op.Client():
		return s.client(op)
	case op.Process == harness.NemesisProcess:
		return s.nemesis(op)
	case op.Process == harness.HarnessProcess:
		return nil
	}
	return fmt.Errorf("process %d: allowed are clients from 0, %d and %d", op.Process, harness.NemesisProcess, harness.HarnessProcess)
}

func (s *sequence) client(op *harness.Op) error {
	f, open := s.open[op.Process]
	if op.Type == harness.Invoke {
		if open {
			return fmt.Errorf("process %d invokes %s while its %s is open", op.Process, op.F, f)
		}
		if s.retired[op.Process] {
			return fmt.Errorf("process %d invokes %s after a call of unknown outcome", op.Process, op.F)
		}
		s.open[op.Process] = op.F
		return nil
	}
	if !open || f != op.F {
		return fmt.Errorf("process %d completes %s without an invocation", op.Process, op.F)
	}
	delete(s.open, op.Process)
	if op.Type == harness.Info {
		s.retired[op.Process] = true
	}
	return nil
}

func (s *sequence) nemesis(op *harness.Op) error {
	if op.F != harness.FInject && op.F != harness.FHeal {
		return nil
	}
	var v harness.FaultValue
	if err := json.Unmarshal(op.Value, &v); err != nil {
		return fmt.Errorf("value of %s: %w", op.F, err)
	}
	if v.Issued < 0 || v.Issued > op.Time || v.Confirmed < 0 || v.Confirmed > op.Time {
		return fmt.Errorf("%s of %q says that it was issued at %d and confirmed at %d, which is not before it was recorded", op.F, v.ID, v.Issued, v.Confirmed)
	}
	key := op.F + " " + v.ID
	if op.Type == harness.Invoke {
		s.faults[key] = true
		return nil
	}
	if !s.faults[key] {
		return fmt.Errorf("the nemesis completes %s of %q without an invocation", op.F, v.ID)
	}
	return nil
}

// maxTime bounds what bins of time can cost.
const maxTime = 7 * 24 * time.Hour

var errShape = errors.New("not as AppendJSON writes it")

// parseOp reads one line. The fast way reads exactly what Op.AppendJSON writes; any other JSON goes
// through encoding/json.
func parseOp(line []byte) (harness.Op, error) {
	if !utf8.Valid(line) {
		return harness.Op{}, errors.New("not valid UTF-8")
	}
	op, err := parseOpFast(line)
	if err != nil {
		if op, err = parseOpSlow(line); err != nil {
			return harness.Op{}, err
		}
	}
	switch op.Type {
	case harness.Invoke, harness.OK, harness.Fail, harness.Info:
	default:
		return harness.Op{}, fmt.Errorf("unknown type %q: allowed are invoke, ok, fail, info", op.Type)
	}
	if op.F == "" {
		return harness.Op{}, errors.New("f is missing")
	}
	if op.Time < 0 {
		return harness.Op{}, fmt.Errorf("time %d is negative", op.Time)
	}
	if op.Sched < 0 || op.Sched > op.Time {
		return harness.Op{}, fmt.Errorf("sched %d: allowed are 0 to %d, the op's time", op.Sched, op.Time)
	}
	if op.Time > maxTime {
		return harness.Op{}, fmt.Errorf("time %d is beyond %v, the longest run that is read", op.Time, maxTime)
	}
	return op, nil
}

func parseOpSlow(line []byte) (harness.Op, error) {
	var op harness.Op
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(&op); err != nil {
		if errors.Is(err, io.EOF) {
			return op, errors.New("it is empty")
		}
		return op, fmt.Errorf("not an op: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return op, errors.New("not an op: something follows it on the line")
	}
	return op, nil
}

func parseOpFast(line []byte) (op harness.Op, err error) {
	p := cursor{b: line}
	p.lit(`{"index":`)
	op.Index = int(p.int())
	p.lit(`,"time":`)
	op.Time = time.Duration(p.int())
	p.lit(`,"process":`)
	op.Process = int(p.int())
	p.lit(`,"type":`)
	op.Type = harness.Type(p.word())
	p.lit(`,"f":`)
	op.F = p.word()
	if p.has(`,"value":`) {
		op.Value = p.value()
	}
	if p.has(`,"node":`) {
		op.Node = harness.NodeID(p.word())
	}
	if p.has(`,"call":`) {
		op.Call = int(p.int())
	}
	if p.has(`,"sched":`) {
		op.Sched = time.Duration(p.int())
	}
	if p.has(`,"error":`) {
		if raw := p.value(); json.Unmarshal(raw, &op.Error) != nil {
			return op, errShape
		}
	}
	p.lit(`}`)
	if p.bad || len(p.b) > 0 {
		return op, errShape
	}
	return op, nil
}

// cursor reads JSON in one fixed form; once something is bad, everything is.
type cursor struct {
	b   []byte
	bad bool
}

func (p *cursor) has(s string) bool {
	if !p.bad && len(p.b) >= len(s) && string(p.b[:len(s)]) == s {
		p.b = p.b[len(s):]
		return true
	}
	return false
}

func (p *cursor) lit(s string) {
	if !p.has(s) {
		p.bad = true
	}
}

func (p *cursor) int() int64 {
	n := 0
	for n < len(p.b) && (p.b[n] >= '0' && p.b[n] <= '9' || n == 0 && p.b[n] == '-') {
		n++
	}
	v, err := strconv.ParseInt(string(p.b[:n]), 10, 64)
	// JSON has no numbers such as 007; encoding/json says so.
	digits := bytes.TrimPrefix(p.b[:n], []byte{'-'})
	if err != nil || len(digits) > 1 && digits[0] == '0' {
		p.bad = true
		return 0
	}
	p.b = p.b[n:]
	return v
}

// words are what histories repeat, so that reading them allocates nothing.
var words = func() map[string]string {
	m := map[string]string{}
	for _, s := range []string{
		"invoke", "ok", "fail", "info", "get", "put", "cas", "delete", "inject", "heal", "phase", "status",
		harness.FProbePut, harness.FProbeGet, harness.FProbes,
		"n1", "n2", "n3", "n4", "n5", "n6", "n7",
	} {
		m[s] = s
	}
	return m
}()

// word is a string without escapes.
func (p *cursor) word() string {
	if len(p.b) == 0 || p.b[0] != '"' {
		p.bad = true
		return ""
	}
	for n := 1; n < len(p.b); n++ {
		switch c := p.b[n]; {
		case c == '"':
			raw := p.b[1:n]
			p.b = p.b[n+1:]
			if w, ok := words[string(raw)]; ok {
				return w
			}
			return string(raw)
		case c == '\\' || c < ' ':
			p.bad = true
			return ""
		}
	}
	p.bad = true
	return ""
}

// value is any JSON value, unread.
func (p *cursor) value() json.RawMessage {
	depth, quoted := 0, false
	for n := 0; n < len(p.b); n++ {
		switch c := p.b[n]; {
		case quoted && c == '\\':
			n++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			depth++
		case (c == '}' || c == ']') && depth > 0:
			depth--
		case (c == ',' || c == '}') && depth == 0:
			raw := p.b[:n:n]
			p.b = p.b[n:]
			p.bad = p.bad || !json.Valid(raw)
			return raw
		}
	}
	p.bad = true
	return nil
}
