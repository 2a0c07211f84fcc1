package checker

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/faultline-chaos/faultline/history"
	"github.com/faultline-chaos/faultline/history/raftlog"
)

// A violation is described as a story: the calls of its evidence in the order of time, and between them the
// faults and the changes of leaders. The stories of all checkers use the same words.
const (
	storyCalls   = 14
	storyAround  = 8               // faults and leader changes
	storyBefore  = 2 * time.Second // a fault that ended this long before the first call is included, too
	storyAnswers = 120             // most runes of the value of an op without words of its own
)

// Story describes the violation of a verdict, from the lines of its evidence and the events around them.
// logs may be nil: leaders are then those that the harness saw. Story returns nil if the evidence holds no
// client call, or if lines cannot be read.
func Story(v history.Verdict, lines Lines, logs map[history.NodeID][]history.LogLine) []history.Moment {
	got, err := lines.Some(v.Evidence)
	if err != nil {
		return nil
	}
	calls := pair(v.Evidence, got)
	if len(calls) == 0 {
		return nil
	}
	from, to := calls[0].first().Time, time.Duration(0)
	for _, c := range calls {
		from, to = min(from, c.first().Time), max(to, c.last().Time)
	}
	s := story{others: lines.Others(), from: from, to: to}
	s.around(logs)
	s.calls(calls)
	slices.SortStableFunc(s.moments, func(a, b history.Moment) int { return cmp.Compare(a.At, b.At) })
	return s.moments
}

// storyCall is a call of the evidence: its lines that are in it.
type storyCall struct{ invoke, done *history.Op }

func (c *storyCall) first() *history.Op {
	if c.invoke != nil {
		return c.invoke
	}
	return c.done
}

func (c *storyCall) last() *history.Op {
	if c.done != nil {
		return c.done
	}
	return c.invoke
}

// pair puts lines of clients together, in the order of invocation.
func pair(positions []int, lines map[int]history.Op) []storyCall {
	var out []storyCall
	open := map[int]int{} // by process, the call
	sorted := slices.Clone(positions)
	slices.Sort(sorted)
	for _, p := range slices.Compact(sorted) {
		op, ok := lines[p]
		if !ok || !op.Client() {
			continue
		}
		if op.Type == history.Invoke {
			open[op.Process] = len(out)
			out = append(out, storyCall{invoke: &op})
			continue
		}
		if i, ok := open[op.Process]; ok {
			out[i].done = &op
			delete(open, op.Process)
			continue
		}
		out = append(out, storyCall{done: &op})
	}
	return out
}

// story collects moments.
type story struct {
	others   []history.Op
	from, to time.Duration
	moments  []history.Moment
}

func (s *story) calls(calls []storyCall) {
	timed := s.to >= time.Millisecond // else times only count lines
	for i := range calls {
		if len(calls) > storyCalls && i >= storyCalls/2 && i < len(calls)-storyCalls/2 {
			if i == storyCalls/2 {
				n := len(calls) - storyCalls/2*2
				s.moments = append(s.moments, history.Moment{At: calls[i].first().Time, Text: fmt.Sprintf("… %s, which are in the evidence", count(n, "more call")), Call: true})
			}
			continue
		}
		s.moments = append(s.moments, calls[i].moment(timed))
	}
}

// moment is a call in words.
func (c *storyCall) moment(timed bool) history.Moment {
	op := c.first()
	m := history.Moment{At: op.Time, Call: true}
	for _, o := range []*history.Op{c.invoke, c.done} {
		if o != nil {
			m.Ops = append(m.Ops, o.Index)
		}
	}
	through := ""
	if op.Node != "" {
		through = " through " + string(op.Node)
	}
	did, answer := inWords(c)
	m.Text = fmt.Sprintf("process %d %s%s%s%s", op.Process, did, through, answer, c.outcome(timed))
	return m
}

