package synthetic

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/history"
	"github.com/faultline-chaos/faultline/nemesis"
	"github.com/faultline-chaos/faultline/results"
)

// Trouble is one fault of a synthetic run with all its times, which the analysis must find again.
type Trouble struct {
	Fault  string
	Target history.Target
	Node   history.NodeID // whom it hits
	Next   history.NodeID // who is elected then; empty for a follower
	Split  bool           // the first campaign's term goes without a winner

	Issued, Confirmed             time.Duration
	Detected, Elected, Committed  time.Duration
	HealStart, Healed, SteppedOff time.Duration
	OldTerm, NewTerm              uint64
	LeaderThen                    history.NodeID
}

// Synthetic makes runs whose every time is known.
type Synthetic struct {
	rand     *rand.Rand
	Nodes    []history.NodeID
	Ids      map[history.NodeID]string
	Troubles []Trouble
	Ops      []history.Op
	Logs     map[history.NodeID][]history.LogLine
	leader   history.NodeID
	term     uint64
	end      time.Duration
	workers  int
	pause    time.Duration // between a worker's calls
	Timeout  time.Duration // of a call
	Known    []Known       // instead of troubles
}

const (
	Sec = time.Second
	Mil = time.Millisecond
)

func NewSynthetic(workers int, pause time.Duration) *Synthetic {
	s := &Synthetic{
		rand: rand.New(rand.NewPCG(1, 2)), Nodes: []history.NodeID{"n1", "n2", "n3"},
		Ids:    map[history.NodeID]string{"n1": "8e9e05c52164694d", "n2": "91bc3c398fb3c146", "n3": "fd422379fda50e48"},
		Logs:   map[history.NodeID][]history.LogLine{},
		leader: "n1", term: 2, workers: workers, pause: pause, Timeout: 800 * Mil,
	}
	for _, n := range s.Nodes {
		s.Log(n, 0, "newRaft %s [peers: [8e9e05c52164694d,91bc3c398fb3c146,fd422379fda50e48], term: 1, commit: 3, applied: 0, lastindex: 3, lastterm: 1]", s.Ids[n])
		s.Log(n, Mil, "%s became follower at term 1", s.Ids[n])
	}
	s.elect("n1", 2, "n2", 300*Mil, 304*Mil, 307*Mil)
	s.Log("n3", 305*Mil, "%s became follower at term 2", s.Ids["n3"])
	return s
}

func (s *Synthetic) Log(n history.NodeID, at time.Duration, format string, args ...any) {
	msg, _ := json.Marshal(map[string]string{"level": "info", "ts": "2026-11-25T07:00:00.000Z", "logger": "raft", "msg": fmt.Sprintf(format, args...)})
	s.Logs[n] = append(s.Logs[n], history.LogLine{At: at, Text: string(msg)})
}

// elect writes a campaign of n for term with the vote of voter.
func (s *Synthetic) elect(n history.NodeID, term uint64, voter history.NodeID, detected, elected, committed time.Duration) {
	me, you := s.Ids[n], s.Ids[voter]
	s.Log(n, detected, "%s is starting a new election at term %d", me, term-1)
	s.Log(n, detected, "%s became pre-candidate at term %d", me, term-1)
	s.Log(n, detected, "%s [logterm: %d, index: 99] sent MsgPreVote request to %s at term %d", me, term-1, you, term-1)
	half := detected + (elected-detected)/2
	s.Log(voter, detected+Mil/2, "%s [logterm: %d, index: 99, vote: 0] cast MsgPreVote for %s [logterm: %d, index: 99] at term %d", you, term-1, me, term-1, term-1)
	s.Log(n, half, "%s received MsgPreVoteResp from %s at term %d", me, me, term-1)
	s.Log(n, half, "%s received MsgPreVoteResp from %s at term %d", me, you, term-1)
	s.Log(n, half, "%s has received 2 MsgPreVoteResp votes and 0 vote rejections", me)
	s.Log(n, half, "%s became candidate at term %d", me, term)
	s.Log(n, half, "%s [logterm: %d, index: 99] sent MsgVote request to %s at term %d", me, term-1, you, term)
	s.Log(voter, half+Mil/4, "%s became follower at term %d", you, term)
	s.Log(voter, half+Mil/4, "%s [logterm: %d, index: 99, vote: 0] cast MsgVote for %s [logterm: %d, index: 99] at term %d", you, term-1, me, term-1, term)
	s.Log(n, elected, "%s received MsgVoteResp from %s at term %d", me, me, term)
	s.Log(n, elected, "%s received MsgVoteResp from %s at term %d", me, you, term)
	s.Log(n, elected, "%s has received 2 MsgVoteResp votes and 0 vote rejections", me)
	s.Log(n, elected, "%s became leader at term %d", me, term)
	s.Log(n, committed, "committed first entry of term %d", term)
}

