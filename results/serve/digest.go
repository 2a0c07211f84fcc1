package serve

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/results"
)

// State is a run's verdict, or why it has none.
type State string

const (
	Valid      State = "valid"
	Invalid    State = "invalid"
	Unknown    State = "unknown"
	Unfinished State = "unfinished" // it goes on, or it was killed: run.json has no end
	Broken     State = "broken"     // its folder cannot be read
)

var states = []State{Valid, Invalid, Unknown, Unfinished, Broken}

// Digest is what the index keeps of a run. Durations are nanoseconds.
type Digest struct {
	ID       string    `json:"id"`
	Started  time.Time `json:"started"`
	State    State     `json:"state"`
	Reason   string    `json:"reason"` // of the verdict, or what is wrong with the folder
	Scenario string    `json:"scenario"`
	System   string    `json:"system"`
	Runtime  string    `json:"runtime"`
	Nodes    int       `json:"nodes"`
	Seed     uint64    `json:"seed"`

	Version     string        `json:"version"` // of the system, where known
	Commit      string        `json:"commit"`
	Election    time.Duration `json:"election"`
	Heartbeat   time.Duration `json:"heartbeat"`
	Workload    string        `json:"workload"`
	Concurrency int           `json:"concurrency"`
	Schedule    int           `json:"schedule"` // steps
	Faults      []string      `json:"faults"`   // that were tried, each once

	Landed int            `json:"landed"`
	Tried  int            `json:"tried"`
	Ops    results.Counts `json:"ops"`    // client calls, final reads included
	Load   time.Duration  `json:"load"`   // in which clients called all the time: until the final reads
	LoadOK int            `json:"loadOK"` // calls acknowledged in that time, without probes
	// Unavailable is the time of Load in which writes had no timely success. With probes it is their
	// debt (results.Probing.WriteDebt), without them the time of the outages of writes.
	Unavailable time.Duration `json:"unavailable"`
	ProbeEvery  time.Duration `json:"probeEvery"` // 0: no probes, outages are by the workload's calls

	Phases []Phase `json:"phases"` // of failovers, in the order of the report
}

// Phase is one duration over the failovers of a run.
type Phase struct {
	Name     string          `json:"name"`
	Doc      string          `json:"doc"`
	Values   []time.Duration `json:"values"` // sorted
	Censored int             `json:"censored"`
}

// writeOutage is the headline of all phases.
const writeOutage = "write outage"

// phase finds one by name; an empty one where it was not measured.
func (d *Digest) phase(name string) Phase {
	for _, p := range d.Phases {
		if p.Name == name {
			return p
		}
	}
	return Phase{Name: name}
}

// Latencies are those of acknowledged calls by the name of the call, packed.
type Latencies map[string][]byte

// digest reads one run's folder, root/id. What cannot be read is said in the digest, so that it is
// shown; it never fails.
func digest(root, id string) (d Digest, l Latencies) {
	d = Digest{ID: id, State: Broken, Scenario: scenarioOf(id), Started: startedOf(id)}
	defer func() {
		if p := recover(); p != nil { // one strange folder must not take the others from view
			d.State, d.Reason, l = Broken, fmt.Sprintf("the analysis of this folder crashed: %v", p), nil
		}
	}()
	dir := filepath.Join(root, id)
	if err := refuseLinks(dir); err != nil {
		d.Reason = shortly(err, dir, id)
		return d, nil
	}
	folder, err := results.Open(dir)
	if err != nil {
		d.Reason = shortly(err, dir, id)
		return d, nil
	}
	run, err := folder.ReadRun()
	if err != nil {
		d.Reason = shortly(err, folder.Dir(), id)
		return d, nil
	}
	d.describe(run)
	if run.Finished.IsZero() {
		d.State, d.Reason = Unfinished, "the run goes on, or it was killed before it could report"
		return d, nil
	}
	a, err := folder.Analyze()
	if err != nil {
		d.State, d.Reason = Broken, shortly(err, folder.Dir(), id)
		return d, nil
	}
	d.measure(&a)
	return d, latencies(a.History.Ops)
}

// shortly says an error without the folder's path, which the page has no room for.
func shortly(err error, dir, id string) string {
	s := err.Error()
	if real, rerr := filepath.EvalSymlinks(dir); rerr == nil {
		s = strings.ReplaceAll(s, real, id)
	}
	return strings.ReplaceAll(strings.ReplaceAll(s, dir, id), id+string(filepath.Separator), "")
}

