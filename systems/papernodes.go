package systems

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"

	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/history"
	"github.com/faultline-chaos/faultline/store/papernode"
)

// paperNodes are the servers as a system that runtimes can start. It serves no clients.
type paperNodes struct {
	binary string
	args   []string

	mu       sync.Mutex
	peers    [PaperMembers + 1]string // where servers find each other, by number
	controls map[string]string        // where the harness finds them, by peer address
}

func (*paperNodes) Name() string { return "paper" }

// Command starts a server, which is told nothing but where it is.
func (s *paperNodes) Command(self history.NodeID, members []harness.Member, dataDir string) (harness.Command, error) {
	for i, m := range members {
		if m.ID == self {
			peer := net.JoinHostPort(m.Host, fmt.Sprint(peerPort))
			s.mu.Lock()
			s.peers[i+1] = peer
			s.mu.Unlock()
			return harness.Command{
				Binary: s.binary, Args: append(slices.Clone(s.args), net.JoinHostPort(m.Host, fmt.Sprint(clientPort)), peer, dataDir),
				ClientPort: clientPort, PeerPort: peerPort,
			}, nil
		}
	}
	return harness.Command{}, fmt.Errorf("command of %s: it is not among the members %v", self, members)
}

// LogLanguage is none: its log is for people.
func (*paperNodes) LogLanguage() history.LogLanguage { return history.NoLogLanguage }

func (*paperNodes) Dial(string) (harness.KV, error) {
	return nil, fmt.Errorf("dial a server of the paper's set-up: it has no clients: %w", errors.ErrUnsupported)
}

// Status says that a server is there, and learns where.
func (s *paperNodes) Status(ctx context.Context, addr string, _ history.NodeID, _ []harness.Member) (st harness.Status, err error) {
	n, err := dialPaper(ctx, addr)
	if err != nil {
		return st, err
	}
	said := make(chan paperSaid)
	go n.read(0, said) // it says nothing but what it is asked
	r, err := n.ask(ctx, papernode.Request{Op: papernode.OpHello})
	if err = errors.Join(err, n.conn.Close()); err != nil {
		return st, fmt.Errorf("ask %s: %w", addr, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.controls[r.Peer] = addr
	return st, nil
}

func (s *paperNodes) control(i int) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.controls[s.peers[i]]
}
