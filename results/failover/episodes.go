package failover

import (
	"fmt"
	"strings"
	"time"

	"github.com/faultline-chaos/faultline/history"
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

	OldLeader history.NodeID `json:"old_leader,omitempty"` // who led before
	OldTerm   uint64         `json:"old_term,omitempty"`   // its term
	NewLeader history.NodeID `json:"new_leader,omitempty"` // who was elected then
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

	Campaigns   []Try    `json:"campaigns,omitempty"`   // rounds: of survivors, from T0 to Elected, in the order of time
	SplitVotes  *int     `json:"split_votes,omitempty"` // terms without a winner in which several members were candidates
	TermsBurned int      `json:"terms_burned"`          // terms between the old and the new leader's
	Votes       []Vote   `json:"votes,omitempty"`       // that the new leader got or was refused
	Ambiguous   int      `json:"ambiguous"`             // writes of the workload of unknown outcome that overlap the outage
	Calls       Counts   `json:"calls"`                 // of the workload that were invoked in the outage, on all members
	Missing     []string `json:"missing,omitempty"`     // what was not seen, and why
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
	Node history.NodeID `json:"node"`          // who campaigned
	At   time.Duration  `json:"at"`            // when it began
	Term uint64         `json:"term"`          // that it campaigned for
	Pre  bool           `json:"pre,omitempty"` // it asked for pre-votes
	Ran  *Mark          `json:"ran,omitempty"` // became candidate
	// Lost is when it said that it had lost LostLeader: it had not heard from it for its election timeout.
	Lost       *Mark          `json:"lost,omitempty"`
	LostLeader history.NodeID `json:"lost_leader,omitempty"` // whom it had followed
	Asked      *Mark          `json:"asked,omitempty"`       // the leader had asked it to take over at once
	PreVotes   int            `json:"pre_votes"`             // that it got, its own included
	Votes      int            `json:"votes"`                 // the same of votes that count
	Won        bool           `json:"won,omitempty"`         // became leader
	Refused    []Refusal      `json:"refused,omitempty"`     // by members that refused or ignored it
	Ref        string         `json:"ref"`                   // FILE:LINE that tells At
}

// Refusal is one member's refusal of a campaign, and why, as far as its log tells.
type Refusal struct {
	By  history.NodeID `json:"by"`            // the voter
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

func Since(m *Mark, t0 time.Duration) *time.Duration {
	if m == nil {
		return nil
	}
	d := m.At - t0
	return &d
}

// Begin is where an episode's own clock starts to matter: the order to inject, or T0.
func (e *Episode) Begin() time.Duration {
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
