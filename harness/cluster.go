package harness

import (
	"context"
	"errors"
	"time"

	"github.com/faultline-chaos/faultline/history"
)

// ErrNotApplied: the call certainly had no effect and never will. Any other error of a write leaves
// its outcome unknown; when in doubt, an implementation returns another error.
var ErrNotApplied = errors.New("not applied")

// KV is one client of one member. Every call is one attempt: nothing is retried inside. It is used
// by one task at a time. Every call blocks until its answer or until ctx ends.
type KV interface {
	// Get is a linearizable read.
	Get(ctx context.Context, key string) (Entry, error)
	Put(ctx context.Context, key, value string) (rev int64, err error)
	// CAS puts next where the value is old; old nil: where the key is absent. It answers swapped
	// false, without an error, where the value was another.
	CAS(ctx context.Context, key string, old *string, next string) (swapped bool, rev int64, err error)
	// Delete answers how many keys there were to delete: 0 or 1.
	Delete(ctx context.Context, key string) (deleted int64, rev int64, err error)
	Close() error
}

// Txner is a KV with transactions over many keys. Like every call of a KV, one is one attempt.
type Txner interface {
	// Txn runs Ops where every comparison of If holds, and Else where one does not, all at once. It
	// answers with the same transaction, completed: Answered, Succeeded, Rev, and the answers of the
	// ops that ran. The given one is not changed.
	Txn(ctx context.Context, t history.Txn) (history.Txn, error)
}

// Entry is what a Get answers.
type Entry struct {
	Value  string
	Found  bool
	ModRev int64 // revision of the key's last write; 0: not reported
	Rev    int64 // the store's revision at the read; 0: not reported
}

// Status is what a member says about itself.
type Status struct {
	Role     history.Role
	Leader   history.NodeID // whom it follows; empty: nobody
	Term     uint64
	Applied  uint64 // raft index applied
	Revision int64  // of the store, as far as applied; 0: not reported
	MemberID uint64 // as raft's own log messages print it, in hexadecimal
	Version  string
}

// Cluster is a running system. What else it can do, Can says: it then implements Killer, Pauser, ... as
// Capabilities tells.
type Cluster interface {
	Abler
	// Runtime names what runs it: docker, local, sim, external.
	Runtime() string
	// Members are in a fixed order; the slice must not be changed.
	Members() []history.NodeID
	// Dial makes a client of one member. It does not wait for a connection.
	Dial(history.NodeID) (KV, error)
	// Status asks one member.
	Status(context.Context, history.NodeID) (Status, error)
}

// Killer ends and starts a member's process. What it had written to the file system survives.
type Killer interface {
	Kill(context.Context, history.NodeID) error  // SIGKILL; nil if it is not running
	Start(context.Context, history.NodeID) error // nil if it is running; does not wait until it serves
	Alive(context.Context, history.NodeID) (bool, error)
}

// Stopper ends a member's process the polite way, with SIGTERM, and waits until it is gone.
type Stopper interface {
	Killer
	Stop(context.Context, history.NodeID) error
}

// PowerFailer kills a member and loses what it had not synced.
type PowerFailer interface {
	Killer
	PowerFail(context.Context, history.NodeID) error
}

// Pauser freezes a member's process and lets it go on.
type Pauser interface {
	Pause(context.Context, history.NodeID) error
	Resume(context.Context, history.NodeID) error // nil if it is not paused
	Paused(context.Context, history.NodeID) (bool, error)
}

// Link is one direction between two members.
type Link struct{ From, To history.NodeID }

// Network cuts links between members. A rule is a named set of cut links; a link is open when no
// rule cuts it, so overlapping faults do not heal each other. Clients are never cut off.
type Network interface {
	Cut(ctx context.Context, rule string, links []Link) error
	Mend(ctx context.Context, rule string) error // nil if there is no such rule
	// Probe sends something over the link and waits for its answer: nil if it came through. Only
	// one direction of the way there needs to be cut for it to fail.
	Probe(ctx context.Context, l Link) error
}

// StatusTimeout is how long one member may take to say its status before it counts as Unreached.
const StatusTimeout = 200 * time.Millisecond

// Statuses asks every member at once. The answers are in the order of c.Members(); the Role of a
// member that did not answer is Unreached.
func Statuses(ctx context.Context, env Env, c Cluster) []Status {
	members := c.Members()
	out := make([]Status, len(members))
	tasks := make([]Task, len(members))
	for i, id := range members {
		tasks[i] = func(ctx context.Context) error {
			ctx, cancel := env.WithTimeout(ctx, StatusTimeout)
			defer cancel()
			if st, err := c.Status(ctx, id); err == nil {
				out[i] = st
			}
			return nil
		}
	}
	_ = env.Parallel(ctx, tasks...) // the tasks return no errors
	return out
}

// LeaderOf is the member that leads in the highest term, "" where nobody says that it leads. The
// statuses are in the order of members.
func LeaderOf(members []history.NodeID, statuses []Status) (leader history.NodeID, term uint64) {
	for i, st := range statuses {
		if st.Role == history.Leader && (leader == "" || st.Term > term) {
			leader, term = members[i], st.Term
		}
	}
	return leader, term
}

// MemoryMeter tells how much memory a member's process has resident, in bytes.
type MemoryMeter interface {
	RSS(context.Context, history.NodeID) (int64, error)
}

// HeartbeatWatcher is a cluster whose runtime sees the messages between members.
type HeartbeatWatcher interface {
	// LastHeartbeat is when a heartbeat that the member's clock made it send last reached another one;
	// false: none did.
	LastHeartbeat(history.NodeID) (time.Duration, bool)
}