// Add breaks the leader or a follower at a time, for a while.
func (s *Synthetic) Add(fault string, onLeader bool, at, length time.Duration, split bool) {
	t := Trouble{Fault: fault, Target: history.TargetLeader, Node: s.leader, Issued: at, Confirmed: at + 6*Mil, Split: split, OldTerm: s.term, LeaderThen: s.leader}
	t.HealStart = t.Confirmed + length
	t.Healed = t.HealStart + 80*Mil
	others := s.Others(s.leader)
	if !onLeader {
		t.Target, t.Node = history.TargetFollower, others[0]
	} else {
		t.Next = others[int(s.term)%2]
		voter := others[1-int(s.term)%2]
		t.Detected = t.Confirmed + time.Duration(900+s.rand.IntN(800))*Mil
		t.NewTerm = s.term + 1
		won := t.Detected
		if split {
			for _, n := range others {
				s.Log(n, t.Detected, "%s is starting a new election at term %d", s.Ids[n], s.term)
				s.Log(n, t.Detected, "%s became pre-candidate at term %d", s.Ids[n], s.term)
				s.Log(n, t.Detected+2*Mil, "%s became candidate at term %d", s.Ids[n], s.term+1)
			}
			for i, n := range others {
				s.Log(n, t.Detected+4*Mil, "%s received MsgVoteResp rejection from %s at term %d", s.Ids[n], s.Ids[others[1-i]], s.term+1)
			}
			t.NewTerm++
			won += 400 * Mil
		}
		t.Elected = won + 8*Mil
		t.Committed = t.Elected + 5*Mil
		s.elect(t.Next, t.NewTerm, voter, won, t.Elected, t.Committed)
		if traits(fault).Apart {
			t.SteppedOff = t.Confirmed + 1000*Mil
			s.Log(t.Node, t.SteppedOff, "%s stepped down to follower since quorum is not active", s.Ids[t.Node])
			s.Log(t.Node, t.SteppedOff, "%s became follower at term %d", s.Ids[t.Node], s.term)
		}
		s.leader, s.term = t.Next, t.NewTerm
	}
	if traits(fault).Gone {
		s.Log(t.Node, t.HealStart+40*Mil, "newRaft %s [peers: [], term: %d, commit: 9, applied: 9, lastindex: 9, lastterm: 2]", s.Ids[t.Node], t.OldTerm)
		s.Log(t.Node, t.HealStart+41*Mil, "%s became follower at term %d", s.Ids[t.Node], t.OldTerm)
	}
	if onLeader {
		s.Log(t.Node, t.HealStart+60*Mil, "%s became follower at term %d", s.Ids[t.Node], s.term)
		if traits(fault).Frozen {
			t.SteppedOff = t.HealStart + 60*Mil
		}
	}
	s.Troubles = append(s.Troubles, t)
}

// says writes what the fault says of itself, as the nemesis does; of faults that do not exist yet, nothing.
func says(v *history.FaultValue, members []history.NodeID) {
	if f, err := nemesis.Parse(v.Fault); err == nil {
		e := f.Effect(members, v.Nodes)
		v.Effect, v.Affected = e.Kind, e.Affected
	}
}

func traits(fault string) history.Traits {
	v := history.FaultValue{Fault: fault}
	says(&v, nil)
	return v.Effect.Traits()
}

func (s *Synthetic) Others(n history.NodeID) []history.NodeID {
	return slices.DeleteFunc(slices.Clone(s.Nodes), func(x history.NodeID) bool { return x == n })
}

