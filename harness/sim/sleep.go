package sim

import "time"

// skip tells a machine that sleeps of the ticks that have passed since it was called last.
func (c *cluster) skip(n *node) {
	if n.sleeper == nil || n.paused {
		return
	}
	// A tick that is due now, and does something, is an event of its own.
	passed := min(int((c.now-n.ticked)/n.tick), n.sleeper.Quiet())
	if passed > 0 {
		c.stats.Skipped += passed
		n.sleeper.Skip(passed)
		n.ticked += time.Duration(passed) * n.tick
	}
}

// doze lets a machine that sleeps be called for the next tick that does something. While it is paused
// every tick is lost, one at a time.
func (c *cluster) doze(n *node) {
	if n.sleeper == nil {
		return
	}
	quiet := 0
	if !n.paused {
		quiet = n.sleeper.Quiet()
	}
	if at := n.ticked + time.Duration(quiet+1)*n.tick; at != n.wake {
		n.wake = at
		c.after(at-c.now, &event{kind: evTick, node: n, life: n.life})
	}
}

// rouse is a tick for which a machine that sleeps wanted to be called, unless it no longer does.
func (c *cluster) rouse(n *node, e *event) {
	if c.now != n.wake {
		return
	}
	c.skip(n)
	n.ticked = c.now
	if n.paused {
		c.doze(n)
		return
	}
	c.input(n, e)
}
