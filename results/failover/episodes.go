package failover

import (
	"fmt"
	"strings"
	"time"

	"github.com/faultline-chaos/faultline/history"
)

// Mark is a moment and the line that shows it, as FILE:LINE of the run folder.
type Mark struct {
	At  time.Duration `json:"at"`  // on the history's clock
	Ref string        `json:"ref"` // the file, and its line from 1
}

// Outcome says how a leader's trouble ended.
type Outcome string

const (
	NewLeader Outcome = "new leader"
	Kept      Outcome = "kept"      // the leader remained in office in the same term
	NoLeader  Outcome = "no leader" // nobody was elected before watching ended: censored
)

// Episode is one line of failovers.jsonl: one fault on a leader, or one change of leaders without
// one. All times are nanoseconds on the history's clock; all durations are nanoseconds. What did not
// happen or was not seen is left out, never zero.
type Episode struct {
	ID      string  `json:"id"`      // e1, e2, ... in the order of T0
	Outcome Outcome `json:"outcome"` // "new leader"; "kept": the leader remained in office in the same term; "no leader": nobody was elected before watching ended (censored)
	// Fault is the fault that affected the leader; left out where none did.
	Fault *Injected `json:"fault,omitempty"`
	// During are the ids of the other faults that were active, or healed within two election timeouts
	// before.
	During     []string `json:"during,omitempty"`
	QuorumLost bool     `json:"quorum_lost,omitempty"` // the faults left no healthy majority: no leader was possible before one was healed

	OldLeader history.NodeID `json:"old_leader,omitempty"` // who led before
	OldTerm   uint64         `json:"old_term,omitempty"`   // its term
	NewLeader history.NodeID `json:"new_leader,omitempty"` // who was elected then
	NewTerm   uint64         `json:"new_term,omitempty"`   // its term

	T0      time.Duration `json:"t0"`      // when the fault was confirmed effective, or its first sign where the leader transferred its office or was replaced before; without a fault: the first sign of the loss
	T0Ref   string        `json:"t0_ref"`  // FILE:LINE that shows T0
	Watched time.Duration `json:"watched"` // when watching ended: at the next fault on or loss of a leader, or at the end of the load

	Issued    *Mark  `json:"issued,omitempty"`     // the command to inject was given
	HandOver  *Mark  `json:"hand_over,omitempty"`  // the old leader began to transfer its leadership, as one does that is asked to stop
	Heartbeat *Mark  `json:"heartbeat,omitempty"`  // the last heartbeat that the old leader sent by its clock and that reached another member before T0; only where the runtime observes messages (sim) or the survivors log it (raftkv, to about a millisecond: At is the time of a log line minus the age that the line reports)
	Detected  *Mark  `json:"detected,omitempty"`   // first campaign or pre-campaign of a survivor
	Elected   *Mark  `json:"elected,omitempty"`    // became leader of a higher term: a majority had voted for it
	Accepted  *Mark  `json:"accepted,omitempty"`   // a majority knew the new leader, where logs show it
	Committed *Mark  `json:"committed,omitempty"`  // first commit in the new term
	CommitBy  string `json:"commit_by,omitempty"`  // "log": the store logged it; "client": the first write acknowledged after Elected through an unaffected member
	FirstPut  *Mark  `json:"first_put,omitempty"`  // first write of Writes.Ruler due after T0 and acknowledged
	FirstGet  *Mark  `json:"first_get,omitempty"`  // the same for a get
	Writes    Outage `json:"writes"`               // client outage of writes
	Reads     Outage `json:"reads"`                // client outage of reads
	Steady    *Mark  `json:"steady,omitempty"`     // the begin of the first 2 s in which goodput and p99 stayed within the range of the run's Baseline, in windows of 1 s that begin every 100 ms after T0; within the first window, when the first call was due after the last one that failed or was slow
	HealStart *Mark  `json:"heal_start,omitempty"` // the command to heal was given
	Healed    *Mark  `json:"healed,omitempty"`     // the healing was confirmed
	Rejoined  *Mark  `json:"rejoined,omitempty"`   // first sign after HealStart that the old leader follows the new one or serves
	RejoinBy  string `json:"rejoin_by,omitempty"`  // "log", "poller" or "client": the source of that sign
	SteppedBy *Mark  `json:"stepped,omitempty"`    // the old leader learned that it was no longer leader

	Detection        *time.Duration `json:"detection,omitempty"`          // T0 to Detected
	Election         *time.Duration `json:"election,omitempty"`           // T0 to Elected
	WriteReady       *time.Duration `json:"write_ready,omitempty"`        // T0 to Committed
	Disturbance      *time.Duration `json:"disturbance,omitempty"`        // T0 to Steady; 0: the range was never left
	DisturbedAtLeast *time.Duration `json:"disturbed_at_least,omitempty"` // a lower bound, where watching ended before the disturbance did: censored
	ClientTax        *time.Duration `json:"client_tax,omitempty"`         // Writes.Took minus WriteReady
	Silence          *time.Duration `json:"silence,omitempty"`            // Heartbeat to T0, modulo the heartbeat interval: the phase within the heartbeat at which the fault came. Whole intervals may be missing, since heartbeats that also confirmed reads are not counted
	Rejoin           *time.Duration `json:"rejoin,omitempty"`             // HealStart to Rejoined
	RejoinOutage     *time.Duration `json:"rejoin_outage,omitempty"`      // longest time without an acknowledged write from HealStart to two election timeouts after Rejoined
	Stale            *time.Duration `json:"stale,omitempty"`              // how long the old leader still believed itself leader after the new one was elected; 0: it had stepped down before
	StaleOK          int            `json:"stale_ok"`                     // calls of the workload and probes that the old leader acknowledged in that time: there must be none
	Partial          *time.Duration `json:"partial,omitempty"`            // time in which one member failed all probes that were due while another answered, in steps of the probe's period; without probes: all calls that ended, in steps of 100 ms

	Campaigns   []Try    `json:"campaigns,omitempty"`   // campaigns of survivors from T0 to Elected, in the order of time
	SplitVotes  *int     `json:"split_votes,omitempty"` // terms without a winner in which several members were candidates
	TermsBurned int      `json:"terms_burned"`          // terms between the old and the new leader's
	Votes       []Vote   `json:"votes,omitempty"`       // votes that the new leader received or was refused
	Ambiguous   int      `json:"ambiguous"`             // writes of the workload of unknown outcome that overlap the outage
	Calls       Counts   `json:"calls"`                 // the workload's calls on all members that were invoked during the outage
	Missing     []string `json:"missing,omitempty"`     // what was not observed, and why
}

