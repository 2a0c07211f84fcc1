package systems

import (
	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/history"
)

// Etcd is etcd itself.
type Etcd struct{ etcdv3 }

// NewEtcd makes it. The caller closes it.
func NewEtcd(o Options) *Etcd { return &Etcd{newEtcdv3(o)} }

// Name is etcd.
func (*Etcd) Name() string { return "etcd" }

// Command starts a member.
func (s *Etcd) Command(self history.NodeID, members []harness.Member, dataDir string) (harness.Command, error) {
	c, err := s.command(self, members, dataDir)
	c.Args = append(c.Args, "--initial-cluster-state", "new", "--logger", "zap", "--log-level", "info")
	return c, err
}
