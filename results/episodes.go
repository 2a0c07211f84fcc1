package results

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/faultline-chaos/faultline/harness"
)

// Mark is a moment and where it is told, as FILE:LINE of the run folder.
type Mark struct {
	At  time.Duration `json:"at"`  // on the history's clock
	Ref string        `json:"ref"` // the file, and its line from 1
}

// Outcome says how a leader's trouble ended.
type Outcome string

const (
	NewLeader Outcome = "new leader"
	Kept      Outcome = "kept"      // the leader led on in the same term
	NoLeader  Outcome = "no leader" // nobody was elected as long as it was watched: censored
)

// Episode is one line of failovers.jsonl: one fault on a leader, or one change of leaders without
// one. All times are nanoseconds on the history's clock; all durations are nanoseconds. What did not
// happen or was not seen is left out, never zero.
type Episode struct {
	ID      string  `json:"id"`      // e1, e2, ... in the order of T0
	Outcome Outcome `json:"outcome"` // "new leader"; "kept": the leader led on in the same term; "no leader": nobody was elected as long as it was watched (censored)
	// Fault is what hit the leader; left out where nothing did.
	Fault *Injected `json:"fault,omitempty"`
	// During are the ids of the faults that were active, or healed within two election timeouts before,
	// apart from Fault.
	During     []string `json:"during,omitempty"`
	QuorumLost bool     `json:"quorum_lost,omitempty"` // the faults left no majority unharmed: no leader was possible before a heal

	OldLeader harness.NodeID `json:"old_leader,omitempty"` // who led before
	OldTerm   uint64         `json:"old_term,omitempty"`   // its term
	NewLeader harness.NodeID `json:"new_leader,omitempty"` // who was elected then
	NewTerm   uint64         `json:"new_term,omitempty"`   // its term

	T0      time.Duration `json:"t0"`      // when the fault was confirmed effective, or the first sign of it where the leader handed over or was replaced before; without a fault: the first sign of the loss
	T0Ref   string        `json:"t0_ref"`  // FILE:LINE that tells T0
	Watched time.Duration `json:"watched"` // until when: the next trouble of a leader, or the end of the load

	Issued    *Mark  `json:"issued,omitempty"`     // the command to inject was given
	HandOver  *Mark  `json:"hand_over,omitempty"`  // the old leader began to hand its office over, as one does that is asked to stop
	Heartbeat *Mark  `json:"heartbeat,omitempty"`  // the last heartbeat that the old leader's clock made it send and that reached another member before T0; only where the runtime sees messages (sim) or the survivors log it (raftkv, to a millisecond or so: At is the time of a line less what it says)
	Detected  *Mark  `json:"detected,omitempty"`   // first campaign or pre-campaign of a survivor
	Elected   *Mark  `json:"elected,omitempty"`    // became leader of a higher term: a majority had voted for it
	Accepted  *Mark  `json:"accepted,omitempty"`   // a majority knew the new leader, where logs tell it
	Committed *Mark  `json:"committed,omitempty"`  // first commit in the new term
	CommitBy  string `json:"commit_by,omitempty"`  // "log": the store said so; "client": first write acknowledged after Elected, through a member that no fault held
	FirstPut  *Mark  `json:"first_put,omitempty"`  // first write of Writes.Ruler due after T0 and acknowledged
	FirstGet  *Mark  `json:"first_get,omitempty"`  // the same for a get
	Writes    Outage `json:"writes"`               // client outage of writes
	Reads     Outage `json:"reads"`                // client outage of reads
	Steady    *Mark  `json:"steady,omitempty"`     // from when goodput and p99 stayed inside the range of the run's Baseline for 2 s, by seconds that begin every 100 ms after T0; there, when the first call was due after the last that failed or was slow
	HealStart *Mark  `json:"heal_start,omitempty"` // the command to heal was given
	Healed    *Mark  `json:"healed,omitempty"`     // the healing was seen
	Rejoined  *Mark  `json:"rejoined,omitempty"`   // first sign after HealStart that the old leader follows the new one or serves
	RejoinBy  string `json:"rejoin_by,omitempty"`  // "log", "poller" or "client": who gave that sign
	SteppedBy *Mark  `json:"stepped,omitempty"`    // the old leader knew that it was over

	Detection        *time.Duration `json:"detection,omitempty"`          // T0 to Detected
	Election         *time.Duration `json:"election,omitempty"`           // T0 to Elected
	WriteReady       *time.Duration `json:"write_ready,omitempty"`        // T0 to Committed
	Disturbance      *time.Duration `json:"disturbance,omitempty"`        // T0 to Steady; 0: the range was never left
	DisturbedAtLeast *time.Duration `json:"disturbed_at_least,omitempty"` // stands for Disturbance where watching ended before: censored
	ClientTax        *time.Duration `json:"client_tax,omitempty"`         // Writes.Took minus WriteReady
	Silence          *time.Duration `json:"silence,omitempty"`            // Heartbeat to T0, less whole heartbeat intervals: the phase within the heartbeat at which the fault came. Whole ones are missing where a heartbeat confirmed reads, too, and so is not counted
	Rejoin           *time.Duration `json:"rejoin,omitempty"`             // HealStart to Rejoined
	RejoinOutage     *time.Duration `json:"rejoin_outage,omitempty"`      // longest time without an acknowledged write from HealStart to two election timeouts after Rejoined
	Stale            *time.Duration `json:"stale,omitempty"`              // the old leader still believed to lead while the new one did; 0: it had stepped down before
	StaleOK          int            `json:"stale_ok"`                     // calls that the old leader acknowledged in that time, of the workload and of probes: there must be none
	Partial          *time.Duration `json:"partial,omitempty"`            // time in which one member failed all probes that were due while another answered, in steps of the probe's period; without probes: all calls that ended, in steps of 100 ms

	Campaigns   []Try    `json:"campaigns,omitempty"` // rounds: of survivors, from T0 to Elected, in the order of time
	SplitVotes  int      `json:"split_votes"`         // terms without a winner in which several members were candidates
	TermsBurned int      `json:"terms_burned"`        // terms between the old and the new leader's
	Votes       []Vote   `json:"votes,omitempty"`     // that the new leader got or was refused
	Ambiguous   int      `json:"ambiguous"`           // writes of the workload of unknown outcome that overlap the outage
	Calls       Counts   `json:"calls"`               // of the workload that were invoked in the outage, on all members
	Missing     []string `json:"missing,omitempty"`   // what was not seen, and why
}

