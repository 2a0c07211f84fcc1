package checker

import (
	"encoding/json"
	"fmt"
	"github.com/faultline-chaos/faultline/history"
	"strconv"
)

// txnValue is the JSON value of a "txn" op; see history.Txn. Its ops are read by those who know what
// they mean.
type txnValue struct {
	If        [][]json.RawMessage `json:"if"`
	Ops       [][]json.RawMessage `json:"ops"`
	Else      [][]json.RawMessage `json:"else"`
	Succeeded *bool               `json:"succeeded"`
	Rev       int64               `json:"rev"`
}

func parseTxn(op *history.Op) (txnValue, error) { return new(txnReader).read(op.Index, op.Value) }

// txnReader reads one value after the other into the same memory.
type txnReader struct {
	words     []json.RawMessage
	rows      [][]json.RawMessage
	succeeded bool
}

// read is good until the next one, and shares b's memory. As with Line.Parse, the common shape is
// decoded by hand, and encoding/json gets whatever that does not recognise. op is for errors.
func (r *txnReader) read(op int, b []byte) (v txnValue, err error) {
	if r.scan(b, &v) {
		return v, nil
	}
	v = txnValue{}
	if err := json.Unmarshal(b, &v); err != nil {
		return v, fmt.Errorf("op %d: value of a txn: %w", op, err)
	}
	return v, nil
}

// scan is false where the value is anything but an object of known members, each at most once, without
// spaces, escapes, and numbers that are not whole.
func (r *txnReader) scan(b []byte, v *txnValue) bool {
	r.words, r.rows = r.words[:0], r.rows[:0]
	if len(b) < 2 || b[0] != '{' {
		return false
	}
	seen := 0
	for {
		name, rest, ok := scanBytes(b[1:]) // after { or ,
		if !ok || len(rest) < 2 || rest[0] != ':' {
			return false
		}
		b = rest[1:]
		bit := 0
		switch string(name) {
		case "if":
			bit = 1
			v.If, b, ok = r.table(b)
		case "ops":
			bit = 2
			v.Ops, b, ok = r.table(b)
		case "else":
			bit = 4
			v.Else, b, ok = r.table(b)
		case "succeeded":
			bit = 8
			n := history.PlainJSON(b)
			word := string(b[:n])
			r.succeeded, v.Succeeded, ok = word == "true", &r.succeeded, word == "true" || word == "false"
			b = b[n:]
		case "rev":
			bit = 16
			n := history.PlainJSON(b)
			var err error
			v.Rev, err = strconv.ParseInt(string(b[:n]), 10, 64)
			ok, b = err == nil, b[n:]
		}
		if !ok || bit == 0 || seen&bit != 0 || len(b) == 0 {
			return false
		}
		seen |= bit
		if b[0] != ',' {
			return string(b) == "}"
		}
	}
}

// table is a list of lists.
func (r *txnReader) table(b []byte) (rows [][]json.RawMessage, rest []byte, ok bool) {
	from := len(r.rows)
	rest, ok = each(b, func(row []byte) bool {
		first := len(r.words)
		end, ok := each(row, func(word []byte) bool {
			r.words = append(r.words, word)
			return true
		})
		r.rows = append(r.rows, r.words[first:len(r.words):len(r.words)])
		return ok && len(end) == 0
	})
	return r.rows[from:len(r.rows):len(r.rows)], rest, ok
}

// each calls f with the members of the list with which b begins. It is false where f is, and where it
// does not recognise the list.
func each(b []byte, f func(member []byte) bool) (rest []byte, ok bool) {
	if len(b) < 2 || b[0] != '[' {
		return nil, false
	}
	if b[1] == ']' {
		return b[2:], true
	}
	for {
		b = b[1:] // [ or ,
		n := history.PlainJSON(b)
		if n == 0 || n == len(b) || !f(b[:n:n]) {
			return nil, false
		}
		b = b[n:]
		switch b[0] {
		case ',':
		case ']':
			return b[1:], true
		default:
			return nil, false
		}
	}
}

// jsonString is a JSON string.
func jsonString(b json.RawMessage) (string, error) {
	s, err := jsonText(b)
	return string(s), err
}

// jsonText is the same; it shares b's memory where it can.
func jsonText(b json.RawMessage) ([]byte, error) {
	if s, rest, ok := scanBytes(b); ok && len(rest) == 0 {
		return s, nil
	}
	var s string
	err := json.Unmarshal(b, &s)
	return []byte(s), err
}

// jsonInt is a JSON integer.
func jsonInt(b json.RawMessage) (n int64, err error) {
	if history.PlainJSON(b) == len(b) {
		if n, err = strconv.ParseInt(string(b), 10, 64); err == nil {
			return n, nil
		}
	}
	return n, json.Unmarshal(b, &n)
}
