package results

import (
	"testing"
	"time"

	"github.com/faultline-chaos/faultline/history"
	"github.com/stretchr/testify/require"
)

func TestEpisodesFindTheTimesThatWereMadeUp(t *testing.T) {
	const workers, pause = 6, 12 * mil
	interval := 3 * pause                        // a worker asks each member every third time
	s, run, h := standard(workers, pause, pause) // a short time-out, so that probing never stops
	a := Analyze(run, h)
	var want []trouble
	for _, x := range s.troubles {
		if x.next != "" {
			want = append(want, x)
		}
	}
	require.Len(t, a.Episodes, len(want))
	require.Len(t, a.Controls, len(s.troubles)-len(want))
	for i, w := range want {
		e := &a.Episodes[i]
		t.Run(e.ID+" "+w.fault, func(t *testing.T) {
			require.Equal(t, NewLeader, e.Outcome)
			require.Equal(t, w.node, e.OldLeader)
			require.Equal(t, w.next, e.NewLeader)
			require.Equal(t, w.oldTerm, e.OldTerm)
			require.Equal(t, w.newTerm, e.NewTerm)
			require.Equal(t, w.confirmed, e.T0)
			require.Equal(t, w.issued, e.Issued.At)
			require.Equal(t, w.detected-w.confirmed, *e.Detection)
			require.Equal(t, w.elected-w.confirmed, *e.Election)
			require.Equal(t, w.committed-w.confirmed, *e.WriteReady)
			require.Equal(t, "log", e.CommitBy)
			require.InDelta(t, w.committed, e.FirstPut.At, float64(interval))
			require.InDelta(t, w.committed, e.FirstGet.At, float64(interval))
			require.InDelta(t, w.committed-w.issued, *e.Writes.Took, float64(2*interval), "it begins and ends within one interval of calls")
			require.InDelta(t, w.committed-w.issued, *e.Reads.Took, float64(2*interval))
			require.GreaterOrEqual(t, *e.Writes.Took, w.committed-w.issued)
			require.Equal(t, w.healStart, e.HealStart.At)
			require.Equal(t, w.healed, e.Healed.At)
			require.InDelta(t, w.healed, e.Rejoined.At, float64(interval))
			require.Equal(t, w.split, *e.SplitVotes == 1)
			require.Equal(t, int(w.newTerm-w.oldTerm-1), e.TermsBurned)
			if w.steppedOff == 0 {
				require.Nil(t, e.Stale, "a killed leader believes nothing")
			} else {
				require.Equal(t, max(0, w.steppedOff-w.elected), *e.Stale)
			}
			granted := 0
			for _, v := range e.Votes {
				if v.Granted && !v.Pre {
					granted++
				}
			}
			require.Equal(t, 2, granted)
		})
	}
	for i := range a.Controls {
		require.True(t, a.Controls[i].Undisturbed(), "%+v", a.Controls[i])
		require.Positive(t, a.Controls[i].Calls.OK)
	}
}

func TestEpisodeKeepsWhatIsMissingMissing(t *testing.T) {
	cases := []struct {
		name  string
		make  func(*synthetic)
		check func(*testing.T, []Episode)
	}{
		{"a short pause loses no leader", func(s *synthetic) {
			s.troubles = append(s.troubles, trouble{fault: "pause", target: history.TargetLeader, node: "n1", leaderThen: "n1", oldTerm: 2, issued: 4 * sec, confirmed: 4*sec + mil, healStart: 4*sec + 200*mil, healed: 4*sec + 210*mil})
		}, func(t *testing.T, es []Episode) {
			require.Len(t, es, 1)
			require.Equal(t, Kept, es[0].Outcome)
			require.Nil(t, es[0].Detection)
			require.Nil(t, es[0].Election)
			require.Nil(t, es[0].WriteReady)
			require.NotNil(t, es[0].Rejoin)
		}},
		{"nobody is elected", censored, func(t *testing.T, es []Episode) {
			require.Len(t, es, 1)
			require.Equal(t, NoLeader, es[0].Outcome)
			require.Nil(t, es[0].Writes.Took)
			require.InDelta(t, 16*sec, *es[0].Writes.AtLeast, float64(50*mil))
			require.Contains(t, es[0].Missing[0], "a new leader, in the")
		}},
		{"a leader changes without a fault", unprovoked, func(t *testing.T, es []Episode) {
			require.Len(t, es, 1)
			require.Nil(t, es[0].Fault)
			require.Equal(t, 8*sec, es[0].T0)
			require.Equal(t, 7*mil, *es[0].Election)
			require.Equal(t, history.NodeID("n1"), es[0].OldLeader)
		}},
		{"nothing happens", func(*synthetic) {}, func(t *testing.T, es []Episode) { require.Empty(t, es) }},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := newSynthetic(4, 10*mil)
			c.make(s)
			run, h := s.finish(20 * sec)
			c.check(t, Analyze(run, h).Episodes)
		})
	}
}

// censored is a kill after which nobody is elected.
func censored(s *synthetic) {
	s.troubles = append(s.troubles, trouble{fault: "kill", target: history.TargetLeader, node: "n1", next: "n2", leaderThen: "n1", oldTerm: 2, issued: 4 * sec, confirmed: 4*sec + mil, healStart: 19 * sec, healed: 19 * sec, committed: time.Hour})
}

// unprovoked is a change of leaders without a fault.
func unprovoked(s *synthetic) {
	s.elect("n2", 3, "n3", 8*sec, 8*sec+7*mil, 8*sec+9*mil)
	s.log("n1", 8*sec+10*mil, "%s became follower at term 3", s.ids["n1"])
}

// polled is a run of members whose logs tell nothing.
func polled() (*synthetic, Run, history.History) {
	s := newSynthetic(4, 10*mil)
	s.add("kill", true, 4*sec, 2*sec, false)
	status := func(at time.Duration, n history.NodeID, role history.Role, term uint64, leader history.NodeID) {
		s.ops = append(s.ops, history.Op{Time: at, Process: history.HarnessProcess, Type: history.OK, F: history.FStatus, Node: n, Value: history.EncodeValue(history.StatusValue{Role: role, Term: term, Leader: leader})})
	}
	next := s.troubles[0]
	status(500*mil, "n1", history.Leader, 2, "n1")
	status(500*mil, "n2", history.Follower, 2, "n1")
	status(500*mil, "n3", history.Follower, 2, "n1")
	status(next.elected+50*mil, next.next, history.Leader, next.newTerm, next.next)
	run, h := s.finish(12 * sec)
	h.Logs = nil
	return s, run, h
}

func TestEpisodesWithoutLogsUseThePoller(t *testing.T) {
	s, run, h := polled()
	next := s.troubles[0]
	a := Analyze(run, h)
	require.Len(t, a.Episodes, 1)
	e := a.Episodes[0]
	require.Equal(t, next.next, e.NewLeader)
	require.Equal(t, next.elected+50*mil, e.Elected.At)
	require.Contains(t, e.Elected.Ref, HistoryFile)
	require.Nil(t, e.Detected, "the poller sees no campaigns")
	require.Equal(t, "client", e.CommitBy)
}