// refuseLinks keeps the index from reading what the server would not: files that only seem to be in
// the folder.
func refuseLinks(dir string) error {
	names := []string{results.RunFile, results.HistoryFile, results.LogsDir}
	logs, err := os.ReadDir(filepath.Join(dir, results.LogsDir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read %s: %w", results.LogsDir, err)
	}
	for _, e := range logs {
		names = append(names, filepath.Join(results.LogsDir, e.Name()))
	}
	for _, name := range names {
		st, err := os.Lstat(filepath.Join(dir, name))
		if err == nil && !st.Mode().IsRegular() && !st.IsDir() {
			return fmt.Errorf("%s is neither a file nor a folder (%s): it is not read", name, st.Mode().Type())
		}
	}
	return nil
}

var idParts = regexp.MustCompile(`^(\d{8}-\d{6})-(.+?)(?:-[0-9a-f]{4})?$`)

// scenarioOf takes the scenario's name from a run's id: TIME-SCENARIO-RANDOM. Other ids name
// themselves.
func scenarioOf(id string) string {
	if m := idParts.FindStringSubmatch(id); m != nil {
		return m[2]
	}
	return id
}

func startedOf(id string) time.Time {
	if m := idParts.FindStringSubmatch(id); m != nil {
		if t, err := time.ParseInLocation("20060102-150405", m[1], time.Local); err == nil {
			return t
		}
	}
	return time.Time{}
}

func (d *Digest) describe(run results.Run) {
	d.Started, d.System, d.Runtime, d.Nodes, d.Seed = run.Started, run.System, run.Runtime, len(run.Nodes), run.Seed
	d.Version, d.Commit, d.Election, d.Heartbeat = run.SystemVersion, run.Commit, run.ElectionTimeout, run.HeartbeatInterval
	d.Workload, d.Concurrency, d.Schedule = run.Workload, run.Concurrency, len(run.Schedule)
	d.State, d.Reason = State(run.Verdict.String()), results.VerdictReason(run)
}

func (d *Digest) measure(a *results.Analysis) {
	d.Ops, d.Landed, d.Tried = a.Ops, a.Landed(), len(a.Faults)
	for i := range a.Faults {
		if f := a.Faults[i].Fault; !slices.Contains(d.Faults, f) {
			d.Faults = append(d.Faults, f)
		}
	}
	slices.Sort(d.Faults)
	d.Load = loadEnd(a)
	for i := range a.History.Ops {
		if op := &a.History.Ops[i]; op.Client() && !op.Probe() && op.Type == harness.OK && op.Time <= d.Load {
			d.LoadOK++
		}
	}
	d.Unavailable = away(a.Episodes, d.Load)
	if a.Probes != nil && a.Run.ProbeEvery > 0 { // of a schedule that must be guessed there is no debt
		d.Unavailable, d.ProbeEvery = min(a.Probes.WriteDebt, d.Load), a.Probes.Every
	}
	for i := range a.Stats {
		s := &a.Stats[i]
		d.Phases = append(d.Phases, Phase{s.Name, s.Doc, s.Values, s.Censored})
	}
}

func loadEnd(a *results.Analysis) time.Duration {
	for _, p := range a.Phases {
		if p.Phase == harness.PhaseFinal {
			return p.At
		}
	}
	return a.End
}

// away is the time in which writes were away, each moment once: outages may overlap. An outage that
// had not ended counts until watching it ended.
func away(eps []results.Episode, end time.Duration) time.Duration {
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
	slices.SortFunc(spans, func(x, y span) int { return int(x.from - y.from) })
	var sum, until time.Duration
	for _, s := range spans {
		s.from, s.to = max(s.from, until), min(s.to, end)
		if s.to > s.from {
			sum, until = sum+s.to-s.from, s.to
		}
	}
	return sum
}

// latencies are from the moment a call was due to its acknowledgement.
func latencies(ops []harness.Op) Latencies {
	open, byF := map[int]time.Duration{}, map[string][]time.Duration{}
	for i := range ops {
		op := &ops[i]
		if !op.Client() {
			continue
		}
		if op.Type == harness.Invoke {
			open[op.Process] = op.Time
			if op.Probe() && op.Sched > 0 {
				open[op.Process] = op.Sched
			}
			continue
		}
		if from, ok := open[op.Process]; ok && op.Type == harness.OK {
			byF[op.F] = append(byF[op.F], op.Time-from)
		}
		delete(open, op.Process)
	}
	out := Latencies{}
	for f, v := range byF {
		slices.Sort(v)
		out[f] = pack(v)
	}
	return out
}

// pack writes sorted durations as differences of microseconds: about a byte a call.
func pack(sorted []time.Duration) []byte {
	b := make([]byte, 0, len(sorted)+8)
	var last int64
	for _, v := range sorted {
		us := v.Microseconds()
		b = binary.AppendUvarint(b, uint64(us-last))
		last = us
	}
	return b
}

func unpack(b []byte) ([]time.Duration, error) {
	var out []time.Duration
	var at uint64
	for len(b) > 0 {
		d, n := binary.Uvarint(b)
		if n <= 0 {
			return nil, fmt.Errorf("%w: latencies end in the middle", errDamaged)
		}
		at, b = at+d, b[n:]
		out = append(out, time.Duration(at)*time.Microsecond)
	}
	return out, nil
}

// searchText is what the search box looks through.
func (d *Digest) searchText() string {
	parts := []string{d.ID, d.Scenario, d.System, d.Version, d.Runtime, d.Workload, d.Commit, fmt.Sprint(d.Seed), string(d.State), d.Reason}
	return strings.ToLower(strings.Join(append(parts, d.Faults...), " "))
}
