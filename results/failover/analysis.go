package failover

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"github.com/faultline-chaos/faultline/history"
	"github.com/faultline-chaos/faultline/history/raftlog"
	"github.com/faultline-chaos/faultline/results"
)

// Analysis is everything that reports show, computed from a run and its history and from nothing
// else.
type Analysis struct {
	Run      results.Run
	History  history.History
	Warnings []string // about damaged files; set by AnalyzeFolder

	End         time.Duration // the last op's time
	Ops         Counts        // all calls of the workload's clients
	ByF         map[string]Counts
	Phases      []PhaseMark
	Faults      []Injected
	Events      []raftlog.Event
	Lanes       [][]Segment // in the order of Run.Nodes
	Leaderships []Leadership
	Episodes    []Episode
	Controls    []Control
	Baseline    *Baseline // nil: the run had too little time without faults
	Stats       []Summary
	Groups      []Group  // by fault and target
	Probes      *Probing // nil: the run had none

	WorkloadCalls []Call // the workload's
	ProbeCalls    []Call
}

// PhaseMark is where a phase of the run began.
type PhaseMark struct {
	Phase history.Phase `json:"phase"`
	At    time.Duration `json:"at"`
	Line  int           `json:"line"`
}

// Analyze computes everything from a run and its history. It is pure and changes neither.
func Analyze(run results.Run, h history.History) Analysis {
	a := Analysis{Run: run, History: h, ByF: map[string]Counts{}}
	if len(a.Run.Nodes) == 0 {
		a.Run.Nodes = h.Nodes
	}
	if n := len(h.Ops); n > 0 {
		a.End = h.Ops[n-1].Time
	}
	a.Phases = phasesOf(h.Ops)
	a.Faults = faultsOf(h.Ops, a.Run.Nodes)
	a.Events = eventsOf(h, &run)
	a.Leaderships = leaderships(a.Run.Nodes, a.Events, a.Faults, a.End)
	markLeaders(a.Faults, a.Leaderships, len(a.Run.Nodes), a.End)
	a.Lanes = lanes(a.Run.Nodes, a.Events, a.Faults, a.End)
	a.WorkloadCalls, a.ProbeCalls = callsOf(h.Ops, a.Faults, a.End)
	a.Probes = probing(a.Run, h.Ops, a.ProbeCalls, a.Faults, a.End)
	for _, list := range [][]Call{a.WorkloadCalls, a.ProbeCalls} {
		for i := range list {
			n := a.ByF[list[i].F]
			n.Add(&list[i])
			a.ByF[list[i].F] = n
		}
	}
	for i := range a.WorkloadCalls {
		a.Ops.Add(&a.WorkloadCalls[i])
	}
	s := study{nodes: a.Run.Nodes, timeout: run.ElectionTimeout, beat: run.HeartbeatInterval, ops: h.Ops, events: a.Events, mute: !raftlog.Spoken(run.LogLanguage), faults: a.Faults, leaders: a.Leaderships, calls: a.WorkloadCalls, probes: a.ProbeCalls, probing: a.Probes, end: a.LoadEnd()}
	a.Episodes = s.episodes()
	a.Baseline = s.base
	a.Controls = s.controls()
	if a.Probes != nil {
		a.Probes.explain(a.Episodes, s.patience())
	}
	a.Summarize()
	return a
}

// Summarize computes Stats and Groups from the episodes.
func (a *Analysis) Summarize() {
	a.Stats, a.Groups = summaries(Pointers(a.Episodes)), a.groups()
}

// AnalyzeFolder reads the folder and analyzes it.
func AnalyzeFolder(f *results.Folder) (Analysis, error) {
	run, err := f.ReadRun()
	if err != nil {
		return Analysis{}, err
	}
	h, warnings, err := f.ReadHistory()
	if err != nil {
		return Analysis{}, err
	}
	a := Analyze(run, h)
	a.Warnings = warnings
	return a, nil
}

// LoadEnd is until when clients call all the time: final reads are no probes.
func (a *Analysis) LoadEnd() time.Duration {
	for _, p := range a.Phases {
		if p.Phase == history.PhaseFinal {
			return p.At
		}
	}
	return a.End
}

