package results

import (
	"time"

	"github.com/faultline-chaos/faultline/harness"
)

// FormatVersion is the version of run.json that this package writes.
const FormatVersion = 1

// Run is run.json: everything about a run that is not in its history or logs. Durations are
// nanoseconds.
type Run struct {
	Format   int       `json:"format"`
	ID       string    `json:"id"`
	Started  time.Time `json:"started"` // wall clock at time 0 of the history
	Finished time.Time `json:"finished"`
	Seed     uint64    `json:"seed"`
	Command  []string  `json:"command"` // repeats the run: same seed and schedule

	Runtime       string `json:"runtime"`
	RuntimeReason string `json:"runtime_reason,omitempty"` // why this one, where it was chosen by auto
	System        string `json:"system"`
	SystemVersion string `json:"system_version,omitempty"`
	Faultline     string `json:"faultline"` // version of this program
	Commit        string `json:"commit,omitempty"`

	Nodes             []harness.NodeID          `json:"nodes"`
	MemberIDs         map[harness.NodeID]string `json:"member_ids,omitempty"` // hexadecimal, as raft's log messages name members
	ElectionTimeout   time.Duration             `json:"election_timeout"`
	HeartbeatInterval time.Duration             `json:"heartbeat_interval"`

	Workload    string        `json:"workload"`
	Concurrency int           `json:"concurrency"`
	Time        time.Duration `json:"time"` // length of the faults phase
	Schedule    []Step        `json:"schedule"`

	ProbeEvery   time.Duration `json:"probe_every,omitempty"`   // harness.Probe.Every: how exact outages are; left out: no probes
	ProbeTimeout time.Duration `json:"probe_timeout,omitempty"` //

	Machine     Machine      `json:"machine,omitzero"`      // where it was made
	Calibration *Calibration `json:"calibration,omitempty"` // how exact its ruler is: the newest one there was on its machine and runtime; left out: there was none

	StartTimings []harness.Timing `json:"start_timings,omitempty"` // to the first committed write, with its parts
	Resources    Resources        `json:"resources"`

	Verdicts    []harness.Verdict `json:"verdicts"`
	Verdict     harness.Validity  `json:"verdict"` // the worst of them
	ExitCode    int               `json:"exit_code"`
	Error       string            `json:"error,omitempty"`        // why the run broke, if it did
	Stopped     string            `json:"stopped,omitempty"`      // why it ended itself before its end
	Interrupted bool              `json:"interrupted,omitempty"`  // ended early, by the user where Stopped is empty
	Claims      []Claim           `json:"claims,omitempty"`       // of a scenario with expectations of its own
	HealProblem string            `json:"heal_problem,omitempty"` // what could not be healed or removed
}

// Step is harness.Step in a form that is read back without knowing the faults.
type Step struct {
	At     time.Duration  `json:"at"`
	For    time.Duration  `json:"for"`
	Fault  string         `json:"fault"`
	Target harness.Target `json:"target"`
}

// Resources is what the run cost.
type Resources struct {
	HarnessMaxRSS int64                    `json:"harness_max_rss"` // bytes
	HarnessCPU    time.Duration            `json:"harness_cpu"`
	MemberRSS     map[harness.NodeID]int64 `json:"member_rss,omitempty"` // bytes, each member at the end of the run
}

// Claim is one fact that a scenario showed to hold or not.
type Claim struct {
	Claim    string        `json:"claim"`
	Did      string        `json:"did"`
	Measured string        `json:"measured"`
	Holds    bool          `json:"holds"`
	Skipped  string        `json:"skipped,omitempty"` // why it was not tried; Holds is false then
	Took     time.Duration `json:"took"`
}
