package live

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/history"
	"github.com/faultline-chaos/faultline/results/format"
)

// Plan is what is known of a run before it begins.
type Plan struct {
	Title   string // for the first line
	Seed    uint64
	Members []history.NodeID
	Steps   []harness.Step // of the schedule

	Warmup, Faults, Settle time.Duration // lengths of the phases
	Probed                 bool          // there are probes: they time latency and silence, else the workload's calls do
	Patience               time.Duration // a kind of call that was not answered for this long is reported as an outage
}

// EventKind says what an event is about.
type EventKind uint8

const (
	PhaseEvent     EventKind = iota
	LeaderEvent              // an election was won, or there is no leader any more
	FaultEvent               // a fault was confirmed
	HealEvent                // a fault was healed
	TroubleEvent             // a fault was not confirmed or not healed; the run was interrupted
	ViolationEvent           // a live check found a violation
)

// Event is something worth a line.
type Event struct {
	At   time.Duration // on the run's clock
	Kind EventKind
	Text string
}

// Line is the event as plain text.
func (e Event) Line() string { return fmt.Sprintf("%7.2fs  %s", e.At.Seconds(), e.Text) }

// FaultState is how far an injection has come.
type FaultState uint8

const (
	Injecting FaultState = iota
	Active
	Healing
	Missed // it was not confirmed, and is still to be healed
)

// Fault is one injection that has not ended.
type Fault struct {
	history.FaultValue
	State FaultState
	Since time.Duration // in this state
}

// Member is what was last seen of one.
type Member struct {
	ID history.NodeID
	history.StatusValue
	Seen bool // it was asked at all
}

// Checks is the state of the live checks.
type Checks struct {
	Answers, Hashes int           // judged so far
	Behind          int           // lines of the history that they have not come to,
	Lag             time.Duration // and how long ago on the run's clock the next of these is
	Undecided       int           // keys whose linearizability is left to the end of the run
	Violation       string        // empty: none was found
}

// Limits of what a State holds, however long the run.
const (
	maxEvents = 1000
	maxCells  = 512
)

// State is everything that is shown of a run. It is not safe for concurrent use. The zero value is
// a run of no members that has not begun.
type State struct {
	Plan     Plan
	Now      time.Duration // of the newest op
	Phase    history.Phase // empty: the members are starting
	Since    time.Duration // of Phase
	Stage    string        // what goes on instead of a phase: at the end, and after an interruption; empty: nothing
	Members  []Member
	Active   []Fault // in the order of injection
	Tried    int     // injections that ended, confirmed or not
	Landed   int
	Checks   Checks
	lagging  bool                 // an event reported it
	Counts   map[history.Type]int // ends of the workload's calls
	Rejected int                  // that were rejected by their own condition, and are not in Counts
	Events   []Event              // the newest maxEvents
	Dropped  int                  // older ones

	Elections   int           // won, that were seen; the first one included
	LeaderSince time.Duration // since when Leader leads, or nobody
	leader      history.NodeID
	leaderTerm  uint64
	topTerm     uint64 // the highest in which somebody was seen to lead

	Writes, Reads Latency
	cells         []cell // of rates; the last is still filled
	first         int    // number of cells[0] since time 0
	open          map[int]openCall
}

// openCall is a call that has not ended.
type openCall struct {
	due   time.Duration
	kind  history.Kind
	probe bool
}

// NewState is a run of which nothing was seen.
func NewState(p Plan) *State {
	s := &State{Plan: p, Counts: map[history.Type]int{}, open: map[int]openCall{}}
	for _, id := range p.Members {
		s.Members = append(s.Members, Member{ID: id})
	}
	return s
}

// Clone is a copy for drawing: it shares nothing that s changes, and has no calls open.
func (s *State) Clone() *State {
	c := *s
	c.Members, c.Active, c.Events, c.cells = slices.Clone(s.Members), slices.Clone(s.Active), slices.Clone(s.Events), slices.Clone(s.cells)
	c.Writes, c.Reads = s.Writes.clone(), s.Reads.clone()
	c.Counts, c.open = maps.Clone(s.Counts), nil
	return &c
}

// Observe folds the next op of the history, and gives the events that it is. It keeps nothing of op.
func (s *State) Observe(op *history.Op) []Event {
	before := s.Dropped + len(s.Events)
	s.Now = max(s.Now, op.Time)
	switch {
	case op.Client():
		s.client(op)
	case op.Process == history.NemesisProcess:
		s.nemesis(op)
	case op.F == history.FPhase:
		var v history.PhaseValue
		if json.Unmarshal(op.Value, &v) == nil && op.Error == "" {
			s.Phase, s.Since = v.Phase, op.Time
			s.event(PhaseEvent, "phase %s", v.Phase)
			if v.Phase == history.PhaseEnd {
				s.Stage = "stopping the members"
			}
		}
	case op.F == history.FStatus:
		var v history.StatusValue
		if json.Unmarshal(op.Value, &v) == nil {
			s.status(op.Node, v)
		}
	}
	return s.Events[before-s.Dropped:]
}

// lagReported is how far live checks are behind when that is worth an event. That they have caught up is
// one where less than lagGone is left.
const (
	lagReported = 2 * time.Second
	lagGone     = 500 * time.Millisecond
)

// Judge takes what the live checks say now. The first violation is an event, and so is falling behind.
func (s *State) Judge(c Checks) (events []Event) {
	found := s.Checks.Violation == "" && c.Violation != ""
	s.Checks = c
	switch {
	case !s.lagging && c.Lag >= lagReported:
		s.lagging = true
		events = append(events, s.event(TroubleEvent, "the live checks are %s behind (%.1f s)", format.Plural(c.Behind, "op", "ops"), c.Lag.Seconds())...)
	case s.lagging && c.Lag < lagGone:
		s.lagging = false
		events = append(events, s.event(TroubleEvent, "the live checks have caught up")...)
	}
	if found {
		events = append(events, s.event(ViolationEvent, "VIOLATION: %s", c.Violation)...)
	}
	return events
}

