package sim

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/history"
)

// System is a harness.System that can be simulated.
type System interface {
	harness.System
	// Program makes the machines of one cluster; nodes are numbered from 1.
	Program(nodes int) (Program, error)
	// DialSim makes a client over a simulated connection. Closing the client closes conn.
	DialSim(conn Conn) harness.KV
	// StatusSim asks the member at the other end. IDs of members in the answer are named as in
	// members (node i is members[i-1]).
	StatusSim(ctx context.Context, conn Conn, members []history.NodeID) (harness.Status, error)
}

// HashingSystem is a System whose members can hash their state; see harness.Hasher.
type HashingSystem interface {
	HashSim(ctx context.Context, conn Conn, revision int64) (history.HashValue, error)
}

// Conn is one simulated connection to one member. Call blocks the running task until the answer, a
// connection failure, or the end of ctx. A call to a member that is down fails with an error that
// wraps harness.ErrNotApplied (nobody was there to take it); a member that dies meanwhile ends the
// call with an error that does not.
type Conn interface {
	// Call hands request to the member's Machine.Request and returns what its Reply effect says, an
	// error as it is.
	// Requests and replies cross without being copied: neither side may change one once it is sent.
	Call(ctx context.Context, request any) (reply any, err error)
	Close() error
}

// Program makes the disks and machines of one simulated cluster.
type Program interface {
	// Format makes the empty disk of a new node.
	Format(node int) Disk
	// Boot starts the machine of a node from what its disk holds. An error means that the program
	// refuses to start, as a bad flag would.
	Boot(node int, disk Disk, host Host) (Machine, error)
}

// Copier is implemented by programs that can copy messages between their machines.
type Copier interface {
	// Copy returns a deep copy, as if message had been encoded and decoded.
	Copy(message any) any
}

// Fingerprinter is implemented by programs that can say what a message, request or reply holds. The
// number goes into the run's hash and must not depend on addresses or the order of maps.
type Fingerprinter interface {
	Fingerprint(payload any) uint64
}

// Pivot is implemented by programs that can say which messages bind their sender, as a vote does: the
// moment after one was sent is when it must not have forgotten it.
type Pivot interface {
	Pivotal(message any) bool
}

// Heartbeats is implemented by programs that can say which messages are heartbeats that a leader's
// clock made it send.
type Heartbeats interface {
	Heartbeat(message any) bool
}

// Host is what a machine may ask of the world around it, all of it deterministic.
type Host struct {
	Rand *rand.Rand // the machine's only randomness
	// Log takes one line of the program's output, without its line end.
	Log func(line string)
	// Violated reports a broken invariant, such as two leaders in a term: it ends the run.
	Violated func(format string, args ...any)
	// Hostile says that this run looks for trouble (Options.Hostile): where the program draws numbers
	// so that members do not collide, it should draw worse ones.
	Hostile bool
	// Now is the virtual time, for log lines and leases.
	Now func() time.Duration
}

// Disk is what is durable on one node. The simulation hands it the records of Write effects in
// order, each once it is durable; what a power failure loses is never handed over. Boot must copy
// what it changes later.
type Disk interface {
	Apply(record any)
}

// Machine is a node's program without I/O: every input is a method, every output an Effect. It has
// no goroutine, clock or randomness of its own, and the same inputs give the same effects. The
// simulation calls Effects after every input.
type Machine interface {
	// Tick is called every TickEvery while the machine is not paused.
	Tick()
	TickEvery() time.Duration
	// Deliver hands over a message that another node sent.
	Deliver(from int, message any)
	// Request hands over a client's request; the machine answers with one Reply effect of that call,
	// at once or later, or never.
	Request(call uint64, request any)
	// Persisted says that the Write with this token, and all before it, are durable.
	Persisted(token uint64)
	// Apply lets the machine do one piece of work that it asked for with a Work effect.
	Apply(token uint64)
	// Sent tells what became of a message whose Send effect asked for it.
	Sent(token uint64, ok bool)
	// Effects returns what came out since the last call, in order. The slice is valid until the next
	// input.
	Effects() []Effect
}

// Sleeper is a Machine most of whose ticks do nothing. It is ticked only when one does something, and
// told of the others in one call, before its next input. Inputs and what they lead to are the same.
type Sleeper interface {
	// Quiet is for how many ticks nothing will happen by them alone.
	Quiet() int
	// Skip is so many calls of Tick, at most Quiet; it has no effects.
	Skip(ticks int)
}

// EffectKind says which fields of an Effect count.
type EffectKind uint8

const (
	Send  EffectKind = iota // To, Payload; Token if Sent is to be called
	Write                   // Payload is a record for Disk.Apply; Sync; Token if Persisted is to be called
	Work                    // Token: Apply is to be called soon (state machine work, off the raft thread)
	Reply                   // Call, Payload, Err
)

// Effect is one output of a Machine.
type Effect struct {
	Kind    EffectKind
	To      int
	Token   uint64 // 0: nobody waits
	Sync    bool   // the write must reach the disk before Persisted
	Instant bool   // a Send that takes no time, and that nothing happens to on its way but a cut
	Call    uint64
	Payload any
	Err     error
}
