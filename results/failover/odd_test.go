package failover

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/history"
	"github.com/faultline-chaos/faultline/results/internal/synthetic"
)

// TestOddTroublesAreMeasured: faults that overlap, miss the leader, heal too early or never, with all
// times known.
func TestOddTroublesAreMeasured(t *testing.T) {
	r := func() *rand.Rand { return rand.New(rand.NewPCG(5, 5)) }
	kill := func() synthetic.Known {
		k := synthetic.Lose(r(), "kill", "n1", "n2", "n3", 2, 4*synthetic.Sec)
		synthetic.Kinds["kill"](&k)
		return k
	}
	type ids = []history.NodeID
	for _, c := range []struct {
		name    string
		members int
		end     time.Duration
		make    func(*synthetic.Synthetic)
		check   func(*testing.T, *synthetic.Synthetic, *Analysis)
	}{
		{"healed before anybody noticed", 3, 10 * synthetic.Sec, func(s *synthetic.Synthetic) {
			s.Trouble(synthetic.Known{
				Name: "pause", Fault: "pause", Target: "leader", Nodes: ids{"n1"}, Held: ids{"n1"}, Old: "n1", Term: 2,
				Issued: 4 * synthetic.Sec, Confirmed: 4002 * synthetic.Mil, Broke: 4 * synthetic.Sec, Restored: 4400 * synthetic.Mil, HealStart: 4390 * synthetic.Mil, Healed: 4400 * synthetic.Mil,
			})
		}, func(t *testing.T, s *synthetic.Synthetic, a *Analysis) {
			checkKnown(t, s, &s.Known[0], a, 0)
			require.Equal(t, Kept, a.Episodes[0].Outcome)
		}},
		{"a partition that names the larger side, the leader on it", 3, 10 * synthetic.Sec, func(s *synthetic.Synthetic) {
			s.Trouble(synthetic.Known{
				Fault: "partition", Target: "majority", Nodes: ids{"n1", "n2"}, Held: ids{"n3"}, Old: "n1", Term: 2,
				Issued: 4 * synthetic.Sec, Confirmed: 4002 * synthetic.Mil, HealStart: 6 * synthetic.Sec, Healed: 6010 * synthetic.Mil,
			})
		}, func(t *testing.T, _ *synthetic.Synthetic, a *Analysis) {
			require.Empty(t, a.Episodes, "the leader keeps its majority")
			require.Len(t, a.Controls, 1)
			require.True(t, a.Controls[0].Unaffected())
		}},
		{"a partition that names the larger side, the leader on the other", 3, 12 * synthetic.Sec, func(s *synthetic.Synthetic) {
			k := kill()
			k.Name, k.Fault, k.Target, k.Nodes, k.Refuse, k.Knew = "partition", "partition", "majority", ids{"n2", "n3"}, false, k.Confirmed+900*synthetic.Mil
			s.Trouble(k)
		}, func(t *testing.T, s *synthetic.Synthetic, a *Analysis) {
			require.Len(t, a.Episodes, 1)
			checkKnown(t, s, &s.Known[0], a, 0)
			require.False(t, a.Episodes[0].QuorumLost)
			require.Empty(t, a.Controls)
		}},
		{"the leader alone is left", 3, 12 * synthetic.Sec, func(s *synthetic.Synthetic) {
			k := synthetic.Known{
				Name: "majority", Fault: "kill", Target: "majority", Nodes: ids{"n2", "n3"}, Held: ids{"n2", "n3"}, Refuse: true, Old: "n1", Term: 2,
				Issued: 4 * synthetic.Sec, Confirmed: 4002 * synthetic.Mil, Broke: 4 * synthetic.Sec, Knew: 5 * synthetic.Sec, HealStart: 7 * synthetic.Sec, Healed: 7050 * synthetic.Mil,
				Leader: "n1", NewT: 3, Elected: 7200 * synthetic.Mil, Committed: 7210 * synthetic.Mil,
			}
			k.Rounds = []synthetic.Round{{Node: "n1", At: 7100 * synthetic.Mil, Term: 3, Ran: 7150 * synthetic.Mil, Won: k.Elected, Voters: ids{"n2"}}}
			s.Trouble(k)
		}, func(t *testing.T, _ *synthetic.Synthetic, a *Analysis) {
			require.Len(t, a.Episodes, 1)
			e := &a.Episodes[0]
			require.Nil(t, e.Fault, "nothing hit the leader")
			require.Equal(t, []string{"f1"}, e.During)
			require.True(t, e.QuorumLost)
			require.Equal(t, 5*synthetic.Sec, e.T0, "it gave up")
			require.Equal(t, 2200*synthetic.Mil, *e.Election)
			require.Empty(t, a.Stats, "it lasts as long as the fault")
			require.Empty(t, a.Controls)
		}},
		{"a follower is gone as well, so that nobody has a majority", 3, 14 * synthetic.Sec, func(s *synthetic.Synthetic) {
			k := kill()
			k.HealStart, k.Healed = 9*synthetic.Sec, 9050*synthetic.Mil
			k.Rejoined = 9049 * synthetic.Mil
			k.Rounds[0].At, k.Rounds[0].Ran, k.Elected, k.Committed = 6700*synthetic.Mil, 6710*synthetic.Mil, 6712*synthetic.Mil, 6720*synthetic.Mil
			k.Rounds[0].Won = k.Elected
			k.Rounds = append([]synthetic.Round{{Node: "n2", At: 5200 * synthetic.Mil, Term: 3}}, k.Rounds...)
			s.Trouble(k)
			s.Trouble(synthetic.Known{Fault: "pause", Target: "follower", Nodes: ids{"n3"}, Held: ids{"n3"}, Issued: 4500 * synthetic.Mil, Confirmed: 4501 * synthetic.Mil, HealStart: 6500 * synthetic.Mil, Healed: 6510 * synthetic.Mil})
		}, func(t *testing.T, s *synthetic.Synthetic, a *Analysis) {
			require.Len(t, a.Episodes, 1)
			checkElection(t, &s.Known[0], &a.Episodes[0])
			require.True(t, a.Episodes[0].QuorumLost)
			require.Empty(t, a.Stats)
			require.InDelta(t, s.Known[0].Committed-s.Known[0].Broke, *a.Episodes[0].Writes.Took, float64(synthetic.ProbeEvery+3*synthetic.Latency))
		}},
		{"of five, two are gone", 5, 12 * synthetic.Sec, func(s *synthetic.Synthetic) {
			k := kill()
			k.Rounds[0].Voters = ids{"n3", "n5"}
			s.Trouble(k)
			s.Trouble(synthetic.Known{Fault: "pause", Target: "follower", Nodes: ids{"n4"}, Held: ids{"n4"}, Issued: 4500 * synthetic.Mil, Confirmed: 4501 * synthetic.Mil, HealStart: 9 * synthetic.Sec, Healed: 9010 * synthetic.Mil})
		}, func(t *testing.T, s *synthetic.Synthetic, a *Analysis) {
			require.Len(t, a.Episodes, 1)
			e := &a.Episodes[0]
			checkElection(t, &s.Known[0], e)
			require.False(t, e.QuorumLost)
			require.InDelta(t, s.Known[0].Committed-s.Known[0].Broke, *e.Writes.Took, float64(synthetic.ProbeEvery+3*synthetic.Latency))
			require.Equal(t, 3, e.Campaigns[0].Votes)
			require.Contains(t, storyText(e, 5), "With the votes of n2 (its own), n3 and n5, 3 of 5, n2 became leader")
		}},
		{"the leader is hit again before it is lost", 3, 12 * synthetic.Sec, func(s *synthetic.Synthetic) {
			k := kill()
			k.Name, k.Fault, k.Refuse = "pause", "pause", false
			k.Knew = k.Healed - synthetic.Mil
			s.Trouble(k)
			s.Trouble(synthetic.Known{Fault: "isolate", Target: "node=n1", Nodes: ids{"n1"}, Held: ids{"n1"}, Old: "n1", Term: 2, Issued: 4300 * synthetic.Mil, Confirmed: 4310 * synthetic.Mil, HealStart: k.HealStart, Healed: k.Healed})
		}, func(t *testing.T, s *synthetic.Synthetic, a *Analysis) {
			require.Len(t, a.Episodes, 1)
			require.Equal(t, []string{"f2"}, a.Episodes[0].During)
			checkKnown(t, s, &s.Known[0], a, 0)
		}},
		{"a leader that is asked to stop hands over first", 3, 12 * synthetic.Sec, func(s *synthetic.Synthetic) {
			k := kill()
			k.Name, k.Fault, k.Confirmed, k.Broke = "stop", "stop", k.Issued+300*synthetic.Mil, k.Issued+60*synthetic.Mil
			at := k.Issued + 65*synthetic.Mil
			k.Elected, k.Committed = at+5*synthetic.Mil, at+9*synthetic.Mil
			k.Rounds = []synthetic.Round{{Node: "n2", At: at, Term: 3, Ran: at + synthetic.Mil, Won: k.Elected, Voters: ids{"n3"}}}
			s.Log("n1", k.Issued+61*synthetic.Mil, "%s [term 2] starts to transfer leadership to %s", s.Ids["n1"], s.Ids["n2"])
			s.Log("n2", at, "%s [term 2] received MsgTimeoutNow from %s and starts an election to get leadership.", s.Ids["n2"], s.Ids["n1"])
			s.Trouble(k)
		}, func(t *testing.T, s *synthetic.Synthetic, a *Analysis) {
			k, e := &s.Known[0], &a.Episodes[0]
			require.Equal(t, k.Issued+61*synthetic.Mil, e.T0)
			require.Equal(t, e.T0, e.HandOver.At)
			require.Equal(t, 4*synthetic.Mil, *e.Detection)
			require.Equal(t, 9*synthetic.Mil, *e.Election)
			require.InDelta(t, k.Committed-k.Broke, *e.Writes.Took, float64(synthetic.ProbeEvery+3*synthetic.Latency))
			text := storyText(e, 3)
			require.Contains(t, text, "At t0 + 0.00 ms n1 began to transfer its leadership.")
			require.Contains(t, text, "n2, which had been asked to take over, asked the others whether")
			require.NotContains(t, text, "had heard nothing")
		}},
		{"it goes on when the run ends", 3, 7 * synthetic.Sec, func(s *synthetic.Synthetic) {
			k := kill()
			k.Rounds, k.Leader, k.NewT, k.Elected, k.Committed, k.Rejoined, k.HealStart, k.Healed = nil, "", 0, 0, 0, 0, 0, 0
			s.Trouble(k)
		}, func(t *testing.T, s *synthetic.Synthetic, a *Analysis) {
			require.Len(t, a.Episodes, 1)
			e := &a.Episodes[0]
			checkKnown(t, s, &s.Known[0], a, 0)
			require.Equal(t, NoLeader, e.Outcome)
			require.Equal(t, a.LoadEnd(), e.Watched)
			require.NotNil(t, e.DisturbedAtLeast)
			require.Equal(t, 1, a.Stat("write outage").Censored)
			require.Equal(t, 1, a.Stat("election").Censored)
			require.Contains(t, e.Missing[0], "a new leader in the ")
		}},
		{"two leaders are lost within one fault", 3, 14 * synthetic.Sec, func(s *synthetic.Synthetic) {
			k := kill()
			k.HealStart, k.Healed, k.Rejoined = 10*synthetic.Sec, 10050*synthetic.Mil, 0
			s.Trouble(k)
			s.Trouble(synthetic.Known{
				Name: "the second", Old: "n2", Term: 3, Broke: 8 * synthetic.Sec, Knew: 8100 * synthetic.Mil, Leader: "n3", NewT: 4, Elected: 8700 * synthetic.Mil, Committed: 8710 * synthetic.Mil,
				Rounds: []synthetic.Round{{Node: "n3", At: 8600 * synthetic.Mil, Term: 4, Ran: 8650 * synthetic.Mil, Won: 8700 * synthetic.Mil, Voters: ids{"n2"}}},
			})
		}, func(t *testing.T, s *synthetic.Synthetic, a *Analysis) {
			require.Len(t, a.Episodes, 2)
			first, second := &a.Episodes[0], &a.Episodes[1]
			require.Equal(t, history.NodeID("n2"), first.NewLeader)
			require.Equal(t, second.T0, first.Watched)
			require.Nil(t, second.Fault)
			require.Equal(t, []string{"f1"}, second.During)
			require.Equal(t, 8100*synthetic.Mil, second.T0, "n2 knew")
			checkElection(t, &s.Known[1], second)
			require.InDelta(t, 710*synthetic.Mil, *second.Writes.Took, float64(synthetic.ProbeEvery+3*synthetic.Latency))
			require.Zero(t, *second.Stale)
		}},
		{"nothing was broken", 3, 12 * synthetic.Sec, func(s *synthetic.Synthetic) {
			s.Trouble(synthetic.Known{
				Name: "by itself", Old: "n1", Term: 2, Broke: 5 * synthetic.Sec, Knew: 5510 * synthetic.Mil, Leader: "n2", NewT: 3, Elected: 5500 * synthetic.Mil, Committed: 5505 * synthetic.Mil,
				Rounds: []synthetic.Round{{Node: "n2", At: 5450 * synthetic.Mil, Term: 3, Ran: 5480 * synthetic.Mil, Won: 5500 * synthetic.Mil, Voters: ids{"n3"}}},
			})
		}, func(t *testing.T, s *synthetic.Synthetic, a *Analysis) {
			require.Len(t, a.Episodes, 1)
			e := &a.Episodes[0]
			require.Equal(t, 5450*synthetic.Mil, e.T0, "the first sign")
			checkElection(t, &s.Known[0], e)
			require.Equal(t, 10*synthetic.Mil, *e.Stale)
			require.Nil(t, e.Issued)
			require.Nil(t, e.HealStart)
			require.Equal(t, "no fault", e.Cause())
		}},
		{"the store tells no commit", 3, 12 * synthetic.Sec, func(s *synthetic.Synthetic) {
			k := kill()
			s.Trouble(k)
			for i, l := range s.Logs["n2"] {
				if l.At == k.Committed {
					s.Logs["n2"][i].Text = "{}"
				}
			}
		}, func(t *testing.T, s *synthetic.Synthetic, a *Analysis) {
			e := &a.Episodes[0]
			require.Equal(t, "client", e.CommitBy)
			require.InDelta(t, s.Known[0].Committed, e.Committed.At, float64(synthetic.ProbeEvery), "the first write that was acknowledged")
			require.Contains(t, WriteReadyText(e), "≤ ")
		}},
		{"service goes away once more when the old leader is back", 3, 14 * synthetic.Sec, func(s *synthetic.Synthetic) {
			k := kill()
			s.Trouble(k)
			s.Trouble(synthetic.Known{Name: "rejoin", Broke: k.Healed + 300*synthetic.Mil, Restored: k.Healed + 750*synthetic.Mil})
		}, func(t *testing.T, _ *synthetic.Synthetic, a *Analysis) {
			require.Len(t, a.Episodes, 1)
			require.InDelta(t, 450*synthetic.Mil, *a.Episodes[0].RejoinOutage, float64(synthetic.ProbeEvery+2*synthetic.Latency))
			require.Len(t, a.Probes.Gaps, 4)
			require.Empty(t, a.Probes.Outside())
		}},
		{"an old leader acknowledges what it must not", 3, 14 * synthetic.Sec, func(s *synthetic.Synthetic) {
			k := kill()
			k.Name, k.Fault, k.Refuse, k.Knew = "isolate", "isolate", false, k.Elected+200*synthetic.Mil
			s.Trouble(k)
			for i := range 3 {
				op := history.Op{Time: k.Elected + time.Duration(100+i)*synthetic.Mil, Process: 900 + i, Type: history.Invoke, F: "get", Kind: history.KindRead, Node: "n1", Value: []byte(`{"key":"a","value":null}`)}
				s.Ops = append(s.Ops, op)
				op.Kind, op.Time, op.Type = "", op.Time+synthetic.Mil, history.OK
				s.Ops = append(s.Ops, op)
			}
		}, func(t *testing.T, _ *synthetic.Synthetic, a *Analysis) {
			require.Equal(t, 3, a.Episodes[0].StaleOK)
			require.Equal(t, 200*synthetic.Mil, *a.Episodes[0].Stale)
			require.Contains(t, storyText(&a.Episodes[0], 3), "n1 still believed itself leader for 200 ms after n2 was elected, and acknowledged 3 calls in that time.")
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := synthetic.NewKnown(c.members)
			c.make(s)
			a := Analyze(s.ProbedUntil(c.end))
			c.check(t, s, &a)
		})
	}
}

func storyText(e *Episode, members int) (text string) {
	for _, s := range Story(e, members) {
		text += s.Text + "\n"
	}
	return text
}