// Outage is how long clients were without one kind of call, through members that no fault held. It
// begins when the last acknowledged call that was due before T0 was due, and ends with the first
// acknowledgement of a sustained success: of a row of at least Sustained calls that succeed, in the
// order in which they were due. A call of another member than those counts under Partial. The calls are those of probes, where
// the run has any of this kind: they are due whatever answers.
type Outage struct {
	Ruler      string         `json:"ruler"`                // "probes", or "calls" of the workload
	LastOK     *Mark          `json:"last_ok,omitempty"`    // when it was due: of a probe, sched of its line
	Back       *Mark          `json:"back,omitempty"`       // when the earliest acknowledgement of the first row of at least Sustained successes came
	Took       *time.Duration `json:"took,omitempty"`       // LastOK to Back: the client outage
	AtLeast    *time.Duration `json:"at_least,omitempty"`   // where it had not ended when watching ended: censored
	Slack      *time.Duration `json:"slack,omitempty"`      // the outage may have ended earlier by up to this much: to Back from when the newest probe that had no answer before was due; without probes, from when the last call that failed was due
	Resolution *time.Duration `json:"resolution,omitempty"` // mean time between calls of this kind in the 2 s before: nothing shorter can be told apart
	Asked      int            `json:"asked,omitempty"`      // n: probes of this kind that were due from T0 to Back, or to the end of watching
	Debt       *time.Duration `json:"debt,omitempty"`       // unavailability debt: probes of this kind through all members without timely success, over their rate; from Issued to the later of Back and Healed
}

// Sustained is how many calls must succeed in a row to end an outage.
const Sustained = 5

