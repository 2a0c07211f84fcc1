package main

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/google/uuid"

	"github.com/faultline-chaos/faultline/checker"
	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/harness/sim"
	"github.com/faultline-chaos/faultline/harness/systems"
	"github.com/faultline-chaos/faultline/results"
	"github.com/faultline-chaos/faultline/workloads"
)

// drawSeed makes a seed that people can type.
func drawSeed() uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return binary.LittleEndian.Uint64(b[:])%1e9 + 1
}

// probe is how often members are probed, and a probe's timeout.
func (p *plan) probe() (every, timeout time.Duration) {
	every = p.Probe
	if every == defaultProbe {
		every = min(every, max(p.Heartbeat/10, time.Millisecond))
	}
	if every == 0 {
		return 0, 0
	}
	return every, max(50*time.Millisecond, p.Election/10)
}

// runConfig is the engine's part of the plan.
func (p *plan) runConfig(w harness.Workload, s harness.Schedule) harness.RunConfig {
	c := harness.RunConfig{Workload: w, Workers: p.Concurrency, Schedule: s, Faults: p.Time}
	c.ProbeEvery, c.ProbeTimeout = p.probe()
	c.HashEvery = p.Hash
	return c
}

func (p *plan) makeWorkload() (harness.Workload, error) {
	think := time.Duration(float64(p.Concurrency) / p.Rate * float64(time.Second))
	w, err := workloads.ByName(p.Workload, workloads.Options{Think: think, Timeout: max(p.Election*3/20, 20*time.Millisecond)})
	if err != nil {
		return nil, usage("%v", err)
	}
	return w, nil
}

// checkers are the workload's and those of every run. The control needs faults on followers to judge
// anything, and is asked where the schedule has some; probes are judged where there are any. In hostile
// surroundings messages get lost and members lose power of which no history tells: there neither the
// control nor the service level has a time at which nothing else was broken, and safety alone is judged.
func checkers(w harness.Workload, run results.Run) []harness.Checker {
	list := w.Checkers()
	if run.ProbeEvery > 0 {
		list = append(list, checker.Probes{})
	}
	list = append(list, checker.Live{}, checker.Coverage{NoFaultsAsked: len(run.Schedule) == 0, Overlapping: overlap(run.Schedule)}, checker.Recovered{})
	if !run.Hostile && slices.ContainsFunc(run.Schedule, func(s results.Step) bool { return s.Target == harness.TargetFollower }) {
		list = append(list, checker.FollowerFaults{})
	}
	if level := serviceLevel(run); !run.Hostile && run.Time >= 3*level && !majorityHit(run.Schedule) {
		list = append(list, checker.Availability{Gap: level})
	}
	return append(list, checker.OneLeader{}, checker.NoPanic{}, checker.AllHealed{})
}

// serviceLevel is the longest time without service that a healthy majority may take: ten elections.
func serviceLevel(run results.Run) time.Duration { return max(10*time.Second, 10*run.ElectionTimeout) }

// majorityHit says whether the schedule may leave no majority healthy: then the service level may never
// have held for long enough to be judged.
func majorityHit(schedule []results.Step) bool {
	return overlap(schedule) || slices.ContainsFunc(schedule, func(s results.Step) bool {
		return s.Target == harness.TargetMajority || s.Target == harness.TargetAll
	})
}

// overlap says whether two steps of a schedule are meant to be active at once.
func overlap(schedule []results.Step) bool {
	for i, a := range schedule {
		for _, b := range schedule[i+1:] {
			if a.At < b.At+b.For && b.At < a.At+a.For {
				return true
			}
		}
	}
	return false
}

// cluster is what a run learns about its cluster.
type cluster struct {
	members []harness.NodeID
	ids     map[harness.NodeID]string
	version string
	timings []harness.Timing
	rss     map[harness.NodeID]int64
}

// look asks the members who they are; it is called in a run's body.
func (c *cluster) look(ctx context.Context, env harness.Env, hc harness.Cluster) {
	c.members = hc.Members()
	c.ids = map[harness.NodeID]string{}
	for i, st := range harness.Statuses(ctx, env, hc) {
		if st.MemberID != 0 {
			c.ids[c.members[i]] = fmt.Sprintf("%x", st.MemberID)
			c.version = st.Version
		}
	}
	if t, ok := hc.(harness.Timings); ok {
		c.timings = t.StartTimings()
	}
}

// weigh reads the members' memory at the end of a run.
func (c *cluster) weigh(ctx context.Context, hc harness.Cluster) {
	m, ok := hc.(harness.MemoryMeter)
	if !ok {
		return
	}
	c.rss = map[harness.NodeID]int64{}
	for _, id := range hc.Members() {
		if n, err := m.RSS(context.WithoutCancel(ctx), id); err == nil {
			c.rss[id] = n
		}
	}
}

