package results

import (
	"encoding/json"
	"time"

	"github.com/faultline-chaos/faultline/history"
)

// FormatVersion is the version of run.json that this package writes.
const FormatVersion = 1

// Run is run.json: everything about a run that is not in its history or logs. Durations are
// nanoseconds.
type Run struct {
	Format   int       `json:"format"`   // version of this file
	ID       string    `json:"id"`       // the folder's name
	Started  time.Time `json:"started"`  // wall clock at time 0 of the history
	Finished time.Time `json:"finished"` // wall clock at the end; the zero time if the run did not end
	Seed     uint64    `json:"seed"`     // of workload and schedule
	Command  []string  `json:"command"`  // the command that repeats the run with the same seed and schedule

	Scenario json.RawMessage `json:"scenario,omitempty"` // all settings, as in a scenario file: package scenario's Settings, from which the run is replayed; left out by earlier versions

	Runtime       string `json:"runtime"`                  // docker, local or sim
	RuntimeReason string `json:"runtime_reason,omitempty"` // why auto chose it
	System        string `json:"system"`                   // what was tested
	SystemVersion string `json:"system_version,omitempty"` // as the system reports it
	Faultline     string `json:"faultline"`                // version of this program
	Commit        string `json:"commit,omitempty"`         // of this program

	Nodes             []history.NodeID          `json:"nodes"`                  // names of the members
	MemberIDs         map[history.NodeID]string `json:"member_ids,omitempty"`   // hexadecimal, as raft's log messages name members
	LogLanguage       history.LogLanguage       `json:"log_language,omitempty"` // raft, or none where the system's log is not understood; left out: raft
	ElectionTimeout   time.Duration             `json:"election_timeout"`       // the minimum: each member draws its own from there up
	HeartbeatInterval time.Duration             `json:"heartbeat_interval"`     // from one heartbeat of a leader to the next

	Workload    string        `json:"workload"`          // what clients did
	Concurrency int           `json:"concurrency"`       // workers
	Time        time.Duration `json:"time"`              // length of the faults phase
	Schedule    []Step        `json:"schedule"`          // the planned faults
	Hostile     bool          `json:"hostile,omitempty"` // besides the schedule, messages were lost, duplicated and delayed and power failed: sim.Options.Hostile

	ProbeEvery   time.Duration `json:"probe_every,omitempty"`   // probe interval (harness.Probe.Every), the resolution of outages; left out: no probes
	ProbeTimeout time.Duration `json:"probe_timeout,omitempty"` // timeout of a probe, from when it was due

	Machine     Machine      `json:"machine,omitzero"`      // where the run was made
	Calibration *Calibration `json:"calibration,omitempty"` // accuracy of its outages: the newest calibration for its machine and runtime; left out: there was none

	StartTimings []history.Timing `json:"start_timings,omitempty"` // to the first committed write, with its parts
	Resources    Resources        `json:"resources"`               // what the run cost
	LiveCheck    *LiveCheck       `json:"live_check,omitempty"`    // how far the live checks came; left out: they judged everything as it was recorded

	Verdicts    []history.Verdict  `json:"verdicts"`               // one of each checker
	NotAsked    []history.NotAsked `json:"not_asked,omitempty"`    // checkers that were not run, because the system does not offer what they need
	Verdict     history.Validity   `json:"verdict"`                // the worst of the verdicts
	ExitCode    int                `json:"exit_code"`              // as in README
	Error       string             `json:"error,omitempty"`        // why the run broke, if it did
	Stopped     string             `json:"stopped,omitempty"`      // why the run stopped early
	Interrupted bool               `json:"interrupted,omitempty"`  // the run ended early; by the user, where Stopped is empty
	Claims      []Claim            `json:"claims,omitempty"`       // results of a scenario's own expectations
	HealProblem string             `json:"heal_problem,omitempty"` // what could not be healed or removed
}

// Step is harness.Step in a form that is read back without knowing the faults.
type Step struct {
	At     time.Duration  `json:"at"`     // after the begin of the faults phase
	For    time.Duration  `json:"for"`    // from confirmation to the order to heal
	Fault  string         `json:"fault"`  // as in history.jsonl
	Target history.Target `json:"target"` // as in history.jsonl
}

// Resources is what the run cost.
type Resources struct {
	HarnessMaxRSS int64                    `json:"harness_max_rss"`      // bytes
	HarnessCPU    time.Duration            `json:"harness_cpu"`          // user and system time
	MemberRSS     map[history.NodeID]int64 `json:"member_rss,omitempty"` // bytes, each member at the end of the run
}

// LiveCheck is how far the live checks of a run came. The verdicts are of the whole history in any case.
type LiveCheck struct {
	Judged        int           `json:"judged"`                   // lines of the history that were judged
	Left          int           `json:"left,omitempty"`           // lines that were not yet judged when the run ended
	MostBehind    time.Duration `json:"most_behind"`              // longest lag on the run's clock; a tenth of a second of it is due to buffering of the file
	UndecidedKeys int           `json:"undecided_keys,omitempty"` // keys that were not fully judged
	Problem       string        `json:"problem,omitempty"`        // why the live checks ended early
}

// Claim is one expectation of a scenario and whether it held.
type Claim struct {
	Claim     string        `json:"claim"`               // the expected fact
	Did       string        `json:"did"`                 // what was done to test it
	Measured  string        `json:"measured"`            // what was measured
	Holds     bool          `json:"holds"`               // whether it did
	Undecided string        `json:"undecided,omitempty"` // why it was neither confirmed nor refuted: not tried, or the machine was too busy; Holds is false then
	Took      time.Duration `json:"took"`                // how long the test took
}
