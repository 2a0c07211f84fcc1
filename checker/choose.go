package checker

import (
	"github.com/faultline-chaos/faultline/history"
	"github.com/faultline-chaos/faultline/history/raftlog"
	"slices"
	"time"
)

// RunFacts are what is known of a run before it is judged. Which checkers judge it depends on them.
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

// RunJudge is a checker of All that judges runs by itself, whatever their workload is.
type RunJudge interface {
	history.Checker
	// JudgesRun is the checker as this run wants it; nil: it does not judge such a run.
	JudgesRun(RunFacts) history.Checker
}

// Need is what a checker reads and not every system offers.
type Need string

// RaftLog is raft's own messages in the members' logs, as package raftlog reads them.
const RaftLog Need = "raft's log"

// Needing is a checker that has needs; without this method it has none.
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

// lacks is why the system does not offer what a checker needs; "": it does.
func (r RunFacts) lacks(c history.Checker) string {
	n, ok := c.(Needing)
	if ok && slices.Contains(n.Needs(), RaftLog) && !raftlog.Spoken(r.LogLanguage) {
		return "the system's log is not raft's"
	}
	return ""
}

// overlap says whether two faults are meant to be active at once.
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

// targets says whether a fault is meant for one of these targets.
func (r RunFacts) targets(any ...history.Target) bool {
	return slices.ContainsFunc(r.Faults, func(f PlannedFault) bool { return slices.Contains(any, f.Target) })
}

// serviceLevel is the longest time without service that a healthy majority may take: ten elections.
func (r RunFacts) serviceLevel() time.Duration { return max(10*time.Second, 10*r.ElectionTimeout) }
