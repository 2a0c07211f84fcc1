package core

import (
	"reflect"
	"unsafe"

	"go.etcd.io/raft/v3"
)

// electionTimeout returns where raft keeps its randomized election timeout. raft draws it from
// crypto/rand and offers no way to choose it (resetRandomizedElectionTimeout in raft v3.7.0), but a
// simulation must. A raft without the field panics at start.
func electionTimeout(node *raft.RawNode) *int {
	outer, ok := reflect.TypeFor[raft.RawNode]().FieldByName("raft")
	if !ok || outer.Type.Kind() != reflect.Pointer {
		panic("seed election timeouts: raft.RawNode has no pointer field raft; raft v3.7.0 is needed")
	}
	inner, ok := outer.Type.Elem().FieldByName("randomizedElectionTimeout")
	if !ok || inner.Type.Kind() != reflect.Int {
		panic("seed election timeouts: raft has no field randomizedElectionTimeout int; raft v3.7.0 is needed")
	}
	r := *(*unsafe.Pointer)(unsafe.Add(unsafe.Pointer(node), outer.Offset))
	return (*int)(unsafe.Add(r, inner.Offset))
}

// drawKey is what must change for raft to draw a new timeout.
type drawKey struct {
	term, leader uint64
	state        raft.StateType
}

// seedTimeout replaces raft's draw by one of ElectionRand, once for each role. It runs after every
// input, and raft compares the timeout in ticks only, so raft's own draw is never used.
func (c *Core) seedTimeout() {
	if c.timeout == nil {
		return
	}
	if now := (drawKey{c.term, c.leader, c.role}); now != c.drawnFor || c.drawn == 0 {
		c.drawnFor, c.drawn = now, c.cfg.ElectionRand()
	}
	*c.timeout = c.drawn
}
