// Package systems holds the systems under test, one file each: how to start, dial and query their members.
// All of them speak the etcd v3 API; harness.System does not require it.
package systems

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/history"
	"github.com/faultline-chaos/faultline/history/raftlog"
	"github.com/faultline-chaos/faultline/systems/etcdapi"
)

// Options are the settings of a system.
type Options struct {
	Binary            string        // its server program, static
	ElectionTimeout   time.Duration // whole milliseconds
	HeartbeatInterval time.Duration // whole milliseconds
	SnapshotCount     int           // log entries between two snapshots; 0: the system's default
	Bug               string        // name of a planted bug; only raftkv has planted bugs
}

// Entry describes one system in All.
type Entry struct {
	Name   string
	Doc    string // one line
	Binary string // file name of its program beside faultline; "" if the user must name the program
	// New makes the system. The caller closes it, after the last use.
	New func(Options) Closer
}

// Closer is a system whose connections must be closed.
type Closer interface {
	harness.System
	Close() error
}

// All lists the systems that exist.
func All() []Entry {
	return []Entry{
		{"raftkv", "the Raft key-value store of this repository", "raftkv", func(o Options) Closer { return NewRaftKV(o) }},
		{"etcd", "etcd, or a server that takes its flags; name its program with --binary", "etcd", func(o Options) Closer { return NewEtcd(o) }},
	}
}

const (
	clientPort = 2379
	peerPort   = 2380
)

// etcdv3 is the part that all these systems share: etcd's flags and API.
type etcdv3 struct {
	opts   Options
	status *etcdapi.StatusClient
}

func newEtcdv3(o Options) etcdv3 { return etcdv3{opts: o, status: etcdapi.NewStatusClient()} }

// Close closes the connections of Status.
func (s *etcdv3) Close() error { return s.status.Close() }

// Dial makes a client without hidden retries.
func (s *etcdv3) Dial(addr string) (harness.KV, error) { return etcdapi.Dial(addr) }

// Status asks Maintenance.Status.
func (s *etcdv3) Status(ctx context.Context, addr string, _ history.NodeID, _ []harness.Member) (harness.Status, error) {
	return s.status.Status(ctx, addr)
}

// LogLanguage is raft's: all use go.etcd.io/raft.
func (*etcdv3) LogLanguage() history.LogLanguage { return raftlog.Language }

// Hash asks Maintenance.HashKV.
func (s *etcdv3) Hash(ctx context.Context, addr string, revision int64) (history.HashValue, error) {
	return s.status.Hash(ctx, addr, revision)
}

// command is etcd's command line. The two timeouts are passed through the environment, as is usual for etcd
// in containers.
func (s *etcdv3) command(self history.NodeID, members []harness.Member, dataDir string) (harness.Command, error) {
	var me harness.Member
	var cluster []string
	for _, m := range members {
		cluster = append(cluster, string(m.ID)+"="+url(m.Host, peerPort))
		if m.ID == self {
			me = m
		}
	}
	if me.ID == "" {
		return harness.Command{}, fmt.Errorf("command of %s: it is not among the members %v", self, members)
	}
	client, peer := url(me.Host, clientPort), url(me.Host, peerPort)
	args := []string{
		"--name", string(self), "--data-dir", dataDir,
		"--listen-client-urls", client, "--advertise-client-urls", client,
		"--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
		"--initial-cluster", strings.Join(cluster, ","),
	}
	if s.opts.SnapshotCount > 0 {
		args = append(args, "--snapshot-count", strconv.Itoa(s.opts.SnapshotCount))
	}
	return harness.Command{
		Binary: s.opts.Binary,
		Args:   args,
		Env: []string{
			"ETCD_ELECTION_TIMEOUT=" + strconv.FormatInt(s.opts.ElectionTimeout.Milliseconds(), 10),
			"ETCD_HEARTBEAT_INTERVAL=" + strconv.FormatInt(s.opts.HeartbeatInterval.Milliseconds(), 10),
		},
		ClientPort: clientPort,
		PeerPort:   peerPort,
	}, nil
}

func url(host string, port int) string {
	return "http://" + net.JoinHostPort(host, strconv.Itoa(port))
}
