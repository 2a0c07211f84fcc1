package nemesis_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/history"
	"github.com/faultline-chaos/faultline/nemesis"
)

func TestFaultsParseBack(t *testing.T) {
	seen := map[string]bool{}
	var names []string
	for _, e := range nemesis.All() {
		require.False(t, seen[e.Name()], "two faults are named %s", e.Name())
		seen[e.Name()] = true
		names = append(names, e.Name())
		for _, written := range []string{e.Fault.String(), e.Name()} {
			f, err := nemesis.Parse(written)
			require.NoError(t, err)
			require.Equal(t, e.Fault, f)
		}
		require.NotEmpty(t, e.Doc)
		require.NotEmpty(t, e.Fault.Needs())
		require.Equal(t, e.Args != "", e.Parse != nil)
		require.Equal(t, e.Args != "", e.Fault.String() != e.Name(), "its arguments are printed")
		_, err := nemesis.Parse(e.Name() + "(nonsense)")
		require.ErrorContains(t, err, e.Name())
		require.NotContains(t, err.Error(), "\n")
	}
	_, err := nemesis.Parse("kil")
	require.EqualError(t, err, `unknown fault "kil": allowed are `+strings.Join(names, ", "))
}

func TestArguments(t *testing.T) {
	const allowed = ": allowed is stutter(PERIOD,SHARE), with PERIOD from 10ms to 1m and SHARE, the frozen part of it, from 1% to 99%"
	for written, want := range map[string]string{
		"kill(9)":             `fault "kill(9)": kill has no arguments`,
		"kill()":              `fault "kill()": kill has no arguments`,
		"stutter(1s":          `fault "stutter(1s": the parenthesis is not closed`,
		"stutter(1s)":         `fault "stutter(1s)": it has 2 arguments, not 1` + allowed,
		"stutter(1s,0%)":      `fault "stutter(1s,0%)": its share is "0%"` + allowed,
		"stutter(1s,0.5)":     `fault "stutter(1s,0.5)": its share is "0.5"` + allowed,
		"stutter(1ms,50%)":    `fault "stutter(1ms,50%)": its period is "1ms"` + allowed,
		"stutter(always,50%)": `fault "stutter(always,50%)": its period is "always"` + allowed,
	} {
		_, err := nemesis.Parse(written)
		require.EqualError(t, err, want)
	}
	r := harness.Stream(1, "arguments")
	for range 100 {
		f := nemesis.Stutter{Period: 10*time.Millisecond + time.Duration(r.Int64N(int64(50*time.Second))), Percent: 1 + r.IntN(99)}
		back, err := nemesis.Parse(f.String())
		require.NoError(t, err)
		require.Equal(t, f, back)
	}
	f, err := nemesis.Parse("stutter( 1s , 20% )")
	require.NoError(t, err)
	require.Equal(t, nemesis.Stutter{Period: time.Second, Percent: 20}, f)
}

func TestSplitList(t *testing.T) {
	want := []string{"kill", "stutter(50ms,10%)", "mute"}
	require.Equal(t, want, nemesis.SplitList("kill,stutter(50ms,10%), mute"))
	require.Equal(t, want, nemesis.SplitList("kill", "stutter(50ms", "10%)", "mute"), "split at every comma by somebody else")
	require.Equal(t, want, nemesis.SplitList(want...))
	require.Equal(t, []string{"kill", "stutter(1s,5%"}, nemesis.SplitList("kill,stutter(1s,5%"), "Parse tells what is wrong")
	require.Equal(t, []string{""}, nemesis.SplitList())
}

func TestEffects(t *testing.T) {
	members := []history.NodeID{"n1", "n2", "n3", "n4", "n5"}
	for _, e := range nemesis.All() {
		got := e.Fault.Effect(members, members[:2])
		require.NotEmpty(t, got.Kind, e.Name())
		require.Equal(t, members[:2], got.Affected, "%s of a minority affects those that it hits", e.Name())
	}
	require.Equal(t, members[3:], nemesis.Partition{}.Effect(members, members[:3]).Affected, "the smaller side")
	require.Equal(t, members[:4], nemesis.Partition{}.Effect(members[:4], members[:2]).Affected, "neither side has a majority")
	require.Equal(t, members[:3], nemesis.Isolate{}.Effect(members, members[:3]).Affected)
}

func TestLinks(t *testing.T) {
	members := []history.NodeID{"n1", "n2", "n3", "n4"}
	link := func(a, b history.NodeID) harness.Link { return harness.Link{From: a, To: b} }
	isolated := nemesis.Isolate{}.Links(members, []history.NodeID{"n1", "n2"})
	require.Contains(t, isolated, link("n1", "n2"), "isolated members do not reach each other")
	require.Contains(t, isolated, link("n3", "n1"))
	require.NotContains(t, isolated, link("n3", "n4"))
	halves := nemesis.Partition{}.Links(members, []history.NodeID{"n1", "n2"})
	require.NotContains(t, halves, link("n1", "n2"), "a side of a partition stays whole")
	require.Len(t, halves, 8)
	muted := nemesis.Mute{}.Links(members, []history.NodeID{"n1"})
	require.Equal(t, []harness.Link{link("n1", "n2"), link("n1", "n3"), link("n1", "n4")}, muted, "the ways back stay open")

	require.Empty(t, nemesis.Partition{}.Links(members, members), "nothing is apart from everything")
}

func TestMix(t *testing.T) {
	faults := []harness.Fault{nemesis.Kill{}, nemesis.Pause{}, nemesis.Partition{}}
	for seed := range uint64(200) {
		s, err := nemesis.Mix(harness.Stream(seed, "s"), nemesis.MixConfig{Faults: faults, Time: time.Minute, ElectionTimeout: time.Second})
		require.NoError(t, err)
		count := map[history.Target]int{}
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
		require.GreaterOrEqual(t, count[history.TargetLeader], 5)
		require.GreaterOrEqual(t, count[history.TargetFollower], 3)
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
		if st.Target == history.TargetAll {
			everywhere++
		}
	}
	require.Positive(t, everywhere, "power fails everywhere at times")
	require.Empty(t, nemesis.Storm(harness.Stream(1, "s"), nil, time.Minute, time.Second))
}
