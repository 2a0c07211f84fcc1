package failover

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/faultline-chaos/faultline/history"
)

// Injected is one injection and its healing, from the history. Lines are of history.jsonl.
type Injected struct {
	history.FaultValue
	Line        int            `json:"line"`                  // of the inject's invocation
	DoneLine    int            `json:"done_line,omitempty"`   // of its completion
	Error       string         `json:"error,omitempty"`       // why its effect was not confirmed
	HealIssued  *time.Duration `json:"heal_issued,omitempty"` // when the command to heal was given
	Healed      *time.Duration `json:"healed,omitempty"`      // when the healing was confirmed
	HealLine    int            `json:"heal_line,omitempty"`   // of the heal's invocation
	HealedLine  int            `json:"healed_line,omitempty"` // of its completion
	HealError   string         `json:"heal_error,omitempty"`  // why the healing was not confirmed
	HitLeader   bool           `json:"hit_leader"`            // it affected the leader of that time
	QuorumLost  bool           `json:"quorum_lost,omitempty"` // it left no healthy majority of members
	LeaderThen  history.NodeID `json:"leader_then,omitempty"` // the leader when it was issued, from the logs or else from the status poller
	HoldError   string         `json:"hold_error,omitempty"`  // the error of what it does while it is active
	HoldLine    int            `json:"hold_line,omitempty"`   // of the line with that error
	EffectStart time.Duration  `json:"-"`                     // when its effect began
}

// Landed says whether its effect was confirmed.
func (f *Injected) Landed() bool { return f.Confirmed > 0 && f.Error == "" }

// Label is a short name for people: "kill of the leader n2".
func (f *Injected) Label() string {
	who := string(f.Target)
	if len(f.Nodes) > 0 {
		who = JoinNodes(f.Nodes)
	}
	return fmt.Sprintf("%s %s", f.Fault, who)
}

func JoinNodes(ids []history.NodeID) string {
	s := make([]string, len(ids))
	for i, id := range ids {
		s[i] = string(id)
	}
	return strings.Join(s, "+")
}

// Affects says whether the fault keeps the member from serving or leading as the others can.
func (f *Injected) Affects(id history.NodeID) bool { return slices.Contains(f.Affected, id) }

// End is when it had no effect any more; the end of the run where it was never healed.
func (f *Injected) End(runEnd time.Duration) time.Duration {
	if f.Healed != nil {
		return *f.Healed
	}
	if f.HealIssued != nil {
		return max(*f.HealIssued, f.EffectStart)
	}
	return runEnd
}

// activeAt says whether it may have an effect at t.
func (f *Injected) activeAt(t, runEnd time.Duration) bool {
	return len(f.Nodes) > 0 && f.Issued <= t && t < f.End(runEnd)
}

// faultsOf collects the injections, in the order in which they were issued.
func faultsOf(ops []history.Op, members []history.NodeID) []Injected {
	var out []Injected
	at := map[string]int{}
	for i := range ops {
		op := &ops[i]
		if op.Process != history.NemesisProcess {
			continue
		}
		v, err := history.DecodeFault(op.Value, members)
		if err != nil {
			continue // an op of another kind; ParseHistory has checked these
		}
		n, known := at[v.ID]
		switch {
		case op.F == history.FInject && op.Type == history.Invoke:
			at[v.ID] = len(out)
			out = append(out, Injected{FaultValue: v, Line: op.Index + 1, EffectStart: v.Issued})
		case !known:
		case op.F == history.FInject:
			f := &out[n]
			f.FaultValue, f.DoneLine, f.Error = v, op.Index+1, op.Error
			f.EffectStart = v.Issued
			if op.Type == history.OK {
				f.EffectStart = v.Confirmed
			} else if f.Error == "" {
				f.Error = "its effect was not confirmed"
			}
		case op.F == history.FHeal && op.Type == history.Invoke:
			out[n].HealIssued, out[n].HealLine = &v.Issued, op.Index+1
		case op.F == history.FHold:
			out[n].HoldError, out[n].HoldLine = op.Error, op.Index+1
		case op.F == history.FHeal:
			out[n].HealedLine, out[n].HealError = op.Index+1, op.Error
			if op.Type == history.OK {
				out[n].Healed = &v.Confirmed
			}
		}
	}
	return out
}
