package checker

import (
	"slices"
	"time"

	"github.com/faultline-chaos/faultline/history"
	"github.com/faultline-chaos/faultline/history/raftlog"
)

// RunFacts are what is known about a run before it is judged. They determine which checkers judge it.
type RunFacts struct {
	LogLanguage history.LogLanguage // of its system; see raftlog.Spoken
	Script      bool                // a scenario with expectations of its own: its steps are no workload under a schedule
	Ops         []history.OpKind    // of its workload; nil: not known
	Faults      []PlannedFault      // in the order of the schedule
	ProbeEvery  time.Duration       // 0: there are no probes
	// Hostile surroundings lose messages, and members lose power of which no history tells.
	Hostile         bool
	Time            time.Duration // length of the faults phase
	ElectionTimeout time.Duration
}

// PlannedFault is a step of a schedule.
type PlannedFault struct {
	At, For time.Duration
	Target  history.Target
}

// RunJudge is a general checker: it judges runs of any workload.
type RunJudge interface {
	history.Checker
	// JudgesRun returns the checker configured for this run; nil: it does not apply to the run.
	JudgesRun(RunFacts) history.Checker
}

// Need is an input of a checker that not every system offers.
type Need string

// RaftLog is raft's own messages in the members' logs, as package raftlog reads them.
const RaftLog Need = "raft's log"

// Needing is implemented by checkers that have needs.
type Needing interface {
	Needs() []Need
}

// Choose says who judges a run: the checkers of its workload, then those of All, and of more of the caller,
// that judge such a run by themselves. Who needs what the system does not offer is not asked: it could only say Unknown.
func Choose(workload []history.Checker, r RunFacts, more ...Entry) (asked []history.Checker, left []history.NotAsked) {
	list := slices.Clone(workload)
	for _, e := range append(All(), more...) {
		if j, ok := e.New().(RunJudge); ok {
			if c := j.JudgesRun(r); c != nil {
				list = append(list, c)
			}
		}
	}
	for _, c := range list {
		if why := r.lacks(c); why != "" {
			left = append(left, history.NotAsked{Checker: c.Name(), Reason: why})
		} else {
			asked = append(asked, c)
		}
	}
	return asked, left
}

// lacks says which need of the checker the system does not meet; "": it meets all.
func (r RunFacts) lacks(c history.Checker) string {
	n, ok := c.(Needing)
	if ok && slices.Contains(n.Needs(), RaftLog) && !raftlog.Spoken(r.LogLanguage) {
		return "the system's log is not raft's"
	}
	return ""
}

// overlap reports whether the schedule lets two faults be active at the same time.
func (r RunFacts) overlap() bool {
	for i, a := range r.Faults {
		for _, b := range r.Faults[i+1:] {
			if a.At < b.At+b.For && b.At < a.At+a.For {
				return true
			}
		}
	}
	return false
}

// targets reports whether a scheduled fault has one of these targets.
func (r RunFacts) targets(any ...history.Target) bool {
	return slices.ContainsFunc(r.Faults, func(f PlannedFault) bool { return slices.Contains(any, f.Target) })
}

// serviceLevel is the longest outage that is allowed while a majority is healthy: ten elections.
func (r RunFacts) serviceLevel() time.Duration { return max(10*time.Second, 10*r.ElectionTimeout) }
