package failover

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/history"
	"github.com/faultline-chaos/faultline/nemesis"
	"github.com/faultline-chaos/faultline/results/internal/synthetic"
)

// TestEveryKindOfFaultIsMeasured: failovers are made up with known times, as each fault's effect lets them look.
func TestEveryKindOfFaultIsMeasured(t *testing.T) {
	all := map[string]func(*synthetic.Known){}
	for _, e := range nemesis.All() {
		all[e.Fault.String()] = synthetic.Kinds[e.Name()]
		if all[e.Fault.String()] == nil {
			all[e.Fault.String()] = synthetic.Like(e.Fault.Effect([]history.NodeID{"n1", "n2", "n3"}, []history.NodeID{"n1"}).Kind)
		}
	}
	for name, f := range synthetic.Further {
		all[name] = f
	}
	for name, make := range all {
		r := rand.New(rand.NewPCG(7, 7))
		t.Run(name+" of the leader", func(t *testing.T) {
			s := synthetic.NewKnown(3)
			k := synthetic.Lose(r, name, "n1", "n2", "n3", 2, 4*synthetic.Sec)
			make(&k)
			s.Trouble(k)
			a := Analyze(s.ProbedUntil(12 * synthetic.Sec))
			require.Len(t, a.Episodes, 1)
			checkKnown(t, s, &k, &a, 0)
		})
		t.Run(name+" of a follower", func(t *testing.T) {
			s := synthetic.NewKnown(3)
			k := synthetic.Lose(r, name, "n2", "n1", "n3", 2, 4*synthetic.Sec)
			make(&k)
			k.Old, k.Target, k.Rounds, k.Broke, k.Committed, k.Knew, k.Rejoined, k.Slow = "n1", history.TargetFollower, nil, 0, 0, 0, 0, 0
			s.Trouble(k)
			a := Analyze(s.ProbedUntil(12 * synthetic.Sec))
			require.Empty(t, a.Episodes)
			require.Empty(t, a.Probes.Gaps)
			require.Len(t, a.Controls, 1)
			c := &a.Controls[0]
			require.True(t, c.Unaffected(), "%+v", c)
			require.Equal(t, k.Confirmed, c.From)
			require.Equal(t, k.HealStart, c.To)
			require.LessOrEqual(t, *c.LongestGap, synthetic.ProbeEvery+synthetic.ProbeStep+3*synthetic.Mil)
		})
	}
}

// checkKnown holds every phase of an episode against the times that were made up: within one probe
// interval where probes tell, exactly where a log line does.
func checkKnown(t *testing.T, _ *synthetic.Synthetic, k *synthetic.Known, a *Analysis, i int) {
	t.Helper()
	e := &a.Episodes[i]
	near := func(want, got time.Duration, what string) {
		t.Helper()
		require.InDelta(t, want, got, float64(synthetic.ProbeEvery+synthetic.Jitter), "%s of %s: %v, want %v", what, k.Name, got, want)
	}
	require.Equal(t, k.Old, e.OldLeader)
	require.Equal(t, k.Term, e.OldTerm)
	if k.Fault != "" {
		require.Equal(t, k.Issued, e.Issued.At)
		require.Equal(t, k.Confirmed, e.T0)
	}
	checkElection(t, k, e)
	for _, o := range []Outage{e.Writes, e.Reads} {
		switch {
		case k.Broke == 0: // never away: the longest that a call took is all there is
			near(k.Slow+synthetic.Latency, *o.Took, "outage")
		case k.Back() == 0:
			require.Nil(t, o.Took)
			near(e.Watched-k.Broke+synthetic.Latency, *o.AtLeast, "bound of the outage")
			near(k.Broke-synthetic.Latency, o.LastOK.At, "last success")
		default:
			near(k.Broke-synthetic.Latency, o.LastOK.At, "last success")
			near(k.Back()+synthetic.Latency, o.Back.At, "first success")
			near(k.Back()-k.Broke+2*synthetic.Latency, *o.Took, "outage")
			require.LessOrEqual(t, *o.Slack, 2*synthetic.ProbeEvery, "one interval, and how long the probe waited that was answered first")
		}
	}
	if k.Broke > 0 && k.Back() > 0 { // a call of a member that is held may begin while the end is not seen yet
		least, most := unknownWrites(a, e.Begin(), k.Back()), unknownWrites(a, e.Begin(), k.Back()+synthetic.ProbeEvery)
		require.LessOrEqual(t, least, e.Ambiguous)
		require.GreaterOrEqual(t, most, e.Ambiguous)
	}
	checkAfter(t, k, e, a)
}

func unknownWrites(a *Analysis, from, until time.Duration) (n int) {
	for _, c := range a.WorkloadCalls {
		if c.Is(false) && c.Type == history.Info && c.To > from && c.From < until {
			n++
		}
	}
	return n
}