// perform starts a cluster and does the run on it. History lines go to w, as o says.
func (p *plan) perform(ctx context.Context, rt harness.Runtime, cfg harness.ClusterConfig, rc harness.RunConfig, w io.Writer, o harness.RecorderOptions) (c cluster, ops []harness.Op, err error) {
	err = rt.Run(ctx, cfg, func(ctx context.Context, env harness.Env, hc harness.Cluster) error {
		recorder := harness.NewRecorder(env, w, o)
		c.look(ctx, env, hc)
		err := harness.Run(ctx, env, hc, recorder, rc)
		c.weigh(ctx, hc)
		if o.Keep {
			ops = recorder.Ops()
		}
		return errors.Join(err, recorder.Flush())
	})
	return c, ops, err
}

// prepared is a run before it starts.
type prepared struct {
	plan     *plan
	runtime  harness.Runtime
	reason   string
	system   systems.Closer
	workload harness.Workload
	schedule harness.Schedule
	folder   *results.Folder
	run      results.Run
	logs     []*os.File
	monitor  *checker.Monitor
	live     *checker.LiveRegisters // nil: keys are judged at the end only
	beside   atomic.Pointer[beside] // nil: live checks see ops as they are recorded
}

var notInIDs = regexp.MustCompile(`[^a-z0-9]+`)

// prepare makes the run's folder with a first run.json.
func (p *plan) prepare(ctx context.Context) (*prepared, error) {
	if p.Seed == 0 {
		p.Seed = drawSeed()
	}
	if err := p.validate(); err != nil {
		return nil, err
	}
	rt, reason, err := p.chooseRuntime(ctx)
	if err != nil {
		return nil, err
	}
	r := &prepared{plan: p, runtime: rt, reason: reason, monitor: checker.NewMonitor()}
	if r.system, err = p.makeSystem(); err != nil {
		return nil, err
	}
	if r.workload, err = p.makeWorkload(); err != nil {
		return nil, err
	}
	if r.schedule, err = p.makeSchedule(); err != nil {
		return nil, err
	}
	if err := harness.Refused(r.schedule, rt); err != nil {
		return nil, &statusError{exitUsage, &unsupportedError{strings.ReplaceAll(err.Error(), "\n", "; ")}}
	}
	r.live = checker.NewLiveRegisters(r.workload.Name() == workloads.Register{}.Name())
	name := strings.Trim(notInIDs.ReplaceAllString(strings.ToLower(p.Name), "-"), "-")
	started := time.Now()
	id := folderName(started, name)
	if r.folder, err = results.Create(p.Out, id); err != nil {
		return nil, infrastructure(err)
	}
	r.run = results.Run{
		Format: results.FormatVersion, ID: id, Started: started, Seed: p.Seed, Command: p.command(rt.Name()),
		Runtime: rt.Name(), RuntimeReason: reason, System: p.System, Faultline: version, Commit: commit(),
		ElectionTimeout: p.Election, HeartbeatInterval: p.Heartbeat,
		Workload: p.Workload, Concurrency: p.Concurrency, Time: p.Time, Schedule: steps(r.schedule), Hostile: p.Hostile,
	}
	if p.Script == "" {
		r.run.ProbeEvery, r.run.ProbeTimeout = p.probe()
	}
	r.run.Machine = results.ThisMachine()
	known, err := results.ReadCalibrations(p.Out)
	if err != nil {
		return nil, infrastructure(err)
	}
	r.run.Calibration = results.LatestCalibration(known, r.run.Machine, rt.Name(), p.System)
	for i := range p.Nodes {
		r.run.Nodes = append(r.run.Nodes, harness.NodeID(fmt.Sprintf("n%d", i+1)))
	}
	if err := r.folder.WriteRun(r.run); err != nil {
		return nil, infrastructure(err)
	}
	return r, nil
}

// folderName names what a command leaves behind: by time, so that listings are in order, by name, and
// unlike any other.
func folderName(at time.Time, name string) string {
	return fmt.Sprintf("%s-%s-%s", at.Format("20060102-150405"), name, uuid.NewString()[:4])
}

func steps(s harness.Schedule) []results.Step {
	out := make([]results.Step, 0, len(s))
	for _, st := range s {
		out = append(out, results.Step{At: st.At, For: st.For, Fault: st.Fault.String(), Target: st.Target})
	}
	return out
}

