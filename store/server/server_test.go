package server

import (
	"context"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// testCluster is some members in this process, on a loopback address that no other process uses.
type testCluster struct {
	t       testing.TB
	cfgs    []Config
	servers []*Server
	logs    *observer.ObservedLogs
}

func startCluster(t testing.TB, n int) *testCluster { return startClusterOn(t, n, nil) }

// startClusterOn starts members that connect to their peers through a network.
func startClusterOn(t testing.TB, n int, network *testNetwork) *testCluster {
	t.Helper()
	core, logs := observer.New(zap.InfoLevel)
	c := &testCluster{t: t, servers: make([]*Server, n), logs: logs}
	var initial []string
	for i := range n {
		cfg := Defaults()
		cfg.Name = fmt.Sprintf("n%d", i+1)
		cfg.DataDir = t.TempDir()
		cfg.ListenPeerURLs, cfg.ListenClientURLs = freeURL(t), freeURL(t)
		cfg.ElectionTimeout, cfg.HeartbeatInterval = 500*time.Millisecond, 50*time.Millisecond
		cfg.Logger = zap.New(core)
		if network != nil {
			cfg.dial = network.dialer(i)
			network.nodes[strings.TrimPrefix(cfg.ListenPeerURLs[0], "http://")] = i
		}
		initial = append(initial, cfg.Name+"="+cfg.ListenPeerURLs[0])
		c.cfgs = append(c.cfgs, cfg)
	}
	for i := range n {
		c.cfgs[i].InitialCluster = strings.Join(initial, ",")
		c.start(i)
	}
	t.Cleanup(func() {
		for i := range c.servers {
			c.stop(i)
		}
	})
	return c
}

// freeURL returns a URL whose port stays free: the address belongs to this process by convention.
func freeURL(t testing.TB) []string {
	t.Helper()
	pid := os.Getpid()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", fmt.Sprintf("127.%d.%d.%d:0", 1+pid>>16&63, pid>>8&255, max(1, pid&255)))
	require.NoError(t, err)
	defer func() { require.NoError(t, l.Close()) }()
	return []string{"http://" + l.Addr().String()}
}

func (c *testCluster) start(i int) {
	c.t.Helper()
	s, err := Start(c.cfgs[i])
	require.NoError(c.t, err)
	c.servers[i] = s
}

func (c *testCluster) stop(i int) {
	if s := c.servers[i]; s != nil {
		c.servers[i] = nil
		require.NoError(c.t, s.Stop(context.Background()))
	}
}

func (c *testCluster) client(i int) *clientv3.Client {
	c.t.Helper()
	cl, err := clientv3.New(clientv3.Config{Endpoints: c.cfgs[i].ListenClientURLs, Logger: zap.NewNop(), DialTimeout: 5 * time.Second})
	require.NoError(c.t, err)
	c.t.Cleanup(func() { _ = cl.Close() })
	return cl
}

func (c *testCluster) url(i int) string { return c.cfgs[i].ListenClientURLs[0] }

// leader waits until the members that run agree on a leader that runs.
func (c *testCluster) leader() int {
	c.t.Helper()
	for {
		require.NoError(c.t, c.t.Context().Err())
		votes, running := map[uint64]int{}, 0
		for _, s := range c.servers {
			if s == nil {
				continue
			}
			running++
			st, err := s.inspect(c.t.Context())
			require.NoError(c.t, err)
			votes[st.Leader]++
		}
		for i, s := range c.servers {
			if s != nil && votes[s.id] == running {
				return i
			}
		}
		time.Sleep(time.Millisecond) // members tell nobody when they elect
	}
}

func TestThreeMembers(t *testing.T) {
	c := startCluster(t, 3)
	ctx := t.Context()
	lead := c.leader()
	follower := (lead + 1) % 3

	cl := c.client(follower)
	put, err := cl.Put(ctx, "k", "1")
	require.NoError(t, err)
	require.EqualValues(t, 2, put.Header.Revision)
	for i := range 3 {
		get, err := c.client(i).Get(ctx, "k")
		require.NoError(t, err)
		require.Equal(t, "1", string(get.Kvs[0].Value))
		require.Equal(t, c.servers[i].ID(), get.Header.MemberId)
		require.Equal(t, put.Header.ClusterId, get.Header.ClusterId)
	}
	txn, err := cl.Txn(ctx).If(clientv3.Compare(clientv3.Value("k"), "=", "1")).Then(clientv3.OpPut("k", "2")).Commit()
	require.NoError(t, err)
	require.True(t, txn.Succeeded)

	st, err := cl.Status(ctx, c.url(follower))
	require.NoError(t, err)
	require.Equal(t, c.servers[lead].ID(), st.Leader)
	require.Positive(t, st.DbSize)
	require.Positive(t, st.RaftAppliedIndex)

	members, err := cl.MemberList(ctx)
	require.NoError(t, err)
	require.Len(t, members.Members, 3)
	for _, m := range members.Members {
		require.NotEmpty(t, m.ClientURLs, "members tell each other where they serve clients")
	}

	_, err = cl.Compact(ctx, txn.Header.Revision)
	require.NoError(t, err)
	_, err = cl.Get(ctx, "k", clientv3.WithRev(2))
	require.ErrorContains(t, err, "required revision has been compacted")
	_, err = cl.Grant(ctx, 5)
	require.ErrorContains(t, err, "nimplemented")
}

func TestLeaderStops(t *testing.T) {
	c := startCluster(t, 3)
	ctx := t.Context()
	lead := c.leader()
	_, err := c.client(lead).Put(ctx, "k", "1")
	require.NoError(t, err)
	c.stop(lead)
	next := c.leader()
	require.NotEqual(t, lead, next)
	_, err = c.client(next).Put(ctx, "k", "2")
	require.NoError(t, err)

	c.start(lead) // on the same data
	get, err := c.client(lead).Get(ctx, "k")
	require.NoError(t, err)
	require.Equal(t, "2", string(get.Kvs[0].Value))
	require.EqualValues(t, 2, get.Kvs[0].Version)
	require.NotEmpty(t, c.logs.FilterMessageSnippet("became leader at term").All())
}

func TestSnapshotOverTheWire(t *testing.T) {
	c := startCluster(t, 3)
	ctx := t.Context()
	away := (c.leader() + 1) % 3
	for i := range 3 {
		c.cfgs[i].SnapshotCount, c.cfgs[i].CatchUpEntries = 20, 5
		c.stop(i)
	}
	for i := range 3 {
		if i != away {
			c.start(i)
		}
	}
	c.leader()
	cl := c.client((away + 1) % 3)
	for i := range 200 {
		_, err := cl.Put(ctx, fmt.Sprint("k", i%10), strings.Repeat("x", 1000)+fmt.Sprint(i))
		require.NoError(t, err)
	}
	c.start(away)
	get, err := c.client(away).Get(ctx, "k9")
	require.NoError(t, err)
	require.Equal(t, strings.Repeat("x", 1000)+"199", string(get.Kvs[0].Value))
	require.NotEmpty(t, c.logs.FilterMessageSnippet("restored snapshot").All())
}

func TestForeignDataDirectory(t *testing.T) {
	c := startCluster(t, 1)
	c.stop(0)
	cfg := c.cfgs[0]
	cfg.InitialClusterToken = "another"
	_, err := Start(cfg)
	require.ErrorContains(t, err, "the data belongs to member")
}

// BenchmarkPut is one put of 64 bytes to the leader, from many clients at once.
func BenchmarkPut(b *testing.B) {
	c := startCluster(b, 3)
	cl := c.client(c.leader())
	value := strings.Repeat("x", 64)
	b.SetParallelism(32)
	b.ResetTimer()
	b.RunParallel(func(p *testing.PB) {
		for n := 0; p.Next(); n++ {
			if _, err := cl.Put(b.Context(), fmt.Sprint("k", n%1000), value); err != nil {
				b.Error(err)
			}
		}
	})
}
