package history

import (
	"encoding/json"
	"fmt"
	"strconv"
)

// TxnRows is the value of a transaction as it stands on its line; see Txn for its JSON. What its ops are is
// read by those who know what they mean.
type TxnRows struct {
	If        [][]json.RawMessage `json:"if"`
	Ops       [][]json.RawMessage `json:"ops"`
	Else      [][]json.RawMessage `json:"else"`
	Succeeded *bool               `json:"succeeded"`
	Rev       int64               `json:"rev"`
}

// Ran are the ops of the branch that ran, where the answer says which.
func (v *TxnRows) Ran() [][]json.RawMessage {
	if v.Succeeded != nil && !*v.Succeeded {
		return v.Else
	}
	return v.Ops
}

// Txn reads the op's value. An error names the op.
func (op *Op) Txn() (TxnRows, error) { return new(TxnReader).Read(op.Index, op.Value) }

// TxnReader reads one value after the other into the same memory. The zero value is ready.
type TxnReader struct {
	words     []json.RawMessage
	rows      [][]json.RawMessage
	succeeded bool
}

// Read is good until the next one, and shares b's memory. As with Register.Parse, the common shape is
// decoded by hand, and encoding/json gets whatever that does not recognise. op is for errors.
func (r *TxnReader) Read(op int, b []byte) (v TxnRows, err error) {
	if r.scan(b, &v) {
		return v, nil
	}
	v = TxnRows{}
	if err := json.Unmarshal(b, &v); err != nil {
		return v, fmt.Errorf("op %d: value of a txn: %w", op, err)
	}
	return v, nil
}

// scan is false where the value is anything but an object of known members, each at most once, without
// spaces, escapes, and numbers that are not whole.
func (r *TxnReader) scan(b []byte, v *TxnRows) bool {
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
			n := PlainJSON(b)
			word := string(b[:n])
			r.succeeded, v.Succeeded, ok = word == "true", &r.succeeded, word == "true" || word == "false"
			b = b[n:]
		case "rev":
			bit = 16
			n := PlainJSON(b)
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
func (r *TxnReader) table(b []byte) (rows [][]json.RawMessage, rest []byte, ok bool) {
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
		n := PlainJSON(b)
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

// JSONText is a JSON string. It shares b's memory where it can.
func JSONText(b json.RawMessage) ([]byte, error) {
	if s, rest, ok := scanBytes(b); ok && len(rest) == 0 {
		return s, nil
	}
	var s string
	err := json.Unmarshal(b, &s)
	return []byte(s), err
}

// JSONInt is a JSON integer.
func JSONInt(b json.RawMessage) (n int64, err error) {
	if PlainJSON(b) == len(b) {
		if n, err = strconv.ParseInt(string(b), 10, 64); err == nil {
			return n, nil
		}
	}
	return n, json.Unmarshal(b, &n)
}
