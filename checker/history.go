package checker

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/faultline-chaos/faultline/history"
)

// attempt is one op of a client: its two lines, as positions in the history. The position is also
// the clock of everything that needs an order: the recorder gives it under a lock, before a call is
// sent and after its answer came, so it orders ops that share a time stamp.
type attempt struct {
	invoke, done int          // done is len(ops) where there is no second line
	outcome      history.Type // Info where there is no second line
	form         history.Form
	asked, said  *history.Op // its invocation; the line that says most: its completion where that is ok, else its invocation
}

// attempts pairs the lines of clients' ops, in the order of invocation.
func attempts(ops []history.Op) ([]attempt, error) {
	var out []attempt
	open := map[int]int{} // by process, the attempt
	for i := range ops {
		op := &ops[i]
		if !op.Client() {
			continue
		}
		a, ok := open[op.Process]
		since := 0
		if ok {
			since = ops[out[a].invoke].Index
		}
		if err := inTurn(op.Index, op.Process, op.Type, ok, since); err != nil {
			return nil, err
		}
		if op.Type == history.Invoke {
			open[op.Process] = len(out)
			out = append(out, attempt{invoke: i, done: len(ops), outcome: history.Info, form: op.Form(), asked: op, said: op})
			continue
		}
		delete(open, op.Process)
		out[a].done, out[a].outcome = i, op.Type
		if op.Type == history.OK {
			out[a].said = op
		}
	}
	return out, nil
}

// inTurn is an error where the line at a position cannot follow what its process did before: open says
// whether the process has a call open, and since is that call's position.
func inTurn(position, process int, t history.Type, open bool, since int) error {
	switch t {
	case history.Invoke:
		if open {
			return fmt.Errorf("op %d: process %d invokes while its op %d is open", position, process, since)
		}
	case history.OK, history.Fail, history.Info:
		if !open {
			return fmt.Errorf("op %d: process %d completes what it did not invoke", position, process)
		}
	default:
		return fmt.Errorf("op %d: unknown type %q", position, t)
	}
	return nil
}

// evidence is the indexes of ops at positions, in order and each once.
func evidence(ops []history.Op, positions ...int) []int {
	var out []int
	for _, p := range positions {
		if p >= 0 && p < len(ops) {
			out = append(out, ops[p].Index)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// phases are the positions at which a run's phases began; a phase that did not is missing.
func phases(ops []history.Op) (map[history.Phase]int, error) {
	out := map[history.Phase]int{}
	for i := range ops {
		if op := &ops[i]; op.F == history.FPhase && op.Process == history.HarnessProcess && op.Type == history.OK {
			var v history.PhaseValue
			if err := json.Unmarshal(op.Value, &v); err != nil {
				return nil, fmt.Errorf("op %d: value of a phase: %w", op.Index, err)
			}
			if _, ok := out[v.Phase]; !ok {
				out[v.Phase] = i
			}
		}
	}
	return out, nil
}

// fault is one injection with its healing, as positions in the history.
type fault struct {
	history.FaultValue     // of the injection's last line
	injectAt           int // invocation of the injection
	landedAt           int // its confirmation; -1: it was not confirmed
	healAt             int // invocation of the healing; -1: none
	healedAt           int // its confirmation; -1: it was not confirmed
	problem            string
	failed             string // why it did not do all that it does while it lasts; empty: it did
}

// touched are the members that the fault may keep from serving: those that it was put on, and those that
// it says it affects.
func (f *fault) touched() []history.NodeID {
	all := slices.Clone(f.Nodes)
	for _, id := range f.Affected {
		if !slices.Contains(all, id) {
			all = append(all, id)
		}
	}
	return all
}

func (f *fault) landed() bool { return f.landedAt >= 0 && len(f.Nodes) > 0 }

// until is the position from which the fault may have no effect any more.
func (f *fault) until(ops []history.Op) int {
	if f.healAt >= 0 {
		return f.healAt
	}
	return len(ops)
}

// faults collects the nemesis's ops, in the order of injection.
func faults(ops []history.Op) ([]*fault, error) {
	var out []*fault
	byID := map[string]*fault{}
	for i := range ops {
		op := &ops[i]
		if op.Process != history.NemesisProcess || op.F != history.FInject && op.F != history.FHeal && op.F != history.FHold {
			continue
		}
		var v history.FaultValue
		if err := json.Unmarshal(op.Value, &v); err != nil {
			return nil, fmt.Errorf("op %d: value of a fault: %w", op.Index, err)
		}
		f := byID[v.ID]
		if f == nil {
			f = &fault{injectAt: i, landedAt: -1, healAt: -1, healedAt: -1}
			byID[v.ID] = f
			out = append(out, f)
		}
		f.note(i, op, v)
	}
	return out, nil
}

func (f *fault) note(i int, op *history.Op, v history.FaultValue) {
	if op.F == history.FHold {
		f.failed = op.Error
		return
	}
	if op.F == history.FInject {
		f.FaultValue = v
		if op.Type == history.OK {
			f.landedAt = i
		}
		if op.Error != "" {
			f.problem = op.Error
		}
		return
	}
	if op.Type == history.Invoke {
		f.healAt = i
		return
	}
	if op.Type == history.OK {
		f.healedAt = i
	}
	if op.Error != "" {
		f.problem = op.Error
	}
}

func (f *fault) String() string {
	return fmt.Sprintf("%s (%s of %s on %v)", f.ID, f.Fault, f.Target, f.Nodes)
}

// status is what the poller saw of a member at this op, if the op says so.
func status(op *history.Op) (v history.StatusValue, ok bool) {
	if op.Process != history.HarnessProcess || op.F != history.FStatus {
		return v, false
	}
	return v, json.Unmarshal(op.Value, &v) == nil
}

// malformed is the verdict about a history that cannot be read.
func malformed(err error) history.Verdict {
	return unknown("the history cannot be read: %v", err)
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.3f s", d.Seconds()) }
