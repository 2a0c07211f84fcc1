package checker

import (
	"encoding/json"
	"fmt"
	"strconv"
	"unicode/utf8"
)

// Parse takes what the JSON value of a register's op says, as the register workload writes it:
//
//	{"key":"a","value":"1"}                          get, put; a null or missing value is absence
//	{"key":"a","old":null,"new":"1","swapped":true}  cas
//	{"key":"a","deleted":1}                          delete
//
// The slices of l share b's memory where they can. Reading a history is most of what judging a large
// one costs: a flat object without escapes is decoded by hand, encoding/json gets the rest.
func (l *Line) Parse(b []byte) error {
	l.clear()
	if l.scan(b) {
		return nil
	}
	l.clear()
	var v value
	if err := json.Unmarshal(b, &v); err != nil {
		return fmt.Errorf("value of a %s: %w", l.F, err)
	}
	l.take(&v)
	return nil
}

func (l *Line) clear() {
	l.Key, l.Value, l.Old, l.New, l.Swapped, l.Deleted = nil, nil, nil, nil, Unsaid, Unsaid
	l.deleted, l.mod, l.rev = 0, 0, 0
}

// scan is false where the object is anything but flat and known.
func (l *Line) scan(b []byte) bool {
	if len(b) < 2 || b[0] != '{' || b[len(b)-1] != '}' {
		return false
	}
	if len(b) == 2 {
		return true
	}
	for b[0] != '}' || len(b) > 1 {
		name, rest, ok := scanBytes(b[1:]) // after { or ,
		if !ok || len(rest) < 2 || rest[0] != ':' {
			return false
		}
		if b, ok = l.member(name, rest[1:]); !ok || len(b) == 0 || b[0] != ',' && b[0] != '}' {
			return false
		}
	}
	return true
}

func (l *Line) member(name, b []byte) (rest []byte, ok bool) {
	if b[0] == '"' {
		s, rest, ok := scanBytes(b)
		switch string(name) {
		case "key":
			l.Key = s
		case "value":
			l.Value = s
		case "old":
			l.Old = s
		case "new":
			l.New = s
		default:
			return nil, false
		}
		return rest, ok
	}
	end := 0
	for end < len(b) && b[end] != ',' && b[end] != '}' {
		end++
	}
	word, rest := b[:end], b[end:]
	switch string(name) {
	case "value":
		l.Value, ok = nil, string(word) == "null"
	case "old":
		l.Old, ok = nil, string(word) == "null"
	case "swapped":
		ok = string(word) == "true" || string(word) == "false"
		l.Swapped = answer(true, string(word) == "true")
	case "deleted", "rev", "mod":
		n, err := strconv.ParseUint(string(word), 10, 63)
		ok = err == nil && (len(word) == 1 || word[0] != '0') // JSON has no leading zeros
		switch string(name) {
		case "deleted":
			l.Deleted, l.deleted = answer(true, n > 0), int64(n)
		case "mod":
			l.mod = int64(n)
		default:
			l.rev = int64(n)
		}
	}
	return rest, ok
}

// scanBytes takes a string without escapes. It is not nil where it is empty.
func scanBytes(b []byte) (s, rest []byte, ok bool) {
	if len(b) < 2 || b[0] != '"' {
		return nil, nil, false
	}
	ascii := true
	for i, c := range b[1:] {
		switch {
		case c == '"':
			s = b[1 : i+1 : i+1]
			return s, b[i+2:], ascii || utf8.Valid(s)
		case c == '\\' || c < ' ':
			return nil, nil, false
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	return nil, nil, false
}
