package results

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/history"
	"github.com/faultline-chaos/faultline/nemesis"
)

// lose is a leader's loss by a fault, with times drawn from r: an election after one timeout or two.
func lose(r *rand.Rand, fault string, old, next, voter history.NodeID, term uint64, at time.Duration) known {
	some := func(least, most time.Duration) time.Duration {
		return least + time.Duration(r.Int64N(int64(most-least)))/mil*mil
	}
	k := known{
		name: fault, fault: fault, target: history.TargetLeader, nodes: []history.NodeID{old}, held: []history.NodeID{old},
		old: old, term: term, leader: next, newT: term + 1, issued: at, confirmed: at + some(mil, 40*mil),
	}
	k.broke = k.issued + mil/2
	begun := k.confirmed + some(sec, 1900*mil)
	k.elected = begun + some(6*mil, 40*mil)
	k.committed = k.elected + some(mil, 20*mil)
	k.healStart = k.committed + some(400*mil, sec)
	k.healed = k.healStart + some(5*mil, 90*mil)
	k.rejoined = k.healed - mil
	k.rounds = []round{{node: next, at: begun, term: k.newT, ran: begun + 3*mil, won: k.elected, voters: []history.NodeID{voter}}}
	return k
}

// kinds are how each fault on a leader, and on a follower, looks from outside. Every fault of the
// nemesis must be here.
var kinds = map[string]func(*known){
	"kill":      func(k *known) { k.refuse = true },
	"powerfail": func(k *known) { k.refuse = true },
	"stop": func(k *known) { // it serves until it ends
		k.refuse, k.confirmed = true, k.issued+30*mil
		k.broke = k.confirmed - mil
	},
	"pause":     func(k *known) { k.knew = k.healed - 2*mil }, // it learns of its successor when it runs again
	"isolate":   func(k *known) { k.knew = k.confirmed + 900*mil },
	"partition": func(k *known) { k.knew = k.elected + 100*mil },
	"mute":      func(k *known) { k.knew = k.elected + 4*mil }, // one way: it is not heard, but hears of its successor
	"stutter":   slowed(50 * mil),
}

// further are faults that the nemesis does not know yet: the analysis knows nothing of them either, and
// must measure them all the same.
var further = map[string]func(*known){
	"deaf": func(k *known) { // the other way: its heartbeats go on until it gives up, since it hears no answer
		k.knew = k.confirmed + 300*mil
	},
	"delay(50ms)":     slowed(50 * mil),
	"loss(30%)":       slowed(35 * mil),
	"disk-slow(40ms)": slowed(40 * mil),
	"clock-jump(1h)":  slowed(0),
}

// slowed makes a loss a fault that only slows calls, if at all.
func slowed(by time.Duration) func(*known) {
	return func(k *known) {
		k.slow, k.held, k.rounds, k.broke, k.elected, k.committed, k.leader, k.newT, k.rejoined = by, nil, nil, 0, 0, 0, "", 0, 0
	}
}

// find runs the analysis over probes and logs of what was made up.
func (s *synthetic) find(end time.Duration) Analysis {
	s.probe(probeEvery, probeTimeout, end-100*mil)
	run, h := s.finish(end)
	run.Nodes, run.ProbeEvery, run.ProbeTimeout = s.nodes, probeEvery, probeTimeout
	return Analyze(run, h)
}

func TestEveryKindOfFaultIsMeasured(t *testing.T) {
	all := map[string]func(*known){}
	for _, e := range nemesis.All() {
		require.Contains(t, kinds, e.Name(), "the nemesis has a fault whose failovers nobody has made up with known times")
		all[e.Fault.String()] = kinds[e.Name()]
	}
	for name, f := range further {
		all[name] = f
	}
	for name, make := range all {
		r := rand.New(rand.NewPCG(7, 7))
		t.Run(name+" of the leader", func(t *testing.T) {
			s := newKnown(3)
			k := lose(r, name, "n1", "n2", "n3", 2, 4*sec)
			make(&k)
			s.trouble(k)
			a := s.find(12 * sec)
			require.Len(t, a.Episodes, 1)
			checkKnown(t, s, &k, &a, 0)
		})
		t.Run(name+" of a follower", func(t *testing.T) {
			s := newKnown(3)
			k := lose(r, name, "n2", "n1", "n3", 2, 4*sec)
			make(&k)
			k.old, k.target, k.rounds, k.broke, k.committed, k.knew, k.rejoined, k.slow = "n1", history.TargetFollower, nil, 0, 0, 0, 0, 0
			s.trouble(k)
			a := s.find(12 * sec)
			require.Empty(t, a.Episodes)
			require.Empty(t, a.Probes.Gaps)
			require.Len(t, a.Controls, 1)
			c := &a.Controls[0]
			require.True(t, c.Undisturbed(), "%+v", c)
			require.Equal(t, k.confirmed, c.From)
			require.Equal(t, k.healStart, c.To)
			require.LessOrEqual(t, *c.LongestGap, probeEvery+probeStep+3*mil)
		})
	}
}

