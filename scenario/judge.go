package scenario

import (
	"context"
	"slices"
	"syscall"
	"time"

	"github.com/faultline-chaos/faultline/checker"
	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/results"
	"github.com/faultline-chaos/faultline/workloads"
)

// OpenRun opens a run's folder with what judges it.
func OpenRun(dir string) (*results.Folder, results.Run, []harness.Checker, error) {
	folder, err := results.Open(dir)
	if err != nil {
		return nil, results.Run{}, nil, Usage("%v", err)
	}
	run, err := folder.ReadRun()
	if err != nil {
		return nil, results.Run{}, nil, Usage("%v", err)
	}
	if len(run.Claims) > 0 {
		return folder, run, scriptCheckers(), nil
	}
	w, err := workloads.ByName(run.Workload, workloads.Options{})
	if err != nil {
		return nil, results.Run{}, nil, Usage("%s: %v", dir, err)
	}
	return folder, run, Checkers(w, run), nil
}

// Checkers judge a run: they are the workload's and those of every run. The control needs faults on followers to judge
// anything, and is asked where the schedule has some; probes are judged where there are any. In hostile
// surroundings messages get lost and members lose power of which no history tells: there neither the
// control nor the service level has a time at which nothing else was broken, and safety alone is judged.
func Checkers(w harness.Workload, run results.Run) []harness.Checker {
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

// Judge reads the folder back, lets the checkers judge it, and renders the report. Nothing crosses
// from running to judging but the folder.
func Judge(ctx context.Context, folder *results.Folder, run results.Run, list []harness.Checker, limit time.Duration) (results.Analysis, error) {
	h, warnings, err := folder.ReadHistory()
	if err != nil {
		return results.Analysis{}, Infrastructure(err)
	}
	h.Nodes = run.Nodes
	check, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	defer cancel()
	run.Verdicts = append(slices.DeleteFunc(run.Verdicts, func(v harness.Verdict) bool { return v.Checker != "invariants" }),
		checker.Run(check, list, h)...)
	run.Verdict = harness.Worst(run.Verdicts)
	run.ExitCode = ExitOf(run.Verdict)
	if run.Error != "" {
		run.ExitCode = Worse(run.ExitCode, ExitInfrastructure)
	}
	if run.HealProblem != "" {
		run.ExitCode = Worse(run.ExitCode, ExitResidue)
	}
	for _, c := range run.Claims {
		switch {
		case c.Undecided != "" && run.Verdict == harness.Valid: // a scenario that showed less than it is for
			run.Verdict, run.ExitCode = harness.Unknown, Worse(run.ExitCode, ExitUnknown)
		case c.Undecided == "" && !c.Holds:
			run.Verdict, run.ExitCode = harness.Invalid, Worse(run.ExitCode, ExitInvalid)
		}
	}
	measureSelf(&run)
	timeFirstWrite(&run, h.Ops)
	if err := folder.WriteRun(run); err != nil {
		return results.Analysis{}, Infrastructure(err)
	}
	a := results.Analyze(run, h)
	a.Warnings = warnings
	if err := results.Render(folder, a); err != nil {
		return a, Infrastructure(err)
	}
	return a, nil
}

// measureSelf notes what the run cost this program, unless the run is judged again.
func measureSelf(run *results.Run) {
	var usage syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &usage) == nil && run.Resources.HarnessMaxRSS == 0 {
		run.Resources.HarnessMaxRSS = usage.Maxrss << 10 // Linux counts KiB
		run.Resources.HarnessCPU = CPUOf(usage)
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

// CPUOf is the time on all cores, in the program and in the kernel for it.
func CPUOf(u syscall.Rusage) time.Duration { return time.Duration(u.Utime.Nano() + u.Stime.Nano()) }