// Try is one campaign of one member.
type Try struct {
	Node harness.NodeID `json:"node"`          // who campaigned
	At   time.Duration  `json:"at"`            // when it began
	Term uint64         `json:"term"`          // that it campaigned for
	Pre  bool           `json:"pre,omitempty"` // it asked for pre-votes
	Ran  *Mark          `json:"ran,omitempty"` // became candidate
	// Lost is when it said that it had lost LostLeader: it had not heard from it for its election timeout.
	Lost       *Mark          `json:"lost,omitempty"`
	LostLeader harness.NodeID `json:"lost_leader,omitempty"` // whom it had followed
	Asked      *Mark          `json:"asked,omitempty"`       // the leader had asked it to take over at once
	PreVotes   int            `json:"pre_votes"`             // that it got, its own included
	Votes      int            `json:"votes"`                 // the same of votes that count
	Won        bool           `json:"won,omitempty"`         // became leader
	Refused    []Refusal      `json:"refused,omitempty"`     // by members that refused or ignored it
	Ref        string         `json:"ref"`                   // FILE:LINE that tells At
}

// Refusal is one member's refusal of a campaign, and why, as far as its log tells.
type Refusal struct {
	By  harness.NodeID `json:"by"`            // the voter
	Why string         `json:"why,omitempty"` // in words; left out where the voter's log does not tell
	Ref string         `json:"ref"`           // FILE:LINE that tells it
}

// Vote is one answer to the new leader's campaign.
type Vote struct {
	From    string        `json:"from"`          // the voter
	Pre     bool          `json:"pre,omitempty"` // it is a pre-vote
	Granted bool          `json:"granted"`       // false: it was refused
	At      time.Duration `json:"at"`            // when it arrived
	Ref     string        `json:"ref"`           // FILE:LINE that tells it
}

func ref(file string, line int) string { return fmt.Sprintf("%s:%d", file, line) }

func mark(at time.Duration, where string) *Mark { return &Mark{At: at, Ref: where} }

func since(m *Mark, t0 time.Duration) *time.Duration {
	if m == nil {
		return nil
	}
	d := m.At - t0
	return &d
}

// study is what the episodes are made from.
type study struct {
	nodes   []harness.NodeID
	timeout time.Duration // election timeout
	beat    time.Duration // heartbeat interval; 0: not known
	ops     []harness.Op
	events  []RaftEvent
	faults  []Injected
	leaders []Leadership
	calls   []call // of the workload
	probes  []call
	probing *Probing // nil: no probes
	end     time.Duration
	calm    *Baseline // set by episodes
}

// ruler is what measures an outage of reads or writes.
func (s *study) ruler(reads bool) (list []call, name string) {
	if slices.ContainsFunc(s.probes, func(c call) bool { return c.read == reads }) {
		return s.probes, "probes"
	}
	return s.calls, "calls"
}

// episodes finds every trouble of a leader, in the order of time.
func (s *study) episodes() []Episode {
	var out []Episode
	taken := map[uint64]bool{} // terms whose election an episode accounts for
	if len(s.leaders) > 0 {
		taken[s.leaders[0].Term] = true // the first election of all is the start
	}
	for i := range s.faults {
		f := &s.faults[i]
		if !f.HitLeader || !f.Landed() {
			continue
		}
		old, ok := leaderAt(s.leaders, f.Issued)
		if !ok {
			old = Leadership{Node: f.Leader, Term: f.Term}
		}
		if n := len(out); n > 0 && out[n-1].Fault != nil && out[n-1].OldTerm == old.Term && out[n-1].Fault.activeAt(f.Issued, s.end) {
			out[n-1].During = append(out[n-1].During, f.ID)
			continue // the same leader is hit again before it is lost
		}
		e := Episode{Fault: f, OldLeader: old.Node, OldTerm: old.Term}
		e.T0, e.T0Ref = s.effect(f, old)
		out = append(out, e)
	}
	for i := range out {
		until := s.end
		if i+1 < len(out) {
			until = out[i+1].Fault.Issued
		}
		if l, ok := s.electedAfter(&out[i], until); ok {
			taken[l.Term] = true
		}
	}
	out = append(out, s.unprovoked(taken)...)
	slices.SortStableFunc(out, func(a, b Episode) int { return int(a.T0 - b.T0) })
	for i := range out {
		out[i].ID = fmt.Sprintf("e%d", i+1)
		out[i].Watched = s.end
		if i+1 < len(out) {
			out[i].Watched = out[i+1].begin()
		}
	}
	f := s.flow()
	s.calm = s.baseline(f, out)
	for i := range out {
		s.fill(&out[i])
		s.disturbance(&out[i], f, s.calm)
	}
	return out
}

