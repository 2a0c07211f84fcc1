package figure16

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/experiments/figure16/server"
	"github.com/faultline-chaos/faultline/harness/sim"
	"github.com/faultline-chaos/faultline/systems"
)

func setup(low, high int) Setup {
	return Setup{
		Min: time.Duration(low) * time.Millisecond, Max: time.Duration(high) * time.Millisecond, Tick: 250 * time.Microsecond,
		Delay: sim.Delay{Min: 500 * time.Microsecond, Mean: 4 * time.Millisecond}, Cap: time.Minute,
	}
}

// TestSimulate: a leader is found after the timeouts that were asked for, not after raft's, and
// narrow ranges split votes.
func TestSimulate(t *testing.T) {
	cases := []struct {
		name        string
		p           Setup
		least, most time.Duration // of the median
		splits      bool          // most trials take more than one round
	}{
		{"wide", setup(150, 300), 140 * time.Millisecond, 220 * time.Millisecond, false},
		{"short", setup(50, 100), 50 * time.Millisecond, 90 * time.Millisecond, false},
		{"narrow", setup(150, 151), 500 * time.Millisecond, 3 * time.Second, true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var got []time.Duration
			rounds := 0
			for seed := range uint64(40) {
				r, err := c.p.Simulate(t.Context(), seed)
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
			require.Equal(t, c.splits, rounds > 40*server.Servers)
		})
	}
}

func TestTrialRepeats(t *testing.T) {
	one, err := setup(150, 175).Simulate(t.Context(), 7)
	require.NoError(t, err)
	two, err := setup(150, 175).Simulate(t.Context(), 7)
	require.NoError(t, err)
	require.Equal(t, one, two)
	other, err := setup(150, 175).Simulate(t.Context(), 8)
	require.NoError(t, err)
	require.NotEqual(t, one.First, other.First)
}

// TestSleeps: to leave out the ticks that do nothing changes nothing.
func TestSleeps(t *testing.T) {
	for _, p := range []Setup{setup(12, 24), setup(150, 155), setup(150, 151), setup(150, 300)} {
		for seed := range uint64(5) {
			slept, err := p.Simulate(t.Context(), seed)
			require.NoError(t, err)
			awake := p
			awake.awake = true
			called, err := awake.Simulate(t.Context(), seed)
			require.NoError(t, err)
			require.Greater(t, called.Raft.Events, 3*slept.Raft.Events)
			require.Equal(t, called.Raft.Messages, slept.Raft.Messages)
			called.Raft, slept.Raft = sim.Stats{}, sim.Stats{}
			require.Equal(t, called, slept)
		}
	}
}

func TestIsCapped(t *testing.T) {
	p := setup(150, 150)
	p.Cap = 100 * time.Millisecond
	over := 0
	for seed := range uint64(20) {
		r, err := p.Simulate(t.Context(), seed)
		require.NoError(t, err)
		if r.Over {
			over++
		} else {
			require.Equal(t, p.Cap, r.First)
		}
	}
	require.Less(t, over, 20)
}

func TestRefuses(t *testing.T) {
	for name, p := range map[string]Setup{"none": {}, "odd": {Min: 3, Max: 4, Tick: 1, Cap: 1}, "backwards": {Min: 4, Max: 2, Tick: 1, Cap: 1}} {
		_, err := p.Simulate(t.Context(), 1)
		require.ErrorContains(t, err, "multiples of two ticks", name)
	}
	_, err := (&simSystem{RaftKV: &systems.RaftKV{}}).Command("n1", nil, "")
	require.ErrorContains(t, err, "simulations only")
	for _, e := range systems.All() {
		require.NotContains(t, e.Name, "paper")
	}
}
