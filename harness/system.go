package harness

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/faultline-chaos/faultline/history"
)

// Member is one node and the address of its host in the run's network.
type Member struct {
	ID   history.NodeID
	Host string // an IP address
}

// Command is how one node's process is started.
type Command struct {
	// Binary is a static executable on the harness's machine. Runtimes copy it beside the agent.
	Binary string
	Args   []string // without the program's name
	Env    []string // KEY=value, added to an empty environment
	// ClientPort and PeerPort are where the process listens, on the member's Host.
	ClientPort, PeerPort int
}

// System is the system under test. Its methods may be called from any task, but only on real runtimes: a
// system that runs in a simulation also implements harness/sim's System.
type System interface {
	Name() string
	// Command says how member self is started. dataDir is where it may write, on a volume that
	// outlives the process. Members are the same for all, self included.
	Command(self history.NodeID, members []Member, dataDir string) (Command, error)
	// Dial makes a client of the member that serves clients at addr (host:port).
	Dial(addr string) (KV, error)
	// Status asks member self, which serves clients at addr. IDs of members in the answer are named
	// as in members.
	Status(ctx context.Context, addr string, self history.NodeID, members []Member) (Status, error)
	// LogLanguage is the language of the members' logs; "" or NoLogLanguage: none that is known.
	// What is read from logs is then missing from reports, and checkers that read it are not asked.
	LogLanguage() history.LogLanguage
}

// HashingSystem is a System whose members can hash their state; see Hasher.
type HashingSystem interface {
	Hash(ctx context.Context, addr string, revision int64) (history.HashValue, error)
}

// ClusterConfig is what a Runtime needs to start a cluster.
type ClusterConfig struct {
	RunID  string // names containers, networks, directories; [a-z0-9-]+
	Seed   uint64
	System System
	Nodes  int // 1 to 7
	// Logs returns where the lines of a member's output go, each written with one call as
	// AppendLogLine made it. It is called once a member; nil: they are dropped. Writes of one
	// member do not overlap.
	Logs func(history.NodeID) io.Writer
}

// Runtime starts clusters.
type Runtime interface {
	Name() string
	// Probe says, before anything is started, what clusters here will be able to do, as far as that can be
	// known by then; the cluster itself knows. The error says why the runtime cannot be used here at all,
	// in one line.
	Probe(ctx context.Context) (Abler, error)
	// Run starts a cluster, waits until every member's process runs and answers a status call,
	// calls body in a task, and then closes the cluster whatever happened: nothing of it is left
	// behind. It returns body's error joined with its own. A member that ends before it serves is a
	// *StartError. When ctx ends, body's context ends with the same cause, and Run still closes.
	Run(ctx context.Context, cfg ClusterConfig, body func(context.Context, Env, Cluster) error) error
}

// VirtualTime is implemented by runtimes whose time is not the machine's. There nothing may be done
// beside a run, and no server program is started.
type VirtualTime interface {
	VirtualTime()
}

// Virtual says whether a runtime's time is virtual.
func Virtual(rt Runtime) bool {
	_, ok := rt.(VirtualTime)
	return ok
}

// StartError says that a member's process ended before it served.
type StartError struct {
	Node     history.NodeID
	ExitCode int
	Output   string // the end of what it printed
}

func (e *StartError) Error() string {
	out := strings.TrimSpace(e.Output)
	if i := strings.LastIndexByte(out, '\n'); i >= 0 {
		out = out[i+1:]
	}
	return fmt.Sprintf("start %s: its process ended with exit code %d before it served: %s", e.Node, e.ExitCode, out)
}

// Timings is implemented by clusters that can say how long the parts of their start took, in order.
type Timings interface {
	StartTimings() []history.Timing
}
