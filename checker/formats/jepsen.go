package formats

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

	"github.com/faultline-chaos/faultline/history"
)

// isEDN: a map with a keyword, a tagged one, or a vector or list of such; blanks and comments may stand
// before each. A JSON array of objects begins otherwise.
func isEDN(head []byte) bool {
	r := &ednReader{b: head}
	r.space()
	if comment := r.n > 0; r.n >= len(head) {
		return comment
	}
	if head[r.n] == '[' || head[r.n] == '(' {
		r.n++
		r.space()
	}
	rest := head[r.n:]
	if bytes.HasPrefix(rest, []byte("#jepsen")) {
		return true
	}
	if len(rest) == 0 || rest[0] != '{' {
		return false
	}
	r.n++
	r.space()
	return r.n < len(head) && head[r.n] == ':'
}

// foreign is an op of another program's history, not yet in our words.
type foreign struct {
	at      int // offset in the file
	process any // int64, or a name that is not a client's
	kind    history.Type
	f       string
	value   any
	key     any // where the op itself has one, as porcupine's key-value logs
	keyed   bool
	time    int64 // -1: not reported
	index   int64 // -1: not reported
}

// readEDN reads Jepsen's history.edn: a map or a record an op, on lines of their own or in a vector.
func readEDN(src *source) (*History, error) {
	b, cutStream, err := src.all()
	if err != nil {
		return nil, err
	}
	r := &ednReader{b: b}
	if at := invalid(b); at >= 0 {
		return nil, r.damage(at, "not valid UTF-8")
	}
	if at := longLine(b); at >= 0 {
		return nil, r.damage(at, "%w", errLong)
	}
	warning := cutStream
	var all []foreign
	inVector := false
	r.n = len(b) - len(bytes.TrimLeft(b, " \t\r\n\ufeff"))
	if r.space(); r.n < len(b) && (b[r.n] == '[' || b[r.n] == '(') {
		inVector = true
		r.n++
	}
	for {
		r.space()
		if inVector && r.n < len(b) && (b[r.n] == ']' || b[r.n] == ')') {
			inVector = false
			r.n++
			continue
		}
		at := r.n
		form, err := r.form(0)
		if errors.Is(err, io.EOF) {
			break
		}
		if errors.Is(err, errEnd) && len(all) > 0 && bytes.IndexByte(b[at:], '\n') < 0 {
			line, _ := r.place(at)
			warning = fmt.Sprintf("line %d: the op has no end and was left out", line)
			break
		}
		if errors.Is(err, errEnd) {
			return nil, r.damage(at, "%w", err)
		}
		if err != nil {
			return nil, err
		}
		op, err := opOf(form)
		if err != nil {
			return nil, r.damage(at, "%w", err)
		}
		op.at = at
		all = append(all, op)
	}
	c := converter{place: r.place}
	ops, err := c.convert(all)
	return &History{Ops: ops, Warning: strings.Join(slices.DeleteFunc([]string{c.clock.warning(), warning}, func(s string) bool { return s == "" }), "; ")}, err
}

var errLong = fmt.Errorf("the line is longer than %d MiB, the most that is read", maxForeign>>20)

// maxForeign bounds a line of a foreign file: some hold a whole history in one.
const maxForeign = 64 << 20

// longLine is where a line begins that is too long; -1: nowhere.
func longLine(b []byte) int {
	for at := 0; at < len(b); {
		n := bytes.IndexByte(b[at:], '\n')
		if n < 0 {
			n = len(b) - at
		}
		if n > maxForeign {
			return at
		}
		at += n + 1
	}
	return -1
}

func invalid(b []byte) int {
	if utf8.Valid(b) {
		return -1
	}
	return len(b) - len(bytes.TrimLeftFunc(b, func(r rune) bool { return r != utf8.RuneError }))
}

// all reads the whole file. cut says that a compressed stream ended early.
func (s *source) all() (b []byte, cut string, err error) {
	r, err := s.open()
	if err != nil {
		return nil, "", err
	}
	defer r.Close()
	b, err = io.ReadAll(r)
	if errors.Is(err, io.ErrUnexpectedEOF) && len(b) > 0 {
		return b, "its compressed stream ends early; what followed was left out", nil
	}
	if err != nil {
		return nil, "", fmt.Errorf("read: %w", err)
	}
	return b, "", nil
}

