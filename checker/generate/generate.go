package generate

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/faultline-chaos/faultline/checker"
	"github.com/faultline-chaos/faultline/history"
)

// Line is a line of the history.
type Line struct {
	checker.Line
	Time time.Duration
	Node history.NodeID
}

// Truth is what is known of the history.
type Truth struct {
	Valid  bool
	Kind   string // of the violation
	Key    string // where it is
	First  int    // position of its first line
	Last   int    // of its last: the line that could not have been
	Detail string // what was done, in a sentence
	Lines  int    // of the history
}

// Run makes the history and hands over line by line. A line's slices are good until emit returns. It
// keeps no history: memory is a matter of clients. It ends with ctx's error or the first of emit.
func Run(ctx context.Context, c Config, emit func(*Line) error) (Truth, error) {
	if err := c.Validate(); err != nil {
		return Truth{}, err
	}
	g := &generator{Config: c, r: rand.New(rand.NewPCG(c.Seed, 0x6c696e656172)), emit: emit, truth: Truth{Valid: true}}
	g.start()
	for n := 0; len(g.events.e) > 0 && g.err == nil; n++ {
		if n&4095 == 0 && ctx.Err() != nil {
			return g.truth, ctx.Err()
		}
		g.step(g.events.pop())
	}
	g.truth.Lines = g.position
	if g.err == nil && c.Plant != "" && g.truth.Valid {
		return g.truth, fmt.Errorf("violation %s: the history ended before there was a place for it", c.Plant)
	}
	return g.truth, g.err
}

// Nodes are the members that clients ask.
const Nodes = 3

type generator struct {
	Config
	r        *rand.Rand
	emit     func(*Line) error
	err      error
	truth    Truth
	events   heap
	now      int64 // nanoseconds
	position int
	begun    int // calls
	values   int
	keys     []key
	clients  []client
	process  int // the next free one
	line     Line
	revision int64
	text     [3][]byte // what a line's values are written to
	late     []call    // unknown calls that act later
	unused   []int32
}

// key is one register.
type key struct {
	name  []byte
	state value
	mod   int64 // revision of its last write
}

// value is a number from 1; 0 is absence.
type value int

// client is one of a key.
type client struct {
	call
	process int
	node    history.NodeID
	idle    bool
}

// call is what a client does.
type call struct {
	key      int32
	op       uint8 // index in ops
	old, val value // val: written or read
	yes      bool  // swapped, deleted
	blind    bool
	unknown  bool
	rev, mod int64
}

const (
	opGet = iota
	opPut
	opCAS
	opDelete
)

func (g *generator) start() {
	g.keys = make([]key, g.Keys)
	g.clients = make([]client, g.Keys*g.Clients)
	for i := range g.keys {
		g.keys[i].name = []byte("k" + strconv.Itoa(i))
	}
	for i := range g.clients {
		c := &g.clients[i]
		c.key, c.process, c.idle = int32(i%g.Keys), i, true
		c.node = node(i / g.Keys)
		g.events.push(event{at: g.r.Int64N(int64(g.Latency)), who: int32(i), what: invokes})
	}
	g.process, g.revision = len(g.clients), 1 // that of an empty store
}

func node(i int) history.NodeID { return history.NodeID("n" + strconv.Itoa(1+i%Nodes)) }

func (g *generator) step(e event) {
	g.now = max(g.now, e.at)
	if e.what == actsLate {
		g.act(&g.late[e.who])
		g.unused = append(g.unused, e.who)
		return
	}
	c := &g.clients[e.who]
	switch e.what {
	case invokes:
		if g.begun >= g.Ops {
			return
		}
		if g.Plant != "" && g.truth.Valid && float64(g.begun) >= g.At*float64(g.Ops-8) && g.plant(e.who) {
			g.rest(e.who)
			return
		}
		g.draw(&c.call)
		g.invoke(c)
		g.schedule(e.who)
	case acts:
		g.act(&c.call)
	case completes:
		if c.unknown {
			g.complete(c, history.Info)
			c.process = g.process
			g.process++
		} else {
			g.complete(c, history.OK)
		}
		g.rest(e.who)
	}
}

