package live

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/history"
)

const (
	ms  = time.Millisecond
	sec = time.Second
)

// script makes the ops of a run.
type script struct {
	s      *State
	events []Event
	n      int
}

func newScript(p Plan) *script { return &script{s: NewState(p)} }

func (x *script) op(op history.Op) {
	op.Index = x.n
	x.n++
	x.events = append(x.events, x.s.Observe(&op)...)
}

func (x *script) phase(at time.Duration, p history.Phase) {
	x.op(history.Op{Time: at, Process: history.HarnessProcess, Type: history.OK, F: history.FPhase, Value: history.EncodeValue(history.PhaseValue{Phase: p})})
}

func (x *script) status(at time.Duration, id history.NodeID, role history.Role, term uint64, leader history.NodeID, applied uint64) {
	v := history.StatusValue{Role: role, Term: term, Leader: leader, Applied: applied}
	x.op(history.Op{Time: at, Process: history.HarnessProcess, Type: history.OK, F: history.FStatus, Node: id, Value: history.EncodeValue(v)})
}

func (x *script) fault(at time.Duration, t history.Type, f string, v history.FaultValue, problem string) {
	x.op(history.Op{Time: at, Process: history.NemesisProcess, Type: t, F: f, Value: history.EncodeValue(v), Error: problem})
}

func (x *script) call(due, from, to time.Duration, process int, f string, t history.Type) {
	x.op(history.Op{Time: from, Process: process, Type: history.Invoke, F: f, Kind: history.KindBefore(f), Sched: due, Value: json.RawMessage(`{"key":"k"}`)})
	x.op(history.Op{Time: to, Process: process, Type: t, F: f})
}

func (x *script) lines() (out []string) {
	for _, e := range x.events {
		out = append(out, e.Line())
	}
	return out
}

func nemesisValue(id, fault string, target history.Target, nodes ...history.NodeID) history.FaultValue {
	return history.FaultValue{ID: id, Fault: fault, Target: target, Nodes: nodes}
}

// TestFold: phases, elections and faults, each from its op.
func TestFold(t *testing.T) {
	x := newScript(Plan{Members: []history.NodeID{"n1", "n2", "n3"}})
	x.phase(sec, history.PhaseWarmup)
	x.status(1100*ms, "n1", history.Follower, 2, "n2", 5)
	x.status(1100*ms, "n2", history.Leader, 2, "n2", 5)
	x.phase(3*sec, history.PhaseFaults)
	v := nemesisValue("f1", "kill", "leader", "n2")
	v.Issued = 4 * sec
	x.fault(4*sec, history.Invoke, history.FInject, v, "")
	require.Equal(t, Injecting, x.s.Active[0].State)
	v.Confirmed = 4*sec + 5*ms
	x.fault(4*sec+9*ms, history.OK, history.FInject, v, "")
	require.Equal(t, Active, x.s.Active[0].State)
	require.Equal(t, v.Confirmed, x.s.Active[0].Since)
	x.status(4100*ms, "n2", history.Unreached, 0, "", 0)
	require.Equal(t, uint64(5), x.s.Members[1].Applied, "what it said last is still known")
	id, _ := x.s.Leader()
	require.Empty(t, id)
	x.status(5*sec, "n3", history.Leader, 3, "n3", 9)
	x.fault(6*sec, history.Invoke, history.FHeal, v, "")
	require.Equal(t, Healing, x.s.Active[0].State)
	require.Equal(t, 6*sec, x.s.Active[0].Since)
	x.fault(6100*ms, history.OK, history.FHeal, v, "")
	require.Empty(t, x.s.Active)
	x.status(6200*ms, "n2", history.Leader, 2, "n2", 9) // frozen, it still believes
	id, term := x.s.Leader()
	require.Equal(t, "n3 3", fmt.Sprint(id, " ", term), "the highest term")
	require.Equal(t, 2, x.s.Elections)
	require.Equal(t, []string{
		"   1.00s  phase warmup", "   1.10s  leader is n2, term 2", "   3.00s  phase faults",
		"   4.01s  kill leader (n2) confirmed after 5.0 ms", "   4.10s  no leader", "   5.00s  leader is n3, term 3", "   6.10s  healed kill on n2",
	}, x.lines())
	require.Equal(t, 1, x.s.Landed)
	require.Equal(t, 1, x.s.Tried)
}

