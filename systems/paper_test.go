package systems

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/harness/sim"
)

func paper(low, high int) Paper {
	return Paper{
		Min: time.Duration(low) * time.Millisecond, Max: time.Duration(high) * time.Millisecond, Tick: 250 * time.Microsecond,
		Delay: sim.Delay{Min: 500 * time.Microsecond, Mean: 4 * time.Millisecond}, Cap: time.Minute,
	}
}

// TestPaperTrials: a leader is found after the timeouts that were asked for, not after raft's, and
// narrow ranges split votes.
func TestPaperTrials(t *testing.T) {
	cases := []struct {
		name        string
		p           Paper
		least, most time.Duration // of the median
		splits      bool          // most trials take more than one round
	}{
		{"wide", paper(150, 300), 140 * time.Millisecond, 220 * time.Millisecond, false},
		{"short", paper(50, 100), 50 * time.Millisecond, 90 * time.Millisecond, false},
		{"narrow", paper(150, 151), 500 * time.Millisecond, 3 * time.Second, true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var got []time.Duration
			rounds := 0
			for seed := range uint64(40) {
				r, err := c.p.Trial(t.Context(), seed)
				require.NoError(t, err)
				require.True(t, r.Over)
				require.GreaterOrEqual(t, r.First, c.p.Min/2, "a follower waits Min after a heartbeat, and the crash is at most half of that later")
				require.IsNonDecreasing(t, []time.Duration{r.First, r.Majority, r.All})
				require.Positive(t, r.Campaigns)
				got = append(got, r.Majority)
				rounds += r.Campaigns
			}
			slices.Sort(got)
			require.Greater(t, got[20], c.least)
			require.Less(t, got[20], c.most)
			require.Equal(t, c.splits, rounds > 40*PaperMembers)
		})
	}
}

func TestPaperTrialRepeats(t *testing.T) {
	one, err := paper(150, 175).Trial(t.Context(), 7)
	require.NoError(t, err)
	two, err := paper(150, 175).Trial(t.Context(), 7)
	require.NoError(t, err)
	require.Equal(t, one, two)
	other, err := paper(150, 175).Trial(t.Context(), 8)
	require.NoError(t, err)
	require.NotEqual(t, one.First, other.First)
}

// TestPaperSleeps: to leave out the ticks that do nothing changes nothing.
func TestPaperSleeps(t *testing.T) {
	for _, p := range []Paper{paper(12, 24), paper(150, 155), paper(150, 151), paper(150, 300)} {
		for seed := range uint64(5) {
			slept, err := p.Trial(t.Context(), seed)
			require.NoError(t, err)
			awake := p
			awake.awake = true
			called, err := awake.Trial(t.Context(), seed)
			require.NoError(t, err)
			require.Greater(t, called.Raft.Events, 3*slept.Raft.Events)
			require.Equal(t, called.Raft.Messages, slept.Raft.Messages)
			called.Raft, slept.Raft = sim.Stats{}, sim.Stats{}
			require.Equal(t, called, slept)
		}
	}
}

func TestPaperIsCapped(t *testing.T) {
	p := paper(150, 150)
	p.Cap = 100 * time.Millisecond
	over := 0
	for seed := range uint64(20) {
		r, err := p.Trial(t.Context(), seed)
		require.NoError(t, err)
		if r.Over {
			over++
		} else {
			require.Equal(t, p.Cap, r.First)
		}
	}
	require.Less(t, over, 20)
}

func TestPaperRefuses(t *testing.T) {
	for name, p := range map[string]Paper{"none": {}, "odd": {Min: 3, Max: 4, Tick: 1, Cap: 1}, "backwards": {Min: 4, Max: 2, Tick: 1, Cap: 1}} {
		_, err := p.Trial(t.Context(), 1)
		require.ErrorContains(t, err, "multiples of two ticks", name)
	}
	_, err := (&paperSystem{RaftKV: &RaftKV{}}).Command("n1", nil, "")
	require.ErrorContains(t, err, "simulations only")
	for _, e := range All() {
		require.NotContains(t, e.Name, "paper")
	}
}