// Landed counts the faults whose effect was seen.
func (a *Analysis) Landed() int {
	n := 0
	for i := range a.Faults {
		if a.Faults[i].Landed() {
			n++
		}
	}
	return n
}

func phasesOf(ops []history.Op) []PhaseMark {
	var out []PhaseMark
	for i := range ops {
		op := &ops[i]
		var v history.PhaseValue
		if op.Process == history.HarnessProcess && op.F == history.FPhase && op.Type == history.OK && json.Unmarshal(op.Value, &v) == nil {
			out = append(out, PhaseMark{v.Phase, op.Time, op.Index + 1})
		}
	}
	return out
}

// eventsOf takes each member's log, or what the poller saw of it where its log tells nothing or is in
// another language.
func eventsOf(h history.History, run *results.Run) []raftlog.Event {
	var events []raftlog.Event
	if raftlog.Spoken(run.LogLanguage) {
		events = raftlog.Read(h.Logs, run.MemberIDs)
	}
	logged := map[history.NodeID]bool{}
	for _, e := range events {
		switch e.Kind {
		case raftlog.BecameFollower, raftlog.BecameCandidate, raftlog.BecameLeader, raftlog.BecamePre:
			logged[e.Node] = true
		}
	}
	events = append(events, statusEvents(h.Ops, logged)...)
	raftlog.Sort(events)
	return events
}

// statusEvents stands in for the logs of members that have none: what the poller saw. It is as fine
// as the poller's pause.
func statusEvents(ops []history.Op, logged map[history.NodeID]bool) []raftlog.Event {
	kinds := map[history.Role]raftlog.Kind{history.Leader: raftlog.BecameLeader, history.Follower: raftlog.BecameFollower, history.Candidate: raftlog.BecameCandidate}
	last := map[history.NodeID]history.StatusValue{}
	var out []raftlog.Event
	for i := range ops {
		op := &ops[i]
		if op.Process != history.HarnessProcess || op.F != history.FStatus || logged[op.Node] {
			continue
		}
		var v history.StatusValue
		if json.Unmarshal(op.Value, &v) != nil || v.Same(last[op.Node]) {
			continue
		}
		last[op.Node] = v
		if kinds[v.Role] == "" {
			continue // a member that did not answer has no role
		}
		out = append(out, raftlog.Event{At: op.Time, Node: op.Node, Kind: kinds[v.Role], Term: v.Term, Peer: string(v.Leader), Line: op.Index + 1, Source: results.HistoryFile})
	}
	return out
}

// markLeaders says of each fault whether it hit the leader of its time and whether a majority was
// left. The logs decide; where they know no leader, what the poller saw does.
func markLeaders(faults []Injected, ls []Leadership, members int, end time.Duration) {
	for i := range faults {
		f := &faults[i]
		f.LeaderThen = f.Leader
		if l, ok := leaderAt(ls, f.Issued); ok {
			f.LeaderThen = l.Node
		}
		f.HitLeader = f.LeaderThen != "" && f.Affects(f.LeaderThen)
		f.QuorumLost = harmed(faults, f, f.Issued, end) > (members-1)/2
	}
}

// harmed counts the members that faults hold at t, f among them, so that they can neither lead nor vote.
func harmed(faults []Injected, f *Injected, t, end time.Duration) int {
	who := map[history.NodeID]bool{}
	for j := range faults {
		if g := &faults[j]; (g == f || g.activeAt(t, end)) && g.Error == "" && g.Effect.Traits().NoVote {
			for _, id := range g.Affected {
				who[id] = true
			}
		}
	}
	return len(who)
}

// Failovers is the content of failovers.jsonl: one line an episode.
func (a *Analysis) Failovers() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	for i := range a.Episodes {
		if err := enc.Encode(&a.Episodes[i]); err != nil {
			return nil, fmt.Errorf("encode episode %s: %w", a.Episodes[i].ID, err)
		}
	}
	return b.Bytes(), nil
}
