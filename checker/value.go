package checker

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/faultline-chaos/faultline/harness"
)

// value is the JSON value of the register workload's ops. What a line does not say is zero.
type value struct {
	Key     string  `json:"key"`
	Value   *string `json:"value"` // put, get; nil: absent
	Old     *string `json:"old"`   // cas; nil: absent
	New     string  `json:"new"`
	Swapped *bool   `json:"swapped"`
	Deleted *int64  `json:"deleted"`
	Mod     int64   `json:"mod"` // get
	Rev     int64   `json:"rev"`
}

// parse reads an op's value. Reading a history is most of what judging a large one costs: the
// common shape is decoded by hand, and encoding/json gets whatever that does not recognise.
func parse(op *harness.Op) (v value, err error) {
	if v.scan(op.Value) {
		return v, nil
	}
	v = value{}
	if err := json.Unmarshal(op.Value, &v); err != nil {
		return v, fmt.Errorf("op %d: value of a %s: %w", op.Index, op.F, err)
	}
	return v, nil
}

// scan decodes a flat object of known members whose strings need no unescaping; false where it is
// anything else.
func (v *value) scan(b []byte) bool {
	if len(b) < 2 || b[0] != '{' || b[len(b)-1] != '}' {
		return false
	}
	b = b[1 : len(b)-1]
	for len(b) > 0 {
		name, rest, ok := scanString(b)
		if !ok || len(rest) < 2 || rest[0] != ':' {
			return false
		}
		if b, ok = v.member(name, rest[1:]); !ok {
			return false
		}
		if len(b) > 0 {
			if b[0] != ',' || len(b) == 1 {
				return false
			}
			b = b[1:]
		}
	}
	return true
}

func (v *value) member(name string, b []byte) (rest []byte, ok bool) {
	if b[0] == '"' {
		s, rest, ok := scanString(b)
		switch name {
		case "key":
			v.Key = s
		case "value":
			v.Value = &s
		case "old":
			v.Old = &s
		case "new":
			v.New = s
		default:
			return nil, false
		}
		return rest, ok
	}
	end := bytes.IndexByte(b, ',')
	if end < 0 {
		end = len(b)
	}
	word, rest := string(b[:end]), b[end:]
	switch {
	case (name == "value" || name == "old") && word == "null":
		if name == "value" {
			v.Value = nil
		} else {
			v.Old = nil
		}
	case name == "swapped" && (word == "true" || word == "false"):
		t := word == "true"
		v.Swapped = &t
	case name == "deleted" || name == "rev" || name == "mod":
		n, err := strconv.ParseUint(word, 10, 63)
		if err != nil || (len(word) > 1 && word[0] == '0') { // JSON has no leading zeros
			return nil, false
		}
		switch i := int64(n); name {
		case "rev":
			v.Rev = i
		case "mod":
			v.Mod = i
		default:
			v.Deleted = &i
		}
	default:
		return nil, false
	}
	return rest, true
}

func scanString(b []byte) (s string, rest []byte, ok bool) {
	if len(b) < 2 || b[0] != '"' {
		return "", nil, false
	}
	for i := 1; i < len(b); i++ {
		switch c := b[i]; {
		case c == '"':
			return string(b[1:i]), b[i+1:], true
		case c == '\\' || c < ' ' || c >= 0x7f:
			return "", nil, false
		}
	}
	return "", nil, false
}