// effect is when a fault on a leader had its effect: when that was confirmed, or at the first sign of it
// where the leader handed its office over, or was replaced, before. One that is asked to stop does so.
func (s *study) effect(f *Injected, old Leadership) (time.Duration, string) {
	replaced := slices.ContainsFunc(s.leaders, func(l Leadership) bool {
		return l.Term > old.Term && l.From >= f.Issued && l.From < f.Confirmed
	})
	for i := range s.events {
		ev := &s.events[i]
		if ev.At < f.Issued || ev.At >= f.Confirmed {
			continue
		}
		switch ev.Kind {
		case TransferStarted:
			if ev.Node == old.Node && ev.Term == old.Term {
				return ev.At, ev.Ref()
			}
		case Campaign, BecamePre, BecameCandidate:
			if replaced && ev.Term >= old.Term {
				return ev.At, ev.Ref()
			}
		}
	}
	return f.Confirmed, lineRef(f.DoneLine)
}

// begin is where an episode's own clock starts to matter: the order to inject, or T0.
func (e *Episode) begin() time.Duration {
	if e.Fault != nil {
		return min(e.Fault.Issued, e.T0)
	}
	return e.T0
}

// over is when nothing of an episode goes on any more: clients are served, and two election timeouts
// have gone by since its fault was healed and the old leader was back.
func (e *Episode) over(timeout time.Duration) time.Duration {
	if e.Writes.AtLeast != nil || e.Reads.AtLeast != nil || e.Outcome == NoLeader {
		return e.Watched
	}
	end := e.T0
	for _, m := range []*Mark{e.Elected, e.Writes.Back, e.Reads.Back} {
		if m != nil {
			end = max(end, m.At)
		}
	}
	for _, m := range []*Mark{e.HealStart, e.Healed, e.Rejoined} {
		if m != nil {
			end = max(end, m.At+2*timeout)
		}
	}
	return min(end, e.Watched)
}

func (s *study) electedAfter(e *Episode, until time.Duration) (Leadership, bool) {
	for _, l := range s.leaders {
		if l.Term > e.OldTerm && l.From >= e.begin() && l.From <= until {
			return l, true
		}
	}
	return Leadership{}, false
}

// unprovoked are the changes of leaders that no fault on a leader accounts for.
func (s *study) unprovoked(taken map[uint64]bool) []Episode {
	var out []Episode
	for i, l := range s.leaders {
		if i == 0 || taken[l.Term] {
			continue
		}
		old := s.leaders[i-1]
		e := Episode{OldLeader: old.Node, OldTerm: old.Term, T0: l.From, T0Ref: l.Ref}
		if old.Stepped != "" && old.To < e.T0 {
			e.T0, e.T0Ref = old.To, old.Stepped
		}
		earliest := l.From - 10*s.patience()
		for _, ev := range s.events {
			if ev.At > old.From && ev.At >= earliest && ev.At < e.T0 && (ev.Kind == Campaign || ev.Kind == BecamePre || ev.Kind == BecameCandidate || ev.Kind == TransferStarted) && ev.Term+1 >= old.Term {
				e.T0, e.T0Ref = ev.At, ev.Ref()
				break
			}
		}
		out = append(out, e)
	}
	return out
}

// patience is the election timeout, or a second where it is not known.
func (s *study) patience() time.Duration {
	if s.timeout > 0 {
		return s.timeout
	}
	return time.Second
}

func (s *study) fill(e *Episode) {
	s.context(e)
	s.election(e)
	s.commit(e)
	s.clients(e)
	s.healing(e)
	s.stale(e)
	e.Detection, e.Election, e.WriteReady = since(e.Detected, e.T0), since(e.Elected, e.T0), since(e.Committed, e.T0)
	if e.Writes.Took != nil && e.WriteReady != nil {
		d := *e.Writes.Took - *e.WriteReady
		e.ClientTax = &d
	}
	e.note()
}

// context names the other faults that may have to do with it.
func (s *study) context(e *Episode) {
	for i := range s.faults {
		f := &s.faults[i]
		if e.Fault != nil && f.ID == e.Fault.ID || len(f.Nodes) == 0 || slices.Contains(e.During, f.ID) {
			continue
		}
		if f.Issued <= e.T0 && e.T0 < f.end(s.end)+2*s.patience() {
			e.During = append(e.During, f.ID)
		}
	}
	if e.Fault != nil {
		e.Issued = mark(e.Fault.Issued, lineRef(e.Fault.Line))
		s.silence(e)
	}
}

