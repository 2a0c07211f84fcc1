package sim

import (
	"fmt"
	"time"
)

// handle is everything that happens to members and calls.
func (c *cluster) handle(e *event) {
	switch e.kind {
	case evReply:
		c.replied(e)
	case evProbe:
		c.probed(e)
	default:
		c.happen(e.node, e)
	}
}

// happen is what happens to a member.
func (c *cluster) happen(n *node, e *event) {
	switch {
	case !n.up:
		c.missed(n, e)
	case e.kind == evMessage:
		c.deliver(n, e)
	case e.life != 0 && e.life != n.life:
	case e.kind == evTick && n.sleeper != nil:
		c.rouse(n, e)
	case e.kind == evTick:
		c.after(n.tick, e)
		if !n.paused {
			c.input(n, e)
		}
	case e.kind == evFlushed:
		c.flushed(n, e)
	case e.kind == evTrip:
		c.trip(n)
	default:
		c.arrive(n, e)
	}
}

// arrive is an input, now or when the member goes on.
func (c *cluster) arrive(n *node, e *event) {
	if n.paused {
		n.held = append(n.held, *e)
		return
	}
	c.input(n, e)
}

// missed is what a member that is down does with an event.
func (c *cluster) missed(n *node, e *event) {
	switch e.kind {
	case evRequest:
		if o := c.calls.find(e.token); o != nil {
			c.reply(n, e.token, byError, errRefused)
		}
	case evMessage:
		c.sent(e, false)
	default: // what was the process's own is gone with it
	}
}

// deliver hands over a message unless the link was cut meanwhile.
func (c *cluster) deliver(n *node, e *event) {
	if c.cut[e.source][n.number] > 0 {
		c.sent(e, false)
		return
	}
	c.sent(e, true)
	c.arrive(n, e)
}

// lossTime is after how long the sender of a lost message knows.
const lossTime = 500 * time.Millisecond

// sent tells the sender of a message what became of it, if it asked.
func (c *cluster) sent(e *event, ok bool) {
	if e.token == 0 {
		return
	}
	d := lossTime
	if ok {
		d = c.latency()
	}
	c.after(d, &event{kind: evSent, node: c.nodes[e.source-1], life: e.life, token: e.token, ok: ok})
}

// flushed is the end of a write. What is durable then is so also if the process is paused, and learns
// about it later.
func (c *cluster) flushed(n *node, e *event) {
	if e.token = n.writes.arrive(n.disk); e.token != 0 {
		c.arrive(n, e)
	} else {
		c.note(evFlushed, n.number, 0, 0, 0)
	}
	c.flush(n)
}

// writeTime is how long the operating system needs to take records that are not synced.
const writeTime = 20 * time.Microsecond

// flush sends on what is to be written, if the disk is idle. A process that is paused sends nothing.
func (c *cluster) flush(n *node) {
	if !n.up || n.paused {
		return
	}
	sync, ok := n.writes.start()
	if !ok {
		return
	}
	d := writeTime
	if sync {
		d = c.opts.Fsync.draw(n.rand)
	}
	c.after(d, &event{kind: evFlushed, node: n, life: n.life})
}

// input is one input to a machine, and what comes out of it.
func (c *cluster) input(n *node, e *event) {
	c.skip(n)
	if out, ok := c.feed(n, e); ok {
		c.doze(n)
		c.carryOut(n, out)
	}
}

// feed calls the machine. A panic of it is the end of the process.
func (c *cluster) feed(n *node, e *event) (out []Effect, ok bool) {
	defer func() {
		if r := recover(); r != nil {
			c.crashed(n, r)
		}
	}()
	switch e.kind {
	case evTick:
		c.note(evTick, n.number, 0, 0, 0)
		n.machine.Tick()
	case evMessage:
		c.note(evMessage, n.number, e.source, 0, c.fingerprint(e.payload))
		if c.beats != nil && c.beats.Heartbeat(e.payload) {
			c.heard[e.source] = c.now
		}
		n.machine.Deliver(e.source, e.payload)
	case evRequest:
		c.note(evRequest, n.number, e.source, e.token, c.fingerprint(e.payload))
		n.machine.Request(e.token, e.payload)
	case evFlushed:
		c.note(evFlushed, n.number, 0, e.token, 0)
		n.machine.Persisted(e.token)
	case evWork:
		c.note(evWork, n.number, 0, e.token, 0)
		n.machine.Apply(e.token)
	default: // evSent
		c.note(evSent, n.number, 0, e.token, 0)
		n.machine.Sent(e.token, e.ok)
	}
	return n.machine.Effects(), true
}

// carryOut does what a machine asked for.
func (c *cluster) carryOut(n *node, out []Effect) {
	wrote := false
	for i := range out {
		switch e := &out[i]; e.Kind {
		case Send:
			c.send(n, e)
		case Write:
			n.writes.add(write{e.Payload, e.Token, e.Sync})
			wrote = true
		case Work:
			n.worked = max(c.now+c.opts.Apply.draw(n.rand), n.worked+1) // one after the other
			c.after(n.worked-c.now, &event{kind: evWork, node: n, life: n.life, token: e.Token})
		case Reply:
			if c.calls.find(e.Call) == nil {
				continue // nobody waits any more
			}
			if e.Err != nil {
				c.reply(n, e.Call, byError, e.Err)
			} else {
				c.reply(n, e.Call, byReply, e.Payload)
			}
		}
	}
	if wrote {
		c.flush(n)
	}
}

func (c *cluster) send(n *node, e *Effect) {
	if e.To < 1 || e.To > len(c.nodes) || e.To == n.number {
		panic(fmt.Sprintf("simulation: the machine of %s sends to node %d: the others of 1 to %d are allowed", n.id, e.To, len(c.nodes)))
	}
	c.stats.Messages++
	m := event{kind: evMessage, node: c.nodes[e.To-1], source: n.number, payload: e.Payload}
	if e.Token != 0 {
		m.token, m.life = e.Token, n.life
	}
	hostile := c.now < c.opts.Hostile && !e.Instant
	if hostile && c.weather.trips(c.network, e.Payload) {
		c.after(0, &event{kind: evTrip, node: n, life: n.life})
	}
	if c.cut[n.number][e.To] > 0 || hostile && c.weather.loses(c.network) {
		c.sent(&m, false)
		return
	}
	if c.copier != nil {
		m.payload = c.copier.Copy(e.Payload)
	}
	d := time.Duration(0)
	if !e.Instant {
		d = c.latency()
	}
	if hostile {
		d += c.weather.delay(c.network)
		if c.weather.doubles(c.network) {
			again := m
			again.token = 0 // its sender waits for one
			c.after(d+c.latency(), &again)
		}
	}
	c.after(d, &m)
}

// release gives a member what it missed while it was paused.
func (c *cluster) release(n *node) {
	held, life := n.held, n.life
	n.held = nil
	for len(held) > 0 && n.up && n.life == life {
		source := sourceOf(&held[c.network.IntN(len(held))])
		for i := range held {
			if sourceOf(&held[i]) == source { // the oldest of that source
				e := held[i]
				held = append(held[:i], held[i+1:]...)
				c.arrive(n, &e)
				break
			}
		}
	}
	c.flush(n)
}

// sourceOf says from where an event came: members, connections, and within the node the disk and the
// work are sources of their own.
func sourceOf(e *event) int {
	switch e.kind {
	case evMessage, evRequest:
		return e.source
	default:
		return -int(e.kind)
	}
}