// outcome is how a call ended.
func (c *storyCall) outcome(timed bool) string {
	if c.done == nil {
		return "; whether it happened is unknown"
	}
	why := ""
	if c.done.Error != "" {
		why = " (" + cut(c.done.Error) + ")"
	}
	switch {
	case c.done.Type == history.Info:
		return "; whether it happened is unknown" + why
	case c.done.Type == history.Fail:
		return "; it did not happen" + why
	case !timed || c.invoke == nil:
		return ""
	}
	return fmt.Sprintf(", answered after %s", short(c.done.Time-c.invoke.Time))
}

// short is a duration in three digits.
func short(d time.Duration) string {
	ms := float64(d.Round(time.Microsecond)) / float64(time.Millisecond)
	return strconv.FormatFloat(ms, 'g', 3, 64) + " ms"
}

func cut(s string) string {
	if r := []rune(s); len(r) > storyAnswers {
		return string(r[:storyAnswers]) + "…"
	}
	return s
}

// around adds who led, and what was broken.
func (s *story) around(logs map[history.NodeID][]history.LogLine) {
	moments := s.leaders(logs)
	broken, hit := s.faults()
	moments = append(moments, broken...)
	slices.SortStableFunc(moments, func(a, b history.Moment) int { return cmp.Compare(a.At, b.At) })
	if n := len(moments) - storyAround; n > 0 {
		moments = moments[n:]
		moments = slices.Insert(moments, 0, history.Moment{At: moments[0].At, Text: fmt.Sprintf("(%s earlier left out)", count(n, "fault or leader change"))})
	}
	if len(s.others) > 0 && !hit {
		moments = append(moments, history.Moment{At: s.from, Text: "no fault was active then"})
	}
	s.moments = append(s.moments, moments...)
}

// faults are the injections and healings of those faults that were active around the calls.
func (s *story) faults() (out []history.Moment, hit bool) {
	all, err := faults(s.others)
	if err != nil {
		return nil, true // then nothing is known of them
	}
	for _, f := range all {
		if !f.landed() {
			continue
		}
		op := &s.others[f.landedAt]
		at := op.Time
		if f.Confirmed > 0 {
			at = f.Confirmed
		}
		healed := time.Duration(-1)
		if f.healedAt >= 0 {
			healed = s.others[f.healedAt].Time
		}
		if at > s.to || healed >= 0 && healed < s.from-storyBefore {
			continue
		}
		hit = true
		what := fmt.Sprintf("%s of %s", f.Fault, nodeList(f.Nodes))
		if f.Leader != "" && slices.Contains(f.Nodes, f.Leader) {
			what += ", who led"
			if len(f.Nodes) > 1 {
				what = fmt.Sprintf("%s of %s (%s led)", f.Fault, nodeList(f.Nodes), f.Leader)
			}
		}
		out = append(out, history.Moment{At: at, Text: fmt.Sprintf("fault %s took effect: %s", f.ID, what), Ops: []int{op.Index}})
		if healed >= 0 && healed <= s.to {
			out = append(out, history.Moment{At: healed, Text: fmt.Sprintf("fault %s was healed: %s of %s", f.ID, f.Fault, nodeList(f.Nodes)), Ops: []int{s.others[f.healedAt].Index}})
		}
	}
	return out, hit
}

func nodeList(nodes []history.NodeID) string {
	out := ""
	for i, n := range nodes {
		if i > 0 {
			out += "+"
		}
		out += string(n)
	}
	return out
}

// leaders are the changes of leaders among the calls, and the last one before.
func (s *story) leaders(logs map[history.NodeID][]history.LogLine) []history.Moment {
	all := elections(logs)
	if len(all) == 0 {
		all = seenLeaders(s.others)
	}
	slices.SortStableFunc(all, func(a, b history.Moment) int { return cmp.Compare(a.At, b.At) })
	first := 0
	for i, m := range all {
		if m.At > s.to {
			return all[first:i]
		}
		if m.At <= s.from {
			first = i
		}
	}
	return all[first:]
}

// elections are those in the members' logs.
func elections(logs map[history.NodeID][]history.LogLine) (out []history.Moment) {
	for _, node := range logged(history.History{Logs: logs}) {
		for _, line := range logs[node] {
			if e, ok := raftlog.Parse(line.Text); ok && e.Kind == raftlog.BecameLeader {
				out = append(out, history.Moment{At: line.At, Text: fmt.Sprintf("%s became leader of term %d", node, e.Term)})
			}
		}
	}
	return out
}