// TestFoldTroubles: faults that met nobody, were not confirmed, were not healed.
func TestFoldTroubles(t *testing.T) {
	x := newScript(Plan{})
	nobody := nemesisValue("f1", "kill", "leader")
	x.fault(sec, history.Invoke, history.FInject, nobody, "")
	x.fault(sec, history.Info, history.FInject, nobody, "no member is leader now")
	require.Empty(t, x.s.Active, "nothing is to be healed")
	missed := nemesisValue("f2", "pause", "one", "n1")
	x.fault(2*sec, history.Invoke, history.FInject, missed, "")
	x.fault(2*sec, history.Info, history.FInject, missed, "its effect\nwas not seen")
	require.Equal(t, Missed, x.s.Active[0].State)
	x.fault(3*sec, history.Invoke, history.FHeal, missed, "")
	x.fault(3*sec, history.Info, history.FHeal, missed, "gone")
	require.Empty(t, x.s.Active)
	x.fault(3*sec, history.OK, history.FHeal, missed, "") // of nothing that is known
	x.events = append(x.events, x.s.Judge(Checks{Answers: 3})...)
	x.events = append(x.events, x.s.Judge(Checks{Answers: 4, Violation: "k went back"})...)
	require.Empty(t, x.s.Judge(Checks{Answers: 5, Violation: "k went back"}), "it is told once")
	for _, lag := range []time.Duration{2 * sec, 3 * sec, sec, 4 * sec, 400 * ms} {
		x.events = append(x.events, x.s.Judge(Checks{Answers: 6, Violation: "k went back", Behind: 900, Lag: lag})...)
	}
	x.events = append(x.events, x.s.Interrupt("interrupt")...)
	require.Equal(t, []string{
		"   1.00s  kill leader was not confirmed: no member is leader now", "   2.00s  pause one was not confirmed: its effect; was not seen",
		"   3.00s  NOT healed: pause on n1: gone", "   3.00s  VIOLATION: k went back",
		"   3.00s  the live checks are 900 ops behind (2.0 s)", "   3.00s  the live checks have caught up", "   3.00s  interrupt: stopping cleanly; press Ctrl-C again to quit at once",
	}, x.lines())
	require.Equal(t, 0, x.s.Landed)
	require.Equal(t, 2, x.s.Tried)
}

// TestFoldCalls: rates are of the workload's calls, latency and silence of the probes', from when they
// were due.
func TestFoldCalls(t *testing.T) {
	x := newScript(Plan{Probed: true, Patience: 100 * ms})
	for i := range 8 {
		at := sec + time.Duration(i)*125*ms
		x.call(0, at, at+ms, i, "put", history.OK)
		x.call(at-2*ms, at, at+3*ms, 1000+i, history.FProbePut, history.OK)
		x.call(at, at, at+50*ms, 2000+i, history.FProbeGet, history.Fail)
	}
	x.call(0, 1900*ms, 1901*ms, 70, "get", history.Fail)
	x.call(0, 1900*ms, 1901*ms, 71, "put", history.Info)
	x.op(history.Op{Time: 1901 * ms, Process: 999, Type: history.OK, F: "put"}) // of a call that is not known
	require.Equal(t, [3]float64{8, 1, 1}, x.s.Rates(2*sec))
	require.Equal(t, map[history.Type]int{history.OK: 8, history.Fail: 1, history.Info: 1}, x.s.Counts)
	p50, p99, ok := x.s.Writes.Quantiles()
	require.True(t, ok)
	require.Equal(t, []time.Duration{5 * ms, 5 * ms}, []time.Duration{p50, p99})
	_, _, ok = x.s.Reads.Quantiles()
	require.False(t, ok, "none was answered")
	require.Equal(t, 125*ms, x.s.Writes.Longest)
	require.Equal(t, 100*ms+22*ms, x.s.Writes.Outage(2*sec, 100*ms))
	require.Zero(t, x.s.Writes.Outage(1900*ms, 100*ms))
	require.Zero(t, x.s.Reads.Outage(2*sec, 100*ms), "it never was there")
	cells := x.s.window(2*sec, 4)
	require.Len(t, cells, 4)
	require.Equal(t, mark{ok: 2, slowest: 5 * ms}, cells[3].writes)
	require.Equal(t, mark{bad: 2}, cells[3].reads)
	require.Empty(t, x.s.open)
	x.phase(2*sec, history.PhaseFinal)
	x.call(2*sec, 2*sec, 3*sec, 5000, history.FProbePut, history.OK)
	require.Equal(t, 125*ms, x.s.Writes.Longest, "final reads are not timed")
}

