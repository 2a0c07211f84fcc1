package failover

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/history"
	"github.com/faultline-chaos/faultline/history/raftlog"
	"github.com/faultline-chaos/faultline/results"
	"github.com/faultline-chaos/faultline/results/internal/synthetic"
)

func TestEpisodesFindTheTimesThatWereMadeUp(t *testing.T) {
	const workers, pause = 6, 12 * synthetic.Mil
	interval := 3 * pause                                  // a worker asks each member every third time
	s, run, h := synthetic.Standard(workers, pause, pause) // a short time-out, so that probing never stops
	a := Analyze(run, h)
	var want []synthetic.Trouble
	for _, x := range s.Troubles {
		if x.Next != "" {
			want = append(want, x)
		}
	}
	require.Len(t, a.Episodes, len(want))
	require.Len(t, a.Controls, len(s.Troubles)-len(want))
	for i, w := range want {
		e := &a.Episodes[i]
		t.Run(e.ID+" "+w.Fault, func(t *testing.T) {
			require.Equal(t, NewLeader, e.Outcome)
			require.Equal(t, w.Node, e.OldLeader)
			require.Equal(t, w.Next, e.NewLeader)
			require.Equal(t, w.OldTerm, e.OldTerm)
			require.Equal(t, w.NewTerm, e.NewTerm)
			require.Equal(t, w.Confirmed, e.T0)
			require.Equal(t, w.Issued, e.Issued.At)
			require.Equal(t, w.Detected-w.Confirmed, *e.Detection)
			require.Equal(t, w.Elected-w.Confirmed, *e.Election)
			require.Equal(t, w.Committed-w.Confirmed, *e.WriteReady)
			require.Equal(t, "log", e.CommitBy)
			require.InDelta(t, w.Committed, e.FirstPut.At, float64(interval))
			require.InDelta(t, w.Committed, e.FirstGet.At, float64(interval))
			require.InDelta(t, w.Committed-w.Issued, *e.Writes.Took, float64(2*interval), "it begins and ends within one interval of calls")
			require.InDelta(t, w.Committed-w.Issued, *e.Reads.Took, float64(2*interval))
			require.GreaterOrEqual(t, *e.Writes.Took, w.Committed-w.Issued)
			require.Equal(t, w.HealStart, e.HealStart.At)
			require.Equal(t, w.Healed, e.Healed.At)
			require.InDelta(t, w.Healed, e.Rejoined.At, float64(interval))
			require.Equal(t, w.Split, *e.SplitVotes == 1)
			require.Equal(t, int(w.NewTerm-w.OldTerm-1), e.TermsBurned)
			if w.SteppedOff == 0 {
				require.Nil(t, e.Stale, "a killed leader believes nothing")
			} else {
				require.Equal(t, max(0, w.SteppedOff-w.Elected), *e.Stale)
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
		require.True(t, a.Controls[i].Unaffected(), "%+v", a.Controls[i])
		require.Positive(t, a.Controls[i].Calls.OK)
	}
}

func TestEpisodeKeepsWhatIsMissingMissing(t *testing.T) {
	cases := []struct {
		name  string
		make  func(*synthetic.Synthetic)
		check func(*testing.T, []Episode)
	}{
		{"a short pause loses no leader", func(s *synthetic.Synthetic) {
			s.Troubles = append(s.Troubles, synthetic.Trouble{Fault: "pause", Target: history.TargetLeader, Node: "n1", LeaderThen: "n1", OldTerm: 2, Issued: 4 * synthetic.Sec, Confirmed: 4*synthetic.Sec + synthetic.Mil, HealStart: 4*synthetic.Sec + 200*synthetic.Mil, Healed: 4*synthetic.Sec + 210*synthetic.Mil})
		}, func(t *testing.T, es []Episode) {
			require.Len(t, es, 1)
			require.Equal(t, Kept, es[0].Outcome)
			require.Nil(t, es[0].Detection)
			require.Nil(t, es[0].Election)
			require.Nil(t, es[0].WriteReady)
			require.NotNil(t, es[0].Rejoin)
		}},
		{"nobody is elected", synthetic.Censored, func(t *testing.T, es []Episode) {
			require.Len(t, es, 1)
			require.Equal(t, NoLeader, es[0].Outcome)
			require.Nil(t, es[0].Writes.Took)
			require.InDelta(t, 16*synthetic.Sec, *es[0].Writes.AtLeast, float64(50*synthetic.Mil))
			require.Contains(t, es[0].Missing[0], "a new leader in the")
		}},
		{"a leader changes without a fault", synthetic.Unprovoked, func(t *testing.T, es []Episode) {
			require.Len(t, es, 1)
			require.Nil(t, es[0].Fault)
			require.Equal(t, 8*synthetic.Sec, es[0].T0)
			require.Equal(t, 7*synthetic.Mil, *es[0].Election)
			require.Equal(t, history.NodeID("n1"), es[0].OldLeader)
		}},
		{"nothing happens", func(*synthetic.Synthetic) {}, func(t *testing.T, es []Episode) { require.Empty(t, es) }},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := synthetic.NewSynthetic(4, 10*synthetic.Mil)
			c.make(s)
			run, h := s.Finish(20 * synthetic.Sec)
			c.check(t, Analyze(run, h).Episodes)
		})
	}
}

func TestEpisodesWithoutLogsUseThePoller(t *testing.T) {
	s, run, h := synthetic.Polled()
	next := s.Troubles[0]
	a := Analyze(run, h)
	require.Len(t, a.Episodes, 1)
	e := a.Episodes[0]
	require.Equal(t, next.Next, e.NewLeader)
	require.Equal(t, next.Elected+50*synthetic.Mil, e.Elected.At)
	require.Contains(t, e.Elected.Ref, results.HistoryFile)
	require.Nil(t, e.Detected, "the poller sees no campaigns")
	require.Equal(t, "client", e.CommitBy)
}

// TestAHeartbeatAfterTheFaultIsNoPhase: the fault did not silence the leader.
func TestAHeartbeatAfterTheFaultIsNoPhase(t *testing.T) {
	s := study{beat: 100 * synthetic.Mil, events: []raftlog.Event{{At: 5 * synthetic.Sec, Node: "n2", Kind: raftlog.LastBeat, Peer: "n1", Ago: 900 * synthetic.Mil}}}
	e := Episode{OldLeader: "n1", T0: 4 * synthetic.Sec, Watched: 9 * synthetic.Sec, Fault: &Injected{FaultValue: history.FaultValue{Nodes: []history.NodeID{"n1"}, Leader: "n1"}}}
	s.silence(&e)
	require.Nil(t, e.Silence)
	e.Fault.FaultValue.Heartbeat = 3950 * synthetic.Mil
	s.events = nil
	s.silence(&e)
	require.Equal(t, 50*synthetic.Mil, *e.Silence)
}