func checkElection(t *testing.T, k *synthetic.Known, e *Episode) {
	t.Helper()
	require.Len(t, e.Campaigns, len(k.Rounds))
	split := map[uint64]int{}
	for i := range k.Rounds {
		r, got := &k.Rounds[i], &e.Campaigns[i]
		require.Equal(t, r.Node, got.Node)
		require.Equal(t, r.At, got.At)
		require.Equal(t, r.Term, got.Term)
		require.Equal(t, r.Won > 0, got.Won)
		require.Len(t, got.Refused, len(r.Refused))
		if !slices.ContainsFunc(k.Rounds[:i], func(o synthetic.Round) bool { return o.Node == r.Node }) {
			require.NotNil(t, got.Lost, "its log says that it lost its leader")
			require.Equal(t, k.Old, got.LostLeader)
		} else {
			require.Nil(t, got.Lost, "it said so before")
		}
		for _, f := range got.Refused {
			require.Contains(t, r.Refused, f.By)
			require.Equal(t, r.Lease, f.Why == "it had heard from a leader within the last election timeout", f.Why)
		}
		if r.Ran > 0 {
			require.Equal(t, r.Ran, got.Ran.At)
			if r.Won == 0 {
				split[r.Term]++
			}
		}
	}
	if len(k.Rounds) > 0 {
		require.Equal(t, k.Detected(), e.Detected.At)
		require.Equal(t, k.Detected()-e.T0, *e.Detection)
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
	if k.Leader == "" {
		require.Nil(t, e.Election)
		require.Nil(t, e.WriteReady)
		require.Nil(t, e.Accepted)
		require.Empty(t, e.Votes)
		return
	}
	require.Equal(t, NewLeader, e.Outcome)
	require.Equal(t, k.Leader, e.NewLeader)
	require.Equal(t, k.NewT, e.NewTerm)
	require.Equal(t, int(k.NewT-k.Term-1), e.TermsBurned)
	require.Equal(t, k.Elected-e.T0, *e.Election)
	require.Equal(t, k.Elected+2*synthetic.Mil, e.Accepted.At)
	require.Equal(t, k.Committed-e.T0, *e.WriteReady)
	require.Equal(t, "log", e.CommitBy)
}

// checkAfter is about service that comes back, the old leader, and the healing.
func checkAfter(t *testing.T, k *synthetic.Known, e *Episode, a *Analysis) {
	t.Helper()
	switch {
	case k.Slow > 0:
		require.InDelta(t, k.Healed-k.Confirmed, *e.Disturbance, float64(synthetic.ProbeEvery))
	case k.Broke > 0 && k.Back() > 0 && e.Watched > k.Back()+SteadyFor:
		require.InDelta(t, k.Back(), e.Steady.At, float64(synthetic.ProbeEvery), "goodput and p99 are back")
	case k.Broke == 0:
		require.Zero(t, *e.Disturbance)
	}
	switch {
	case k.Knew == 0 || k.Leader == "":
		require.Nil(t, e.Stale)
	default:
		require.Equal(t, max(0, k.Knew-k.Elected), *e.Stale)
	}
	require.Zero(t, e.StaleOK)
	if len(k.Held) > 0 && k.Committed > 0 && k.Healed > 0 && e.Watched > k.Healed {
		want := k.Broke - k.Issued + k.Healed - k.Committed
		require.InDelta(t, want, *e.Partial, float64(3*a.Probes.Period), "partial outage: in whole steps, at the begin of the outage, at its end and at the healing")
	}
	if k.HealStart == 0 {
		require.Nil(t, e.Rejoin)
		require.Nil(t, e.RejoinOutage)
		return
	}
	require.Equal(t, k.HealStart, e.HealStart.At)
	require.Equal(t, k.Healed, e.Healed.At)
	if k.Rejoined > 0 {
		require.InDelta(t, k.Rejoined-k.HealStart, *e.Rejoin, float64(synthetic.ProbeEvery))
		if e.Watched > k.Healed+2*synthetic.Sec {
			require.LessOrEqual(t, *e.RejoinOutage, synthetic.ProbeEvery+synthetic.ProbeStep+3*synthetic.Mil)
		}
	}
}

// TestRandomTroublesAreMeasured is a property: whatever is made up, in whatever order, is found again.
func TestRandomTroublesAreMeasured(t *testing.T) {
	names := []string{"kill", "stop", "pause", "isolate", "partition", "mute", "deaf"}
	for seed := range uint64(12) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 3))
			s := synthetic.NewKnown(3)
			old, term := history.NodeID("n1"), uint64(2)
			at := 3*synthetic.Sec + time.Duration(r.IntN(2000))*synthetic.Mil
			for range 2 + r.IntN(3) {
				rest := s.Others(old)
				r.Shuffle(2, func(i, j int) { rest[i], rest[j] = rest[j], rest[i] })
				name := names[r.IntN(len(names))]
				k := synthetic.Lose(r, name, old, rest[0], rest[1], term, at)
				if make := synthetic.Kinds[name]; make != nil {
					make(&k)
				} else {
					synthetic.Further[name](&k)
				}
				if r.IntN(3) == 0 {
					k.LoseFirst(rest[0], rest[1], r.IntN(2) == 0)
				}
				s.Trouble(k)
				old, term = k.Leader, k.NewT
				at = k.Healed + 2100*synthetic.Mil + time.Duration(r.IntN(1500))*synthetic.Mil
			}
			a := Analyze(s.ProbedUntil(at + synthetic.Sec))
			require.Len(t, a.Episodes, len(s.Known))
			for i := range s.Known {
				checkKnown(t, s, &s.Known[i], &a, i)
			}
			require.Empty(t, a.Probes.Outside(), "every time without service belongs to a failover")
		})
	}
}
