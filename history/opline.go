package history

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// DamageError says where a history cannot be read, and what is wrong there.
type DamageError struct {
	Line   int // from 1
	Column int // in bytes, from 1; 0: the line as a whole
	Err    error
}

func (e *DamageError) Error() string {
	if e.Column == 0 {
		return fmt.Sprintf("line %d: %v", e.Line, e.Err)
	}
	return fmt.Sprintf("line %d, column %d: %v", e.Line, e.Column, e.Err)
}

func (e *DamageError) Unwrap() error { return e.Err }

// MaxOpTime is the longest run that is read: it bounds what bins of time can cost.
const MaxOpTime = 7 * 24 * time.Hour

// RawOp is an op's line before its strings are copied: they share the line's memory.
type RawOp struct {
	Index    int64
	Time     time.Duration
	Process  int64
	Type     Type
	F        []byte
	Kind     Kind
	Value    []byte // JSON; nil: none
	Node     []byte
	Call     int64
	Sched    time.Duration
	Rejected bool
	Error    []byte // JSON string; nil: none
}

// Parse reads one line of a history, without its newline, and checks what a line by itself can get
// wrong. The common shape, a flat object with known members in any order, is decoded by hand;
// encoding/json gets whatever that does not recognise. An error is a *DamageError without its Line.
func (r *RawOp) Parse(line []byte) error {
	if at := invalidUTF8(line); at >= 0 {
		return &DamageError{Column: at + 1, Err: errors.New("not valid UTF-8")}
	}
	if !r.scan(line) {
		if err := r.unmarshal(line); err != nil {
			return err
		}
	}
	switch {
	case r.Type == "":
		return &DamageError{Column: column(line, "type"), Err: fmt.Errorf("unknown type %s: allowed are invoke, ok, fail, info", member(line, "type"))}
	case len(r.F) == 0:
		return &DamageError{Column: column(line, "f"), Err: errors.New("f is missing")}
	case r.Time < 0:
		return &DamageError{Column: column(line, "time"), Err: fmt.Errorf("time %d is negative", r.Time)}
	case r.Sched < 0 || r.Sched > r.Time:
		return &DamageError{Column: column(line, "sched"), Err: fmt.Errorf("sched %d: allowed are 0 to %d, the op's time", r.Sched, r.Time)}
	case r.Time > MaxOpTime:
		return &DamageError{Column: column(line, "time"), Err: fmt.Errorf("time %d is beyond %v, the longest run that is read", r.Time, MaxOpTime)}
	case r.Rejected && r.Type != Fail:
		return &DamageError{Column: column(line, "rejected"), Err: fmt.Errorf("rejected: only an op of type fail is, and this one is of type %s", r.Type)}
	}
	if r.Kind == "" && r.Type == Invoke && r.Process >= 0 {
		r.Kind = KindBefore(string(r.F))
	}
	return nil
}

// Form is what the op does; see Op.Form.
func (r *RawOp) Form() Form {
	form, _ := Named(string(r.F))
	return form
}

// Probe is as Op.Probe.
func (r *RawOp) Probe() bool { return probe(string(r.F)) }

// Op copies everything but the value, which shares r's memory.
func (r *RawOp) Op() Op {
	op := Op{
		Index: int(r.Index), Time: r.Time, Process: int(r.Process), Type: r.Type, F: word(r.F), Kind: r.Kind,
		Value: r.Value, Node: NodeID(word(r.Node)), Call: int(r.Call), Sched: r.Sched, Rejected: r.Rejected,
	}
	if r.Error != nil {
		_ = json.Unmarshal(r.Error, &op.Error) // Parse has seen that it is a string
	}
	return op
}

// unmarshal is the slow way: encoding/json decides what is JSON and what the names mean.
func (r *RawOp) unmarshal(line []byte) error {
	var op Op
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(&op); err != nil {
		if errors.Is(err, io.EOF) {
			return &DamageError{Err: errors.New("it is empty")}
		}
		return notAnOp(line, err)
	}
	end := d.InputOffset()
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return &DamageError{Column: int(end) + 1, Err: errors.New("not an op: something follows it on the line")}
	}
	if op.Kind != "" && kindOf([]byte(op.Kind)) == "" {
		return &DamageError{Column: column(line, "kind"), Err: fmt.Errorf("unknown kind %s: allowed are read, write", member(line, "kind"))}
	}
	*r = RawOp{
		Index: int64(op.Index), Time: op.Time, Process: int64(op.Process), Type: typeOf([]byte(op.Type)),
		F: []byte(op.F), Kind: op.Kind, Value: op.Value, Node: []byte(op.Node), Call: int64(op.Call), Sched: op.Sched, Rejected: op.Rejected,
	}
	if op.Error != "" {
		r.Error, _ = json.Marshal(op.Error) // a string never fails
	}
	return nil
}

// notAnOp finds the column of encoding/json's error.
func notAnOp(line []byte, err error) error {
	at := 0
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		at = int(syntax.Offset)
	case errors.As(err, &kind):
		at = int(kind.Offset)
	case errors.Is(err, io.ErrUnexpectedEOF):
		at = len(line) + 1
		err = errors.New("the line ends in the middle")
	default: // an unknown member is told by its name alone
		if _, name, ok := strings.Cut(err.Error(), "unknown field "); ok {
			at = bytes.Index(line, []byte(name)) + 1
		}
	}
	return &DamageError{Column: at, Err: fmt.Errorf("not an op: %w", err)}
}

// column is where a member's value begins, from 1; 0: it is not there. It is for errors alone.
func column(line []byte, name string) int {
	if at, _ := find(line, name); at >= 0 {
		return at + 1
	}
	return 0
}

// member is a member's value as it stands on the line.
func member(line []byte, name string) string {
	at, end := find(line, name)
	if at < 0 {
		return `""`
	}
	const most = 60
	if end-at > most {
		return string(bytes.ToValidUTF8(line[at:at+most], nil)) + "..."
	}
	return string(line[at:end])
}

func find(line []byte, name string) (at, end int) {
	d := json.NewDecoder(bytes.NewReader(line))
	if _, err := d.Token(); err != nil {
		return -1, -1
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return -1, -1
		}
		var value json.RawMessage
		if d.Decode(&value) != nil {
			return -1, -1
		}
		if s, ok := key.(string); ok && strings.EqualFold(s, name) {
			end := int(d.InputOffset())
			return end - len(value), end
		}
	}
	return -1, -1
}

func invalidUTF8(b []byte) int {
	if utf8.Valid(b) {
		return -1
	}
	for at := 0; at < len(b); {
		r, size := utf8.DecodeRune(b[at:])
		if r == utf8.RuneError && size == 1 {
			return at
		}
		at += size
	}
	return -1
}

// word is a string; those that every history repeats cost nothing.
func word(b []byte) string {
	if i := slices.IndexFunc(words[:], func(w string) bool { return w == string(b) }); i >= 0 {
		return words[i]
	}
	return string(b)
}

var words = [...]string{
	"", "get", "put", "n1", "n2", "n3", "n4", "n5", "cas", "delete", "n6", "n7",
	"invoke", "ok", "fail", "info", "txn", "read", "write", "append", "add",
	FProbePut, FProbeGet, FInject, FHeal, FPhase, FStatus,
}
