package history

import (
	"encoding/json"
	"strconv"
	"time"
)

// Type says what an op's line records.
type Type string

const (
	Invoke Type = "invoke" // the call was about to be sent
	OK     Type = "ok"     // it happened
	Fail   Type = "fail"   // it certainly did not happen, and never will
	Info   Type = "info"   // it may have happened, or may happen at any later time
)

// Processes that are not clients. Clients count from 0, probes from ProbeProcess.
const (
	NemesisProcess = -1 // F is FInject, FHeal or FHold, Value a FaultValue
	HarnessProcess = -2 // F is FPhase (Value a PhaseValue), FStatus (a StatusValue), FHash (a HashValue) or FProbes (a ProbesValue)
)

// Names of the ops that are not calls of clients.
const (
	FInject = "inject"
	FHeal   = "heal"
	FHold   = "hold" // a fault failed while it lasted: Info, with the error (Holder)
	FPhase  = "phase"
	FStatus = "status"
)

// Op is one line of history.jsonl. A call is two lines: its invocation and its completion, with the
// same process; a process has at most one call open. A process whose call ended Info is retired.
type Op struct {
	Index    int             `json:"index"`              // position in the history, from 0
	Time     time.Duration   `json:"time"`               // nanoseconds since the start of the run
	Process  int             `json:"process"`            // see NemesisProcess, HarnessProcess
	Type     Type            `json:"type"`               // invoke, ok, fail or info
	F        string          `json:"f"`                  // get, put, cas, delete, ...; or FInject etc.
	Kind     Kind            `json:"kind,omitempty"`     // of a client's invocation: whether it reads or writes
	Value    json.RawMessage `json:"value,omitempty"`    // owned by the workload or the fault
	Node     NodeID          `json:"node,omitempty"`     // the member that was asked
	Call     int             `json:"call,omitempty"`     // attempts of one retried call share it; from 1
	Sched    time.Duration   `json:"sched,omitempty"`    // of a probe's invocation: when it was due; see Probe
	Rejected bool            `json:"rejected,omitempty"` // of a completion of type fail: its own condition was not met, which is no failure of service
	Error    string          `json:"error,omitempty"`    // why it did not succeed
}

// Client says whether a client made the op, and not the nemesis or the harness.
func (op *Op) Client() bool { return op.Process >= 0 }

// AppendJSON appends the line that encoding/json would write, without reflection and with its
// newline.
func (op *Op) AppendJSON(b []byte) []byte {
	b = append(b, `{"index":`...)
	b = strconv.AppendInt(b, int64(op.Index), 10)
	b = append(b, `,"time":`...)
	b = strconv.AppendInt(b, int64(op.Time), 10)
	b = append(b, `,"process":`...)
	b = strconv.AppendInt(b, int64(op.Process), 10)
	b = append(b, `,"type":"`...)
	b = append(b, op.Type...)
	b = append(b, `","f":"`...)
	b = append(b, op.F...)
	b = append(b, '"')
	if op.Kind != "" {
		b = append(b, `,"kind":"`...)
		b = append(b, op.Kind...)
		b = append(b, '"')
	}
	if len(op.Value) > 0 {
		b = append(b, `,"value":`...)
		b = append(b, op.Value...)
	}
	if op.Node != "" {
		b = append(b, `,"node":"`...)
		b = append(b, op.Node...)
		b = append(b, '"')
	}
	if op.Call != 0 {
		b = append(b, `,"call":`...)
		b = strconv.AppendInt(b, int64(op.Call), 10)
	}
	if op.Sched != 0 {
		b = append(b, `,"sched":`...)
		b = strconv.AppendInt(b, int64(op.Sched), 10)
	}
	if op.Rejected {
		b = append(b, `,"rejected":true`...)
	}
	if op.Error != "" {
		q, _ := json.Marshal(op.Error) // a string never fails
		b = append(append(b, `,"error":`...), q...)
	}
	return append(b, '}', '\n')
}

// FaultValue is the value of the nemesis's ops.
type FaultValue struct {
	ID        string        `json:"id"`                  // identifies the injection in its run; its heal has the same
	Fault     string        `json:"fault"`               // parses back with nemesis.Parse
	Target    Target        `json:"target"`              // as scheduled
	Nodes     []NodeID      `json:"nodes"`               // the target as resolved at injection; empty: no member matched
	Effect    EffectKind    `json:"effect,omitempty"`    // what it does: down, frozen, cut or impaired; histories recorded before 0.1.0 have none
	Affected  []NodeID      `json:"affected,omitempty"`  // the members that cannot serve or lead as the others can: the nodes, or the smaller side of a partition
	Leader    NodeID        `json:"leader,omitempty"`    // the leader when the target was resolved
	Term      uint64        `json:"term,omitempty"`      // that leader's term
	Issued    time.Duration `json:"issued"`              // when the command was given
	Confirmed time.Duration `json:"confirmed,omitempty"` // when its effect was confirmed; 0: it was not
	Heartbeat time.Duration `json:"heartbeat,omitempty"` // when the last heartbeat that Leader sent by its clock before Confirmed reached another member; 0: the runtime does not observe messages (HeartbeatWatcher)
}

// PhaseValue marks where a run's phases begin.
type PhaseValue struct {
	Phase Phase `json:"phase"` // which begins: warmup, faults, recover, final or end
}

// Phase is a part of a run, in this order.
type Phase string

const (
	PhaseWarmup  Phase = "warmup"  // clients call, nothing is broken yet
	PhaseFaults  Phase = "faults"  // the schedule runs
	PhaseRecover Phase = "recover" // everything is healed; waiting until all members have caught up
	PhaseFinal   Phase = "final"   // final reads
	PhaseEnd     Phase = "end"     // the clients are done
)

// StatusValue is what the poller saw of a member, recorded when its role, term or leader differs from
// what was seen before, and else once a second.
type StatusValue struct {
	Role    Role   `json:"role"`              // leader, candidate, follower or unreached
	Term    uint64 `json:"term"`              // the member's
	Leader  NodeID `json:"leader,omitempty"`  // whom the member follows
	Applied uint64 `json:"applied,omitempty"` // raft index applied
}

// Same says whether v and w differ in nothing but what was applied.
func (v StatusValue) Same(w StatusValue) bool {
	v.Applied, w.Applied = 0, 0
	return v == w
}
