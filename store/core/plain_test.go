package core

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
)

func TestPlainElectionsNeedDrawnTimeouts(t *testing.T) {
	cfg := Config{ID: 1, Cluster: 1, Members: []Member{{ID: 1}}, ElectionTicks: 10, PlainElections: true}
	_, err := New(cfg, &Durable{})
	require.ErrorContains(t, err, "for experiments")
	cfg.ElectionRand = func() int { return 7 }
	c, err := New(cfg, &Durable{})
	require.NoError(t, err)
	require.Equal(t, 7, *c.timeout)
}

// TestSkipIsTicks: two members that get the same inputs, of which one skips the ticks that are quiet,
// send and write the same.
func TestSkipIsTicks(t *testing.T) {
	make := func() *Core {
		r := rand.New(rand.NewPCG(1, 2))
		cfg := Config{ID: 1, Cluster: 1, Members: []Member{{ID: 1}, {ID: 2}, {ID: 3}}, ElectionTicks: 10, HeartbeatTicks: 5, PlainElections: true, ElectionRand: func() int { return 10 + r.IntN(10) }}
		c, err := New(cfg, &Durable{})
		require.NoError(t, err)
		return c
	}
	ticked, skipped := make(), make()
	var said func(c *Core) []string
	said = func(c *Core) (out []string) {
		var token uint64
		for _, e := range c.Effects() {
			if e.Kind == Send {
				out = append(out, e.Message.String())
			}
			if e.Kind == Write {
				token = max(token, e.Token)
			}
		}
		if token > 0 {
			c.Persisted(token)
			out = append(out, said(c)...)
		}
		return out
	}
	require.Equal(t, said(ticked), said(skipped))
	term := uint64(0)
	led := false
	for range 200 {
		quiet := skipped.Quiet()
		skipped.Skip(quiet)
		for range quiet {
			ticked.Tick()
			require.Empty(t, said(ticked), "a quiet tick does nothing")
		}
		ticked.Tick()
		skipped.Tick()
		require.Equal(t, said(ticked), said(skipped))
		require.Equal(t, ticked.Status(), skipped.Status())
		if now := skipped.Status(); now.Term != term && now.Term%7 == 0 && !led { // sometimes it wins
			term = now.Term
			m := &raftpb.Message{Type: raftpb.MsgVoteResp.Enum(), From: new(uint64(2)), To: new(uint64(1)), Term: new(term)}
			ticked.Step(m)
			skipped.Step(m)
			led = skipped.role == raft.StateLeader
			require.Equal(t, said(ticked), said(skipped))
		}
	}
	require.True(t, led, "heartbeats were skipped to, too")
	plain, err := New(Config{ID: 1, Cluster: 1, Members: []Member{{ID: 1}}, ElectionTicks: 10}, &Durable{})
	require.NoError(t, err)
	require.Zero(t, plain.Quiet(), "only with PlainElections")
}

// TestServersElectSafely: neither the server nor its program names the fields that leave out what protects
// elections.
func TestServersElectSafely(t *testing.T) {
	var files []string
	for _, dir := range []string{"../server", "../../cmd/raftkv"} {
		found, err := filepath.Glob(filepath.Join(dir, "*.go"))
		require.NoError(t, err)
		require.NotEmpty(t, found, dir)
		files = append(files, found...)
	}
	for _, f := range files {
		src, err := os.ReadFile(f)
		require.NoError(t, err)
		for _, name := range []string{"PlainElections", "ElectionRand"} {
			require.NotContainsf(t, string(src), name, "%s names %s", f, name)
		}
	}
}
