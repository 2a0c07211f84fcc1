package synthetic

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/history"
	"github.com/faultline-chaos/faultline/results"
)

// Probe adds what harness.Probe sees of the troubles, each probe a little late, until the end of the
// load.
func (s *Synthetic) Probe(every, timeout, until time.Duration) {
	slot := 0
	members := time.Duration(len(s.Nodes))
	step := history.ProbeStep(every, len(s.Nodes))
	for m, node := range s.Nodes {
		for k, f := range []string{history.FProbePut, history.FProbeGet} {
			for due := 500*Mil + step*time.Duration(m) + step/2*time.Duration(k); due < until; due += members * step {
				took, err := s.answer(node, due, timeout)
				late := min(time.Duration(s.rand.IntN(300))*time.Microsecond, took/2)
				op := history.Op{
					Time: due + late, Sched: due, Process: history.ProbeProcess + slot, Type: history.Invoke, F: f, Kind: history.KindBefore(f), Node: node,
					Value: history.EncodeValue(map[string]string{"key": "probe-" + string(node), "value": fmt.Sprint(slot)}),
				}
				slot++
				s.Ops = append(s.Ops, op)
				op.Kind, op.Time, op.Sched, op.Type = "", due+took, 0, history.OK
				if err != nil {
					op.Error, op.Type = err.Error(), history.Info
					if f == history.FProbeGet || errors.Is(err, harness.ErrNotApplied) {
						op.Type = history.Fail
					}
				}
				s.Ops = append(s.Ops, op)
			}
		}
	}
	s.Ops = append(s.Ops, history.Op{Time: until, Process: history.HarnessProcess, Type: history.OK, F: history.FProbes, Value: history.EncodeValue(history.ProbesValue{Sent: slot, Unsent: 3, LateMax: 300 * time.Microsecond})})
}

const (
	ProbeEvery   = 10 * Mil
	ProbeTimeout = 100 * Mil
)

// Probed is a run with probes and workers that wait long for their answers.
func Probed(add func(*Synthetic) time.Duration) (results.Run, history.History) {
	_, run, h := ProbedBy(add)
	return run, h
}

// ProbedBy is probed, with what made it.
func ProbedBy(add func(*Synthetic) time.Duration) (*Synthetic, results.Run, history.History) {
	s := NewSynthetic(5, 25*Mil)
	s.Timeout = 150 * Mil
	end := add(s)
	s.Probe(ProbeEvery, ProbeTimeout, end-100*Mil)
	run, h := s.Finish(end)
	run.ProbeEvery, run.ProbeTimeout = ProbeEvery, ProbeTimeout
	return s, run, h
}

func Mix(s *Synthetic) time.Duration {
	at := 4 * Sec
	for i, fault := range []string{"kill", "pause", "isolate", "kill", "isolate", "pause"} {
		s.Add(fault, true, at, 3*Sec, i == 3)
		s.Add(fault, false, at+4500*Mil, 1500*Mil, false)
		at += 7 * Sec
	}
	return at + 3*Sec
}

// GoldenRun has one of everything: all outcomes, claims, a fault that did not land.
func GoldenRun() (results.Run, history.History) {
	s := NewSynthetic(4, 12*Mil)
	s.Timeout = 24 * Mil
	s.Add("kill", true, 4*Sec, 2*Sec, false)
	s.Add("isolate", true, 8*Sec, 2*Sec, true)
	s.Add("pause", false, 13*Sec, Sec, false)
	v := history.FaultValue{ID: "f9", Fault: "powerfail", Target: "leader", Nodes: []history.NodeID{"n1"}, Issued: 15 * Sec}
	s.nemesis(15*Sec, history.Invoke, history.FInject, v)
	s.Ops = append(s.Ops, history.Op{Time: 15*Sec + Mil, Process: history.NemesisProcess, Type: history.Info, F: history.FInject, Value: history.EncodeValue(v), Error: "the disk cannot lose anything"})
	run, h := s.Finish(18 * Sec)
	run.ID = "golden"
	run.Verdicts = append(run.Verdicts,
		history.Verdict{Checker: "set", Validity: history.Invalid, Reason: "value 7 was acknowledged\x07 and lost <|>", Evidence: []int{30, 31}},
		history.Verdict{Checker: "watch", Validity: history.Unknown, Reason: "nobody watched"})
	run.Verdict, run.ExitCode = history.Invalid, 1
	run.Claims = []results.Claim{
		{Claim: "reads survive", Did: "kill", Measured: "12 ms", Holds: true, Took: Sec},
		{Claim: "writes survive", Did: "kill", Measured: "lost 1", Took: 2 * Sec},
		{Claim: "disks survive", Undecided: "not tried: no disk faults here"},
	}
	return run, h
}

