package failover

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/faultline-chaos/faultline/history"
	"github.com/faultline-chaos/faultline/results/format"
)

// Call is one attempt of a client: its two lines in one.
type Call struct {
	From, To time.Duration // from: when it was due; a workload's are due when they are invoked
	Node     history.NodeID
	F        string
	kind     history.Kind
	Type     history.Type // OK, Fail, Info; Info where it was still open at the end
	rejected bool         // it did not happen because its own condition was not met
	Line     int          // of the invocation in history.jsonl
	Done     int          // of the completion; 0: there is none
	Err      string
	Unharmed bool // no fault was active on its member when it was due
}

// Is says whether the call is a read, or a write. One of a kind that the history does not say is neither.
func (c *Call) Is(read bool) bool {
	if read {
		return c.kind == history.KindRead
	}
	return c.kind == history.KindWrite
}

// served says whether the system did what was asked of it: a call that was rejected by its own condition
// was served, too.
func (c *Call) served() bool { return c.Type == history.OK || c.rejected }

// callsOf pairs the clients' lines, in the order in which the calls were due: those of workloads, and
// those of probes.
func callsOf(ops []history.Op, faults []Injected, end time.Duration) (calls, probes []Call) {
	calls = make([]Call, 0, len(ops)/2)
	type place struct {
		list *[]Call
		n    int
	}
	open := map[int]place{}
	for i := range ops {
		op := &ops[i]
		if !op.Client() {
			continue
		}
		if op.Type == history.Invoke {
			list, due := &calls, op.Time
			if op.Probe() {
				list = &probes
				if op.Sched > 0 {
					due = op.Sched
				}
			}
			open[op.Process] = place{list, len(*list)}
			*list = append(*list, Call{
				From: due, To: end, Node: op.Node, F: op.F, Type: history.Info, Line: op.Index + 1,
				kind: op.Kind, Unharmed: unharmed(op.Node, due, faults, end),
			})
			continue
		}
		if p, ok := open[op.Process]; ok {
			c := &(*p.list)[p.n]
			c.To, c.Type, c.rejected, c.Done, c.Err = op.Time, op.Type, op.Rejected, op.Index+1, op.Error
			delete(open, op.Process)
		}
	}
	slices.SortStableFunc(probes, func(a, b Call) int { return cmp.Compare(a.From, b.From) })
	return calls, probes
}

func unharmed(id history.NodeID, t time.Duration, faults []Injected, end time.Duration) bool {
	for i := range faults {
		if f := &faults[i]; f.Affects(id) && f.activeAt(t, end) {
			return false
		}
	}
	return true
}

// Counts of client calls by how they ended.
type Counts struct {
	OK       int `json:"ok"`                 // acknowledged
	Failed   int `json:"fail"`               // certainly did not happen
	Rejected int `json:"rejected,omitempty"` // nor did these, because their own condition was not met
	Unknown  int `json:"unknown"`            // may have happened
}

// All is their sum.
func (c Counts) All() int { return c.OK + c.Failed + c.Rejected + c.Unknown }

// RejectedText is like ", 3 rejected", with this sign before it; empty where none was.
func (c Counts) RejectedText(sign string) string {
	if c.Rejected == 0 {
		return ""
	}
	return fmt.Sprintf("%s%s rejected", sign, format.Count(c.Rejected))
}

func (c *Counts) Add(k *Call) {
	switch {
	case k.Type == history.OK:
		c.OK++
	case k.rejected:
		c.Rejected++
	case k.Type == history.Fail:
		c.Failed++
	default:
		c.Unknown++
	}
}