// TestBounds: however long a run, a state holds no more.
func TestBounds(t *testing.T) {
	x := newScript(Plan{})
	for i := range 5 * maxEvents {
		at := time.Duration(i) * sec
		x.call(0, at, at+ms, i, "put", history.OK)
		before := len(x.events)
		x.phase(at+ms, history.PhaseFaults)
		require.Len(t, x.events, before+1)
	}
	require.LessOrEqual(t, len(x.s.Events), maxEvents)
	require.Equal(t, 5*maxEvents, len(x.s.Events)+x.s.Dropped)
	require.LessOrEqual(t, len(x.s.cells), maxCells)
	require.Len(t, x.s.Writes.last, lastAnswers)
	last := x.s.Now
	require.InDelta(t, 1.0, x.s.Rates(last + sec - ms)[0], 1e-9)
	x.call(0, last+time.Hour, last+time.Hour+ms, 1, "put", history.OK) // a long silence
	require.Zero(t, x.s.Rates(last + time.Hour)[0])
	require.Equal(t, time.Hour, x.s.Writes.Longest.Round(time.Minute))
}

// TestClone: what is drawn does not change under who draws.
func TestClone(t *testing.T) {
	x := sample()
	c := x.s.Clone()
	before := Render(c, c.Now, 100, 30)
	x.status(40*sec, "n1", history.Leader, 99, "n1", 1)
	x.fault(40*sec, history.Invoke, history.FInject, nemesisValue("x", "kill", "one", "n1"), "")
	for i := range 2 * lastAnswers {
		x.call(40*sec, 40*sec, 41*sec, i, history.FProbePut, history.OK)
		x.call(0, 40*sec, 41*sec, i, "put", history.Fail)
	}
	require.Equal(t, before, Render(c, c.Now, 100, 30))
}

// TestNext: the step that comes next, and what is left, by phase.
func TestNext(t *testing.T) {
	steps := []harness.Step{{At: 2 * sec, Fault: named("kill"), Target: "leader"}, {At: 8 * sec, Fault: named("pause"), Target: "one"}}
	x := newScript(Plan{Steps: steps, Warmup: 2 * sec, Faults: 10 * sec, Settle: sec})
	_, known := x.s.Left(0)
	require.False(t, known)
	x.phase(sec, history.PhaseWarmup)
	st, in, ok := x.s.Next(2 * sec)
	require.True(t, ok)
	require.Equal(t, "kill 3s", st.Fault.String()+" "+in.String())
	left, known := x.s.Left(2 * sec)
	require.True(t, known)
	require.Equal(t, 12*sec, left)
	x.phase(4*sec, history.PhaseFaults)
	st, in, _ = x.s.Next(7 * sec)
	require.Equal(t, "pause 5s", st.Fault.String()+" "+in.String())
	_, _, ok = x.s.Next(12 * sec)
	require.False(t, ok)
	x.s.Interrupt("interrupt")
	_, _, ok = x.s.Next(7 * sec)
	require.False(t, ok, "no fault comes after an interruption")
	_, known = x.s.Left(7 * sec)
	require.False(t, known)
}
