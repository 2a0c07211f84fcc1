package systems

import (
	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/history"
)

// RaftKV is this repository's store. It also runs in a simulation.
type RaftKV struct{ etcdv3 }

// NewRaftKV makes it. The caller closes it.
func NewRaftKV(o Options) *RaftKV { return &RaftKV{newEtcdv3(o)} }

// Name is raftkv.
func (*RaftKV) Name() string { return "raftkv" }

// Command starts a member.
func (s *RaftKV) Command(self history.NodeID, members []harness.Member, dataDir string) (harness.Command, error) {
	c, err := s.command(self, members, dataDir)
	if s.opts.Bug != "" {
		c.Args = append(c.Args, "--bug", s.opts.Bug)
	}
	return c, err
}

// Refusing is the same store with timeouts that it refuses to start with. The caller closes it.
func (s *RaftKV) Refusing() harness.System {
	o := s.opts
	o.ElectionTimeout = 4 * o.HeartbeatInterval
	return NewRaftKV(o)
}