// Outage is how long clients had no service of one kind of call through unaffected members. It begins
// when the last acknowledged call that was due before T0 was due, and ends with the first acknowledgement
// of a sustained success: at least Sustained successful calls in a row, in the order in which they were
// due. Calls through affected members count under Partial. The calls are probes, where the run has any of
// this kind: probes are due whether or not earlier ones were answered.
type Outage struct {
	Ruler      string         `json:"ruler"`                // what it is measured with: "probes", or "calls" of the workload
	LastOK     *Mark          `json:"last_ok,omitempty"`    // when the last acknowledged call before T0 was due (a probe's sched)
	Back       *Mark          `json:"back,omitempty"`       // the earliest acknowledgement in the first row of at least Sustained successes
	Took       *time.Duration `json:"took,omitempty"`       // LastOK to Back: the length of the outage
	AtLeast    *time.Duration `json:"at_least,omitempty"`   // a lower bound, where watching ended before the outage did: censored
	Slack      *time.Duration `json:"slack,omitempty"`      // the outage may have ended earlier by up to this much: to Back from when the newest probe that had no answer before was due; without probes, from when the last call that failed was due
	Resolution *time.Duration `json:"resolution,omitempty"` // mean time between calls of this kind in the 2 s before; shorter outages cannot be resolved
	Asked      int            `json:"asked,omitempty"`      // number of probes of this kind that were due from T0 to Back, or until watching ended
	Debt       *time.Duration `json:"debt,omitempty"`       // unavailability debt: probes of this kind, through all members, without timely success, divided by their rate; from Issued to the later of Back and Healed
}