// opOf takes an op's members from its map. Keys may be keywords or strings.
func opOf(form any) (foreign, error) {
	op := foreign{time: -1, index: -1}
	m, ok := form.(mapping)
	if !ok {
		return op, errors.New("not an op: an op is a map")
	}
	seen := map[string]bool{}
	for _, p := range m {
		name := ""
		switch k := p.key.(type) {
		case keyword:
			name = string(k)
		case string:
			name = strings.TrimPrefix(k, ":")
		}
		seen[name] = true
		switch name {
		case "process":
			op.process = p.value
		case "type":
			op.kind = history.Type(strings.TrimPrefix(word(p.value), ":"))
		case "f":
			op.f = strings.TrimPrefix(word(p.value), ":")
		case "value":
			op.value = p.value
		case "key":
			op.key, op.keyed = p.value, true
		case "time":
			if n, ok := p.value.(int64); ok {
				op.time = n
			} else if p.value != nil {
				return op, fmt.Errorf("time %s: it must be a whole number of nanoseconds", text(p.value))
			}
		case "index":
			if n, ok := p.value.(int64); ok {
				op.index = n
			} else if p.value != nil {
				return op, fmt.Errorf("index %s: it must be a whole number", text(p.value))
			}
		}
	}
	for _, name := range []string{"process", "type", "f"} {
		if !seen[name] {
			return op, fmt.Errorf("not an op: it has no :%s", name)
		}
	}
	return op, nil
}

func word(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	return text(v)
}

// converter puts ops into our words, and checks their sequence as history.Sequence does ours.
type converter struct {
	place        func(at int) (line, column int)
	failedIsRead bool // a failed cas saw another value, as in porcupine's etcd logs

	kind        string // register, txn, set, bank, append
	independent bool   // values are [key value]
	open        map[int64]*foreign
	retired     map[int64]bool
	clock       foreignClock
}

func (c *converter) damage(at int, err error) error {
	line, column := c.place(at)
	return &history.DamageError{Line: line, Column: column, Err: err}
}

func (c *converter) convert(all []foreign) ([]history.Op, error) {
	c.open, c.retired = map[int64]*foreign{}, map[int64]bool{}
	c.decide(all)
	var out []history.Op
	lastIndex := int64(-1)
	own := !slices.ContainsFunc(all, func(op foreign) bool { return op.index < 0 })
	c.clock = foreignClock{last: -1, indexed: own, of: map[int64]int64{}}
	for i := range all {
		op := &all[i]
		if op.index >= 0 && op.index <= lastIndex {
			return nil, c.damage(op.at, fmt.Errorf("index %d comes after %d: lines are doubled or out of order", op.index, lastIndex))
		}
		lastIndex = max(lastIndex, op.index)
		if err := c.clock.next(op); err != nil {
			return nil, c.damage(op.at, err)
		}
		o, err := c.op(op)
		if err != nil {
			return nil, c.damage(op.at, err)
		}
		if o == nil {
			continue
		}
		o.Index, o.Time = len(out), time.Duration(i)
		if own {
			o.Index = int(op.index) // so that what is told names the ops as their file does
		}
		if op.time >= 0 {
			o.Time = time.Duration(op.time)
		}
		out = append(out, *o)
	}
	return out, nil
}

// foreignClock holds the times of ops. Jepsen's clients stamp their ops themselves, before the history puts
// them in order: where indexes tell the order, times may go back from one process to another.
type foreignClock struct {
	last    int64 // latest so far; -1: none
	indexed bool
	of      map[int64]int64 // by process: its latest
	back    int             // times that went back
	most    int64           // by so much
}

// next takes an op, whose time becomes the latest where it is before that.
func (c *foreignClock) next(op *foreign) error {
	if op.time < 0 {
		return nil
	}
	before, latest := c.last, c.last
	if c.indexed {
		before = -1
		if process, client := op.process.(int64); client {
			before = c.of[process]
			c.of[process] = op.time
		}
	}
	if op.time < before {
		return fmt.Errorf("time %d is before %d, that of the op above", op.time, before)
	}
	if op.time < latest {
		c.back++
		c.most = max(c.most, latest-op.time)
		op.time = latest
	}
	c.last = op.time
	return nil
}

// warning is what was changed; "": nothing.
func (c *foreignClock) warning() string {
	if c.back == 0 {
		return ""
	}
	return fmt.Sprintf("times go back, %d in all and by up to %v: the order of ops is that of their indexes", c.back, time.Duration(c.most))
}

// decide looks at what the ops are called.
func (c *converter) decide(all []foreign) {
	written, balances := false, false
	for i := range all {
		op := &all[i]
		if _, client := op.process.(int64); !client {
			continue
		}
		switch op.f {
		case "txn", "append", "transfer", "add":
			if c.kind == "" || c.kind == "register" {
				c.kind = op.f
			}
		case "read", "write", "cas":
			if c.kind == "" {
				c.kind = "register"
			}
			written = written || op.f != "read"
			if _, accounts := op.value.(mapping); accounts && op.kind == history.OK {
				balances = true
			}
			if v, ok := op.value.(list); ok && len(v) == 2 && op.kind == history.Invoke {
				_, nested := v[1].(list)
				c.independent = c.independent || op.f != "cas" || nested
			}
		}
	}
	if c.kind == "register" && balances && !written {
		c.kind = "transfer" // of a bank whose transfers were left out
	}
	if c.kind == "append" && !all[0].keyed {
		c.kind = ""
	}
}