// Censored is a kill after which nobody is elected.
func Censored(s *Synthetic) {
	s.Troubles = append(s.Troubles, Trouble{Fault: "kill", Target: history.TargetLeader, Node: "n1", Next: "n2", LeaderThen: "n1", OldTerm: 2, Issued: 4 * Sec, Confirmed: 4*Sec + Mil, HealStart: 19 * Sec, Healed: 19 * Sec, Committed: time.Hour})
}

// Unprovoked is a change of leaders without a fault.
func Unprovoked(s *Synthetic) {
	s.elect("n2", 3, "n3", 8*Sec, 8*Sec+7*Mil, 8*Sec+9*Mil)
	s.Log("n1", 8*Sec+10*Mil, "%s became follower at term 3", s.Ids["n1"])
}

// Polled is a run of members whose logs tell nothing.
func Polled() (*Synthetic, results.Run, history.History) {
	s := NewSynthetic(4, 10*Mil)
	s.Add("kill", true, 4*Sec, 2*Sec, false)
	status := func(at time.Duration, n history.NodeID, role history.Role, term uint64, leader history.NodeID) {
		s.Ops = append(s.Ops, history.Op{Time: at, Process: history.HarnessProcess, Type: history.OK, F: history.FStatus, Node: n, Value: history.EncodeValue(history.StatusValue{Role: role, Term: term, Leader: leader})})
	}
	next := s.Troubles[0]
	status(500*Mil, "n1", history.Leader, 2, "n1")
	status(500*Mil, "n2", history.Follower, 2, "n1")
	status(500*Mil, "n3", history.Follower, 2, "n1")
	status(next.Elected+50*Mil, next.Next, history.Leader, next.NewTerm, next.Next)
	run, h := s.Finish(12 * Sec)
	h.Logs = nil
	return s, run, h
}

// ProbedUntil is a run with probes and logs of what was made up.
func (s *Synthetic) ProbedUntil(end time.Duration) (results.Run, history.History) {
	s.Probe(ProbeEvery, ProbeTimeout, end-100*Mil)
	run, h := s.Finish(end)
	run.Nodes, run.ProbeEvery, run.ProbeTimeout = s.Nodes, ProbeEvery, ProbeTimeout
	return run, h
}

// LoseFirst puts a campaign that fails before the one that wins: refused, or with split votes.
func (k *Known) LoseFirst(next, voter history.NodeID, split bool) {
	r := &k.Rounds[0]
	first := r.At - 300*Mil
	if split {
		k.Rounds = append([]Round{
			{Node: next, At: first, Term: r.Term, Ran: first + 2*Mil, Refused: []history.NodeID{voter}},
			{Node: voter, At: first + Mil, Term: r.Term, Ran: first + 3*Mil, Refused: []history.NodeID{next}},
		}, *r)
		k.Rounds[2].Term++
		k.NewT++
		return
	}
	k.Rounds = slices.Insert(k.Rounds, 0, Round{Node: next, At: first, Term: r.Term, Refused: []history.NodeID{voter}, Lease: true})
}

// Holed is a run with a failover, and its history whole and without the probes of 0.3 s.
func Holed() (run results.Run, whole, lacking history.History) {
	run, whole = Probed(func(s *Synthetic) time.Duration {
		s.Add("kill", true, 4*Sec, 3*Sec, false)
		return 12 * Sec
	})
	lacking = whole
	lacking.Ops = slices.DeleteFunc(slices.Clone(whole.Ops), func(op history.Op) bool {
		return op.Probe() && op.Time >= 9*Sec && op.Time < 9*Sec+300*Mil
	})
	for i := range lacking.Ops {
		lacking.Ops[i].Index = i
	}
	return run, whole, lacking
}

// CalibrationOf is a calibration of a machine, made on this day.
func CalibrationOf(host, runtime, system string, day int) results.Calibration {
	return results.Calibration{
		At: time.Date(2026, 11, day, 9, 0, 0, 0, time.UTC), Machine: results.Machine{Host: host, CPU: "x", Cores: 2, Kernel: "6.1"}, Runtime: runtime, System: system,
		Every: 10 * Mil, Timeout: 100 * Mil, Noise: 12 * Mil, Exact: true,
		Stalls: []results.Stall{{Length: 20 * Mil, N: 10, Read: 10, Low: 2 * Mil, High: 9 * Mil}, {Length: Sec, N: 10, Read: 9, Low: -Mil, High: 3 * Mil}},
	}
}
