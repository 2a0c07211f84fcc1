package page

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"html/template"
	"slices"
	"unicode/utf8"

	"github.com/klauspost/compress/gzip"

	"github.com/faultline-chaos/faultline/history"
	"github.com/faultline-chaos/faultline/results/failover"
)

// The page carries every call as a row of columns. A column is 32 bits a row, cut into four planes
// of bytes; planes of zeros are left out, and gzip makes a call of about six bytes. Where the
// words below change, web/columns.js changes with them.

// columns collects columns of one table.
type columns struct{ raw []byte }

// add appends n values: a byte that says which of four planes follow, from the lowest bits on, and
// those that are not all zeros.
func (c *columns) add(n int, value func(i int) uint32) {
	at := len(c.raw) + 1
	c.raw = slices.Grow(c.raw, 1+4*n)[:at+4*n]
	p := c.raw[at:]
	any := uint32(0)
	for i := range n {
		v := value(i)
		p[i], p[n+i], p[2*n+i], p[3*n+i] = byte(v), byte(v>>8), byte(v>>16), byte(v>>24)
		any |= v
	}
	mask, end := byte(0), at
	for plane := range 4 {
		if any>>(8*plane)&0xff != 0 {
			mask |= 1 << plane
			copy(c.raw[end:], p[plane*n:(plane+1)*n])
			end += n
		}
	}
	c.raw[at-1], c.raw = mask, c.raw[:end]
}

// pack is the table as the page carries it: gzip in base64, which needs no escaping.
func (c *columns) pack() (template.HTML, error) {
	b, err := gzipped(c.raw)
	if err != nil {
		return "", fmt.Errorf("pack the timeline: %w", err)
	}
	return embed(b), nil
}

func gzipped(raw []byte) ([]byte, error) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(raw); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func embed(b []byte) template.HTML { return template.HTML(base64.StdEncoding.EncodeToString(b)) }

// most errors that the page tells apart by name.
const maxErrors = 254

// callTable is what the columns of calls refer to.
type callTable struct {
	Fs      []string `json:"fs"`
	Errors  []string `json:"errors"`  // 0: none; one more than there are: see the line
	Clients int      `json:"clients"` // lanes; a client keeps its lane when an unknown outcome retires its process
}

// clientLanes bounds how many lanes clients have where the run does not tell their number.
const clientLanes = 64

// otherMember stands for a member that is none of the run's first 255.
const otherMember = 255

// outcomes are the kinds of calls in the page; web/columns.js names them, too.
var outcomes = map[history.Type]uint32{history.OK: 0, history.Fail: 1, history.Info: 2}

// packCalls makes the columns, in the order of calls: due (µs, difference to the row above), took
// (µs), outcome, member, f, error, client's lane, line of the invocation (difference, which may wrap
// around: probes are due in another order than they were sent in), completion's line after it (0:
// none), process (difference to the lane's last), and how many rows above is the attempt before of
// the same call (0: none).
func packCalls(a *failover.Analysis, calls []failover.Call, t *callTable) (template.HTML, error) {
	n := len(calls)
	t.Clients = a.Run.Concurrency
	if t.Clients < 1 || t.Clients > 1024 {
		t.Clients = clientLanes
	}
	op := func(i int) *history.Op { return &a.History.Ops[calls[i].Line-1] }
	lane := func(i int) int { return op(i).Process % t.Clients }
	var c columns
	var due, line int64
	c.add(n, func(i int) uint32 {
		f := calls[i].From.Microseconds()
		d := f - due
		due = f
		return uint32(d)
	})
	c.add(n, func(i int) uint32 { return uint32(min((calls[i].To - calls[i].From).Microseconds(), 1<<32-1)) })
	c.add(n, func(i int) uint32 { return outcomes[calls[i].Type] })
	members := map[history.NodeID]uint32{}
	for i, id := range a.Run.Nodes[:min(len(a.Run.Nodes), otherMember)] {
		members[id] = uint32(i)
	}
	c.add(n, func(i int) uint32 {
		if m, ok := members[calls[i].Node]; ok {
			return m
		}
		return otherMember
	})
	fs, errs := names{most: 255, cut: 100}, names{most: maxErrors, cut: 300}
	c.add(n, func(i int) uint32 { return fs.number(calls[i].F) })
	c.add(n, func(i int) uint32 {
		if calls[i].Err == "" {
			return 0
		}
		return 1 + errs.number(calls[i].Err)
	})
	t.Fs, t.Errors = append(t.Fs, fs.list...), append(t.Errors, errs.list...)
	c.add(n, func(i int) uint32 { return uint32(lane(i)) })
	c.add(n, func(i int) uint32 {
		d := int64(calls[i].Line) - line
		line = int64(calls[i].Line)
		return uint32(d)
	})
	c.add(n, func(i int) uint32 { return uint32(max(0, calls[i].Done-calls[i].Line)) })
	last := make([]int, t.Clients)
	c.add(n, func(i int) uint32 {
		p, l := op(i).Process, lane(i)
		if p >= history.ProbeProcess {
			p -= history.ProbeProcess // to fit; the page does not tell a probe's process
		}
		d := p - last[l]
		last[l] = p
		return uint32(d)
	})
	attempt := map[int]int{}
	c.add(n, func(i int) uint32 {
		id := op(i).Call
		if id == 0 {
			return 0
		}
		before, again := attempt[id]
		attempt[id] = i
		if !again {
			return 0
		}
		return uint32(i - before)
	})
	return c.pack()
}

// names numbers words in the order in which they come, up to a most; further ones share the next number.
type names struct {
	most, cut int // cut: bytes of a word
	list      []string
	known     map[string]uint32
}

func (l *names) number(word string) uint32 {
	n, ok := l.known[word]
	switch {
	case ok:
		return n
	case len(l.list) == l.most:
		return uint32(l.most)
	case l.known == nil:
		l.known = map[string]uint32{}
	}
	n = uint32(len(l.list))
	l.known[word] = n
	l.list = append(l.list, clipBytes(word, l.cut))
	return n
}

// clipBytes cuts text to at most n bytes, not through a character.
func clipBytes(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}