// seenLeaders are the members that said that they lead a higher term than any before.
func seenLeaders(others []history.Op) (out []history.Moment) {
	term := uint64(0)
	for i := range others {
		if v, ok := status(&others[i]); ok && v.Role == history.Leader && v.Term > term {
			term = v.Term
			out = append(out, history.Moment{At: others[i].Time, Text: fmt.Sprintf("%s was seen to lead term %d", others[i].Node, term), Ops: []int{others[i].Index}})
		}
	}
	return out
}

// inWords is what a call did, and what was answered.
func inWords(c *storyCall) (did, answer string) {
	op := c.last()
	if op.Type == history.Fail || op.Type == history.Info {
		op = c.first()
	}
	answered := c.done != nil && c.done.Type == history.OK
	switch form := op.Form(); form {
	case history.FormGet, history.FormPut, history.FormCAS, history.FormDelete:
		if v, err := op.Register(); err == nil {
			return registerWords(form, &v, answered)
		}
	case history.FormAppend:
		if v, err := op.Register(); err == nil && v.Value != nil {
			return fmt.Sprintf("appended %s to %s", quoted(*v.Value), v.Key), ""
		}
	case history.FormTxn:
		if v, err := op.Txn(); err == nil {
			return txnWords(&v, answered)
		}
	}
	did = "did " + op.F
	if c.invoke != nil && len(c.invoke.Value) > len("{}") {
		did += " " + cut(string(c.invoke.Value))
	}
	if answered && string(c.done.Value) != "" && (c.invoke == nil || string(c.done.Value) != string(c.invoke.Value)) {
		answer = " and got " + cut(string(c.done.Value))
	}
	return did, answer
}

func registerWords(form history.Form, v *history.RegisterValue, answered bool) (did, answer string) {
	text := func(s *string) string {
		if s == nil {
			return "nothing"
		}
		return quoted(*s)
	}
	switch form {
	case history.FormGet:
		if answered {
			answer = " and found " + text(v.Value)
		}
		return "read " + v.Key, answer
	case history.FormPut:
		return fmt.Sprintf("put %s to %s", text(v.Value), v.Key), ""
	case history.FormCAS:
		return casWords(v, text(v.Old), answered)
	default:
		if answered && v.Deleted != nil {
			answer = ", where there was nothing"
			if *v.Deleted > 0 {
				answer = ", where there was something"
			}
		}
		return "deleted " + v.Key, answer
	}
}

func casWords(v *history.RegisterValue, old string, answered bool) (did, answer string) {
	did, answer = fmt.Sprintf("set %s from %s to %s", v.Key, old, quoted(v.New)), ", but it was another"
	if v.Old == nil {
		did, answer = fmt.Sprintf("create %s as %s", v.Key, quoted(v.New)), ", but it was there already"
	}
	switch {
	case !answered || v.Swapped == nil:
		return "tried to " + did, ""
	case *v.Swapped && v.Old == nil:
		return "created" + strings.TrimPrefix(did, "create"), ""
	case *v.Swapped:
		return did, ""
	}
	return "tried to " + did, answer
}

// txnWords are a transaction as Jepsen writes one, since it may be of any kind.
func txnWords(v *history.TxnRows, answered bool) (did, answer string) {
	did, branch := "ran ", v.Ops
	if len(v.If) > 0 {
		did += "if " + compactJSON(v.If)
		switch {
		case !answered || v.Succeeded == nil:
		case *v.Succeeded:
			did += " (it held)"
		default:
			did += " (it did not hold)"
			branch = v.Else
		}
		did += " then "
	}
	if len(branch) == 0 {
		did += "nothing"
	} else {
		did += compactJSON(branch)
	}
	if answered && v.Rev > 0 {
		answer = fmt.Sprintf(", at revision %d", v.Rev)
	}
	return did, answer
}

func compactJSON(rows [][]json.RawMessage) string {
	b, err := json.Marshal(rows)
	if err != nil { // it was JSON
		return err.Error()
	}
	return cut(string(b))
}