func (s *study) election(e *Episode) {
	l, ok := s.electedAfter(e, e.Watched)
	stop := e.Watched
	if ok {
		e.Elected, e.NewLeader, e.NewTerm, e.Outcome = mark(l.From, l.Ref), l.Node, l.Term, NewLeader
		e.TermsBurned = int(l.Term - e.OldTerm - 1)
		stop = l.From
	} else if old, led := leaderAt(s.leaders, e.Watched-1); led && old.Term == e.OldTerm && (e.Fault == nil || EffectOf(e.Fault.Fault) != Down) {
		e.Outcome = Kept
	} else {
		e.Outcome = NoLeader
	}
	e.Campaigns = s.campaigns(e, stop)
	for i := range e.Campaigns {
		e.Campaigns[i].lost(s.events)
	}
	for _, ev := range s.events {
		if ev.Kind == TransferStarted && ev.Node == e.OldLeader && ev.Term == e.OldTerm && ev.At >= e.begin() && ev.At <= stop {
			e.HandOver = mark(ev.At, ev.Ref())
			break
		}
	}
	if len(e.Campaigns) > 0 {
		e.Detected = mark(e.Campaigns[0].At, e.Campaigns[0].Ref)
	}
	e.SplitVotes = splitVotes(e.Campaigns, e.NewTerm)
	if e.Outcome == Kept {
		stop = e.T0
	}
	e.QuorumLost = s.quorumLost(e.begin(), stop)
	s.votes(e)
	s.accepted(e)
}

// quorumLost says whether faults together left no majority unharmed at some time in from..to.
func (s *study) quorumLost(from, to time.Duration) bool {
	for i := range s.faults {
		f := &s.faults[i]
		if at := max(from, f.Issued); at <= to && f.activeAt(at, s.end) && harmed(s.faults, f, at, s.end) > (len(s.nodes)-1)/2 {
			return true
		}
	}
	return false
}

// campaigns are those of members that the fault did not hit, or of any after the healing began.
func (s *study) campaigns(e *Episode, stop time.Duration) []Try {
	var out []Try
	last := map[harness.NodeID]int{}
	for _, ev := range s.events {
		if ev.At < e.begin() || ev.At > stop || s.held(e, ev) {
			continue
		}
		n, open := last[ev.Node]
		switch ev.Kind {
		case Campaign:
			last[ev.Node] = len(out)
			out = append(out, Try{Node: ev.Node, At: ev.At, Term: ev.Term + 1, Ref: ev.Ref()})
		case BecamePre:
			if !open || out[n].Pre || out[n].Ran != nil {
				n = len(out)
				last[ev.Node] = n
				out = append(out, Try{Node: ev.Node, At: ev.At, Term: ev.Term + 1, Ref: ev.Ref()})
			}
			out[n].Pre = true
		case BecameCandidate:
			if !open || out[n].Ran != nil {
				n = len(out)
				last[ev.Node] = n
				out = append(out, Try{Node: ev.Node, At: ev.At, Ref: ev.Ref()})
			}
			out[n].Term, out[n].Ran = ev.Term, mark(ev.At, ev.Ref())
		case BecameLeader:
			if open {
				out[n].Won = true
			}
			delete(last, ev.Node)
		case BecameFollower:
			delete(last, ev.Node)
		case GotPreVote:
			if open {
				out[n].PreVotes++
			}
		case GotVote:
			if open {
				out[n].Votes++
			}
		case VoteRejected, PreVoteRejected: // the candidate hears of it
			if open {
				out[n].refuse(Refusal{By: harness.NodeID(ev.Peer), Ref: ev.Ref()})
			}
		case Rejected, LeaseIgnored: // the voter says so
			if n, open := last[harness.NodeID(ev.Peer)]; open {
				out[n].refuse(Refusal{ev.Node, ev.Why, ev.Ref()})
			}
		}
	}
	return out
}

// refuse notes a member's refusal once: the voter's own word, which tells why, over the candidate's.
func (t *Try) refuse(r Refusal) {
	i := slices.IndexFunc(t.Refused, func(o Refusal) bool { return o.By == r.By })
	switch {
	case i < 0:
		t.Refused = append(t.Refused, r)
	case t.Refused[i].Why == "":
		t.Refused[i] = r
	}
}

