package server

import (
	"context"
	"crypto/sha1" //nolint:gosec // ids must be those that etcd would compute
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/faultline-chaos/faultline/store/core"
)

type dialer func(ctx context.Context, network, addr string) (net.Conn, error)

// Config of a member. The names and meanings are those of etcd's flags.
type Config struct {
	Name    string
	DataDir string

	ListenClientURLs, AdvertiseClientURLs    []string
	ListenPeerURLs, InitialAdvertisePeerURLs []string
	ListenMetricsURLs                        []string
	InitialCluster                           string // name=peer URL, comma separated, all members
	InitialClusterToken                      string

	ElectionTimeout, HeartbeatInterval time.Duration
	// SnapshotCount is after how many applied entries the raft log is cut, CatchUpEntries how many
	// stay; 0: as many, but 5000 at most.
	SnapshotCount, CatchUpEntries uint64

	Logger *zap.Logger // nil: nothing is logged
	Bug    string      // see core.Config
	// Fatal is called when a disk fails in the middle of something: it must end the process, since
	// nobody knows what the disk holds. nil: it panics.
	Fatal func(error)

	dial dialer // for tests; nil: a net.Dialer's
}

// Defaults are etcd's, but for the addresses, which follow from the flags that are given.
func Defaults() Config {
	return Config{
		Name:                "default",
		ListenClientURLs:    []string{"http://localhost:2379"},
		ListenPeerURLs:      []string{"http://localhost:2380"},
		InitialClusterToken: "etcd-cluster",
		ElectionTimeout:     time.Second,
		HeartbeatInterval:   100 * time.Millisecond,
		SnapshotCount:       10000,
	}
}

// complete fills in what follows from other fields and says what is wrong with the rest.
func (c *Config) complete() error {
	if c.DataDir == "" {
		c.DataDir = c.Name + ".raftkv"
	}
	if len(c.AdvertiseClientURLs) == 0 {
		c.AdvertiseClientURLs = c.ListenClientURLs
	}
	if len(c.InitialAdvertisePeerURLs) == 0 {
		c.InitialAdvertisePeerURLs = c.ListenPeerURLs
	}
	if c.InitialCluster == "" {
		c.InitialCluster = c.Name + "=" + strings.Join(c.InitialAdvertisePeerURLs, ","+c.Name+"=")
	}
	if c.SnapshotCount == 0 {
		return fmt.Errorf("--snapshot-count must be at least 1")
	}
	if c.CatchUpEntries == 0 {
		c.CatchUpEntries = min(c.SnapshotCount, 5000)
	}
	if c.dial == nil {
		c.dial = (&net.Dialer{}).DialContext
	}
	if c.Logger == nil {
		c.Logger = zap.NewNop()
	}
	if c.Name == "" {
		return fmt.Errorf("--name must not be empty")
	}
	if err := errors.Join(core.CheckTimeouts(c.ElectionTimeout, c.HeartbeatInterval), core.CheckBug(c.Bug)); err != nil {
		return err
	}
	for _, list := range []struct {
		flag string
		urls []string
		need bool
	}{
		{"--listen-client-urls", c.ListenClientURLs, true},
		{"--listen-peer-urls", c.ListenPeerURLs, true},
		{"--advertise-client-urls", c.AdvertiseClientURLs, true},
		{"--initial-advertise-peer-urls", c.InitialAdvertisePeerURLs, true},
		{"--listen-metrics-urls", c.ListenMetricsURLs, false},
	} {
		if list.need && len(list.urls) == 0 {
			return fmt.Errorf("%s must name at least one URL, such as http://127.0.0.1:2379", list.flag)
		}
		for _, u := range list.urls {
			if _, err := hostPort(u); err != nil {
				return fmt.Errorf("%s: %w", list.flag, err)
			}
		}
	}
	return nil
}

// hostPort returns the address of a URL.
func hostPort(raw string) (string, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return "", fmt.Errorf("parse URL %q: %w", raw, err)
	}
	if u.Scheme != "http" {
		return "", fmt.Errorf("URL %q must start with http:// (TLS is not supported)", raw)
	}
	if u.Port() == "" || u.Path != "" && u.Path != "/" {
		return "", fmt.Errorf("URL %q must be http://host:port", raw)
	}
	return u.Host, nil
}

// members reads the initial cluster. Ids are those that etcd computes: equal flags give equal ids on
// all members.
func (c *Config) members() (all []core.Member, self, cluster uint64, err error) {
	for part := range strings.SplitSeq(c.InitialCluster, ",") {
		name, peer, ok := strings.Cut(strings.TrimSpace(part), "=")
		if !ok || name == "" {
			return nil, 0, 0, fmt.Errorf("--initial-cluster: %q must be name=http://host:port", part)
		}
		if _, err := hostPort(peer); err != nil {
			return nil, 0, 0, fmt.Errorf("--initial-cluster: member %s: %w", name, err)
		}
		i := slices.IndexFunc(all, func(m core.Member) bool { return m.Name == name })
		if i < 0 {
			i = len(all)
			all = append(all, core.Member{Name: name})
		}
		all[i].PeerURLs = append(all[i].PeerURLs, peer)
	}
	for i := range all {
		m := &all[i]
		slices.Sort(m.PeerURLs)
		m.ID = hash([]byte(strings.Join(m.PeerURLs, "") + c.InitialClusterToken))
		if m.Name == c.Name {
			self = m.ID
			m.ClientURLs = c.AdvertiseClientURLs
		}
	}
	if self == 0 {
		return nil, 0, 0, fmt.Errorf("--initial-cluster %q does not contain member %q, which --name says this is", c.InitialCluster, c.Name)
	}
	if len(all) > 7 {
		return nil, 0, 0, fmt.Errorf("--initial-cluster has %d members, 1 to 7 are allowed", len(all))
	}
	slices.SortFunc(all, func(a, b core.Member) int {
		if a.ID < b.ID {
			return -1
		}
		return 1
	})
	var ids []byte
	for _, m := range all {
		ids = binary.BigEndian.AppendUint64(ids, m.ID)
	}
	return all, self, hash(ids), nil
}

func hash(b []byte) uint64 {
	sum := sha1.Sum(b) //nolint:gosec // not for security
	return binary.BigEndian.Uint64(sum[:8])
}
