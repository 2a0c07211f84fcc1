package core

import (
	"fmt"

	"go.etcd.io/raft/v3"

	"github.com/faultline-chaos/faultline/store/internal/bug"
)

// Member is one member of the cluster, as Cluster.MemberList shows it.
type Member struct {
	ID         uint64
	Name       string
	PeerURLs   []string
	ClientURLs []string
}

// Config is what a Core is made of. Times are in ticks.
type Config struct {
	ID      uint64 // of this member; not 0
	Cluster uint64 // of the cluster; not 0
	// Members are all members of a new cluster, this one included, 1 to 7. On a disk that is not
	// empty the voters are those of the disk, and Members give names only.
	Members []Member

	// ElectionTicks is how long a follower waits for its leader, at least; raft waits up to twice as
	// long. HeartbeatTicks (0: 1) is how often a leader shows up. etcd's defaults are 10 and 1, with
	// a tick of 100 ms.
	ElectionTicks, HeartbeatTicks int
	// ElectionRand draws each randomized election timeout, from ElectionTicks to 2*ElectionTicks-1.
	// nil: raft draws it from crypto/rand, and two runs differ.
	ElectionRand func() int
	// InitialAdvance lets a member of a new cluster act as if all but one of its first ElectionTicks
	// had passed already, as etcd's --initial-election-tick-advance does: there cannot be a leader
	// that it has not heard of for so long. It has no effect on a disk that is not empty.
	InitialAdvance bool
	// RequestTicks is after how long a call that may have been proposed is answered with
	// ErrGRPCTimeout. 0: 7*ElectionTicks, which is etcd's 7 s for its default timeouts.
	RequestTicks int
	// NoLeaderTicks is after how long without a leader a call that was not proposed is answered with
	// ErrGRPCNoLeader. 0: ElectionTicks.
	NoLeaderTicks int

	// SnapshotEvery is after how many applied entries the raft log is cut, KeepEntries how many stay
	// for followers that are a little behind; one that is further behind gets a snapshot.
	// 0: 10000 and 5000.
	SnapshotEvery, KeepEntries uint64

	// Version is what Status answers. "": "3.7.3".
	Version string
	// Logger takes raft's lines and the Core's, word for word as etcd's. nil: they are dropped.
	Logger raft.Logger
	Hooks  Hooks
	// Bug names a planted mistake. It is refused in builds without the tag "bugs".
	Bug string
	// PlainElections makes elections those of figure 2 of the Raft paper, for measurements of them: no
	// pre-vote, no check of the quorum, and a timer that starts anew only for a leader's message, a
	// vote that was granted and a campaign, where raft's also does for a vote that was refused. It
	// needs ElectionRand, which may then draw any timeouts, so that no server can have it by a flag:
	// the server draws none.
	PlainElections bool
}

// Hooks tell a test or the server what happens inside, each nil or called from within an input. They must not
// call the Core.
type Hooks struct {
	// BecameLeader is called once for each term in which this member leads.
	BecameLeader func(term uint64)
	// Applied is called for each entry that was applied, with a hash of its contents and one of the
	// replicated state after it. Members must agree on all at equal index.
	Applied func(index, term, entry, state uint64)
	// Restored is called when a snapshot or the disk replaced the state: at start and when a member
	// caught up. Members must agree on state at equal index.
	Restored func(index, term, state uint64)
	// LeaderLost is called when this member no longer follows a leader that it followed: it campaigns, or
	// follows another one.
	LeaderLost func(leader uint64)
	// Committed is called when the commit index that this member knows has grown.
	Committed func(index uint64)
}

func (c *Config) setDefaults() {
	c.HeartbeatTicks = max(c.HeartbeatTicks, 1)
	if c.RequestTicks == 0 {
		c.RequestTicks = 7 * c.ElectionTicks
	}
	if c.NoLeaderTicks == 0 {
		c.NoLeaderTicks = c.ElectionTicks
	}
	if c.SnapshotEvery == 0 {
		c.SnapshotEvery = 10000
		if c.KeepEntries == 0 {
			c.KeepEntries = 5000
		}
	}
	if c.Version == "" {
		c.Version = "3.7.3"
	}
	if c.Logger == nil {
		c.Logger = discard{}
	}
}

func (c *Config) check() error {
	if c.ID == 0 || c.Cluster == 0 {
		return fmt.Errorf("start member %x of cluster %x: neither may be 0", c.ID, c.Cluster)
	}
	if len(c.Members) < 1 || len(c.Members) > 7 {
		return fmt.Errorf("start member %x: %d members given, 1 to 7 are allowed", c.ID, len(c.Members))
	}
	seen := map[uint64]bool{}
	for _, m := range c.Members {
		if seen[m.ID] {
			return fmt.Errorf("start member %x: member %x is given twice", c.ID, m.ID)
		}
		seen[m.ID] = true
	}
	if !seen[c.ID] {
		return fmt.Errorf("start member %x: it is not among the members given", c.ID)
	}
	if c.ElectionTicks < 2 || c.ElectionTicks <= c.HeartbeatTicks {
		return fmt.Errorf("start member %x: an election timeout of %d ticks must be longer than the heartbeat interval of %d", c.ID, c.ElectionTicks, c.HeartbeatTicks)
	}
	if c.PlainElections && c.ElectionRand == nil {
		return fmt.Errorf("start member %x: plain elections are for experiments, which draw the timeouts", c.ID)
	}
	return CheckBug(c.Bug)
}

// CheckBug says whether Config.Bug can be name in this build.
func CheckBug(name string) error {
	if name == "" {
		return nil
	}
	if !bug.Compiled {
		return fmt.Errorf("plant bug %q: this build has no planted bugs: build it with -tags bugs", name)
	}
	for _, known := range bug.Names {
		if name == known {
			return nil
		}
	}
	return fmt.Errorf("plant bug %q: there is none of that name; there are %v", name, bug.Names)
}

// Bugs lists the mistakes that can be planted, none in builds without the tag "bugs".
func Bugs() []string {
	if !bug.Compiled {
		return nil
	}
	return append([]string(nil), bug.Names...)
}

// bug says whether the planted mistake name is on: constant false without the tag "bugs".
func (c *Core) bug(name string) bool { return bug.Enabled(c.cfg.Bug, name) }

// discard is a raft.Logger that drops what it is told, but panics where a logger must.
type discard struct{}

func (discard) Debug(...any)                   {}
func (discard) Debugf(string, ...any)          {}
func (discard) Error(...any)                   {}
func (discard) Errorf(string, ...any)          {}
func (discard) Info(...any)                    {}
func (discard) Infof(string, ...any)           {}
func (discard) Warning(...any)                 {}
func (discard) Warningf(string, ...any)        {}
func (discard) Fatal(v ...any)                 { panic(fmt.Sprint(v...)) }
func (discard) Fatalf(format string, v ...any) { panic(fmt.Sprintf(format, v...)) }
func (discard) Panic(v ...any)                 { panic(fmt.Sprint(v...)) }
func (discard) Panicf(format string, v ...any) { panic(fmt.Sprintf(format, v...)) }
