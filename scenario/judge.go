package scenario

import (
	"context"
	"slices"
	"syscall"
	"time"

	"github.com/faultline-chaos/faultline/checker"
	"github.com/faultline-chaos/faultline/history"
	"github.com/faultline-chaos/faultline/results"
	"github.com/faultline-chaos/faultline/results/failover"
	"github.com/faultline-chaos/faultline/results/page"
	"github.com/faultline-chaos/faultline/workloads"
)

// OpenRun opens a run's folder and returns the checkers that judge it.
func OpenRun(dir string) (*results.Folder, results.Run, []history.Checker, error) {
	folder, err := results.Open(dir)
	if err != nil {
		return nil, results.Run{}, nil, Usage("%v", err)
	}
	run, err := folder.ReadRun()
	if err != nil {
		return nil, results.Run{}, nil, Usage("%v", err)
	}
	if len(run.Claims) > 0 {
		list := choose(scriptCheckers(), nil, &run)
		return folder, run, list, nil
	}
	w, err := workloads.ByName(run.Workload, workloads.Options{})
	if err != nil {
		return nil, results.Run{}, nil, Usage("%s: %v", dir, err)
	}
	list := choose(w.Checkers(), w.Ops(), &run)
	return folder, run, list, nil
}

// choose returns the checkers of a run: own, those of its workload or script (a script declares no ops), and
// the general ones that apply to it, among them the caller's. It notes in run.NotAsked which checkers do not
// apply, and why.
func choose(own []history.Checker, ops []history.OpKind, run *results.Run, more ...checker.Entry) (asked []history.Checker) {
	f := checker.RunFacts{
		LogLanguage: run.LogLanguage, Script: ops == nil, Ops: ops, ProbeEvery: run.ProbeEvery, Hostile: run.Hostile,
		Time: run.Time, ElectionTimeout: run.ElectionTimeout,
	}
	for _, s := range run.Schedule {
		f.Faults = append(f.Faults, checker.PlannedFault{At: s.At, For: s.For, Target: s.Target})
	}
	asked, run.NotAsked = checker.Choose(own, f, more...)
	return asked
}

// Judge reads the folder back, lets the checkers judge it, and renders the report. Nothing crosses
// from running to judging but the folder.
func Judge(ctx context.Context, folder *results.Folder, run results.Run, list []history.Checker, limit time.Duration) (failover.Analysis, error) {
	h, warnings, err := folder.ReadHistory()
	if err != nil {
		return failover.Analysis{}, Infrastructure(err)
	}
	h.Nodes = run.Nodes
	check, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	defer cancel()
	run.Verdicts = append(slices.DeleteFunc(run.Verdicts, func(v history.Verdict) bool { return v.Checker != "invariants" }),
		checker.Run(check, list, h)...)
	run.Verdict = history.Worst(run.Verdicts)
	run.ExitCode = ExitOf(run.Verdict)
	if run.Error != "" {
		run.ExitCode = Worse(run.ExitCode, ExitInfrastructure)
	}
	if run.HealProblem != "" {
		run.ExitCode = Worse(run.ExitCode, ExitResidue)
	}
	for _, c := range run.Claims {
		switch {
		case c.Undecided != "" && run.Verdict == history.Valid: // a script that could not decide one of its claims
			run.Verdict, run.ExitCode = history.Unknown, Worse(run.ExitCode, ExitUnknown)
		case c.Undecided == "" && !c.Holds:
			run.Verdict, run.ExitCode = history.Invalid, Worse(run.ExitCode, ExitInvalid)
		}
	}
	measureSelf(&run)
	timeFirstWrite(&run, h.Ops)
	if err := folder.WriteRun(run); err != nil {
		return failover.Analysis{}, Infrastructure(err)
	}
	a := failover.Analyze(run, h)
	a.Warnings = warnings
	if err := page.Render(folder, a); err != nil {
		return a, Infrastructure(err)
	}
	return a, nil
}

// measureSelf records what the run cost this program. A run that is judged again keeps its first values.
func measureSelf(run *results.Run) {
	var usage syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &usage) == nil && run.Resources.HarnessMaxRSS == 0 {
		run.Resources.HarnessMaxRSS = usage.Maxrss << 10 // Linux reports KiB
		run.Resources.HarnessCPU = CPUOf(usage)
	}
}

const firstWrite = "in all, to the first committed write"

// timeFirstWrite adds to the timings of the start how long it took until the first write of a client was
// acknowledged, including the first election.
func timeFirstWrite(run *results.Run, ops []history.Op) {
	if slices.ContainsFunc(run.StartTimings, func(t history.Timing) bool { return t.Name == firstWrite }) {
		return
	}
	kinds := map[int]history.Kind{} // of each process's open call
	i := slices.IndexFunc(ops, func(op history.Op) bool {
		if op.Type == history.Invoke {
			kinds[op.Process] = op.Kind
		}
		return op.Type == history.OK && kinds[op.Process] == history.KindWrite
	})
	if i >= 0 {
		run.StartTimings = append(run.StartTimings, history.Timing{Name: firstWrite, Took: ops[i].Time})
	}
}

// CPUOf is the CPU time on all cores, user and system.
func CPUOf(u syscall.Rusage) time.Duration { return time.Duration(u.Utime.Nano() + u.Stime.Nano()) }
