package figure16

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"sync"

	"github.com/faultline-chaos/faultline/experiments/figure16/server"
	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/history"
)

// Where a server listens, in a network of its own.
const controlPort, peerPort = 2379, 2380

func nodeID(i int) history.NodeID { return history.NodeID("n" + strconv.Itoa(i)) }

// system are the servers as what runtimes can start. It serves no clients.
type system struct {
	binary string
	args   []string

	mu       sync.Mutex
	peers    [server.Servers + 1]string // where servers find each other, by number
	controls map[string]string          // where the harness finds them, by peer address
}

func (*system) Name() string { return "figure16" }

// Command starts a server, which is told nothing but where it is.
func (s *system) Command(self history.NodeID, members []harness.Member, dataDir string) (harness.Command, error) {
	i := slices.IndexFunc(members, func(m harness.Member) bool { return m.ID == self })
	if i < 0 {
		return harness.Command{}, fmt.Errorf("command of %s: it is not among the members %v", self, members)
	}
	address := func(port int) string { return net.JoinHostPort(members[i].Host, strconv.Itoa(port)) }
	s.mu.Lock()
	s.peers[i+1] = address(peerPort)
	s.mu.Unlock()
	return harness.Command{
		Binary: s.binary, Args: append(slices.Clone(s.args), address(controlPort), address(peerPort), dataDir),
		ClientPort: controlPort, PeerPort: peerPort,
	}, nil
}

// LogLanguage is none: its log is for people.
func (*system) LogLanguage() history.LogLanguage { return history.NoLogLanguage }

func (*system) Dial(string) (harness.KV, error) {
	return nil, fmt.Errorf("dial a server of figure 16: it has no clients: %w", errors.ErrUnsupported)
}

// Status says that a server is there, and learns where.
func (s *system) Status(ctx context.Context, addr string, _ history.NodeID, _ []harness.Member) (st harness.Status, err error) {
	n, err := dial(ctx, addr)
	if err != nil {
		return st, err
	}
	go n.read(make(chan server.Reply)) // it says nothing but what it is asked
	r, err := n.ask(ctx, server.Request{Op: server.OpHello})
	if err = errors.Join(err, n.conn.Close()); err != nil {
		return st, fmt.Errorf("ask %s: %w", addr, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.controls[r.Peer] = addr
	return st, nil
}

func (s *system) control(i int) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.controls[s.peers[i]]
}
