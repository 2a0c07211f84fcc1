package results

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/faultline-chaos/faultline/history"
	"github.com/stretchr/testify/require"
)

// TestOddTroublesAreMeasured: faults that overlap, miss the leader, heal too early or never, with all
// times known.
func TestOddTroublesAreMeasured(t *testing.T) {
	r := func() *rand.Rand { return rand.New(rand.NewPCG(5, 5)) }
	kill := func() known { k := lose(r(), "kill", "n1", "n2", "n3", 2, 4*sec); kinds["kill"](&k); return k }
	type ids = []history.NodeID
	for _, c := range []struct {
		name    string
		members int
		end     time.Duration
		make    func(*synthetic)
		check   func(*testing.T, *synthetic, *Analysis)
	}{
		{"healed before anybody noticed", 3, 10 * sec, func(s *synthetic) {
			s.trouble(known{
				name: "pause", fault: "pause", target: "leader", nodes: ids{"n1"}, held: ids{"n1"}, old: "n1", term: 2,
				issued: 4 * sec, confirmed: 4002 * mil, broke: 4 * sec, restored: 4400 * mil, healStart: 4390 * mil, healed: 4400 * mil,
			})
		}, func(t *testing.T, s *synthetic, a *Analysis) {
			checkKnown(t, s, &s.known[0], a, 0)
			require.Equal(t, Kept, a.Episodes[0].Outcome)
		}},
		{"a partition that names the larger side, the leader on it", 3, 10 * sec, func(s *synthetic) {
			s.trouble(known{
				fault: "partition", target: "majority", nodes: ids{"n1", "n2"}, held: ids{"n3"}, old: "n1", term: 2,
				issued: 4 * sec, confirmed: 4002 * mil, healStart: 6 * sec, healed: 6010 * mil,
			})
		}, func(t *testing.T, _ *synthetic, a *Analysis) {
			require.Empty(t, a.Episodes, "the leader keeps its majority")
			require.Len(t, a.Controls, 1)
			require.True(t, a.Controls[0].Undisturbed())
		}},
		{"a partition that names the larger side, the leader on the other", 3, 12 * sec, func(s *synthetic) {
			k := kill()
			k.name, k.fault, k.target, k.nodes, k.refuse, k.knew = "partition", "partition", "majority", ids{"n2", "n3"}, false, k.confirmed+900*mil
			s.trouble(k)
		}, func(t *testing.T, s *synthetic, a *Analysis) {
			require.Len(t, a.Episodes, 1)
			checkKnown(t, s, &s.known[0], a, 0)
			require.False(t, a.Episodes[0].QuorumLost)
			require.Empty(t, a.Controls)
		}},
		{"the leader alone is left", 3, 12 * sec, func(s *synthetic) {
			k := known{
				name: "majority", fault: "kill", target: "majority", nodes: ids{"n2", "n3"}, held: ids{"n2", "n3"}, refuse: true, old: "n1", term: 2,
				issued: 4 * sec, confirmed: 4002 * mil, broke: 4 * sec, knew: 5 * sec, healStart: 7 * sec, healed: 7050 * mil,
				leader: "n1", newT: 3, elected: 7200 * mil, committed: 7210 * mil,
			}
			k.rounds = []round{{node: "n1", at: 7100 * mil, term: 3, ran: 7150 * mil, won: k.elected, voters: ids{"n2"}}}
			s.trouble(k)
		}, func(t *testing.T, _ *synthetic, a *Analysis) {
			require.Len(t, a.Episodes, 1)
			e := &a.Episodes[0]
			require.Nil(t, e.Fault, "nothing hit the leader")
			require.Equal(t, []string{"f1"}, e.During)
			require.True(t, e.QuorumLost)
			require.Equal(t, 5*sec, e.T0, "it gave up")
			require.Equal(t, 2200*mil, *e.Election)
			require.Empty(t, a.Stats, "it lasts as long as the fault")
			require.Empty(t, a.Controls)
		}},
		{"a follower is gone as well, so that nobody has a majority", 3, 14 * sec, func(s *synthetic) {
			k := kill()
			k.healStart, k.healed = 9*sec, 9050*mil
			k.rejoined = 9049 * mil
			k.rounds[0].at, k.rounds[0].ran, k.elected, k.committed = 6700*mil, 6710*mil, 6712*mil, 6720*mil
			k.rounds[0].won = k.elected
			k.rounds = append([]round{{node: "n2", at: 5200 * mil, term: 3}}, k.rounds...)
			s.trouble(k)
			s.trouble(known{fault: "pause", target: "follower", nodes: ids{"n3"}, held: ids{"n3"}, issued: 4500 * mil, confirmed: 4501 * mil, healStart: 6500 * mil, healed: 6510 * mil})
		}, func(t *testing.T, s *synthetic, a *Analysis) {
			require.Len(t, a.Episodes, 1)
			checkElection(t, &s.known[0], &a.Episodes[0])
			require.True(t, a.Episodes[0].QuorumLost)
			require.Empty(t, a.Stats)
			require.InDelta(t, s.known[0].committed-s.known[0].broke, *a.Episodes[0].Writes.Took, float64(probeEvery+3*latency))
		}},
		{"of five, two are gone", 5, 12 * sec, func(s *synthetic) {
			k := kill()
			k.rounds[0].voters = ids{"n3", "n5"}
			s.trouble(k)
			s.trouble(known{fault: "pause", target: "follower", nodes: ids{"n4"}, held: ids{"n4"}, issued: 4500 * mil, confirmed: 4501 * mil, healStart: 9 * sec, healed: 9010 * mil})
		}, func(t *testing.T, s *synthetic, a *Analysis) {
			require.Len(t, a.Episodes, 1)
			e := &a.Episodes[0]
			checkElection(t, &s.known[0], e)
			require.False(t, e.QuorumLost)
			require.InDelta(t, s.known[0].committed-s.known[0].broke, *e.Writes.Took, float64(probeEvery+3*latency))
			require.Equal(t, 3, e.Campaigns[0].Votes)
			require.Contains(t, storyText(e, 5), "With the votes of n2 (its own), n3 and n5, 3 of 5, n2 became leader")
		}},
		{"the leader is hit again before it is lost", 3, 12 * sec, func(s *synthetic) {
			k := kill()
			k.name, k.fault, k.refuse = "pause", "pause", false
			k.knew = k.healed - mil
			s.trouble(k)
			s.trouble(known{fault: "isolate", target: "node=n1", nodes: ids{"n1"}, held: ids{"n1"}, old: "n1", term: 2, issued: 4300 * mil, confirmed: 4310 * mil, healStart: k.healStart, healed: k.healed})
		}, func(t *testing.T, s *synthetic, a *Analysis) {
			require.Len(t, a.Episodes, 1)
			require.Equal(t, []string{"f2"}, a.Episodes[0].During)
			checkKnown(t, s, &s.known[0], a, 0)
		}},
		{"a leader that is asked to stop hands over first", 3, 12 * sec, func(s *synthetic) {
			k := kill()
			k.name, k.fault, k.confirmed, k.broke = "stop", "stop", k.issued+300*mil, k.issued+60*mil
			at := k.issued + 65*mil
			k.elected, k.committed = at+5*mil, at+9*mil
			k.rounds = []round{{node: "n2", at: at, term: 3, ran: at + mil, won: k.elected, voters: ids{"n3"}}}
			s.log("n1", k.issued+61*mil, "%s [term 2] starts to transfer leadership to %s", s.ids["n1"], s.ids["n2"])
			s.log("n2", at, "%s [term 2] received MsgTimeoutNow from %s and starts an election to get leadership.", s.ids["n2"], s.ids["n1"])
			s.trouble(k)
		}, func(t *testing.T, s *synthetic, a *Analysis) {
			k, e := &s.known[0], &a.Episodes[0]
			require.Equal(t, k.issued+61*mil, e.T0)
			require.Equal(t, e.T0, e.HandOver.At)
			require.Equal(t, 4*mil, *e.Detection)
			require.Equal(t, 9*mil, *e.Election)
			require.InDelta(t, k.committed-k.broke, *e.Writes.Took, float64(probeEvery+3*latency))
			text := storyText(e, 3)
			require.Contains(t, text, "At t0 + 0.00 ms n1 began to hand its office over.")
			require.Contains(t, text, "n2, which had been asked to take over, asked whether")
			require.NotContains(t, text, "had heard nothing")
		}},
		{"it goes on when the run ends", 3, 7 * sec, func(s *synthetic) {
			k := kill()
			k.rounds, k.leader, k.newT, k.elected, k.committed, k.rejoined, k.healStart, k.healed = nil, "", 0, 0, 0, 0, 0, 0
			s.trouble(k)
		}, func(t *testing.T, s *synthetic, a *Analysis) {
			require.Len(t, a.Episodes, 1)
			e := &a.Episodes[0]
			checkKnown(t, s, &s.known[0], a, 0)
			require.Equal(t, NoLeader, e.Outcome)
			require.Equal(t, a.loadEnd(), e.Watched)
			require.NotNil(t, e.DisturbedAtLeast)
			require.Equal(t, 1, a.stat("write outage").Censored)
			require.Equal(t, 1, a.stat("election").Censored)
			require.Contains(t, e.Missing[0], "a new leader, in the ")
		}},
		{"two leaders are lost within one fault", 3, 14 * sec, func(s *synthetic) {
			k := kill()
			k.healStart, k.healed, k.rejoined = 10*sec, 10050*mil, 0
			s.trouble(k)
			s.trouble(known{
				name: "the second", old: "n2", term: 3, broke: 8 * sec, knew: 8100 * mil, leader: "n3", newT: 4, elected: 8700 * mil, committed: 8710 * mil,
				rounds: []round{{node: "n3", at: 8600 * mil, term: 4, ran: 8650 * mil, won: 8700 * mil, voters: ids{"n2"}}},
			})
		}, func(t *testing.T, s *synthetic, a *Analysis) {
			require.Len(t, a.Episodes, 2)
			first, second := &a.Episodes[0], &a.Episodes[1]
			require.Equal(t, history.NodeID("n2"), first.NewLeader)
			require.Equal(t, second.T0, first.Watched)
			require.Nil(t, second.Fault)
			require.Equal(t, []string{"f1"}, second.During)
			require.Equal(t, 8100*mil, second.T0, "n2 knew")
			checkElection(t, &s.known[1], second)
			require.InDelta(t, 710*mil, *second.Writes.Took, float64(probeEvery+3*latency))
			require.Zero(t, *second.Stale)
		}},
		{"nothing was broken", 3, 12 * sec, func(s *synthetic) {
			s.trouble(known{
				name: "by itself", old: "n1", term: 2, broke: 5 * sec, knew: 5510 * mil, leader: "n2", newT: 3, elected: 5500 * mil, committed: 5505 * mil,
				rounds: []round{{node: "n2", at: 5450 * mil, term: 3, ran: 5480 * mil, won: 5500 * mil, voters: ids{"n3"}}},
			})
		}, func(t *testing.T, s *synthetic, a *Analysis) {
			require.Len(t, a.Episodes, 1)
			e := &a.Episodes[0]
			require.Equal(t, 5450*mil, e.T0, "the first sign")
			checkElection(t, &s.known[0], e)
			require.Equal(t, 10*mil, *e.Stale)
			require.Nil(t, e.Issued)
			require.Nil(t, e.HealStart)
			require.Equal(t, "no fault", e.Cause())
		}},
		{"the store tells no commit", 3, 12 * sec, func(s *synthetic) {
			k := kill()
			s.trouble(k)
			for i, l := range s.logs["n2"] {
				if l.At == k.committed {
					s.logs["n2"][i].Text = "{}"
				}
			}
		}, func(t *testing.T, s *synthetic, a *Analysis) {
			e := &a.Episodes[0]
			require.Equal(t, "client", e.CommitBy)
			require.InDelta(t, s.known[0].committed, e.Committed.At, float64(probeEvery), "the first write that was acknowledged")
			require.Contains(t, writeReadyText(e), "≤ ")
		}},
		{"service goes away once more when the old leader is back", 3, 14 * sec, func(s *synthetic) {
			k := kill()
			s.trouble(k)
			s.trouble(known{name: "rejoin", broke: k.healed + 300*mil, restored: k.healed + 750*mil})
		}, func(t *testing.T, _ *synthetic, a *Analysis) {
			require.Len(t, a.Episodes, 1)
			require.InDelta(t, 450*mil, *a.Episodes[0].RejoinOutage, float64(probeEvery+2*latency))
			require.Len(t, a.Probes.Gaps, 4)
			require.Empty(t, a.Probes.outside())
		}},
		{"an old leader acknowledges what it must not", 3, 14 * sec, func(s *synthetic) {
			k := kill()
			k.name, k.fault, k.refuse, k.knew = "isolate", "isolate", false, k.elected+200*mil
			s.trouble(k)
			for i := range 3 {
				op := history.Op{Time: k.elected + time.Duration(100+i)*mil, Process: 900 + i, Type: history.Invoke, F: "get", Kind: history.KindRead, Node: "n1", Value: []byte(`{"key":"a","value":null}`)}
				s.ops = append(s.ops, op)
				op.Kind, op.Time, op.Type = "", op.Time+mil, history.OK
				s.ops = append(s.ops, op)
			}
		}, func(t *testing.T, _ *synthetic, a *Analysis) {
			require.Equal(t, 3, a.Episodes[0].StaleOK)
			require.Equal(t, 200*mil, *a.Episodes[0].Stale)
			require.Contains(t, storyText(&a.Episodes[0], 3), "n1 believed to lead for 200 ms after n2 did, and acknowledged 3 calls in that time.")
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newKnown(c.members)
			c.make(s)
			a := s.find(c.end)
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