// Finish makes the history of everything that was added.
func (s *Synthetic) Finish(end time.Duration) (results.Run, history.History) {
	s.end = end
	s.phase(history.PhaseWarmup, 400*Mil)
	s.phase(history.PhaseFaults, 2400*Mil)
	s.phase(history.PhaseRecover, end-2*Sec)
	s.phase(history.PhaseFinal, end)
	s.phase(history.PhaseEnd, end+10*Mil)
	var schedule []results.Step
	for i, t := range s.Troubles {
		v := history.FaultValue{ID: fmt.Sprintf("f%d", i+1), Fault: t.Fault, Target: t.Target, Nodes: []history.NodeID{t.Node}, Leader: t.LeaderThen, Term: t.OldTerm, Issued: t.Issued}
		says(&v, s.Nodes)
		s.nemesis(t.Issued, history.Invoke, history.FInject, v)
		v.Confirmed = t.Confirmed
		s.nemesis(t.Confirmed, history.OK, history.FInject, v)
		v.Issued, v.Confirmed = t.HealStart, 0
		s.nemesis(t.HealStart, history.Invoke, history.FHeal, v)
		v.Confirmed = t.Healed
		s.nemesis(t.Healed, history.OK, history.FHeal, v)
		schedule = append(schedule, results.Step{At: t.Issued - 2400*Mil, For: t.HealStart - t.Confirmed, Fault: t.Fault, Target: t.Target})
	}
	for i := range s.Known {
		s.inject(i)
	}
	for w := range s.workers {
		s.worker(w)
	}
	slices.SortStableFunc(s.Ops, func(a, b history.Op) int { return int(a.Time - b.Time) })
	for i := range s.Ops {
		s.Ops[i].Index = i
	}
	for _, n := range s.Nodes {
		slices.SortStableFunc(s.Logs[n], func(a, b history.LogLine) int { return int(a.At - b.At) })
	}
	started := time.Date(2026, 11, 25, 7, 0, 0, 0, time.UTC)
	run := results.Run{
		Format: results.FormatVersion, ID: "synthetic", Started: started, Finished: started.Add(end + Sec), Seed: 42,
		Command: []string{"faultline", "run", "--runtime", "local", "--system", "raftkv", "--nodes", "3", "--faults", "kill,pause,isolate", "--time", "60s", "--seed", "42"},
		Runtime: "local", RuntimeReason: "auto: no Docker engine answers", System: "raftkv", SystemVersion: "0.1.0", Faultline: "0.1.0", Commit: "65e2e71",
		Nodes: s.Nodes, MemberIDs: s.Ids, ElectionTimeout: Sec, HeartbeatInterval: 100 * Mil,
		Workload: "register", Concurrency: s.workers, Time: end - 4400*Mil, Schedule: schedule,
		StartTimings: []history.Timing{{Name: "namespaces", Took: 61 * Mil}, {Name: "processes", Took: 42 * Mil}, {Name: "first leader", Took: 307 * Mil}, {Name: "first committed write", Took: 4 * Mil}},
		Resources:    results.Resources{HarnessMaxRSS: 96 << 20, HarnessCPU: 9300 * Mil, MemberRSS: map[history.NodeID]int64{"n1": 41 << 20, "n2": 38 << 20, "n3": 44 << 20}},
		Verdicts: []history.Verdict{
			{Checker: "linearizable", Validity: history.Valid, Reason: "every one of 5 keys has a linearization"},
			{Checker: "election-safety", Validity: history.Valid, Reason: "no term had two leaders"},
			{Checker: "coverage", Validity: history.Valid, Reason: "every fault landed, and calls overlapped it"},
		},
		Verdict: history.Valid,
	}
	return run, history.History{Nodes: s.Nodes, Ops: s.Ops, Logs: s.Logs}
}

func (s *Synthetic) phase(p history.Phase, at time.Duration) {
	s.Ops = append(s.Ops, history.Op{Time: at, Process: history.HarnessProcess, Type: history.OK, F: history.FPhase, Value: history.EncodeValue(history.PhaseValue{Phase: p})})
}

