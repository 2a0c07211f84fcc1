package sim

import (
	"context"
	"errors"
	"fmt"

	"github.com/faultline-chaos/faultline/harness"
)

// conn is a client's connection to one member. It implements Conn.
type conn struct {
	cluster *cluster
	node    *node
	source  int // in the events of its requests
	closed  bool
}

// firstConn is the source of the first connection's events; members' numbers are below.
const firstConn = 100

func (c *cluster) connect(n *node) *conn {
	c.conns++
	return &conn{cluster: c, node: n, source: firstConn + c.conns}
}

var (
	errReset   = errors.New("simulated network: connection reset")
	errRefused = fmt.Errorf("simulated network: connection refused: %w", harness.ErrNotApplied)
)

// Call sends a request and waits for its answer.
func (k *conn) Call(ctx context.Context, request any) (any, error) {
	c, n := k.cluster, k.node
	t := c.running("a call to " + string(n.id))
	if k.closed {
		return nil, fmt.Errorf("call %s: the connection is closed: %w", n.id, harness.ErrNotApplied)
	}
	if ctx.Err() != nil {
		return nil, fmt.Errorf("call %s: before it was sent: %w: %w", n.id, context.Cause(ctx), harness.ErrNotApplied)
	}
	c.stats.Calls++
	call := c.calls.open(t, n)
	e := event{kind: evRequest, node: n, source: k.source, token: call, payload: request}
	if n.up { // if it is down now, whoever is there on arrival takes it
		e.life = n.life
	}
	c.after(c.latency(), &e)
	why := t.park(ctx)
	c.calls.close(call)
	payload := t.payload
	t.payload = nil
	switch why {
	case byReply:
		return payload, nil
	case byError:
		return nil, payload.(error)
	default:
		return nil, fmt.Errorf("call %s: %w", n.id, context.Cause(ctx))
	}
}

// Close ends the connection. Nobody must be calling.
func (k *conn) Close() error {
	k.closed = true
	return nil
}

// calls are the clients' calls that wait for an answer. A call's number holds its place and how often
// that was used, so that late answers find nobody.
type calls struct {
	all  []openCall
	free []uint64 // places
}

type openCall struct {
	number uint64 // 0: nobody waits here
	uses   uint64
	task   *task
	park   uint64
	node   *node
}

const placeBits = 20 // a million tasks

func (cs *calls) open(t *task, n *node) uint64 {
	if len(cs.free) == 0 {
		cs.free = append(cs.free, uint64(len(cs.all)))
		cs.all = append(cs.all, openCall{})
	}
	last := len(cs.free) - 1
	place := cs.free[last]
	cs.free = cs.free[:last]
	o := &cs.all[place]
	o.uses++
	o.number, o.task, o.park, o.node = o.uses<<placeBits|place, t, t.parks, n
	return o.number
}

func (cs *calls) find(number uint64) *openCall {
	if o := &cs.all[number&(1<<placeBits-1)]; o.number == number {
		return o
	}
	return nil
}

func (cs *calls) close(number uint64) {
	o := cs.find(number)
	o.number, o.task, o.node = 0, nil, nil
	cs.free = append(cs.free, number&(1<<placeBits-1))
}

// reply sends an answer to whoever made the call.
func (c *cluster) reply(n *node, call uint64, why wakeReason, payload any) {
	c.after(c.latency(), &event{kind: evReply, node: n, token: call, why: why, payload: payload})
}

// replied hands an answer over, if somebody still waits for it.
func (c *cluster) replied(e *event) {
	o := c.calls.find(e.token)
	if o == nil {
		return
	}
	c.note(evReply, e.node.number, int(e.why), e.token, c.fingerprint(e.payload))
	c.wake(o.task, o.park, e.why, e.payload)
}

// reset breaks the connections to a member whose process ended.
func (c *cluster) reset(n *node) {
	for i := range c.calls.all {
		if o := &c.calls.all[i]; o.number != 0 && o.node == n {
			c.reply(n, o.number, byError, errReset)
		}
	}
}

func (c *cluster) fingerprint(payload any) uint64 {
	if c.printer == nil {
		return 0
	}
	return c.printer.Fingerprint(payload)
}
