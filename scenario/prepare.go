package scenario

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/faultline-chaos/faultline/checker"
	livechecks "github.com/faultline-chaos/faultline/checker/live"
	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/history"
	"github.com/faultline-chaos/faultline/nemesis"
	"github.com/faultline-chaos/faultline/results"
	"github.com/faultline-chaos/faultline/results/live"
	"github.com/faultline-chaos/faultline/systems"
)

// DefaultOut is the default folder of the run folders.
const DefaultOut = "results/runs"

// Options are what a run needs in addition to its settings.
type Options struct {
	Out     string    // folder for the run's folder; "": DefaultOut
	Stdout  io.Writer // receives progress as lines; nil: no progress is printed
	Program string    // name under which this program was called, for the command that repeats the run; "": faultline
	Version string    // of this program, for run.json
	// Watch shows a run while it goes on; nil: progress lines on Stdout.
	Watch func(*Prepared) Watcher

	Workload harness.Workload // used instead of the workload that the settings name; nil: theirs
	System   systems.Closer   // used instead of the system that the settings name; nil: theirs; Run closes it
	Runtime  harness.Runtime  // used instead of the runtime that the settings name; nil: theirs
	Faults   []nemesis.Entry  // in addition to nemesis.All
	Checkers []checker.Entry  // in addition to checker.All
}

// Watcher shows a run.
type Watcher struct {
	Observe func(*history.Op)
	Stage   func(what string) // called with the current stage after the clients have ended
	Stop    func()            // may be called more than once
}

// Prepared is a run that is ready to start, with its folder.
type Prepared struct {
	Settings Settings // its seed is never 0: it has been drawn
	Runtime  harness.Runtime

	options   Options
	system    systems.Closer
	workload  harness.Workload
	schedule  harness.Schedule
	folder    *results.Folder
	run       results.Run
	logs      []*os.File
	monitor   *livechecks.Monitor
	live      *checker.LiveRegisters    // nil: keys are judged only at the end
	liveCheck atomic.Pointer[liveCheck] // nil: live checks see ops while they are recorded
}

var notInIDs = regexp.MustCompile(`[^a-z0-9]+`)

// Prepare checks the settings and makes the run's folder with an initial run.json.
func Prepare(ctx context.Context, s Settings, o Options) (_ *Prepared, err error) {
	if s.Seed == 0 {
		s.Seed = DrawSeed()
	}
	if o.Out == "" {
		o.Out = DefaultOut
	}
	if o.Program == "" {
		o.Program = "faultline"
	}
	if o.Stdout == nil {
		o.Stdout = io.Discard
	}
	r := &Prepared{options: o, system: o.System, workload: o.Workload, monitor: livechecks.NewMonitor()}
	defer func() {
		if err != nil && r.system != nil {
			_ = r.system.Close() // it was never dialled
		}
	}()
	if err := s.checkValues(); err != nil {
		return nil, err
	}
	if r.system == nil {
		if r.system, err = s.NewSystem(); err != nil {
			return nil, err
		}
	}
	if r.workload == nil {
		if r.workload, err = s.NewWorkload(); err != nil {
			return nil, err
		}
	}
	if r.schedule, err = s.NewSchedule(o.Faults...); err != nil {
		return nil, err
	}
	rt, able, reason, err := s.runtimeOf(ctx, o)
	if err != nil {
		return nil, err
	}
	s.Runtime = rt.Name()
	r.Settings, r.Runtime = s, rt
	if err := harness.Unsupported(r.schedule, rt.Name(), able); err != nil {
		return nil, Refused(err)
	}
	r.live = checker.NewLiveRegisters(history.OfRegisters(r.workload.Ops()))
	if err := r.makeFolder(reason); err != nil {
		return nil, Infrastructure(err)
	}
	return r, nil
}

