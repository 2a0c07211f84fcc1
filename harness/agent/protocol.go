package agent

import (
	"encoding/json"
	"time"
)

// request is one line to the agent.
type request struct {
	ID uint64 `json:"id"` // from 1
	Op string `json:"op"`
	// Timeout bounds the operation in the agent; 0: it is not bounded.
	Timeout time.Duration   `json:"timeout,omitempty"`
	Args    json.RawMessage `json:"args,omitempty"`
}

// message is one line from the agent: a reply where ID is set, else an event.
type message struct {
	ID    uint64 `json:"id,omitempty"`
	Error string `json:"error,omitempty"`
	// TimedOut says that Error came from the request's own Timeout.
	TimedOut bool            `json:"timed_out,omitempty"`
	Took     time.Duration   `json:"took,omitempty"` // by the operation in the agent
	Value    json.RawMessage `json:"value,omitempty"`

	Output *Output `json:"output,omitempty"`
	Exit   *Exit   `json:"exit,omitempty"`
}

// Output is a line that the member's process printed.
type Output struct {
	At   int64  `json:"at"`   // CLOCK_MONOTONIC when the agent read it, in nanoseconds
	Text string `json:"text"` // without its line end
}

// Exit is the end of a member's process.
type Exit struct {
	PID int `json:"pid"`
	// Code is the exit code, 128 plus the signal's number where a signal ended it.
	Code int    `json:"code"`
	Tail string `json:"tail"` // the end of what it printed
}

// The operations of every agent. A mechanism may add others.
const (
	OpHello    = "hello"    // nothing -> Hello
	OpStart    = "start"    // Start -> PID; nothing happens where the process runs
	OpKill     = "kill"     // SIGKILL to the whole process group, waits until it is gone -> Killed
	OpStop     = "stop"     // SIGTERM (and SIGCONT), waits until it is gone
	OpPause    = "pause"    // SIGSTOP to the whole process group, waits until all of it has stopped
	OpResume   = "resume"   // SIGCONT, waits until nothing of it is stopped
	OpState    = "state"    // nothing -> State
	OpRules    = "rules"    // Rules: all of them, replacing those before
	OpCounters = "counters" // nothing -> []Counter, one a rule
	OpProbe    = "probe"    // Probe: nil once the peer's agent has echoed a nonce
)

// Hello is what an agent says about itself.
type Hello struct {
	Mechanisms Mechanisms `json:"mechanisms"`
	// BootID is that of the kernel. Where it is the harness's own, both have one monotonic clock.
	BootID string `json:"boot_id"`
	// Clock is CLOCK_MONOTONIC at the time of the answer, in nanoseconds.
	Clock int64 `json:"clock"`
}

// Start says how the member's process is started.
type Start struct {
	Path string   `json:"path"`
	Args []string `json:"args"` // without the program's name
	Env  []string `json:"env"`  // all of its environment
	Dir  string   `json:"dir"`  // its working directory
}

// Killed is when a process was ended.
type Killed struct {
	// At is CLOCK_MONOTONIC right after the signal was sent, in nanoseconds: from then on the process
	// does nothing any more, though it takes the kernel a moment to give back what it held. 0: none ran.
	At int64 `json:"at"`
}

// State is that of the member's process.
type State struct {
	PID    int   `json:"pid"` // 0: it does not run
	Paused bool  `json:"paused"`
	RSS    int64 `json:"rss"` // bytes, all of the process group
}

// Direction is that of packets, as the agent's member sees them.
type Direction string

const (
	In  Direction = "in"
	Out Direction = "out"
)

// Drop is one rule: packets from or to a peer are dropped, whatever their ports.
type Drop struct {
	Peer      string    `json:"peer"` // an IPv4 address
	Direction Direction `json:"direction"`
}

// Rules is the full list of an agent. Lists may overtake each other on the way: an agent ignores one
// whose Generation is lower than that of the list it has.
type Rules struct {
	Generation uint64 `json:"generation"`
	Drops      []Drop `json:"drops"`
}

// Counter is what a rule has dropped since the list that brought it.
type Counter struct {
	Drop
	Packets uint64 `json:"packets"`
	Bytes   uint64 `json:"bytes"`
}

// ProbePort is where every agent echoes probes, in UDP.
const ProbePort = 2391

// Probe asks for an echo from the agent of another member.
type Probe struct {
	Peer string `json:"peer"` // an IPv4 address
}
