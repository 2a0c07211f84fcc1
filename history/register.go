package history

import (
	"encoding/json"
	"strconv"
	"unicode/utf8"
)

// Answer is what the completion of an op says about one thing.
type Answer uint8

// The answers. The zero value is for lines that do not say.
const (
	Unsaid Answer = iota
	No
	Yes
)

// Register is the value of an op of a register, as it stands on its line:
//
//	{"key":"a","value":"1"}                          get, put, append; a null or missing value is absence
//	{"key":"a","old":null,"new":"1","swapped":true}  cas
//	{"key":"a","deleted":1}                          delete
//
// and of answers "rev", the store's revision, and "mod", that of the key's last write.
type Register struct {
	Key      []byte
	Value    []byte // put: what it writes; get, of its completion: what it read; nil: absent
	Old, New []byte // cas; a nil Old is absent
	Swapped  Answer // cas, of its completion
	Deleted  Answer // delete, of its completion: whether there was something
	Count    int64  // how many, where Deleted says so
	Mod, Rev int64  // 0: not reported
}

// RegisterValue is the same with memory of its own. What a line does not say is zero.
type RegisterValue struct {
	Form    Form    `json:"-"` // of the op; only who writes it says it
	Key     string  `json:"key"`
	Value   *string `json:"value"` // nil: absent
	Old     *string `json:"old"`   // nil: absent
	New     string  `json:"new"`
	Swapped *bool   `json:"swapped"`
	Deleted *int64  `json:"deleted"`
	Mod     int64   `json:"mod"`
	Rev     int64   `json:"rev"`
}

// Register reads the op's value, as Register.Parse does. An error names the op.
func (op *Op) Register() (RegisterValue, error) {
	var r Register
	if r.scan(op.Value) {
		return r.value(), nil
	}
	return Decode[RegisterValue](op)
}

// Wrote is the value that an op of the form wrote, nil where it deleted the key. It is false for a read, and for
// what an answer says that it did not do.
func (v *RegisterValue) Wrote(form Form, answered bool) (value *string, did bool) {
	switch form {
	case FormPut:
		return v.Value, true
	case FormCAS:
		return &v.New, !answered || v.DidSwap()
	case FormDelete:
		return nil, !answered || v.DidDelete()
	}
	return nil, false
}

// AppendJSON writes what ops of the form have.
func (v RegisterValue) AppendJSON(b []byte) []byte {
	b = appendText(append(b, `{"key":`...), &v.Key)
	switch v.Form {
	case FormCAS:
		b = appendText(append(b, `,"old":`...), v.Old)
		b = appendText(append(b, `,"new":`...), &v.New)
		if v.Swapped != nil {
			b = strconv.AppendBool(append(b, `,"swapped":`...), *v.Swapped)
		}
	case FormDelete:
		if v.Deleted != nil {
			b = strconv.AppendInt(append(b, `,"deleted":`...), *v.Deleted, 10)
		}
	default:
		b = appendText(append(b, `,"value":`...), v.Value)
		if v.Mod != 0 {
			b = strconv.AppendInt(append(b, `,"mod":`...), v.Mod, 10)
		}
	}
	if v.Rev != 0 {
		b = strconv.AppendInt(append(b, `,"rev":`...), v.Rev, 10)
	}
	return append(b, '}')
}

// appendText writes a string, nil as null. A store may answer anything.
func appendText(b []byte, s *string) []byte {
	q, _ := json.Marshal(s) // a string never fails
	return append(b, q...)
}

// DidSwap says whether a completed cas says that it swapped.
func (v *RegisterValue) DidSwap() bool { return v.Swapped != nil && *v.Swapped }

// DidDelete says whether a completed delete says that there was something.
func (v *RegisterValue) DidDelete() bool { return v.Deleted != nil && *v.Deleted > 0 }

// Parse takes a value. Its slices share b's memory where they can. Reading a history is most of what judging
// a large one costs: a flat object without escapes is decoded by hand, encoding/json gets the rest.
func (r *Register) Parse(b []byte) error {
	*r = Register{}
	if r.scan(b) {
		return nil
	}
	*r = Register{}
	var v RegisterValue
	if err := json.Unmarshal(b, &v); err != nil {
		return err
	}
	r.take(&v)
	return nil
}

func (r *Register) value() RegisterValue {
	v := RegisterValue{Key: string(r.Key), New: string(r.New), Value: textOf(r.Value), Old: textOf(r.Old), Mod: r.Mod, Rev: r.Rev}
	if r.Swapped != Unsaid {
		v.Swapped = new(r.Swapped == Yes)
	}
	if r.Deleted != Unsaid {
		v.Deleted = new(r.Count)
	}
	return v
}

func textOf(b []byte) *string {
	if b == nil {
		return nil
	}
	return new(string(b))
}

// take is the opposite.
func (r *Register) take(v *RegisterValue) {
	r.Key, r.New = []byte(v.Key), []byte(v.New)
	r.Value, r.Old = bytesOf(v.Value), bytesOf(v.Old)
	if v.Swapped != nil {
		r.Swapped = Said(*v.Swapped)
	}
	if v.Deleted != nil {
		r.Deleted, r.Count = Said(*v.Deleted > 0), *v.Deleted
	}
	r.Mod, r.Rev = v.Mod, v.Rev
}

func bytesOf(s *string) []byte {
	if s == nil {
		return nil
	}
	return append([]byte{}, *s...)
}

// Said is Yes or No.
func Said(yes bool) Answer {
	if yes {
		return Yes
	}
	return No
}

// scan is false where the object is anything but flat and known.
func (r *Register) scan(b []byte) bool {
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
		if b, ok = r.member(name, rest[1:]); !ok || len(b) == 0 || b[0] != ',' && b[0] != '}' {
			return false
		}
	}
	return true
}

func (r *Register) member(name, b []byte) (rest []byte, ok bool) {
	if b[0] == '"' {
		s, rest, ok := scanBytes(b)
		switch string(name) {
		case "key":
			r.Key = s
		case "value":
			r.Value = s
		case "old":
			r.Old = s
		case "new":
			r.New = s
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
		r.Value, ok = nil, string(word) == "null"
	case "old":
		r.Old, ok = nil, string(word) == "null"
	case "swapped":
		ok = string(word) == "true" || string(word) == "false"
		r.Swapped = Said(string(word) == "true")
	case "deleted", "rev", "mod":
		n, err := strconv.ParseUint(string(word), 10, 63)
		ok = err == nil && (len(word) == 1 || word[0] != '0') // JSON has no leading zeros
		switch string(name) {
		case "deleted":
			r.Deleted, r.Count = Said(n > 0), int64(n)
		case "mod":
			r.Mod = int64(n)
		default:
			r.Rev = int64(n)
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