func (r *Prepared) makeFolder(reason string) (err error) {
	s := &r.Settings
	name := strings.Trim(notInIDs.ReplaceAllString(strings.ToLower(s.Name), "-"), "-")
	started := time.Now()
	id := FolderName(started, name)
	if r.folder, err = results.Create(r.options.Out, id); err != nil {
		return err
	}
	r.run = results.Run{
		Format: results.FormatVersion, ID: id, Started: started, Seed: s.Seed, Command: s.Command(r.options.Program),
		Runtime: s.Runtime, RuntimeReason: reason, System: r.system.Name(),
		LogLanguage: cmp.Or(r.system.LogLanguage(), history.NoLogLanguage), Faultline: r.options.Version, Commit: Commit(),
		ElectionTimeout: s.Election, HeartbeatInterval: s.Heartbeat, Nodes: s.members(),
		Workload: r.workload.Name(), Concurrency: s.Concurrency, Time: s.Time, Schedule: steps(r.schedule), Hostile: s.Hostile,
		Machine: results.ThisMachine(),
	}
	if r.run.Scenario, err = json.Marshal(s); err != nil {
		return fmt.Errorf("write the run's settings: %w", err)
	}
	if s.Script == "" {
		r.run.ProbeEvery, r.run.ProbeTimeout = s.Probes()
	}
	list, err := results.ReadCalibrations(r.options.Out)
	if err != nil {
		return err
	}
	r.run.Calibration = results.LatestCalibration(list, r.run.Machine, s.Runtime, r.run.System)
	return r.folder.WriteRun(r.run)
}

// FolderName makes the unique name of an output folder from the time (so that listings are in order) and a
// name.
func FolderName(at time.Time, name string) string {
	return fmt.Sprintf("%s-%s-%s", at.Format("20060102-150405"), name, uuid.NewString()[:4])
}

// Commit is the revision that this program was built from; "" if it is unknown.
func Commit() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				return s.Value
			}
		}
	}
	return ""
}

// clusterConfig makes the cluster's configuration; members' logs go to the folder.
func (r *Prepared) clusterConfig(problems *[]error) harness.ClusterConfig {
	return harness.ClusterConfig{
		RunID: "faultline-" + r.run.ID, Seed: r.Settings.Seed, System: r.system, Nodes: r.Settings.Nodes,
		Logs: func(id history.NodeID) io.Writer {
			f, err := r.folder.CreateLog(id)
			if err != nil {
				*problems = append(*problems, err)
				return io.Discard
			}
			r.logs = append(r.logs, f)
			return f
		},
	}
}

func (r *Prepared) close() error {
	var errs []error
	for _, f := range r.logs {
		errs = append(errs, f.Close())
	}
	r.logs = nil
	return errors.Join(append(errs, r.system.Close())...)
}

// Plan is what is known about the run before it starts.
func (r *Prepared) Plan() live.Plan {
	s := &r.Settings
	p := live.Plan{
		Title: fmt.Sprintf("%s · %s on %s · %d nodes", s.Name, s.System, s.Runtime, s.Nodes), Seed: s.Seed, Members: r.run.Nodes, Steps: r.schedule,
		Warmup: harness.DefaultWarmup, Faults: s.Time, Settle: harness.DefaultSettle, Probed: r.run.ProbeEvery > 0,
		Patience: max(time.Second, time.Duration(20/s.Rate*float64(time.Second))),
	}
	if p.Probed {
		p.Patience = max(100*time.Millisecond, 10*r.run.ProbeEvery)
	}
	return p
}

// Checks reports the progress of the live checks. It may be called concurrently with the run.
func (r *Prepared) Checks() live.Checks {
	var c live.Checks
	c.Answers, c.Hashes = r.monitor.Judged()
	c.Undecided = r.undecided()
	if b := r.liveCheck.Load(); b != nil {
		c.Behind, c.Lag = b.behind()
	}
	if v := r.found(); v != nil {
		c.Violation = v.Reason
	}
	return c
}