// command repeats the run: everything that differs from the defaults.
func (p *plan) command(runtime string) []string {
	d := defaultPlan()
	args := []string{os.Args[0], "run"} // as it was called: to be copied and pasted
	args = append(args, p.source...)    // it may hold a schedule
	add := func(flag string, same bool, v any) {
		if !same {
			args = append(args, fmt.Sprintf("--%s=%v", flag, v))
		}
	}
	add("runtime", false, runtime)
	add("system", p.System == d.System, p.System)
	add("binary", p.Binary == "", p.Binary)
	add("bug", p.Bug == "", p.Bug)
	add("nodes", p.Nodes == d.Nodes, p.Nodes)
	add("election-timeout", p.Election == d.Election, p.Election)
	add("heartbeat-interval", p.Heartbeat == d.Heartbeat, p.Heartbeat)
	add("snapshot-count", p.Snapshot == d.Snapshot, p.Snapshot)
	add("workload", p.Workload == d.Workload, p.Workload)
	add("concurrency", p.Concurrency == d.Concurrency, p.Concurrency)
	add("rate", p.Rate == d.Rate, p.Rate)
	add("probe", p.Probe == d.Probe, p.Probe)
	add("hash", p.Hash == d.Hash, p.Hash)
	add("faults", slices.Equal(p.Faults, d.Faults), strings.Join(p.Faults, ","))
	add("storm", p.Storm == 0, p.Storm)
	add("hostile", !p.Hostile, p.Hostile)
	add("stop-on-violation", !p.Stop, p.Stop)
	add("time", p.Time == d.Time, p.Time)
	add("seed", false, p.Seed)
	return args
}

// commit is the revision that this program was built from, if the build knew.
func commit() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				return s.Value
			}
		}
	}
	return ""
}