// Sustained is how many calls must succeed in a row to end an outage.
const Sustained = 5

// Try is one campaign of one member.
type Try struct {
	Node history.NodeID `json:"node"`          // who campaigned
	At   time.Duration  `json:"at"`            // when it began
	Term uint64         `json:"term"`          // the term it campaigned for
	Pre  bool           `json:"pre,omitempty"` // it asked for pre-votes first
	Ran  *Mark          `json:"ran,omitempty"` // when it became a candidate
	// Lost is when it logged the loss of LostLeader, after an election timeout without hearing from it.
	Lost       *Mark          `json:"lost,omitempty"`
	LostLeader history.NodeID `json:"lost_leader,omitempty"` // the leader it had followed
	Asked      *Mark          `json:"asked,omitempty"`       // the leader had asked it to take over at once
	PreVotes   int            `json:"pre_votes"`             // pre-votes that it received, its own included
	Votes      int            `json:"votes"`                 // votes that it received, its own included
	Won        bool           `json:"won,omitempty"`         // it became leader
	Refused    []Refusal      `json:"refused,omitempty"`     // refusals by members that rejected or ignored it
	Ref        string         `json:"ref"`                   // FILE:LINE that shows At
}

// Refusal is one member's refusal of a campaign and its reason, where its log has one.
type Refusal struct {
	By  history.NodeID `json:"by"`            // the voter
	Why string         `json:"why,omitempty"` // a sentence; left out where the voter's log has no reason
	Ref string         `json:"ref"`           // FILE:LINE that shows it
}

// Vote is one answer to the new leader's campaign.
type Vote struct {
	From    string        `json:"from"`          // the voter
	Pre     bool          `json:"pre,omitempty"` // whether it is a pre-vote
	Granted bool          `json:"granted"`       // false: it was refused
	At      time.Duration `json:"at"`            // when it arrived
	Ref     string        `json:"ref"`           // FILE:LINE that shows it
}

func ref(file string, line int) string { return fmt.Sprintf("%s:%d", file, line) }

func mark(at time.Duration, where string) *Mark { return &Mark{At: at, Ref: where} }

func Since(m *Mark, t0 time.Duration) *time.Duration {
	if m == nil {
		return nil
	}
	d := m.At - t0
	return &d
}

// Begin is when an episode begins: at the order to inject, or at T0.
func (e *Episode) Begin() time.Duration {
	if e.Fault != nil {
		return min(e.Fault.Issued, e.T0)
	}
	return e.T0
}

// over is when an episode has ended entirely: clients are served, and two election timeouts have passed
// since its fault was healed and the old leader was back.
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

// Cause is the fault and its target in words.
func (e *Episode) Cause() string {
	if e.Fault != nil {
		return fmt.Sprintf("%s %s", e.Fault.Fault, JoinNodes(e.Fault.Nodes))
	}
	if len(e.During) > 0 {
		return "no fault on the leader; near " + strings.Join(e.During, ", ")
	}
	return "no fault"
}

// Title is an episode in a line.
func (e *Episode) Title() string {
	switch e.Outcome {
	case NewLeader:
		return fmt.Sprintf("%s, %s (term %d) → %s (term %d)", e.Cause(), e.OldLeader, e.OldTerm, e.NewLeader, e.NewTerm)
	case Kept:
		return fmt.Sprintf("%s, %s remains leader (term %d)", e.Cause(), e.OldLeader, e.OldTerm)
	}
	return fmt.Sprintf("%s, no new leader after %s (term %d)", e.Cause(), e.OldLeader, e.OldTerm)
}