func (s *study) held(e *Episode, ev RaftEvent) bool {
	f := e.Fault
	return f != nil && f.hits(ev.Node) && (f.HealIssued == nil || ev.At < *f.HealIssued)
}

func splitVotes(tries []Try, won uint64) int {
	ran := map[uint64]int{}
	for _, t := range tries {
		if t.Ran != nil && t.Term != won {
			ran[t.Term]++
		}
	}
	n := 0
	for _, c := range ran {
		if c > 1 {
			n++
		}
	}
	return n
}

// votes are the answers to the winner since its last campaign.
func (s *study) votes(e *Episode) {
	if e.Elected == nil {
		return
	}
	from := e.begin()
	for _, t := range e.Campaigns {
		if t.Node == e.NewLeader {
			from = t.At
		}
	}
	for _, ev := range s.events {
		// A vote may be logged in the same line batch as the victory, or later: the majority was enough.
		if ev.Node != e.NewLeader || ev.At < from || ev.At > e.Elected.At {
			continue
		}
		switch ev.Kind {
		case GotVote, GotPreVote:
			e.Votes = append(e.Votes, Vote{From: ev.Peer, Pre: ev.Kind == GotPreVote, Granted: true, At: ev.At, Ref: ev.Ref()})
		case VoteRejected, PreVoteRejected:
			e.Votes = append(e.Votes, Vote{From: ev.Peer, Pre: ev.Kind == PreVoteRejected, At: ev.At, Ref: ev.Ref()})
		}
	}
}

// accepted is when a majority, the leader included, had said whom they follow in the new term.
func (s *study) accepted(e *Episode) {
	if e.Elected == nil {
		return
	}
	known := map[harness.NodeID]bool{e.NewLeader: true}
	for _, ev := range s.events {
		if ev.Kind == LeaderKnown && ev.Term == e.NewTerm && ev.At <= e.Watched && ev.Peer == string(e.NewLeader) {
			known[ev.Node] = true
			if len(known) > len(s.nodes)/2 {
				e.Accepted = mark(max(ev.At, e.Elected.At), ev.Ref())
				return
			}
		}
	}
}

func (s *study) commit(e *Episode) {
	if e.Elected == nil {
		return
	}
	for _, ev := range s.events {
		if ev.Kind == FirstCommit && ev.Term == e.NewTerm && ev.At <= e.Watched {
			e.Committed, e.CommitBy = mark(ev.At, ev.Ref()), "log"
			return
		}
	}
	// A write that any member acknowledges from then on was committed by the new leader: the others
	// pass it on. What the fault holds is left out.
	list, _ := s.ruler(false)
	for i := range list {
		c := &list[i]
		if c.typ == harness.OK && !c.read && (c.unharmed || c.node == e.NewLeader) && c.to >= e.Elected.At && c.to <= e.Watched && (e.Committed == nil || c.to < e.Committed.At) {
			e.Committed, e.CommitBy = mark(c.to, lineRef(c.done)), "client"
		}
	}
}

func (s *study) clients(e *Episode) {
	e.Writes, e.FirstPut = s.outage(e, false)
	e.Reads, e.FirstGet = s.outage(e, true)
	until := e.Watched
	if e.Writes.Back != nil && e.Reads.Back != nil {
		until = max(e.Writes.Back.At, e.Reads.Back.At)
	} else if e.Writes.Back != nil {
		until = e.Writes.Back.At
	}
	for i := range s.calls {
		c := &s.calls[i]
		if c.from >= e.begin() && c.from < until {
			e.Calls.add(c.typ)
		}
		if !c.read && c.typ == harness.Info && c.from < until && c.to > e.begin() {
			e.Ambiguous++
		}
	}
	s.partial(e, until)
}