func (s *Synthetic) nemesis(at time.Duration, t history.Type, f string, v history.FaultValue) {
	s.Ops = append(s.Ops, history.Op{Time: at, Process: history.NemesisProcess, Type: t, F: f, Value: history.EncodeValue(v)})
}

// worker calls one member after the other. While nobody leads, calls wait for the next leader's
// first commit, or for their time-out.
func (s *Synthetic) worker(w int) {
	process, n := w, 0
	for at := 400*Mil + time.Duration(w)*s.pause/time.Duration(s.workers); at < s.end-20*Mil; n++ {
		node := s.Nodes[(n+w)%len(s.Nodes)]
		op := history.Op{Time: at, Process: process, Type: history.Invoke, Node: node, Call: n*s.workers + w + 1}
		key := fmt.Sprintf("k%d", n%5)
		read := s.rand.IntN(2) == 0
		op.F, op.Value = "put", json.RawMessage(fmt.Sprintf(`{"key":%q,"value":"%d.%d"}`, key, w, n))
		if read {
			op.F, op.Value = "get", json.RawMessage(fmt.Sprintf(`{"key":%q,"value":null}`, key))
		}
		op.Kind = history.KindBefore(op.F)
		s.Ops = append(s.Ops, op)
		took, err := s.answer(node, at, s.Timeout)
		op.Kind, op.Type, op.Time = "", history.OK, at+took
		if err != nil {
			op.Error = err.Error()
			if op.Type = history.Info; read || errors.Is(err, harness.ErrNotApplied) {
				op.Type = history.Fail
			}
		}
		s.Ops = append(s.Ops, op)
		if op.Type == history.Info {
			process += s.workers
		}
		at = max(op.Time, at+s.pause)
	}
}

func (s *Synthetic) answer(node history.NodeID, at, timeout time.Duration) (time.Duration, error) {
	latency := time.Duration(600+s.rand.IntN(1800)) * time.Microsecond
	if s.Known != nil {
		return s.answerKnown(node, at, timeout, latency/4+latencyLeast)
	}
	for _, t := range s.Troubles {
		if at+latency < t.Issued || at >= max(t.Healed, t.Committed) {
			continue
		}
		if node == t.Node && at < t.Healed {
			if traits(t.Fault).Gone {
				return 300 * time.Microsecond, fmt.Errorf("dial: connection refused: %w", harness.ErrNotApplied)
			}
			return timeout, errors.New("deadline exceeded")
		}
		if t.Next != "" && at < t.Committed {
			if wait := t.Committed - at; wait < timeout {
				return wait + latency, nil
			}
			return timeout, errors.New("deadline exceeded")
		}
	}
	return latency, nil
}

// Standard is a run of a minute with every kind of fault on leaders and followers.
func Standard(workers int, pause, timeout time.Duration) (*Synthetic, results.Run, history.History) {
	s := NewSynthetic(workers, pause)
	s.Timeout = timeout
	at := 4 * Sec
	for i, fault := range []string{"kill", "pause", "isolate", "kill", "isolate", "pause", "kill", "pause"} {
		s.Add(fault, true, at, 3*Sec, i == 3)
		s.Add(fault, false, at+4500*Mil, 1500*Mil, false)
		at += 7 * Sec
	}
	run, h := s.Finish(at + 3*Sec)
	return s, run, h
}

// WriteFolder saves a run as the engine does.
func WriteFolder(t testing.TB, root string, run results.Run, h history.History) *results.Folder {
	t.Helper()
	f, err := results.Create(root, run.ID)
	require.NoError(t, err)
	w, err := f.CreateHistory()
	require.NoError(t, err)
	var b []byte
	for i := range h.Ops {
		b = h.Ops[i].AppendJSON(b)
	}
	_, err = w.Write(b)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	for _, id := range results.SortedKeys(h.Logs) {
		l, err := f.CreateLog(id)
		require.NoError(t, err)
		var b []byte
		for _, line := range h.Logs[id] {
			b = history.AppendLogLine(b, line.At, []byte(line.Text))
		}
		_, err = l.Write(b)
		require.NoError(t, err)
		require.NoError(t, l.Close())
	}
	require.NoError(t, f.WriteRun(run))
	return f
}
