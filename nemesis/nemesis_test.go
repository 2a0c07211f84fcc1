package nemesis_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/nemesis"
)

func TestFaultsParseBack(t *testing.T) {
	seen := map[string]bool{}
	for _, e := range nemesis.All() {
		name := e.Fault.String()
		require.False(t, seen[name], "two faults are named %s", name)
		seen[name] = true
		f, err := nemesis.Parse(name)
		require.NoError(t, err)
		require.Equal(t, e.Fault, f)
		require.NotEmpty(t, e.Doc)
	}
	_, err := nemesis.Parse("kil")
	require.EqualError(t, err, `unknown fault "kil": allowed are kill, stop, powerfail, pause, isolate, partition`)
}

// bare is a cluster that can do nothing.
type bare struct{ harness.Cluster }

func TestUnsupportedSaysWhy(t *testing.T) {
	for _, e := range nemesis.All() {
		require.ErrorContains(t, e.Fault.Supported(bare{}), "it cannot ", e.Fault.String())
	}
}

func TestLinks(t *testing.T) {
	members := []harness.NodeID{"n1", "n2", "n3", "n4"}
	link := func(a, b harness.NodeID) harness.Link { return harness.Link{From: a, To: b} }
	isolated := nemesis.Isolate{}.Links(members, []harness.NodeID{"n1", "n2"})
	require.Contains(t, isolated, link("n1", "n2"), "isolated members do not reach each other")
	require.Contains(t, isolated, link("n3", "n1"))
	require.NotContains(t, isolated, link("n3", "n4"))
	halves := nemesis.Partition{}.Links(members, []harness.NodeID{"n1", "n2"})
	require.NotContains(t, halves, link("n1", "n2"), "a side of a partition stays whole")
	require.Len(t, halves, 8)
	require.Empty(t, nemesis.Partition{}.Links(members, members), "nothing is apart from everything")
}

func TestMix(t *testing.T) {
	faults := []harness.Fault{nemesis.Kill{}, nemesis.Pause{}, nemesis.Partition{}}
	for seed := range uint64(200) {
		s, err := nemesis.Mix(harness.Stream(seed, "s"), nemesis.MixConfig{Faults: faults, Time: time.Minute, ElectionTimeout: time.Second})
		require.NoError(t, err)
		count := map[harness.Target]int{}
		kinds := map[string]bool{}
		var end time.Duration
		for _, st := range s {
			require.Greater(t, st.At, end, "one fault after another")
			end = st.At + st.For
			require.Greater(t, st.For, 2*time.Second, "long enough for an election")
			count[st.Target]++
			kinds[st.Fault.String()+string(st.Target)] = true
		}
		require.Less(t, end, time.Minute)
		require.GreaterOrEqual(t, count[harness.TargetLeader], 5)
		require.GreaterOrEqual(t, count[harness.TargetFollower], 3)
		require.Len(t, kinds, 6, "every fault hits leaders and followers")
	}
	same := func(seed uint64) harness.Schedule {
		s, err := nemesis.Mix(harness.Stream(seed, "s"), nemesis.MixConfig{Faults: faults, Time: time.Minute, ElectionTimeout: time.Second})
		require.NoError(t, err)
		return s
	}
	first, again := same(7), same(7)
	require.Equal(t, first, again)
	require.NotEqual(t, same(7), same(8))
	_, err := nemesis.Mix(harness.Stream(1, "s"), nemesis.MixConfig{Faults: faults, Time: 5 * time.Second, ElectionTimeout: time.Second})
	require.ErrorContains(t, err, "too short for one fault")
	none, err := nemesis.Mix(harness.Stream(1, "s"), nemesis.MixConfig{Time: time.Minute, ElectionTimeout: time.Second})
	require.NoError(t, err)
	require.Empty(t, none)
}

func TestStorm(t *testing.T) {
	faults := []harness.Fault{nemesis.Kill{}, nemesis.PowerFail{}}
	s := nemesis.Storm(harness.Stream(1, "s"), faults, time.Minute, time.Second)
	require.Equal(t, s, nemesis.Storm(harness.Stream(1, "s"), faults, time.Minute, time.Second))
	require.Greater(t, len(s), 20)
	everywhere := 0
	for _, st := range s {
		require.Less(t, st.At, time.Minute)
		require.Positive(t, st.For)
		if st.Target == harness.TargetAll {
			everywhere++
		}
	}
	require.Positive(t, everywhere, "power fails everywhere at times")
	require.Empty(t, nemesis.Storm(harness.Stream(1, "s"), nil, time.Minute, time.Second))
}
