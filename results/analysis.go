package results

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/faultline-chaos/faultline/harness"
)

// Analysis is everything that reports show, computed from a run and its history and from nothing
// else.
type Analysis struct {
	Run      Run
	History  harness.History
	Warnings []string // about damaged files; set by Folder.Analyze

	End         time.Duration // the last op's time
	Ops         Counts        // all calls of the workload's clients
	ByF         map[string]Counts
	Phases      []PhaseMark
	Faults      []Injected
	Events      []RaftEvent
	Lanes       [][]Segment // in the order of Run.Nodes
	Leaderships []Leadership
	Episodes    []Episode
	Controls    []Control
	Stats       []Summary
	Probes      *Probing // nil: the run had none

	calls  []call // the workload's
	probes []call
}

// PhaseMark is where a phase of the run began.
type PhaseMark struct {
	Phase harness.Phase `json:"phase"`
	At    time.Duration `json:"at"`
	Line  int           `json:"line"`
}

// Control is a fault that left the leader alone: what calls through members that no fault held saw
// meanwhile. They should see nothing.
type Control struct {
	Fault         *Injected      `json:"fault"`
	From          time.Duration  `json:"from"`
	To            time.Duration  `json:"to"`
	Calls         Counts         `json:"calls"`
	Errors        []int          `json:"errors,omitempty"`      // lines of history.jsonl, at most 20
	LongestGap    *time.Duration `json:"longest_gap,omitempty"` // without an acknowledged call
	LeaderChanges int            `json:"leader_changes"`
}

// Undisturbed says that nobody noticed.
func (c *Control) Undisturbed() bool {
	return c.Calls.OK > 0 && c.Calls.OK == c.Calls.All() && c.LeaderChanges == 0
}

// Analyze computes everything from a run and its history. It is pure and changes neither.
func Analyze(run Run, h harness.History) Analysis {
	a := Analysis{Run: run, History: h, ByF: map[string]Counts{}}
	if len(a.Run.Nodes) == 0 {
		a.Run.Nodes = h.Nodes
	}
	if n := len(h.Ops); n > 0 {
		a.End = h.Ops[n-1].Time
	}
	a.Phases = phasesOf(h.Ops)
	a.Faults = faultsOf(h.Ops)
	a.Events = eventsOf(h, run.MemberIDs)
	a.Leaderships = leaderships(a.Run.Nodes, a.Events, a.Faults, a.End)
	markLeaders(a.Faults, a.Leaderships, len(a.Run.Nodes), a.End)
	a.Lanes = lanes(a.Run.Nodes, a.Events, a.Faults, a.End)
	a.calls, a.probes = callsOf(h.Ops, a.Faults, a.End)
	a.Probes = probing(a.Run, h.Ops, a.probes, a.Faults, a.End)
	for _, list := range [][]call{a.calls, a.probes} {
		for i := range list {
			n := a.ByF[list[i].f]
			n.add(list[i].typ)
			a.ByF[list[i].f] = n
		}
	}
	for i := range a.calls {
		a.Ops.add(a.calls[i].typ)
	}
	s := study{nodes: a.Run.Nodes, timeout: run.ElectionTimeout, ops: h.Ops, events: a.Events, faults: a.Faults, leaders: a.Leaderships, calls: a.calls, probes: a.probes, probing: a.Probes, end: a.loadEnd()}
	a.Episodes = s.episodes()
	a.Controls = controls(a.Faults, a.calls, a.Leaderships, a.End)
	a.Stats = summaries(a.Episodes)
	return a
}

// Analyze reads the folder and analyzes it.
func (f *Folder) Analyze() (Analysis, error) {
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

// loadEnd is until when clients call all the time: final reads are no probes.
func (a *Analysis) loadEnd() time.Duration {
	for _, p := range a.Phases {
		if p.Phase == harness.PhaseFinal {
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

func phasesOf(ops []harness.Op) []PhaseMark {
	var out []PhaseMark
	for i := range ops {
		op := &ops[i]
		var v harness.PhaseValue
		if op.Process == harness.HarnessProcess && op.F == harness.FPhase && op.Type == harness.OK && json.Unmarshal(op.Value, &v) == nil {
			out = append(out, PhaseMark{v.Phase, op.Time, op.Index + 1})
		}
	}
	return out
}

// eventsOf takes each member's log, or what the poller saw of it where its log tells nothing.
func eventsOf(h harness.History, ids map[harness.NodeID]string) []RaftEvent {
	events := RaftEvents(h.Logs, ids)
	logged := map[harness.NodeID]bool{}
	for _, e := range events {
		switch e.Kind {
		case BecameFollower, BecameCandidate, BecameLeader, BecamePre:
			logged[e.Node] = true
		}
	}
	events = append(events, statusEvents(h.Ops, logged)...)
	sortEvents(events)
	return events
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
		f.HitLeader = f.LeaderThen != "" && f.hits(f.LeaderThen)
		harmed := map[harness.NodeID]bool{}
		for j := range faults {
			if g := &faults[j]; j == i || g.activeAt(f.Issued, end) {
				if g.Error != "" || EffectOf(g.Fault) == Impaired {
					continue
				}
				for _, id := range g.Nodes {
					harmed[id] = true
				}
			}
		}
		f.QuorumLost = len(harmed) > (members-1)/2
		if EffectOf(f.Fault) == Cut && f.Fault == "partition" && len(f.Nodes) > members/2 {
			f.QuorumLost = false // the target's own side is a majority
		}
	}
}

func controls(faults []Injected, calls []call, ls []Leadership, end time.Duration) []Control {
	var out []Control
	for i := range faults {
		f := &faults[i]
		if f.HitLeader || !f.Landed() || f.QuorumLost || overlapsLeaderFault(f, faults, end) {
			continue
		}
		c := Control{Fault: f, From: f.Confirmed, To: f.end(end)}
		if f.HealIssued != nil {
			c.To = *f.HealIssued
		}
		c.watch(calls)
		for _, l := range ls {
			if l.From > c.From && l.From < c.To {
				c.LeaderChanges++
			}
		}
		out = append(out, c)
	}
	return out
}

func (c *Control) watch(calls []call) {
	var ends []time.Duration
	for i := range calls {
		k := &calls[i]
		if k.typ == harness.OK && k.to >= c.From && k.to <= c.To {
			ends = append(ends, k.to)
		}
		if k.from < c.From || k.from >= c.To || !k.unharmed {
			continue
		}
		c.Calls.add(k.typ)
		if k.typ != harness.OK && len(c.Errors) < 20 {
			c.Errors = append(c.Errors, max(k.done, k.line))
		}
	}
	if c.Calls.All() == 0 {
		return
	}
	slices.Sort(ends)
	last, longest := c.From, time.Duration(0)
	for _, t := range append(ends, c.To) {
		longest, last = max(longest, t-last), t
	}
	c.LongestGap = &longest
}

// overlapsLeaderFault says whether the leader was in trouble meanwhile: then the fault is no control.
func overlapsLeaderFault(f *Injected, faults []Injected, end time.Duration) bool {
	for j := range faults {
		if g := &faults[j]; g.HitLeader && g.Landed() && g.Issued < f.end(end) && g.end(end) > f.Issued {
			return true
		}
	}
	return false
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