// Interrupt notes that the run is to end early, and why.
func (s *State) Interrupt(why string) []Event {
	s.Stage = "stopping cleanly"
	return s.event(TroubleEvent, "%s: stopping cleanly; press Ctrl-C again to quit at once", why)
}

func (s *State) event(k EventKind, format string, args ...any) []Event {
	e := Event{s.Now, k, strings.ReplaceAll(fmt.Sprintf(format, args...), "\n", "; ")}
	if len(s.Events) == maxEvents {
		s.Events = append(s.Events[:0], s.Events[maxEvents/2:]...)
		s.Dropped += maxEvents / 2
	}
	s.Events = append(s.Events, e)
	return s.Events[len(s.Events)-1:]
}

func (s *State) status(id history.NodeID, v history.StatusValue) {
	i := slices.IndexFunc(s.Members, func(m Member) bool { return m.ID == id })
	if i < 0 {
		i = len(s.Members)
		s.Members = append(s.Members, Member{ID: id})
	}
	m := &s.Members[i]
	if v.Role == history.Unreached { // what it said last is still what is known of it
		v.Term, v.Applied, v.Leader = m.Term, m.Applied, ""
	}
	m.StatusValue, m.Seen = v, true
	var leader history.NodeID
	var term uint64
	for _, m := range s.Members {
		if m.Role == history.Leader && (leader == "" || m.Term > term) {
			leader, term = m.ID, m.Term
		}
	}
	if leader == s.leader && term == s.leaderTerm {
		return
	}
	if leader == "" {
		s.event(LeaderEvent, "no leader")
	} else {
		s.event(LeaderEvent, "leader is %s, term %d", leader, term)
	}
	if term > s.topTerm {
		s.topTerm = term
		s.Elections++
	}
	s.leader, s.leaderTerm, s.LeaderSince = leader, term, s.Now
}

// Leader is who leads in the highest term of those that say so, empty where nobody does.
func (s *State) Leader() (history.NodeID, uint64) { return s.leader, s.leaderTerm }

func (s *State) nemesis(op *history.Op) {
	v, err := history.DecodeFault(op.Value, s.Plan.Members)
	if err != nil {
		return
	}
	i := slices.IndexFunc(s.Active, func(f Fault) bool { return f.ID == v.ID })
	switch {
	case op.F == history.FInject && op.Type == history.Invoke:
		s.Active = append(s.Active, Fault{v, Injecting, op.Time})
		return
	case i < 0:
		return // a history has no end without its begin
	case op.F == history.FHold:
		s.event(TroubleEvent, "%s on %s failed while active: %s", v.Fault, nodes(v.Nodes), op.Error)
		return
	case op.F == history.FHeal && op.Type == history.Invoke:
		s.Active[i].State, s.Active[i].Since = Healing, op.Time
		return
	}
	at := &s.Active[i]
	gone := op.F == history.FHeal
	switch {
	case gone && op.Type == history.OK:
		s.event(HealEvent, "healed %s on %s", v.Fault, nodes(v.Nodes))
	case gone:
		s.event(TroubleEvent, "NOT healed: %s on %s: %s", v.Fault, nodes(v.Nodes), op.Error)
	case op.Type == history.OK:
		s.Tried++
		s.Landed++
		at.FaultValue, at.State, at.Since = v, Active, v.Confirmed
		s.event(FaultEvent, "%s %s (%s) confirmed after %.1f ms", v.Fault, v.Target, nodes(v.Nodes), float64(v.Confirmed-v.Issued)/1e6)
	default:
		s.Tried++
		at.State, at.Since = Missed, op.Time
		gone = len(v.Nodes) == 0 // there is nothing to be healed then
		s.event(TroubleEvent, "%s %s was not confirmed: %s", v.Fault, v.Target, op.Error)
	}
	if gone {
		s.Active = slices.Delete(s.Active, i, i+1)
	}
}

// Next is the step of the schedule that comes next, and in how long; false: none does.
func (s *State) Next(now time.Duration) (harness.Step, time.Duration, bool) {
	var next *harness.Step
	for i := range s.Plan.Steps {
		if st := &s.Plan.Steps[i]; s.phaseStart()+st.At > now && (next == nil || st.At < next.At) {
			next = st
		}
	}
	if next == nil || s.Stage != "" || s.Phase != history.PhaseFaults && s.Phase != history.PhaseWarmup && s.Phase != "" {
		return harness.Step{}, 0, false
	}
	return *next, s.phaseStart() + next.At - now, true
}

// phaseStart is when the faults phase began, or will: a warm-up begins before a leader is awaited, and so
// it may be later.
func (s *State) phaseStart() time.Duration {
	if s.Phase == history.PhaseFaults {
		return s.Since
	}
	return s.Since + s.Plan.Warmup
}

// Left is about how long the clients go on, as far as that is known; false where it is not.
func (s *State) Left(now time.Duration) (time.Duration, bool) {
	if s.Stage != "" || s.Phase != history.PhaseWarmup && s.Phase != history.PhaseFaults {
		return 0, false
	}
	return max(0, s.phaseStart()+s.Plan.Faults+s.Plan.Settle-now), true
}

func nodes(ids []history.NodeID) string {
	var list []string
	for _, id := range ids {
		list = append(list, string(id))
	}
	return strings.Join(list, "+")
}