// Every answer takes 1 ms, give or take a quarter: an outage ends with an answer, and of calls that
// were under way when it began some have none.
const (
	latencyLeast = 625 * time.Microsecond
	latency      = mil
	jitter       = mil / 4
)

const probeStep = probeEvery / 2 // of three or four members

// checkKnown holds every phase of an episode against the times that were made up: within one probe
// interval where probes tell, exactly where a log line does.
func checkKnown(t *testing.T, _ *synthetic, k *known, a *Analysis, i int) {
	t.Helper()
	e := &a.Episodes[i]
	near := func(want, got time.Duration, what string) {
		t.Helper()
		require.InDelta(t, want, got, float64(probeEvery+jitter), "%s of %s: %v, want %v", what, k.name, got, want)
	}
	require.Equal(t, k.old, e.OldLeader)
	require.Equal(t, k.term, e.OldTerm)
	if k.fault != "" {
		require.Equal(t, k.issued, e.Issued.At)
		require.Equal(t, k.confirmed, e.T0)
	}
	checkElection(t, k, e)
	for _, o := range []Outage{e.Writes, e.Reads} {
		switch {
		case k.broke == 0: // never away: the longest that a call took is all there is
			near(k.slow+latency, *o.Took, "outage")
		case k.back() == 0:
			require.Nil(t, o.Took)
			near(e.Watched-k.broke+latency, *o.AtLeast, "bound of the outage")
			near(k.broke-latency, o.LastOK.At, "last success")
		default:
			near(k.broke-latency, o.LastOK.At, "last success")
			near(k.back()+latency, o.Back.At, "first success")
			near(k.back()-k.broke+2*latency, *o.Took, "outage")
			require.LessOrEqual(t, *o.Slack, 2*probeEvery, "one interval, and how long the probe waited that was answered first")
		}
	}
	if k.broke > 0 && k.back() > 0 { // a call of a member that is held may begin while the end is not seen yet
		least, most := unknownWrites(a, e.begin(), k.back()), unknownWrites(a, e.begin(), k.back()+probeEvery)
		require.LessOrEqual(t, least, e.Ambiguous)
		require.GreaterOrEqual(t, most, e.Ambiguous)
	}
	checkAfter(t, k, e, a)
}

func unknownWrites(a *Analysis, from, until time.Duration) (n int) {
	for _, c := range a.calls {
		if c.is(false) && c.typ == history.Info && c.to > from && c.from < until {
			n++
		}
	}
	return n
}

func checkElection(t *testing.T, k *known, e *Episode) {
	t.Helper()
	require.Len(t, e.Campaigns, len(k.rounds))
	split := map[uint64]int{}
	for i := range k.rounds {
		r, got := &k.rounds[i], &e.Campaigns[i]
		require.Equal(t, r.node, got.Node)
		require.Equal(t, r.at, got.At)
		require.Equal(t, r.term, got.Term)
		require.Equal(t, r.won > 0, got.Won)
		require.Len(t, got.Refused, len(r.refused))
		if !slices.ContainsFunc(k.rounds[:i], func(o round) bool { return o.node == r.node }) {
			require.NotNil(t, got.Lost, "its log says that it lost its leader")
			require.Equal(t, k.old, got.LostLeader)
		} else {
			require.Nil(t, got.Lost, "it said so before")
		}
		for _, f := range got.Refused {
			require.Contains(t, r.refused, f.By)
			require.Equal(t, r.lease, f.Why == "it had heard from a leader within the last election timeout", f.Why)
		}
		if r.ran > 0 {
			require.Equal(t, r.ran, got.Ran.At)
			if r.won == 0 {
				split[r.term]++
			}
		}
	}
	if len(k.rounds) > 0 {
		require.Equal(t, k.detected(), e.Detected.At)
		require.Equal(t, k.detected()-e.T0, *e.Detection)
	} else {
		require.Nil(t, e.Detection)
	}
	want := 0
	for _, n := range split {
		if n > 1 {
			want++
		}
	}
	require.Equal(t, want, *e.SplitVotes)
	if k.leader == "" {
		require.Nil(t, e.Election)
		require.Nil(t, e.WriteReady)
		require.Nil(t, e.Accepted)
		require.Empty(t, e.Votes)
		return
	}
	require.Equal(t, NewLeader, e.Outcome)
	require.Equal(t, k.leader, e.NewLeader)
	require.Equal(t, k.newT, e.NewTerm)
	require.Equal(t, int(k.newT-k.term-1), e.TermsBurned)
	require.Equal(t, k.elected-e.T0, *e.Election)
	require.Equal(t, k.elected+2*mil, e.Accepted.At)
	require.Equal(t, k.committed-e.T0, *e.WriteReady)
	require.Equal(t, "log", e.CommitBy)
}

