package results

import (
	"time"

	"github.com/faultline-chaos/faultline/harness"
)

// call is one attempt of a client: its two lines in one.
type call struct {
	from, to time.Duration
	node     harness.NodeID
	f        string
	typ      harness.Type // OK, Fail, Info; Info where it was still open at the end
	line     int          // of the invocation in history.jsonl
	done     int          // of the completion; 0: there is none
	err      string
	read     bool
	unharmed bool // no fault was active on its member when it was invoked
}

// isRead says whether ops named f change nothing. Whatever is not known to be a read counts as a
// write.
func isRead(f string) bool {
	switch f {
	case "get", "read", "range", "list", "scan", "count":
		return true
	}
	return false
}

// callsOf pairs the clients' lines, in the order of invocation: the order in which they were due.
func callsOf(ops []harness.Op, faults []Injected, end time.Duration) []call {
	out := make([]call, 0, len(ops)/2)
	open := map[int]int{}
	for i := range ops {
		op := &ops[i]
		if !op.Client() {
			continue
		}
		if op.Type == harness.Invoke {
			open[op.Process] = len(out)
			out = append(out, call{
				from: op.Time, to: end, node: op.Node, f: op.F, typ: harness.Info, line: op.Index + 1,
				read: isRead(op.F), unharmed: unharmed(op.Node, op.Time, faults, end),
			})
			continue
		}
		if n, ok := open[op.Process]; ok {
			c := &out[n]
			c.to, c.typ, c.done, c.err = op.Time, op.Type, op.Index+1, op.Error
			delete(open, op.Process)
		}
	}
	return out
}

func unharmed(id harness.NodeID, t time.Duration, faults []Injected, end time.Duration) bool {
	for i := range faults {
		if f := &faults[i]; f.hits(id) && f.activeAt(t, end) {
			return false
		}
	}
	return true
}

// Counts of client calls by how they ended.
type Counts struct {
	OK      int `json:"ok"`
	Failed  int `json:"fail"`
	Unknown int `json:"unknown"`
}

// All is their sum.
func (c Counts) All() int { return c.OK + c.Failed + c.Unknown }

func (c *Counts) add(t harness.Type) {
	switch t {
	case harness.OK:
		c.OK++
	case harness.Fail:
		c.Failed++
	default:
		c.Unknown++
	}
}
