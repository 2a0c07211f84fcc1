package results

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
)

// trouble is one fault of a synthetic run with all its times, which the analysis must find again.
type trouble struct {
	fault  string
	target history.Target
	node   history.NodeID // whom it hits
	next   history.NodeID // who is elected then; empty for a follower
	split  bool           // the first campaign's term goes without a winner

	issued, confirmed             time.Duration
	detected, elected, committed  time.Duration
	healStart, healed, steppedOff time.Duration
	oldTerm, newTerm              uint64
	leaderThen                    history.NodeID
}

// synthetic makes runs whose every time is known.
type synthetic struct {
	rand     *rand.Rand
	nodes    []history.NodeID
	ids      map[history.NodeID]string
	troubles []trouble
	ops      []history.Op
	logs     map[history.NodeID][]history.LogLine
	leader   history.NodeID
	term     uint64
	end      time.Duration
	workers  int
	pause    time.Duration // between a worker's calls
	timeout  time.Duration // of a call
	known    []known       // instead of troubles
}

const (
	sec = time.Second
	mil = time.Millisecond
)

func newSynthetic(workers int, pause time.Duration) *synthetic {
	s := &synthetic{
		rand: rand.New(rand.NewPCG(1, 2)), nodes: []history.NodeID{"n1", "n2", "n3"},
		ids:    map[history.NodeID]string{"n1": "8e9e05c52164694d", "n2": "91bc3c398fb3c146", "n3": "fd422379fda50e48"},
		logs:   map[history.NodeID][]history.LogLine{},
		leader: "n1", term: 2, workers: workers, pause: pause, timeout: 800 * mil,
	}
	for _, n := range s.nodes {
		s.log(n, 0, "newRaft %s [peers: [8e9e05c52164694d,91bc3c398fb3c146,fd422379fda50e48], term: 1, commit: 3, applied: 0, lastindex: 3, lastterm: 1]", s.ids[n])
		s.log(n, mil, "%s became follower at term 1", s.ids[n])
	}
	s.elect("n1", 2, "n2", 300*mil, 304*mil, 307*mil)
	s.log("n3", 305*mil, "%s became follower at term 2", s.ids["n3"])
	return s
}

func (s *synthetic) log(n history.NodeID, at time.Duration, format string, args ...any) {
	msg, _ := json.Marshal(map[string]string{"level": "info", "ts": "2026-11-25T07:00:00.000Z", "logger": "raft", "msg": fmt.Sprintf(format, args...)})
	s.logs[n] = append(s.logs[n], history.LogLine{At: at, Text: string(msg)})
}

// elect writes a campaign of n for term with the vote of voter.
func (s *synthetic) elect(n history.NodeID, term uint64, voter history.NodeID, detected, elected, committed time.Duration) {
	me, you := s.ids[n], s.ids[voter]
	s.log(n, detected, "%s is starting a new election at term %d", me, term-1)
	s.log(n, detected, "%s became pre-candidate at term %d", me, term-1)
	s.log(n, detected, "%s [logterm: %d, index: 99] sent MsgPreVote request to %s at term %d", me, term-1, you, term-1)
	half := detected + (elected-detected)/2
	s.log(voter, detected+mil/2, "%s [logterm: %d, index: 99, vote: 0] cast MsgPreVote for %s [logterm: %d, index: 99] at term %d", you, term-1, me, term-1, term-1)
	s.log(n, half, "%s received MsgPreVoteResp from %s at term %d", me, me, term-1)
	s.log(n, half, "%s received MsgPreVoteResp from %s at term %d", me, you, term-1)
	s.log(n, half, "%s has received 2 MsgPreVoteResp votes and 0 vote rejections", me)
	s.log(n, half, "%s became candidate at term %d", me, term)
	s.log(n, half, "%s [logterm: %d, index: 99] sent MsgVote request to %s at term %d", me, term-1, you, term)
	s.log(voter, half+mil/4, "%s became follower at term %d", you, term)
	s.log(voter, half+mil/4, "%s [logterm: %d, index: 99, vote: 0] cast MsgVote for %s [logterm: %d, index: 99] at term %d", you, term-1, me, term-1, term)
	s.log(n, elected, "%s received MsgVoteResp from %s at term %d", me, me, term)
	s.log(n, elected, "%s received MsgVoteResp from %s at term %d", me, you, term)
	s.log(n, elected, "%s has received 2 MsgVoteResp votes and 0 vote rejections", me)
	s.log(n, elected, "%s became leader at term %d", me, term)
	s.log(n, committed, "committed first entry of term %d", term)
}