// rest lets a client think before its next call.
func (g *generator) rest(who int32) {
	pause := int64(0)
	if g.Think > 0 {
		pause = int64(g.r.ExpFloat64() * float64(g.Think))
	}
	g.events.push(event{at: g.now + 1 + pause, who: who, what: invokes})
}

// schedule says when a call acts and when it completes.
func (g *generator) schedule(who int32) {
	c := &g.clients[who]
	took := g.took()
	if !c.unknown {
		g.events.push(event{at: g.now + g.r.Int64N(took+1), who: who, what: acts})
		g.events.push(event{at: g.now + took, who: who, what: completes})
		return
	}
	// The client gives up after some time. The call may act until long after that, or never.
	patience := 2 * int64(g.Latency)
	g.events.push(event{at: g.now + patience, who: who, what: completes})
	if c.op == opGet || g.r.IntN(2) == 0 {
		return
	}
	slot := int32(len(g.late))
	if n := len(g.unused); n > 0 {
		slot, g.unused = g.unused[n-1], g.unused[:n-1]
		g.late[slot] = c.call
	} else {
		g.late = append(g.late, c.call)
	}
	g.events.push(event{at: g.now + g.r.Int64N(4*patience), who: slot, what: actsLate})
}

func (g *generator) took() int64 {
	l := float64(g.Latency)
	return int64(0.1*l + 1.8*l*g.r.Float64())
}

// draw decides on a client's next call.
func (g *generator) draw(c *call) {
	*c = call{key: c.key, unknown: g.Unknown > 0 && g.r.Float64() < g.Unknown}
	x := g.r.IntN(g.Mix.total())
	for x >= g.Mix[c.op] {
		x -= g.Mix[c.op]
		c.op++
	}
	switch c.op {
	case opPut:
		c.val = g.next()
	case opCAS:
		c.old, c.val = g.keys[c.key].state, g.next() // as if it had just read that
	case opDelete:
		c.blind = g.Blind > 0 && g.r.Float64() < g.Blind
	}
}

// next is a value to write.
func (g *generator) next() value {
	if g.Values > 0 {
		return value(1 + g.r.IntN(g.Values))
	}
	g.values++
	return value(g.values)
}

// act lets a call take effect.
func (g *generator) act(c *call) {
	k := &g.keys[c.key]
	before := k.state
	switch c.op {
	case opGet:
		c.val, c.mod = k.state, k.mod
	case opPut:
		k.state = c.val
	case opCAS:
		if c.yes = k.state == c.old; c.yes {
			k.state = c.val
		}
	case opDelete:
		c.yes = k.state != 0
		k.state = 0
	}
	if c.op == opPut || k.state != before {
		g.revision++
		k.mod = g.revision
	}
	c.rev = g.revision
}

func (g *generator) invoke(c *client) {
	c.idle = false
	g.begun++
	g.write(c, history.Invoke)
}

func (g *generator) complete(c *client, t history.Type) {
	g.write(c, t)
	c.idle = true
}

// write hands over a line.
func (g *generator) write(c *client, t history.Type) {
	if g.err != nil {
		return
	}
	l := &g.line
	*l = Line{Time: time.Duration(g.now), Node: c.node, Line: checker.Line{
		Position: g.position, Process: c.process, Type: t, Form: forms[c.op], Register: history.Register{Key: g.keys[c.key].name},
	}}
	switch c.op {
	case opGet:
		if t == history.OK && c.val != 0 {
			l.Value = g.number(0, c.val)
		}
	case opPut:
		l.Value = g.number(0, c.val)
	case opCAS:
		if c.old != 0 {
			l.Old = g.number(1, c.old)
		}
		l.New = g.number(2, c.val)
		if t == history.OK {
			l.Swapped = history.Said(c.yes)
		}
	case opDelete:
		if t == history.OK && !c.blind {
			l.Deleted = history.Said(c.yes)
		}
	}
	if g.Revised && t == history.OK {
		l.Rev, l.Mod = c.rev, c.mod
	}
	g.err = g.emit(l)
	g.position++
}

func (g *generator) number(buffer int, v value) []byte {
	b := strconv.AppendInt(g.text[buffer][:0], int64(v), 10)
	g.text[buffer] = b
	return b
}