// clusterConfig lets logs go to the folder.
func (r *prepared) clusterConfig(problems *[]error) harness.ClusterConfig {
	return harness.ClusterConfig{
		RunID: "faultline-" + r.run.ID, Seed: r.plan.Seed, System: r.system, Nodes: r.plan.Nodes,
		Logs: func(id harness.NodeID) io.Writer {
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

func (r *prepared) close() error {
	var errs []error
	for _, f := range r.logs {
		errs = append(errs, f.Close())
	}
	r.logs = nil
	return errors.Join(append(errs, r.system.Close())...)
}

// execute does the run; the folder then holds its history and logs.
func (r *prepared) execute(ctx context.Context, observe func(*harness.Op)) {
	history, err := r.folder.CreateHistory()
	if err != nil {
		r.settle(err)
		return
	}
	var problems []error
	rc := r.plan.runConfig(r.workload, r.schedule)
	if r.plan.Stop {
		rc.Stop = r.violation
	}
	see := r.observeLive
	if !virtual(r.runtime) {
		b, err := judgeBeside(ctx, r.folder, r.observeLive)
		if err != nil {
			r.settle(errors.Join(err, history.Close(), r.close()))
			return
		}
		r.beside.Store(b)
		see = func(_ context.Context, op *harness.Op) { b.record(op) }
	}
	c, _, err := r.plan.perform(ctx, r.runtime, r.clusterConfig(&problems), rc, history, harness.RecorderOptions{Observe: func(op *harness.Op) {
		see(ctx, op)
		observe(op)
	}})
	if b := r.beside.Load(); b != nil {
		last := b.stop(liveCheckPatience)
		last.UndecidedKeys = r.undecided()
		r.run.LiveCheck = &last
	}
	problems = append(problems, err, history.Close(), r.close())
	r.learn(c)
	r.settle(errors.Join(problems...))
}

// liveCheckPatience is how long a run that has ended waits for what judges beside it. What that does
// not come to then is judged with the whole history.
const liveCheckPatience = 10 * time.Second

// observeLive lets what judges while the run goes on see an op.
func (r *prepared) observeLive(ctx context.Context, op *harness.Op) {
	r.monitor.Observe(op)
	if r.live != nil {
		r.live.Observe(ctx, op)
	}
}

// undecided is how many keys the live checks did not judge to their end.
func (r *prepared) undecided() int {
	if r.live == nil {
		return 0
	}
	return r.live.Undecided()
}

// virtual says whether a runtime's time is not the machine's: there nothing may be done beside a run.
func virtual(rt harness.Runtime) bool { return rt.Name() == "sim" }

// violation is what the live checks found.
func (r *prepared) violation() error {
	if v := r.found(); v != nil {
		return &violationError{v.Reason}
	}
	return nil
}

// found is the first violation of any live check, nil if there was none.
func (r *prepared) found() *harness.Verdict {
	if v := r.monitor.Violation(); v != nil || r.live == nil {
		return v
	}
	return r.live.Violation()
}

// violationError ends a run that was to stop at a violation.
type violationError struct{ reason string }

func (e *violationError) Error() string { return "a live check found a violation: " + e.reason }

func (r *prepared) learn(c cluster) {
	if c.members != nil {
		r.run.Nodes = c.members
	}
	r.run.MemberIDs, r.run.SystemVersion, r.run.StartTimings = c.ids, c.version, c.timings
	r.run.Resources.MemberRSS = c.rss
}

// settle sorts what ended the run: an interruption, something that was not healed, a property of the
// system (judged from the history, or told by the simulation), or a broken run.
func (r *prepared) settle(err error) {
	r.run.Finished = time.Now()
	if err == nil {
		return
	}
	r.run.Interrupted = errors.Is(err, harness.ErrInterrupted)
	if v := (*violationError)(nil); errors.As(err, &v) {
		r.run.Stopped = v.Error()
	}
	var unhealed *harness.HealError
	if errors.As(err, &unhealed) {
		r.run.HealProblem = unhealed.Error()
	}
	if v, ok := invariant(err); ok {
		r.run.Verdicts = append(r.run.Verdicts, v)
	}
	if broken(err) {
		r.run.Error = err.Error()
	}
}

// invariant makes a verdict of a simulation's own finding.
func invariant(err error) (harness.Verdict, bool) {
	var inv *sim.InvariantError
	if !errors.As(err, &inv) {
		return harness.Verdict{}, false
	}
	return harness.Verdict{Checker: "invariants", Validity: harness.Invalid, Reason: inv.Error()}, true
}

// broken says whether the run itself failed, beyond what verdicts and other fields tell.
func broken(err error) bool {
	var (
		recovery *harness.NoRecoveryError
		unhealed *harness.HealError
		inv      *sim.InvariantError
	)
	return !errors.Is(err, harness.ErrInterrupted) && !errors.As(err, &recovery) && !errors.As(err, &unhealed) && !errors.As(err, &inv)
}

// judge reads the folder back, lets the checkers judge it, and renders the report. Nothing crosses
// from running to judging but the folder.
func judge(ctx context.Context, folder *results.Folder, run results.Run, list []harness.Checker, limit time.Duration) (results.Analysis, error) {
	h, warnings, err := folder.ReadHistory()
	if err != nil {
		return results.Analysis{}, infrastructure(err)
	}
	h.Nodes = run.Nodes
	check, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	defer cancel()
	run.Verdicts = append(slices.DeleteFunc(run.Verdicts, func(v harness.Verdict) bool { return v.Checker != "invariants" }),
		checker.Run(check, list, h)...)
	run.Verdict = harness.Worst(run.Verdicts)
	run.ExitCode = exitOf(run.Verdict)
	if run.Error != "" {
		run.ExitCode = worse(run.ExitCode, exitInfrastructure)
	}
	if run.HealProblem != "" {
		run.ExitCode = worse(run.ExitCode, exitResidue)
	}
	for _, c := range run.Claims {
		switch {
		case c.Undecided != "" && run.Verdict == harness.Valid: // a scenario that showed less than it is for
			run.Verdict, run.ExitCode = harness.Unknown, worse(run.ExitCode, exitUnknown)
		case c.Undecided == "" && !c.Holds:
			run.Verdict, run.ExitCode = harness.Invalid, worse(run.ExitCode, exitInvalid)
		}
	}
	weighSelf(&run)
	timeFirstWrite(&run, h.Ops)
	if err := folder.WriteRun(run); err != nil {
		return results.Analysis{}, infrastructure(err)
	}
	a := results.Analyze(run, h)
	a.Warnings = warnings
	if err := results.Render(folder, a); err != nil {
		return a, infrastructure(err)
	}
	return a, nil
}

// weighSelf notes what the run cost this program, unless the run is judged again.
func weighSelf(run *results.Run) {
	var usage syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &usage) == nil && run.Resources.HarnessMaxRSS == 0 {
		run.Resources.HarnessMaxRSS = usage.Maxrss << 10 // Linux counts KiB
		run.Resources.HarnessCPU = cpuOf(usage)
	}
}

const firstWrite = "in all, to the first committed write"

// timeFirstWrite completes the parts of the start with how long it took until a client's write was
// acknowledged, the first election included.
func timeFirstWrite(run *results.Run, ops []harness.Op) {
	if slices.ContainsFunc(run.StartTimings, func(t harness.Timing) bool { return t.Name == firstWrite }) {
		return
	}
	kinds := map[int]harness.Kind{} // of open calls, by process
	i := slices.IndexFunc(ops, func(op harness.Op) bool {
		if op.Type == harness.Invoke {
			kinds[op.Process] = op.Kind
		}
		return op.Type == harness.OK && kinds[op.Process] == harness.KindWrite
	})
	if i >= 0 {
		run.StartTimings = append(run.StartTimings, harness.Timing{Name: firstWrite, Took: ops[i].Time})
	}
}