func (c *converter) op(op *foreign) (*history.Op, error) {
	switch op.kind {
	case history.Invoke, history.OK, history.Fail, history.Info:
	default:
		return nil, fmt.Errorf("unknown type %q: allowed are invoke, ok, fail, info", op.kind)
	}
	process, client := op.process.(int64)
	if client && process < 0 {
		return nil, fmt.Errorf("process %d: clients count from 0", process)
	}
	if !client {
		if _, named := op.process.(keyword); !named {
			return nil, fmt.Errorf("process %s: it must be a number, or a name such as :nemesis", text(op.process))
		}
		return nil, nil // the nemesis: no fault of its can be read as one of ours
	}
	out := &history.Op{Process: int(process), Type: op.kind}
	invoked := c.open[process]
	switch {
	case op.kind == history.Invoke && invoked != nil:
		return nil, fmt.Errorf("process %d invokes %s while its %s is open", process, op.f, invoked.f)
	case op.kind == history.Invoke && c.retired[process]:
		return nil, fmt.Errorf("process %d invokes %s after a call of unknown outcome", process, op.f)
	case op.kind == history.Invoke:
		c.open[process] = op
		invoked = op
	case invoked == nil || invoked.f != op.f:
		return nil, fmt.Errorf("process %d completes %s without an invocation", process, op.f)
	default:
		delete(c.open, process)
		c.retired[process] = op.kind == history.Info
	}
	said := op // what became of it is told by its invocation, where its completion has an error for a value
	if op.kind == history.Fail || op.kind == history.Info {
		said = invoked
	}
	f, value, err := c.value(said, op.kind)
	if err != nil {
		return nil, err
	}
	if c.failedIsRead && f == "cas" && op.kind != history.Info && op.kind != history.Invoke {
		value["swapped"] = op.kind == history.OK
		out.Type = history.OK
	} else if f == "cas" && op.kind == history.OK {
		value["swapped"] = true
	}
	out.F = f
	if out.Value, err = json.Marshal(value); err == nil && out.Type == history.Invoke {
		out.Kind = history.KindOf(out)
	}
	return out, err
}

// value is an op's name and value in our words.
func (c *converter) value(op *foreign, kind history.Type) (string, map[string]any, error) {
	v := op.value
	switch c.kind {
	case "register":
		key := "register"
		if c.independent {
			kv, ok := v.(list)
			if !ok || len(kv) != 2 {
				return "", nil, fmt.Errorf("value of %s: %s is no [key value]", op.f, short(v))
			}
			key, v = text(kv[0]), kv[1]
		}
		return registerValue(op.f, key, v)
	case "append":
		return op.f, map[string]any{"key": word(op.key), "value": toJSON(v)}, nil
	case "txn":
		if _, ok := v.(list); !ok {
			return "", nil, fmt.Errorf("value of txn: %s is no list of ops", short(v))
		}
		return history.FTxn, map[string]any{"ops": toJSON(v)}, nil
	case "add":
		switch {
		case op.f == "add":
			return "add", map[string]any{"element": toJSON(v)}, nil
		case op.f == "read" && kind == history.OK:
			if _, ok := v.(list); !ok && v != nil {
				return "", nil, fmt.Errorf("value of read: %s is no set", short(v))
			}
			return "read", map[string]any{"elements": toJSON(v)}, nil
		}
		return op.f, map[string]any{}, nil
	case "transfer":
		return bankValue(op.f, v, kind)
	}
	return op.f, map[string]any{"value": toJSON(v)}, nil
}

func registerValue(f, key string, v any) (string, map[string]any, error) {
	out := map[string]any{"key": key}
	named := func(v any) any {
		if v == nil {
			return nil
		}
		return text(v)
	}
	switch f {
	case "read":
		out["value"] = named(v)
		return "get", out, nil
	case "write":
		if v == nil {
			return "delete", out, nil // a register that is written nil is as at the start
		}
		out["value"] = named(v)
		return "put", out, nil
	case "cas":
		pair, ok := v.(list)
		if !ok || len(pair) != 2 || pair[1] == nil {
			return "", nil, fmt.Errorf("value of cas: %s is no [old new]", short(v))
		}
		out["old"], out["new"] = named(pair[0]), text(pair[1])
		return "cas", out, nil
	case "delete":
		return "delete", out, nil
	}
	return "", nil, fmt.Errorf("unknown op %q of a register: allowed are read, write, cas, delete", f)
}

func bankValue(f string, v any, kind history.Type) (string, map[string]any, error) {
	m, ok := toJSON(v).(map[string]any)
	switch {
	case f == "transfer" && ok:
		if kind == history.OK {
			m["done"] = true
		}
		m["from"], m["to"] = fmt.Sprint(m["from"]), fmt.Sprint(m["to"])
		return f, m, nil
	case f == "read" && kind != history.OK:
		return "balances", map[string]any{}, nil
	case f == "read" && ok:
		return "balances", map[string]any{"balances": m}, nil
	}
	return "", nil, fmt.Errorf("value of %s: %s is no map", f, short(v))
}

func short(v any) string {
	s := text(v)
	if len(s) > 60 {
		s = strings.ToValidUTF8(s[:60], "") + "..."
	}
	return s
}
