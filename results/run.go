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
	Finished time.Time `json:"finished"` // wall clock at the end; the zero time where the run has none
	Seed     uint64    `json:"seed"`     // of workload and schedule
	Command  []string  `json:"command"`  // repeats the run: same seed and schedule

	Scenario json.RawMessage `json:"scenario,omitempty"` // all settings, as in a scenario file: package scenario's Settings, from which the run is replayed; left out by earlier versions

	Runtime       string `json:"runtime"`                  // docker, local or sim
	RuntimeReason string `json:"runtime_reason,omitempty"` // why this one, where it was chosen by auto
	System        string `json:"system"`                   // what was tested
	SystemVersion string `json:"system_version,omitempty"` // as it says itself
	Faultline     string `json:"faultline"`                // version of this program
	Commit        string `json:"commit,omitempty"`         // of this program

	Nodes             []history.NodeID          `json:"nodes"`                  // names of the members
	MemberIDs         map[history.NodeID]string `json:"member_ids,omitempty"`   // hexadecimal, as raft's log messages name members
	LogLanguage       history.LogLanguage       `json:"log_language,omitempty"` // raft, or none where the system's log says nothing that is known; left out: raft
	ElectionTimeout   time.Duration             `json:"election_timeout"`       // the least: members draw theirs from there up
	HeartbeatInterval time.Duration             `json:"heartbeat_interval"`     // from one heartbeat of a leader to the next

	Workload    string        `json:"workload"`          // what clients did
	Concurrency int           `json:"concurrency"`       // workers
	Time        time.Duration `json:"time"`              // length of the faults phase
	Schedule    []Step        `json:"schedule"`          // what the nemesis was to do
	Hostile     bool          `json:"hostile,omitempty"` // beside the schedule, the network lost, doubled and delayed messages and power failed: sim.Options.Hostile

	ProbeEvery   time.Duration `json:"probe_every,omitempty"`   // harness.Probe.Every: how exact outages are; left out: no probes
	ProbeTimeout time.Duration `json:"probe_timeout,omitempty"` // of a probe, from when it was due

	Machine     Machine      `json:"machine,omitzero"`      // where it was made
	Calibration *Calibration `json:"calibration,omitempty"` // how exact its ruler is: the newest one there was on its machine and runtime; left out: there was none

	StartTimings []history.Timing `json:"start_timings,omitempty"` // to the first committed write, with its parts
	Resources    Resources        `json:"resources"`               // what the run cost
	LiveCheck    *LiveCheck       `json:"live_check,omitempty"`    // how far what judged beside the run came; left out: everything was judged as it was recorded

	Verdicts    []history.Verdict  `json:"verdicts"`               // of each checker
	NotAsked    []history.NotAsked `json:"not_asked,omitempty"`    // checkers that would have judged the run, had the system offered what they need
	Verdict     history.Validity   `json:"verdict"`                // the worst of them
	ExitCode    int                `json:"exit_code"`              // as in README
	Error       string             `json:"error,omitempty"`        // why the run broke, if it did
	Stopped     string             `json:"stopped,omitempty"`      // why it ended itself before its end
	Interrupted bool               `json:"interrupted,omitempty"`  // ended early, by the user where Stopped is empty
	Claims      []Claim            `json:"claims,omitempty"`       // of a scenario with expectations of its own
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

// LiveCheck is how far what judged beside a run came. The verdicts are of the whole history in any case.
type LiveCheck struct {
	Judged        int           `json:"judged"`                   // lines of the history
	Left          int           `json:"left,omitempty"`           // lines that it had not come to when the run had ended
	MostBehind    time.Duration `json:"most_behind"`              // longest lag on the run's clock; a tenth of a second is that of the file
	UndecidedKeys int           `json:"undecided_keys,omitempty"` // keys that it did not judge to their end
	Problem       string        `json:"problem,omitempty"`        // why it ended early
}

// Claim is one fact that a scenario showed to hold or not.
type Claim struct {
	Claim     string        `json:"claim"`               // the fact
	Did       string        `json:"did"`                 // what was done to show it
	Measured  string        `json:"measured"`            // what was seen
	Holds     bool          `json:"holds"`               // whether it did
	Undecided string        `json:"undecided,omitempty"` // why it was neither shown nor refuted: not tried, or the machine was too busy to tell; Holds is false then
	Took      time.Duration `json:"took"`                // how long that was
}
