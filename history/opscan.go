package history

import (
	"encoding/json"
	"time"
)

// scan decodes a line by hand. It answers only where encoding/json would have answered the same:
// each known member at most once and of its own type, names and words without escapes, nothing else.
func (r *RawOp) scan(line []byte) bool {
	*r = RawOp{}
	p := scanner{b: line}
	if !p.byte('{') {
		return false
	}
	seen := 0
	for {
		name, ok := p.word()
		if !ok || !p.byte(':') {
			return false
		}
		p.space()
		var bit int
		switch string(name) {
		case "index":
			bit, r.Index, ok = 1, p.int(), !p.bad
		case "time":
			bit, r.Time, ok = 2, time.Duration(p.int()), !p.bad
		case "process":
			bit, r.Process, ok = 4, p.int(), !p.bad
		case "type":
			var w []byte
			w, ok = p.word()
			bit, r.Type = 8, typeOf(w)
		case "f":
			bit = 16
			r.F, ok = p.word()
		case "kind":
			var w []byte
			w, ok = p.word()
			r.Kind = kindOf(w)
			bit, ok = 1024, ok && r.Kind != ""
		case "value":
			bit = 32
			r.Value, ok = p.value()
		case "node":
			bit = 64
			r.Node, ok = p.word()
		case "call":
			bit, r.Call, ok = 128, p.int(), !p.bad
		case "sched":
			bit, r.Sched, ok = 256, time.Duration(p.int()), !p.bad
		case "rejected":
			r.Rejected = p.literal("true")
			bit, ok = 2048, r.Rejected || p.literal("false")
		case "error":
			bit = 512
			r.Error, ok = p.value()
			ok = ok && len(r.Error) > 0 && r.Error[0] == '"'
		}
		if !ok || bit == 0 || seen&bit != 0 {
			return false
		}
		seen |= bit
		if p.byte(',') {
			p.space()
			continue
		}
		return p.byte('}') && p.end()
	}
}

func typeOf(b []byte) Type {
	switch string(b) {
	case "invoke":
		return Invoke
	case "ok":
		return OK
	case "fail":
		return Fail
	case "info":
		return Info
	}
	return ""
}

func kindOf(b []byte) Kind {
	switch string(b) {
	case "read":
		return KindRead
	case "write":
		return KindWrite
	}
	return ""
}

// scanner reads JSON from the left. It knows less than JSON: what it refuses may still be right.
type scanner struct {
	b   []byte
	n   int
	bad bool
}

func (p *scanner) space() {
	for p.n < len(p.b) && (p.b[p.n] == ' ' || p.b[p.n] == '\t' || p.b[p.n] == '\r') {
		p.n++
	}
}

// byte takes c, with the space before it.
func (p *scanner) byte(c byte) bool {
	if p.n < len(p.b) && p.b[p.n] == c { // mostly there is no space
		p.n++
		return true
	}
	p.space()
	if p.n < len(p.b) && p.b[p.n] == c {
		p.n++
		return true
	}
	return false
}

func (p *scanner) end() bool {
	p.space()
	return p.n == len(p.b)
}

// int takes a whole number of at most 18 digits.
func (p *scanner) int() (v int64) {
	at, negative := p.n, false
	if at < len(p.b) && p.b[at] == '-' {
		negative = true
		at++
	}
	first := at
	for at < len(p.b) && p.b[at]-'0' < 10 {
		v = v*10 + int64(p.b[at]-'0')
		at++
	}
	// JSON has no numbers such as 007, and integers here have neither fraction nor exponent.
	digits := at - first
	if digits == 0 || digits > 18 || digits > 1 && p.b[first] == '0' ||
		at < len(p.b) && (p.b[at] == '.' || p.b[at]|0x20 == 'e') {
		p.bad = true
		return 0
	}
	p.n = at
	if negative {
		return -v
	}
	return v
}

// word takes a string without escapes.
func (p *scanner) word() ([]byte, bool) {
	if p.n >= len(p.b) || p.b[p.n] != '"' {
		p.space()
		if p.n >= len(p.b) || p.b[p.n] != '"' {
			return nil, false
		}
	}
	p.n++
	first := p.n
	for n, c := range p.b[first:] {
		if c == '"' {
			p.n = first + n + 1
			return p.b[first : first+n : first+n], true
		}
		if c == '\\' || c < ' ' {
			return nil, false
		}
	}
	return nil, false
}

// value takes any JSON value, unread.
func (p *scanner) value() ([]byte, bool) {
	first := p.n
	if p.flat() {
		return p.b[first:p.n:p.n], true
	}
	depth, quoted := 0, false
	for n := first; n < len(p.b); n++ {
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
			for n > first && (p.b[n-1] == ' ' || p.b[n-1] == '\t' || p.b[n-1] == '\r') {
				n--
			}
			p.n = n
			raw := p.b[first:n:n]
			return raw, json.Valid(raw)
		}
	}
	return nil, false
}

// flat takes an object without spaces of strings without escapes, whole numbers, true, false, null, and
// lists of such: what workloads write, and most of a history's bytes.
func (p *scanner) flat() bool {
	q := scanner{b: p.b, n: p.n}
	if q.n >= len(q.b) || q.b[q.n] != '{' {
		return false
	}
	for {
		q.n++ // { or ,
		if _, ok := q.word(); !ok || q.n+1 >= len(q.b) || q.b[q.n] != ':' {
			return false
		}
		q.n++
		if !q.plain(0) || q.n >= len(q.b) {
			return false
		}
		switch q.b[q.n] {
		case ',':
		case '}':
			p.n = q.n + 1
			return true
		default:
			return false
		}
	}
}

// PlainJSON is the length of the JSON value with which b begins, where it is one that takes no unescaping: a
// string without escapes, a whole number of at most 18 digits, true, false, null, or a list of such, without
// spaces. 0: it is something else. Strings are taken to be valid UTF-8, as Parse has seen to it.
func PlainJSON(b []byte) int {
	p := scanner{b: b}
	if !p.plain(0) {
		return 0
	}
	return p.n
}

// deepest is how many lists within each other are taken.
const deepest = 8

// plain takes what an object has that flat takes.
func (p *scanner) plain(depth int) bool {
	if p.n >= len(p.b) {
		return false
	}
	switch c := p.b[p.n]; {
	case c == '"':
		_, ok := p.word()
		return ok
	case c == '[':
		return depth < deepest && p.list(depth)
	case c == 't' && p.literal("true"), c == 'f' && p.literal("false"), c == 'n' && p.literal("null"):
		return true
	default:
		p.int()
		return !p.bad
	}
}

func (p *scanner) list(depth int) bool {
	p.n++
	if p.n < len(p.b) && p.b[p.n] == ']' {
		p.n++
		return true
	}
	for p.plain(depth+1) && p.n < len(p.b) {
		p.n++
		switch p.b[p.n-1] {
		case ',':
		case ']':
			return true
		default:
			return false
		}
	}
	return false
}

func (p *scanner) literal(s string) bool {
	if len(p.b)-p.n < len(s) || string(p.b[p.n:p.n+len(s)]) != s {
		return false
	}
	p.n += len(s)
	return true
}
