package server

import (
	"context"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// testNetwork can swallow everything between a member and the others, as a switch does that is
// unplugged: nobody is told.
type testNetwork struct {
	nodes map[string]int

	mu    sync.Mutex
	alone int // the member that is cut off, -1 for none
}

func newTestNetwork() *testNetwork {
	return &testNetwork{nodes: map[string]int{}, alone: -1}
}

func (n *testNetwork) isolate(i int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.alone = i
}

func (n *testNetwork) cut(a, b int) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.alone == a || n.alone == b
}

func (n *testNetwork) dialer(from int) dialer {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		to := n.nodes[addr]
		if n.cut(from, to) { // a SYN that is lost
			<-ctx.Done()
			return nil, ctx.Err()
		}
		c, err := (&net.Dialer{}).DialContext(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return &testConn{Conn: c, n: n, from: from, to: to, closed: make(chan struct{})}, nil
	}
}

// testConn loses what is written and delivers nothing while its ends are apart. What was lost is
// never sent again, so the connection is of no use afterwards: the worst that TCP can do.
type testConn struct {
	net.Conn
	n        *testNetwork
	from, to int
	once     sync.Once
	closed   chan struct{}
	dead     bool
}

func (c *testConn) Write(b []byte) (int, error) {
	if c.n.cut(c.from, c.to) {
		return len(b), nil
	}
	return c.Conn.Write(b)
}

func (c *testConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.dead = c.dead || c.n.cut(c.from, c.to)
	if !c.dead {
		return n, err
	}
	<-c.closed
	return 0, net.ErrClosed
}

func (c *testConn) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.Conn.Close()
}

func TestPartition(t *testing.T) {
	network := newTestNetwork()
	c := startClusterOn(t, 3, network)
	ctx := t.Context()
	old := c.leader()
	_, err := c.client(old).Put(ctx, "k", "1")
	require.NoError(t, err)

	network.isolate(old)
	next := -1
	for next < 0 {
		for i, s := range c.servers {
			if st, err := s.inspect(ctx); i != old && err == nil && st.Leader == s.id {
				next = i
			}
		}
		time.Sleep(time.Millisecond)
	}
	_, err = c.client(next).Put(ctx, "k", "2")
	require.NoError(t, err)

	network.isolate(-1)
	start := time.Now()
	require.Equal(t, next, c.leader(), "the one that was away must not disturb")
	t.Logf("all agree %v after the network was healed", time.Since(start))
	get, err := c.client(old).Get(ctx, "k")
	require.NoError(t, err)
	require.Equal(t, "2", string(get.Kvs[0].Value))
}