func (s *study) outage(e *Episode, reads bool) (o Outage, first *Mark) {
	row, back, lastBad := 0, 0, time.Duration(-1)
	before := 0
	list, ruler := s.ruler(reads)
	o.Ruler = ruler
	for i := range list {
		c := &list[i]
		if c.read != reads {
			continue
		}
		if c.from >= e.begin()-2*time.Second && c.from < e.begin() {
			before++
		}
		if c.from < e.T0 {
			if c.typ == harness.OK {
				o.LastOK = mark(c.from, lineRef(c.line))
			}
			continue
		}
		if c.from >= e.Watched {
			break
		}
		if c.typ == harness.OK && c.to <= e.Watched && (first == nil || c.to < first.At) {
			first = mark(c.to, lineRef(c.done))
		}
		if o.Back == nil && ruler == "probes" {
			o.Asked++
		}
		if !c.unharmed || o.Back != nil {
			continue
		}
		if c.typ != harness.OK {
			row, lastBad = 0, c.from
			continue
		}
		if row++; row == 1 || c.to < list[back].to {
			back = i
		}
		if row == Sustained {
			back = earliest(list, i, back)
			o.Back = mark(list[back].to, lineRef(list[back].done))
			switch {
			case ruler == "probes":
				o.Slack = probeSlack(list, back)
			case lastBad >= 0:
				o.Slack = since(o.Back, lastBad)
			}
		}
	}
	if before > 0 {
		d := min(2*time.Second, e.begin()) / time.Duration(before)
		o.Resolution = &d
	}
	switch {
	case o.LastOK == nil:
	case o.Back != nil:
		o.Took = since(o.Back, o.LastOK.At)
	case before > 0:
		d := e.Watched - o.LastOK.At
		o.AtLeast = &d
	}
	s.debt(e, &o, reads)
	return o, first
}

// earliest looks on in a row of successes, of which list[i] is one and list[first] was answered first,
// for one that was due later and answered sooner: requests that wait are not answered in their order.
func earliest(list []call, i, first int) int {
	kind := list[first].read
	for i++; i < len(list) && list[i].from < list[first].to; i++ {
		switch c := &list[i]; {
		case c.read != kind || !c.unharmed:
		case c.typ != harness.OK:
			return first
		case c.to < list[first].to:
			first = i
		}
	}
	return first
}

func (s *study) debt(e *Episode, o *Outage, reads bool) {
	if o.Ruler != "probes" {
		return
	}
	until := e.Watched
	if o.Back != nil {
		until = o.Back.At
		if e.Fault != nil {
			until = max(until, e.Fault.end(s.end))
		}
		until = min(until, e.Watched)
	}
	d := s.probing.debt(s.probes, reads, e.begin(), until)
	o.Debt = &d
}

const bin = 100 * time.Millisecond

// partial sums the bins in which a member failed every call that ended there while another answered.
func (s *study) partial(e *Episode, until time.Duration) {
	if e.Fault != nil {
		until = max(until, e.Fault.end(s.end))
	}
	until = min(until, e.Watched)
	if s.probing != nil {
		sum := s.probing.partial(s.probes, e.begin(), until)
		e.Partial = &sum
		return
	}
	type seen struct{ ok, all map[harness.NodeID]bool }
	bins := map[time.Duration]seen{}
	for i := range s.calls {
		c := &s.calls[i]
		if c.to < e.begin() || c.to >= until {
			continue
		}
		at := (c.to - e.begin()) / bin
		b, known := bins[at]
		if !known {
			b = seen{map[harness.NodeID]bool{}, map[harness.NodeID]bool{}}
			bins[at] = b
		}
		b.all[c.node] = true
		if c.typ == harness.OK {
			b.ok[c.node] = true
		}
	}
	var sum time.Duration
	for _, b := range bins {
		if len(b.ok) > 0 && len(b.ok) < len(b.all) {
			sum += bin
		}
	}
	e.Partial = &sum
}

func (s *study) healing(e *Episode) {
	f := e.Fault
	if f == nil || f.HealIssued == nil {
		return
	}
	e.HealStart = mark(*f.HealIssued, lineRef(f.HealLine))
	if f.Healed != nil {
		e.Healed = mark(*f.Healed, lineRef(f.HealedLine))
	}
	s.rejoined(e, *f.HealIssued)
	e.Rejoin = since(e.Rejoined, *f.HealIssued)
	if e.Rejoined == nil {
		return
	}
	from, until := *f.HealIssued, min(e.Rejoined.At+2*s.patience(), e.Watched, s.end)
	if e.Writes.Back == nil || e.Writes.Back.At > from {
		return // the outage of the fault itself was still going on
	}
	last, longest := from, time.Duration(0)
	var ends []time.Duration
	list, _ := s.ruler(false)
	for i := range list {
		if c := &list[i]; !c.read && c.typ == harness.OK && c.to >= from && c.to <= until {
			ends = append(ends, c.to)
		}
	}
	slices.Sort(ends)
	for _, t := range append(ends, until) {
		longest, last = max(longest, t-last), t
	}
	if until > from {
		e.RejoinOutage = &longest
	}
}