// add breaks the leader or a follower at a time, for a while.
func (s *synthetic) add(fault string, onLeader bool, at, length time.Duration, split bool) {
	t := trouble{fault: fault, target: history.TargetLeader, node: s.leader, issued: at, confirmed: at + 6*mil, split: split, oldTerm: s.term, leaderThen: s.leader}
	t.healStart = t.confirmed + length
	t.healed = t.healStart + 80*mil
	others := s.others(s.leader)
	if !onLeader {
		t.target, t.node = history.TargetFollower, others[0]
	} else {
		t.next = others[int(s.term)%2]
		voter := others[1-int(s.term)%2]
		t.detected = t.confirmed + time.Duration(900+s.rand.IntN(800))*mil
		t.newTerm = s.term + 1
		won := t.detected
		if split {
			for _, n := range others {
				s.log(n, t.detected, "%s is starting a new election at term %d", s.ids[n], s.term)
				s.log(n, t.detected, "%s became pre-candidate at term %d", s.ids[n], s.term)
				s.log(n, t.detected+2*mil, "%s became candidate at term %d", s.ids[n], s.term+1)
			}
			for i, n := range others {
				s.log(n, t.detected+4*mil, "%s received MsgVoteResp rejection from %s at term %d", s.ids[n], s.ids[others[1-i]], s.term+1)
			}
			t.newTerm++
			won += 400 * mil
		}
		t.elected = won + 8*mil
		t.committed = t.elected + 5*mil
		s.elect(t.next, t.newTerm, voter, won, t.elected, t.committed)
		if traits(fault).Apart {
			t.steppedOff = t.confirmed + 1000*mil
			s.log(t.node, t.steppedOff, "%s stepped down to follower since quorum is not active", s.ids[t.node])
			s.log(t.node, t.steppedOff, "%s became follower at term %d", s.ids[t.node], s.term)
		}
		s.leader, s.term = t.next, t.newTerm
	}
	if traits(fault).Gone {
		s.log(t.node, t.healStart+40*mil, "newRaft %s [peers: [], term: %d, commit: 9, applied: 9, lastindex: 9, lastterm: 2]", s.ids[t.node], t.oldTerm)
		s.log(t.node, t.healStart+41*mil, "%s became follower at term %d", s.ids[t.node], t.oldTerm)
	}
	if onLeader {
		s.log(t.node, t.healStart+60*mil, "%s became follower at term %d", s.ids[t.node], s.term)
		if traits(fault).Frozen {
			t.steppedOff = t.healStart + 60*mil
		}
	}
	s.troubles = append(s.troubles, t)
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

func (s *synthetic) others(n history.NodeID) []history.NodeID {
	return slices.DeleteFunc(slices.Clone(s.nodes), func(x history.NodeID) bool { return x == n })
}

// finish makes the history of everything that was added.
func (s *synthetic) finish(end time.Duration) (Run, history.History) {
	s.end = end
	s.phase(history.PhaseWarmup, 400*mil)
	s.phase(history.PhaseFaults, 2400*mil)
	s.phase(history.PhaseRecover, end-2*sec)
	s.phase(history.PhaseFinal, end)
	s.phase(history.PhaseEnd, end+10*mil)
	var schedule []Step
	for i, t := range s.troubles {
		v := history.FaultValue{ID: fmt.Sprintf("f%d", i+1), Fault: t.fault, Target: t.target, Nodes: []history.NodeID{t.node}, Leader: t.leaderThen, Term: t.oldTerm, Issued: t.issued}
		says(&v, s.nodes)
		s.nemesis(t.issued, history.Invoke, history.FInject, v)
		v.Confirmed = t.confirmed
		s.nemesis(t.confirmed, history.OK, history.FInject, v)
		v.Issued, v.Confirmed = t.healStart, 0
		s.nemesis(t.healStart, history.Invoke, history.FHeal, v)
		v.Confirmed = t.healed
		s.nemesis(t.healed, history.OK, history.FHeal, v)
		schedule = append(schedule, Step{At: t.issued - 2400*mil, For: t.healStart - t.confirmed, Fault: t.fault, Target: t.target})
	}
	for i := range s.known {
		s.inject(i)
	}
	for w := range s.workers {
		s.worker(w)
	}
	slices.SortStableFunc(s.ops, func(a, b history.Op) int { return int(a.Time - b.Time) })
	for i := range s.ops {
		s.ops[i].Index = i
	}
	for _, n := range s.nodes {
		slices.SortStableFunc(s.logs[n], func(a, b history.LogLine) int { return int(a.At - b.At) })
	}
	started := time.Date(2026, 11, 25, 7, 0, 0, 0, time.UTC)
	run := Run{
		Format: FormatVersion, ID: "synthetic", Started: started, Finished: started.Add(end + sec), Seed: 42,
		Command: []string{"faultline", "run", "--runtime", "local", "--system", "raftkv", "--nodes", "3", "--faults", "kill,pause,isolate", "--time", "60s", "--seed", "42"},
		Runtime: "local", RuntimeReason: "auto: no Docker engine answers", System: "raftkv", SystemVersion: "0.1.0", Faultline: "0.1.0", Commit: "65e2e71",
		Nodes: s.nodes, MemberIDs: s.ids, ElectionTimeout: sec, HeartbeatInterval: 100 * mil,
		Workload: "register", Concurrency: s.workers, Time: end - 4400*mil, Schedule: schedule,
		StartTimings: []history.Timing{{Name: "namespaces", Took: 61 * mil}, {Name: "processes", Took: 42 * mil}, {Name: "first leader", Took: 307 * mil}, {Name: "first committed write", Took: 4 * mil}},
		Resources:    Resources{HarnessMaxRSS: 96 << 20, HarnessCPU: 9300 * mil, MemberRSS: map[history.NodeID]int64{"n1": 41 << 20, "n2": 38 << 20, "n3": 44 << 20}},
		Verdicts: []history.Verdict{
			{Checker: "linearizable", Validity: history.Valid, Reason: "every one of 5 keys has a linearization"},
			{Checker: "election-safety", Validity: history.Valid, Reason: "no term had two leaders"},
			{Checker: "coverage", Validity: history.Valid, Reason: "every fault landed, and calls overlapped it"},
		},
		Verdict: history.Valid,
	}
	return run, history.History{Nodes: s.nodes, Ops: s.ops, Logs: s.logs}
}

func (s *synthetic) phase(p history.Phase, at time.Duration) {
	s.ops = append(s.ops, history.Op{Time: at, Process: history.HarnessProcess, Type: history.OK, F: history.FPhase, Value: history.EncodeValue(history.PhaseValue{Phase: p})})
}

func (s *synthetic) nemesis(at time.Duration, t history.Type, f string, v history.FaultValue) {
	s.ops = append(s.ops, history.Op{Time: at, Process: history.NemesisProcess, Type: t, F: f, Value: history.EncodeValue(v)})
}

// worker calls one member after the other. While nobody leads, calls wait for the next leader's
// first commit, or for their time-out.
func (s *synthetic) worker(w int) {
	process, n := w, 0
	for at := 400*mil + time.Duration(w)*s.pause/time.Duration(s.workers); at < s.end-20*mil; n++ {
		node := s.nodes[(n+w)%len(s.nodes)]
		op := history.Op{Time: at, Process: process, Type: history.Invoke, Node: node, Call: n*s.workers + w + 1}
		key := fmt.Sprintf("k%d", n%5)
		read := s.rand.IntN(2) == 0
		op.F, op.Value = "put", json.RawMessage(fmt.Sprintf(`{"key":%q,"value":"%d.%d"}`, key, w, n))
		if read {
			op.F, op.Value = "get", json.RawMessage(fmt.Sprintf(`{"key":%q,"value":null}`, key))
		}
		op.Kind = history.KindBefore(op.F)
		s.ops = append(s.ops, op)
		took, err := s.answer(node, at, s.timeout)
		op.Kind, op.Type, op.Time = "", history.OK, at+took
		if err != nil {
			op.Error = err.Error()
			if op.Type = history.Info; read || errors.Is(err, harness.ErrNotApplied) {
				op.Type = history.Fail
			}
		}
		s.ops = append(s.ops, op)
		if op.Type == history.Info {
			process += s.workers
		}
		at = max(op.Time, at+s.pause)
	}
}

func (s *synthetic) answer(node history.NodeID, at, timeout time.Duration) (time.Duration, error) {
	latency := time.Duration(600+s.rand.IntN(1800)) * time.Microsecond
	if s.known != nil {
		return s.answerKnown(node, at, timeout, latency/4+latencyLeast)
	}
	for _, t := range s.troubles {
		if at+latency < t.issued || at >= max(t.healed, t.committed) {
			continue
		}
		if node == t.node && at < t.healed {
			if traits(t.fault).Gone {
				return 300 * time.Microsecond, fmt.Errorf("dial: connection refused: %w", harness.ErrNotApplied)
			}
			return timeout, errors.New("deadline exceeded")
		}
		if t.next != "" && at < t.committed {
			if wait := t.committed - at; wait < timeout {
				return wait + latency, nil
			}
			return timeout, errors.New("deadline exceeded")
		}
	}
	return latency, nil
}

// standard is a run of a minute with every kind of fault on leaders and followers.
func standard(workers int, pause, timeout time.Duration) (*synthetic, Run, history.History) {
	s := newSynthetic(workers, pause)
	s.timeout = timeout
	at := 4 * sec
	for i, fault := range []string{"kill", "pause", "isolate", "kill", "isolate", "pause", "kill", "pause"} {
		s.add(fault, true, at, 3*sec, i == 3)
		s.add(fault, false, at+4500*mil, 1500*mil, false)
		at += 7 * sec
	}
	run, h := s.finish(at + 3*sec)
	return s, run, h
}

// writeFolder saves a run as the engine does.
func writeFolder(t testing.TB, root string, run Run, h history.History) *Folder {
	t.Helper()
	f, err := Create(root, run.ID)
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
	for _, id := range sortedKeys(h.Logs) {
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
