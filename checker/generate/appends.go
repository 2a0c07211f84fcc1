package generate

import (
	"context"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/faultline-chaos/faultline/history"
)

// AppendsPerKey is how many appends a list gets before its key gives way to a new one: histories grow
// with the square of it otherwise.
const AppendsPerKey = 32

// TxnLine is a line of a history of transactions.
type TxnLine struct {
	Position int
	Process  int
	Type     history.Type
	Time     time.Duration
	Node     history.NodeID
	Value    []byte // {"ops":[["append","k1",3],["r","k2",[1,2]]]}; good until emit returns
}

// Appends makes a history of transactions that append to lists and read them, as the workload append
// does: strictly serializable by construction. Of c it takes Ops (transactions), Keys (at a time),
// Clients (of each key), Unknown, Latency and Seed.
func Appends(ctx context.Context, c Config, emit func(*TxnLine) error) (Truth, error) {
	return transactions(ctx, c, false, emit)
}

// ReadWrites is the same with registers, which transactions read and write: each value of a key is written
// once.
func ReadWrites(ctx context.Context, c Config, emit func(*TxnLine) error) (Truth, error) {
	return transactions(ctx, c, true, emit)
}

func transactions(ctx context.Context, c Config, registers bool, emit func(*TxnLine) error) (Truth, error) {
	if c.Mix.total() < 1 {
		c.Mix = Default().Mix
	}
	c.Plant = ""
	if err := c.Validate(); err != nil {
		return Truth{}, err
	}
	g := &appender{Config: c, r: rand.New(rand.NewPCG(c.Seed, 0x617070656e64)), registers: registers, emit: emit}
	g.start()
	for n := 0; len(g.events.e) > 0; n++ {
		if n&4095 == 0 && ctx.Err() != nil {
			return Truth{}, ctx.Err()
		}
		if err := g.step(g.events.pop()); err != nil {
			return Truth{}, err
		}
	}
	return Truth{Valid: true, Lines: g.position}, nil
}

// appender makes transactions over lists, or over registers.
type appender struct {
	Config
	registers bool // in place of lists

	r        *rand.Rand
	emit     func(*TxnLine) error
	events   heap
	now      int64
	position int
	begun    int
	process  int
	names    int
	lists    []*list // at a time
	clients  []txnClient
	line     TxnLine
	value    []byte
}

// list is one key with its value as it is written.
type list struct {
	name string
	n    int
	text []byte
}

type txnClient struct {
	process int
	node    history.NodeID
	unknown bool
	ops     []listOp
}

// listOp is an append, or a write, of add, or a read that found text.
type listOp struct {
	list   *list
	append bool
	add    int
	text   []byte
}

func (g *appender) start() {
	g.lists = make([]*list, g.Keys)
	for i := range g.lists {
		g.renew(i)
	}
	g.clients = make([]txnClient, g.Keys*g.Clients)
	for i := range g.clients {
		g.clients[i].process, g.clients[i].node = i, node(i)
		g.events.push(event{at: g.r.Int64N(int64(g.Latency)), who: int32(i), what: invokes})
	}
	g.process = len(g.clients)
}

func (g *appender) renew(i int) {
	g.lists[i] = &list{name: "k" + strconv.Itoa(g.names)}
	g.names++
}

func (g *appender) step(e event) error {
	g.now = max(g.now, e.at)
	c := &g.clients[e.who]
	switch e.what {
	case invokes:
		if g.begun >= g.Ops {
			return nil
		}
		g.begun++
		g.draw(c)
		took := int64(0.1*float64(g.Latency) + 1.8*float64(g.Latency)*g.r.Float64())
		if !c.unknown || g.r.IntN(2) == 0 { // what is unknown acts before its client gives up, or never
			g.events.push(event{at: g.now + g.r.Int64N(took+1), who: e.who, what: acts})
		}
		g.events.push(event{at: g.now + took, who: e.who, what: completes})
		return g.write(c, history.Invoke)
	case acts:
		g.act(c)
		return nil
	default:
		t := history.OK
		if c.unknown {
			t = history.Info
		}
		if err := g.write(c, t); err != nil {
			return err
		}
		if c.unknown {
			c.process = g.process
			g.process++
		}
		g.events.push(event{at: g.now + 1, who: e.who, what: invokes})
		return nil
	}
}

// draw decides on one to four ops.
func (g *appender) draw(c *txnClient) {
	c.unknown = g.Unknown > 0 && g.r.Float64() < g.Unknown
	c.ops = c.ops[:0]
	for range 1 + g.r.IntN(4) {
		k := g.r.IntN(g.Keys)
		o := listOp{append: g.r.IntN(2) == 0}
		if o.append {
			if g.lists[k].n == AppendsPerKey {
				g.renew(k)
			}
			g.lists[k].n++
			o.add = g.lists[k].n
		}
		o.list = g.lists[k]
		c.ops = append(c.ops, o)
	}
}

func (g *appender) act(c *txnClient) {
	for i := range c.ops {
		o := &c.ops[i]
		l := o.list
		if !o.append {
			o.text = l.text[:len(l.text):len(l.text)]
			continue
		}
		if g.registers {
			l.text = nil // readers have it
		}
		if len(l.text) > 0 {
			l.text = append(l.text, ',')
		}
		l.text = strconv.AppendInt(l.text, int64(o.add), 10)
	}
}

func (g *appender) write(c *txnClient, t history.Type) error {
	b := append(g.value[:0], `{"ops":[`...)
	for i, o := range c.ops {
		if i > 0 {
			b = append(b, ',')
		}
		if o.append {
			kind := `["append",`
			if g.registers {
				kind = `["w",`
			}
			b = strconv.AppendQuote(append(b, kind...), o.list.name)
			b = append(strconv.AppendInt(append(b, ','), int64(o.add), 10), ']')
			continue
		}
		b = append(strconv.AppendQuote(append(b, `["r",`...), o.list.name), ',')
		switch {
		case t != history.OK || g.registers && len(o.text) == 0:
			b = append(b, "null]"...)
		case g.registers:
			b = append(append(b, o.text...), ']')
		default:
			b = append(append(append(b, '['), o.text...), ']', ']')
		}
	}
	g.value = append(b, "]}"...)
	g.line = TxnLine{Position: g.position, Process: c.process, Type: t, Time: time.Duration(g.now), Node: c.node, Value: g.value}
	g.position++
	return g.emit(&g.line)
}