// rejoined is the first sign that the old leader follows again, or serves: its own log, what the
// poller saw, or a call through it, whichever comes first. Clients may not call it for long.
func (s *study) rejoined(e *Episode, heal time.Duration) {
	sign := func(at time.Duration, ref string, by string) {
		if at >= heal && (e.Rejoined == nil || at < e.Rejoined.At) {
			e.Rejoined, e.RejoinBy = mark(at, ref), by
		}
	}
	for _, list := range [][]call{s.calls, s.probes} {
		for i := range list {
			if c := &list[i]; c.node == e.OldLeader && c.typ == harness.OK && c.from >= heal {
				sign(c.to, lineRef(c.done), "client")
			}
		}
	}
	if e.Outcome != NewLeader {
		return
	}
	for _, ev := range s.events {
		if ev.Node == e.OldLeader && ev.Kind == LeaderKnown && ev.Term >= e.NewTerm {
			sign(ev.At, ev.Ref(), "log")
		}
	}
	for i := range s.ops {
		op := &s.ops[i]
		if op.Process != harness.HarnessProcess || op.F != harness.FStatus || op.Node != e.OldLeader || op.Time < heal {
			continue
		}
		var v harness.StatusValue
		if json.Unmarshal(op.Value, &v) == nil && v.Role == harness.Follower && v.Leader != "" && v.Term >= e.NewTerm {
			sign(op.Time, lineRef(op.Index+1), "poller")
		}
	}
}

// stale is about a leader that lost its office without knowing it.
func (s *study) stale(e *Episode) {
	if e.Elected == nil || e.Fault != nil && EffectOf(e.Fault.Fault) == Down {
		return
	}
	for _, l := range s.leaders {
		if l.Node != e.OldLeader || l.Term != e.OldTerm {
			continue
		}
		if l.Stepped != "" {
			e.SteppedBy = mark(l.To, l.Stepped)
			d := max(0, l.To-e.Elected.At)
			e.Stale = &d
		}
		for _, list := range [][]call{s.calls, s.probes} {
			for i := range list {
				if c := &list[i]; c.node == e.OldLeader && c.typ == harness.OK && c.from > e.Elected.At && c.to < l.To {
					e.StaleOK++
				}
			}
		}
	}
}

// note says what is missing and why, as far as that can be known.
func (e *Episode) note() {
	add := func(missing bool, text string) {
		if missing {
			e.Missing = append(e.Missing, text)
		}
	}
	if e.Outcome == NoLeader {
		add(true, fmt.Sprintf("a new leader, in the %s until watching ended", ms(e.Watched-e.T0)))
	}
	add(e.Outcome == NewLeader && e.Detected == nil, "a campaign: no log tells one, and the election was seen otherwise")
	add(e.Outcome == NewLeader && e.Committed == nil, "a commit in the new term: neither does the log tell one nor was a write acknowledged")
	add(e.Writes.LastOK == nil, "a write that was acknowledged before")
	add(e.Reads.LastOK == nil, "a read that was answered before")
	add(e.Writes.AtLeast != nil, fmt.Sprintf("%d writes in a row that succeeded, until watching ended", Sustained))
	add(e.Reads.AtLeast != nil, fmt.Sprintf("%d reads in a row that succeeded, until watching ended", Sustained))
	add(e.HealStart != nil && e.Rejoined == nil, fmt.Sprintf("a sign of %s after the healing, neither in its log nor by the poller or a client", e.OldLeader))
}

// Cause is the fault and its target in words.
func (e *Episode) Cause() string {
	if e.Fault != nil {
		return fmt.Sprintf("%s %s", e.Fault.Fault, joinNodes(e.Fault.Nodes))
	}
	if len(e.During) > 0 {
		return "no fault on the leader; near " + strings.Join(e.During, ", ")
	}
	return "no fault"
}