// checkAfter is about service that comes back, the old leader, and the healing.
func checkAfter(t *testing.T, k *known, e *Episode, a *Analysis) {
	t.Helper()
	switch {
	case k.slow > 0:
		require.InDelta(t, k.healed-k.confirmed, *e.Disturbance, float64(probeEvery))
	case k.broke > 0 && k.back() > 0 && e.Watched > k.back()+SteadyFor:
		require.InDelta(t, k.back(), e.Steady.At, float64(probeEvery), "goodput and p99 are back")
	case k.broke == 0:
		require.Zero(t, *e.Disturbance)
	}
	switch {
	case k.knew == 0 || k.leader == "":
		require.Nil(t, e.Stale)
	default:
		require.Equal(t, max(0, k.knew-k.elected), *e.Stale)
	}
	require.Zero(t, e.StaleOK)
	if len(k.held) > 0 && k.committed > 0 && k.healed > 0 && e.Watched > k.healed {
		want := k.broke - k.issued + k.healed - k.committed
		require.InDelta(t, want, *e.Partial, float64(3*a.Probes.Period), "partial outage: in whole steps, at the begin of the outage, at its end and at the healing")
	}
	if k.healStart == 0 {
		require.Nil(t, e.Rejoin)
		require.Nil(t, e.RejoinOutage)
		return
	}
	require.Equal(t, k.healStart, e.HealStart.At)
	require.Equal(t, k.healed, e.Healed.At)
	if k.rejoined > 0 {
		require.InDelta(t, k.rejoined-k.healStart, *e.Rejoin, float64(probeEvery))
		if e.Watched > k.healed+2*sec {
			require.LessOrEqual(t, *e.RejoinOutage, probeEvery+probeStep+3*mil)
		}
	}
}

// TestRandomTroublesAreMeasured is a property: whatever is made up, in whatever order, is found again.
func TestRandomTroublesAreMeasured(t *testing.T) {
	names := []string{"kill", "stop", "powerfail", "pause", "isolate", "partition", "mute", "deaf"}
	for seed := range uint64(12) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 3))
			s := newKnown(3)
			old, term := history.NodeID("n1"), uint64(2)
			at := 3*sec + time.Duration(r.IntN(2000))*mil
			for range 2 + r.IntN(3) {
				rest := s.others(old)
				r.Shuffle(2, func(i, j int) { rest[i], rest[j] = rest[j], rest[i] })
				name := names[r.IntN(len(names))]
				k := lose(r, name, old, rest[0], rest[1], term, at)
				if make := kinds[name]; make != nil {
					make(&k)
				} else {
					further[name](&k)
				}
				if r.IntN(3) == 0 {
					k.loseFirst(rest[0], rest[1], r.IntN(2) == 0)
				}
				s.trouble(k)
				old, term = k.leader, k.newT
				at = k.healed + 2100*mil + time.Duration(r.IntN(1500))*mil
			}
			a := s.find(at + sec)
			require.Len(t, a.Episodes, len(s.known))
			for i := range s.known {
				checkKnown(t, s, &s.known[i], &a, i)
			}
			require.Empty(t, a.Probes.outside(), "every time without service belongs to a failover")
		})
	}
}

// loseFirst puts a campaign that fails before the one that wins: refused, or with split votes.
func (k *known) loseFirst(next, voter history.NodeID, split bool) {
	r := &k.rounds[0]
	first := r.at - 300*mil
	if split {
		k.rounds = append([]round{
			{node: next, at: first, term: r.term, ran: first + 2*mil, refused: []history.NodeID{voter}},
			{node: voter, at: first + mil, term: r.term, ran: first + 3*mil, refused: []history.NodeID{next}},
		}, *r)
		k.rounds[2].term++
		k.newT++
		return
	}
	k.rounds = slices.Insert(k.rounds, 0, round{node: next, at: first, term: r.term, refused: []history.NodeID{voter}, lease: true})
}
