package trends

import (
	"cmp"
	"regexp"
	"slices"
	"time"

	"github.com/faultline-chaos/faultline/history"
	"github.com/faultline-chaos/faultline/results"
	"github.com/faultline-chaos/faultline/results/failover"
	"github.com/faultline-chaos/faultline/results/page"
)

// State is a run's verdict, or why it has none.
type State string

const (
	Valid      State = "valid"
	Invalid    State = "invalid"
	Unknown    State = "unknown"
	Unfinished State = "unfinished" // it is still going on, or it was killed: run.json has no end
	Broken     State = "broken"     // its folder cannot be read
)

// Format is the version of the rows that this package writes.
const Format = 1

// WriteOutage is the name of the headline of all durations (failover.Analysis.Stats).
const WriteOutage = "write outage"

// Row is one run in one line of trends.jsonl. Durations are nanoseconds. What was not measured is
// left out.
type Row struct {
	Format   int       `json:"format"`            // version of the row
	ID       string    `json:"id"`                // the run's id, which is also the name of its folder
	Started  time.Time `json:"started"`           // wall clock
	State    State     `json:"state"`             // valid, invalid or unknown
	Reason   string    `json:"reason,omitempty"`  // why the state is what it is
	Broke    string    `json:"broke,omitempty"`   // why its numbers are not comparable: the run failed or was interrupted
	Scenario string    `json:"scenario"`          // its name
	System   string    `json:"system"`            // what was tested
	Runtime  string    `json:"runtime"`           // docker, local or sim
	Version  string    `json:"version,omitempty"` // of the system, where known
	Commit   string    `json:"commit,omitempty"`  // of faultline
	Seed     uint64    `json:"seed"`              // of workload and schedule

	// Settings that change what is measured.
	Nodes       int           `json:"nodes"`
	Election    time.Duration `json:"election_timeout"`      // election timeout
	Heartbeat   time.Duration `json:"heartbeat_interval"`    // heartbeat interval
	Workload    string        `json:"workload"`              // what clients did
	Concurrency int           `json:"concurrency"`           // workers
	Time        time.Duration `json:"time"`                  // planned length of the faults phase
	ProbeEvery  time.Duration `json:"probe_every,omitempty"` // probe interval; left out: outages are measured with the workload's calls

	Landed int             `json:"faults_landed"`     // faults whose effect was confirmed
	Tried  int             `json:"faults_tried"`      // faults that were injected, confirmed or not
	Ops    failover.Counts `json:"ops"`               // client calls by outcome, final reads included
	Load   time.Duration   `json:"load"`              // the time under load: until the final reads
	LoadOK int             `json:"load_acknowledged"` // calls acknowledged in that time, without probes
	// Unavailable is the time of Load in which writes had no timely success. With probes it is their
	// debt (failover.Probing.WriteDebt), without them the time of the outages of writes.
	Unavailable time.Duration `json:"unavailable"`
	// WriteOutages are the outages of failovers whose faults left a healthy majority, sorted; WriteCensored
	// counts those that had not ended when watching ended.
	WriteOutages  []time.Duration `json:"write_outages,omitempty"`
	WriteCensored int             `json:"write_outages_censored,omitempty"` // write outages that had not ended when watching ended
}

// maxReason bounds the reason in a row; the run's folder has all of it.
const maxReason = 300

// RowOf is the row of a run. It is pure.
func RowOf(a *failover.Analysis) Row {
	r := Describe(a.Run)
	r.Ops, r.Landed, r.Tried, r.Load = a.Ops, a.Landed(), len(a.Faults), loadEnd(a)
	for i := range a.History.Ops {
		if op := &a.History.Ops[i]; op.Client() && !op.Probe() && op.Type == history.OK && op.Time <= r.Load {
			r.LoadOK++
		}
	}
	r.Unavailable = outageTime(a.Episodes, r.Load)
	if a.Probes != nil && a.Run.ProbeEvery > 0 { // of a schedule that must be guessed there is no debt
		r.Unavailable, r.ProbeEvery = min(a.Probes.WriteDebt, r.Load), a.Probes.Every
	}
	for i := range a.Stats {
		if s := &a.Stats[i]; s.Name == WriteOutage {
			r.WriteOutages, r.WriteCensored = slices.Clone(s.Values), s.Censored
		}
	}
	return r
}

// Describe is what a row says without the history: what the run was, and how it ended.
func Describe(run results.Run) Row {
	r := Row{
		Format: Format, ID: run.ID, Started: run.Started, State: State(run.Verdict.String()), Reason: page.VerdictReason(run),
		Scenario: ScenarioOf(run.ID), System: run.System, Runtime: run.Runtime, Version: run.SystemVersion, Commit: run.Commit, Seed: run.Seed,
		Nodes: len(run.Nodes), Election: run.ElectionTimeout, Heartbeat: run.HeartbeatInterval, Workload: run.Workload, Concurrency: run.Concurrency, Time: run.Time,
	}
	switch {
	case run.Finished.IsZero():
		r.State, r.Reason = Unfinished, "the run is still going on, or it was killed before it reported"
	case run.Error != "":
		r.Broke = "the run broke"
	case run.HealProblem != "":
		r.Broke = "cleanup failed"
	case run.Interrupted:
		r.Broke = "the run was interrupted"
	}
	if words := []rune(r.Reason); len(words) > maxReason {
		r.Reason = string(words[:maxReason]) + "…"
	}
	return r
}

var idParts = regexp.MustCompile(`^(\d{8}-\d{6})-(.+?)(?:-[0-9a-f]{4})?$`)

// ScenarioOf takes the scenario's name from a run's id: TIME-SCENARIO-RANDOM. Other ids name
// themselves.
func ScenarioOf(id string) string {
	if m := idParts.FindStringSubmatch(id); m != nil {
		return m[2]
	}
	return id
}

// StartedOf takes the time from a run's id; the zero time where it has none.
func StartedOf(id string) time.Time {
	if m := idParts.FindStringSubmatch(id); m != nil {
		if t, err := time.ParseInLocation("20060102-150405", m[1], time.Local); err == nil {
			return t
		}
	}
	return time.Time{}
}

func loadEnd(a *failover.Analysis) time.Duration {
	for _, p := range a.Phases {
		if p.Phase == history.PhaseFinal {
			return p.At
		}
	}
	return a.End
}

// away is the time in which writes were away, each moment once: outages may overlap. An outage that
// had not ended counts until watching it ended.
func outageTime(eps []failover.Episode, end time.Duration) time.Duration {
	type span struct{ from, to time.Duration }
	var spans []span
	for i := range eps {
		o := &eps[i].Writes
		switch {
		case o.LastOK != nil && o.Back != nil && o.Took != nil:
			spans = append(spans, span{o.LastOK.At, o.Back.At})
		case o.LastOK != nil && o.AtLeast != nil:
			spans = append(spans, span{o.LastOK.At, o.LastOK.At + *o.AtLeast})
		}
	}
	slices.SortFunc(spans, func(x, y span) int { return cmp.Compare(x.from, y.from) })
	var sum, until time.Duration
	for _, s := range spans {
		s.from, s.to = max(s.from, until), min(s.to, end)
		if s.to > s.from {
			sum, until = sum+s.to-s.from, s.to
		}
	}
	return sum
}
