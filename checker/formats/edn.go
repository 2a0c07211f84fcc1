package formats

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/faultline-chaos/faultline/history"
)

// ednReader reads extensible data notation, as Clojure prints it. It is our own because an error must
// name its line and column, which no kept Go library tells.
type ednReader struct {
	b []byte
	n int
}

// The forms: nil, bool, int64, json.Number (other numbers), string, and these.
type (
	keyword string // without its colon; symbols and characters, too
	list    []any  // lists, vectors and sets
	mapping []pair
	pair    struct{ key, value any }
)

const maxDepth = 100

// errEnd is the end of the input inside a form.
var errEnd = errors.New("the file ends inside a form")

func (r *ednReader) damage(at int, format string, args ...any) error {
	line, column := r.place(at)
	return &history.DamageError{Line: line, Column: column, Err: fmt.Errorf(format, args...)}
}

func (r *ednReader) place(at int) (line, column int) {
	before := r.b[:at]
	return bytes.Count(before, []byte{'\n'}) + 1, at - bytes.LastIndexByte(before, '\n')
}

// space skips what separates forms.
func (r *ednReader) space() {
	for r.n < len(r.b) {
		switch r.b[r.n] {
		case ' ', '\t', '\n', '\r', ',':
			r.n++
		case ';':
			for r.n < len(r.b) && r.b[r.n] != '\n' {
				r.n++
			}
		default:
			return
		}
	}
}

// form reads the next form; io.EOF where there is none.
func (r *ednReader) form(depth int) (any, error) {
	r.space()
	if r.n >= len(r.b) {
		return nil, io.EOF
	}
	at := r.n
	if depth > maxDepth {
		return nil, r.damage(at, "forms are nested more than %d deep", maxDepth)
	}
	switch c := r.b[r.n]; c {
	case '(', '[':
		r.n++
		return r.sequence(map[byte]byte{'(': ')', '[': ']'}[c], depth)
	case '{':
		r.n++
		return r.mapping(at, depth)
	case ')', ']', '}':
		return nil, r.damage(at, "%q closes nothing", c)
	case '"':
		return r.str()
	case ':':
		r.n++
		return keyword(r.token()), nil
	case '\\':
		r.n++
		_, size := utf8.DecodeRune(r.b[r.n:])
		first := r.n
		r.n += size
		r.token()
		return keyword(r.b[first:r.n]), nil
	case '#':
		return r.dispatch(depth)
	case '\'', '^', '@', '`', '~':
		return nil, r.damage(at, "%q is no form of EDN", c)
	}
	return atom(r.token()), nil
}

// dispatch reads what begins with #: a set, a discarded form, a tagged one.
func (r *ednReader) dispatch(depth int) (any, error) {
	r.n++
	switch {
	case r.n >= len(r.b):
		return nil, errEnd
	case r.b[r.n] == '{':
		r.n++
		return r.sequence('}', depth)
	case r.b[r.n] == '_':
		r.n++
		if _, err := r.inner(depth); err != nil {
			return nil, err
		}
		return r.form(depth + 1)
	}
	r.token()
	return r.inner(depth) // a tag says of what type a value was; the value is what counts
}

// inner is a form that must be there.
func (r *ednReader) inner(depth int) (any, error) {
	v, err := r.form(depth + 1)
	if errors.Is(err, io.EOF) {
		err = errEnd
	}
	return v, err
}

func (r *ednReader) sequence(end byte, depth int) (list, error) {
	out := list{}
	for {
		r.space()
		if r.n < len(r.b) && r.b[r.n] == end {
			r.n++
			return out, nil
		}
		v, err := r.inner(depth)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
}

func (r *ednReader) mapping(at, depth int) (mapping, error) {
	forms, err := r.sequence('}', depth)
	if err != nil {
		return nil, err
	}
	if len(forms)%2 != 0 {
		return nil, r.damage(at, "a map of %d forms: one has no value", len(forms))
	}
	m := mapping{}
	for i := 0; i < len(forms); i += 2 {
		m = append(m, pair{forms[i], forms[i+1]})
	}
	return m, nil
}

func (r *ednReader) str() (any, error) {
	at := r.n
	var out []byte
	for r.n++; r.n < len(r.b); r.n++ {
		switch c := r.b[r.n]; c {
		case '"':
			r.n++
			return string(out), nil
		case '\\':
			r.n++
			if r.n >= len(r.b) {
				return nil, errEnd
			}
			i := strings.IndexByte(`nrtbf"\/`, r.b[r.n])
			if i < 0 {
				if r.b[r.n] == 'u' && r.n+4 < len(r.b) {
					if v, err := strconv.ParseUint(string(r.b[r.n+1:r.n+5]), 16, 32); err == nil {
						out = utf8.AppendRune(out, rune(v))
						r.n += 4
						continue
					}
				}
				return nil, r.damage(r.n, "no escape in a string: %q", r.b[r.n])
			}
			out = append(out, "\n\r\t\b\f\"\\/"[i])
		default:
			out = append(out, c)
		}
		if len(out) > history.MaxLine {
			return nil, r.damage(at, "a string is longer than %d MiB", history.MaxLine>>20)
		}
	}
	return nil, errEnd
}

// token takes what stands until a separator. It takes at least a byte where there is one.
func (r *ednReader) token() string {
	first := r.n
	for r.n < len(r.b) && !bytes.ContainsRune([]byte(" \t\r\n,;()[]{}\""), rune(r.b[r.n])) {
		r.n++
	}
	return string(r.b[first:r.n])
}

func atom(s string) any {
	switch s {
	case "nil":
		return nil
	case "true":
		return true
	case "false":
		return false
	}
	if n, err := strconv.ParseInt(strings.TrimSuffix(s, "N"), 10, 64); err == nil {
		return n
	}
	if f := strings.TrimSuffix(s, "M"); json.Valid([]byte(f)) {
		return json.Number(f)
	}
	return keyword(s)
}

// toJSON is a form as JSON: keywords are strings, sets and lists arrays, keys of maps text.
func toJSON(v any) any {
	switch v := v.(type) {
	case keyword:
		return string(v)
	case list:
		out := make([]any, len(v))
		for i := range v {
			out[i] = toJSON(v[i])
		}
		return out
	case mapping:
		out := map[string]any{}
		for _, p := range v {
			out[text(p.key)] = toJSON(p.value)
		}
		return out
	}
	return v
}

// text names a value. A string that looks like another value keeps its quotes.
func text(v any) string {
	switch v := v.(type) {
	case keyword:
		return string(v)
	case string:
		if _, plain := atom(v).(keyword); plain {
			return v
		}
		return strconv.Quote(v)
	}
	b, err := json.Marshal(toJSON(v))
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(b)
}
