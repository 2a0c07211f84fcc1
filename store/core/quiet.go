package core

import "go.etcd.io/raft/v3"

// Quiet is for how many ticks nothing will happen by them alone: the election timer, or a leader's next
// heartbeat, is further away. It is 0 without Config.PlainElections, whose ticks are so short that most of them
// are not worth a call.
func (c *Core) Quiet() int {
	switch {
	case !c.cfg.PlainElections:
		return 0
	case c.role == raft.StateLeader:
		return max(c.cfg.HeartbeatTicks-*c.beaten-1, 0)
	default:
		return max(*c.timeout-*c.elapsed-1, 0)
	}
}

// Skip is as many calls of Tick, but at most Quiet of them, and has no effects.
func (c *Core) Skip(ticks int) {
	if ticks = min(ticks, c.Quiet()); ticks <= 0 {
		return
	}
	c.ticks += ticks
	*c.elapsed += ticks // raft sets a leader's back at will: without a check of the quorum it means nothing
	if c.role == raft.StateLeader {
		*c.beaten += ticks
	}
}
