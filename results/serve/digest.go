package serve

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/faultline-chaos/faultline/history"
	"github.com/faultline-chaos/faultline/results"
	"github.com/faultline-chaos/faultline/results/failover"
	"github.com/faultline-chaos/faultline/results/trends"
)

// State is a run's verdict, or why it has none.
type State = trends.State

const (
	Valid      = trends.Valid
	Invalid    = trends.Invalid
	Unknown    = trends.Unknown
	Unfinished = trends.Unfinished
	Broken     = trends.Broken
)

var states = []State{Valid, Invalid, Unknown, Unfinished, Broken}

// Digest is what the index keeps of a run: its row of trends.jsonl, and what only its folder can tell.
// Durations are nanoseconds.
type Digest struct {
	trends.Row
	Gone     bool     `json:"gone"`     // its folder is: the row is all there is
	Schedule int      `json:"schedule"` // steps
	Faults   []string `json:"faults"`   // that were tried, each once
	Phases   []Phase  `json:"phases"`   // of failovers, in the order of the report
}

// Phase is one duration over the failovers of a run.
type Phase struct {
	Name     string          `json:"name"`
	Doc      string          `json:"doc"`
	Values   []time.Duration `json:"values"` // sorted
	Censored int             `json:"censored"`
}

// writeOutage is the headline of all phases.
const writeOutage = trends.WriteOutage

// phase finds one by name; an empty one where it was not measured.
func (d *Digest) phase(name string) Phase {
	for _, p := range d.Phases {
		if p.Name == name {
			return p
		}
	}
	return Phase{Name: name}
}

// digest reads one run's folder, root/id. What cannot be read is said in the digest, so that it is
// shown; it never fails.
func digest(root, id string) (d Digest) {
	d = Digest{Row: trends.Row{ID: id, State: Broken, Scenario: trends.ScenarioOf(id), Started: trends.StartedOf(id)}}
	defer func() {
		if p := recover(); p != nil { // one strange folder must not take the others from view
			d.State, d.Reason = Broken, fmt.Sprintf("the analysis of this folder crashed: %v", p)
		}
	}()
	dir := filepath.Join(root, id)
	if err := refuseLinks(dir); err != nil {
		d.Reason = shortly(err, dir, id)
		return d
	}
	folder, err := results.Open(dir)
	if err != nil {
		d.Reason = shortly(err, dir, id)
		return d
	}
	run, err := folder.ReadRun()
	if err != nil {
		d.Reason = shortly(err, folder.Dir(), id)
		return d
	}
	d.Row, d.Schedule = trends.Describe(run), len(run.Schedule)
	d.ID, d.Scenario = id, trends.ScenarioOf(id) // as the folder is named, should somebody have renamed it
	if d.State == Unfinished {
		return d
	}
	a, err := failover.AnalyzeFolder(folder)
	if err != nil {
		d.State, d.Reason = Broken, shortly(err, folder.Dir(), id)
		return d
	}
	d.measure(&a)
	return d
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
	names := []string{results.RunFile, results.HistoryFile, results.CompressedFile, results.LogsDir}
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
			return fmt.Errorf("%s is neither a file nor a folder (%s): it is ignored", name, st.Mode().Type())
		}
	}
	return nil
}

func (d *Digest) measure(a *failover.Analysis) {
	id := d.ID
	d.Row = trends.RowOf(a)
	d.ID, d.Scenario = id, trends.ScenarioOf(id)
	for i := range a.Faults {
		if f := a.Faults[i].Fault; !slices.Contains(d.Faults, f) {
			d.Faults = append(d.Faults, f)
		}
	}
	slices.Sort(d.Faults)
	for i := range a.Stats {
		s := &a.Stats[i]
		d.Phases = append(d.Phases, Phase{s.Name, s.Doc, s.Values, s.Censored})
	}
}

// latencies are those of a run's acknowledged calls, sorted, by the name of the call: from the moment it
// was due to its acknowledgement, in whole microseconds. A run whose folder or history is not whole has
// none.
func latencies(root string, d *Digest) (map[string][]time.Duration, error) {
	if d.Gone || d.State == Broken || d.State == Unfinished {
		return nil, nil
	}
	dir := filepath.Join(root, d.ID)
	if err := refuseLinks(dir); err != nil {
		return nil, err
	}
	folder, err := results.Open(dir)
	if err != nil {
		return nil, err
	}
	h, _, err := folder.ReadHistory()
	if err != nil {
		return nil, err
	}
	return latenciesOf(h.Ops), nil
}

func latenciesOf(ops []history.Op) map[string][]time.Duration {
	open, byF := map[int]time.Duration{}, map[string][]time.Duration{}
	for i := range ops {
		op := &ops[i]
		if !op.Client() {
			continue
		}
		if op.Type == history.Invoke {
			open[op.Process] = op.Time
			if op.Probe() && op.Sched > 0 {
				open[op.Process] = op.Sched
			}
			continue
		}
		if from, ok := open[op.Process]; ok && op.Type == history.OK {
			byF[op.F] = append(byF[op.F], (op.Time - from).Truncate(time.Microsecond))
		}
		delete(open, op.Process)
	}
	for _, v := range byF {
		slices.Sort(v)
	}
	return byF
}

// searchText is what the search box looks through.
func (d *Digest) searchText() string {
	parts := []string{d.ID, d.Scenario, d.System, d.Version, d.Runtime, d.Workload, d.Commit, fmt.Sprint(d.Seed), string(d.State), d.Reason}
	return strings.ToLower(strings.Join(append(parts, d.Faults...), " "))
}
