package etcdapi

import (
	"context"
	"errors"
	"fmt"
	"sync"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc"

	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/history"
)

// StatusClient asks members for their status, over connections that it keeps. It may be used by
// several tasks.
type StatusClient struct {
	mu    sync.Mutex
	conns map[string]*clientv3.Client
	names map[uint64]history.NodeID // member names by id; ids never come again with another name
}

// NewStatusClient makes one without connections. The caller closes it.
func NewStatusClient() *StatusClient {
	return &StatusClient{conns: map[string]*clientv3.Client{}, names: map[uint64]history.NodeID{}}
}

// Close closes all connections.
func (c *StatusClient) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var errs []error
	for addr, conn := range c.conns {
		errs = append(errs, conn.Close())
		delete(c.conns, addr)
	}
	return errors.Join(errs...)
}

// Status asks the member at addr. Members are named as they were started: --name is the NodeID.
func (c *StatusClient) Status(ctx context.Context, addr string) (harness.Status, error) {
	conn, err := c.conn(addr)
	if err != nil {
		return harness.Status{}, err
	}
	resp, err := pb.NewMaintenanceClient(conn).Status(ctx, &pb.StatusRequest{})
	if err != nil {
		return harness.Status{}, fmt.Errorf("status of %s: %w", addr, err)
	}
	st := StatusFrom(resp)
	if resp.Leader != 0 {
		if st.Leader, err = c.name(ctx, conn, resp.Leader); err != nil {
			return harness.Status{}, fmt.Errorf("members of %s: %w", addr, err)
		}
	}
	return st, nil
}

// StatusFrom is all of a status but the leader's name.
func StatusFrom(resp *pb.StatusResponse) harness.Status {
	st := harness.Status{
		Role: history.Candidate, Term: resp.RaftTerm, Applied: resp.RaftAppliedIndex, Revision: resp.GetHeader().GetRevision(),
		MemberID: resp.GetHeader().GetMemberId(), Version: resp.Version,
	}
	switch resp.Leader {
	case 0: // it knows nobody to follow
	case st.MemberID:
		st.Role = history.Leader
	default:
		st.Role = history.Follower
	}
	return st
}

// Hash asks the member at addr for the hash of its keys and values at a revision, 0 for the latest.
func (c *StatusClient) Hash(ctx context.Context, addr string, revision int64) (history.HashValue, error) {
	conn, err := c.conn(addr)
	if err != nil {
		return history.HashValue{}, err
	}
	resp, err := pb.NewMaintenanceClient(conn).HashKV(ctx, &pb.HashKVRequest{Revision: revision})
	if err != nil {
		return history.HashValue{}, fmt.Errorf("hash of %s at revision %d: %w", addr, revision, err)
	}
	return HashFrom(resp)
}

// HashFrom is what the response says. etcd answers -1 as the revision of no compaction; before 3.6 it
// did not say which revision was hashed, and such an answer cannot be compared.
func HashFrom(resp *pb.HashKVResponse) (history.HashValue, error) {
	if resp.HashRevision == 0 {
		return history.HashValue{}, fmt.Errorf("the hash has no revision: %w", errors.ErrUnsupported)
	}
	return history.HashValue{Revision: resp.HashRevision, CompactRevision: max(0, resp.CompactRevision), Hash: resp.Hash}, nil
}

func (c *StatusClient) conn(addr string) (*grpc.ClientConn, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if conn := c.conns[addr]; conn != nil {
		return conn.ActiveConnection(), nil
	}
	conn, err := dial(addr)
	if err != nil {
		return nil, err
	}
	c.conns[addr] = conn
	return conn.ActiveConnection(), nil
}

func (c *StatusClient) name(ctx context.Context, conn *grpc.ClientConn, id uint64) (history.NodeID, error) {
	c.mu.Lock()
	name, ok := c.names[id]
	c.mu.Unlock()
	if ok {
		return name, nil
	}
	resp, err := pb.NewClusterClient(conn).MemberList(ctx, &pb.MemberListRequest{})
	if err != nil {
		return "", err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, m := range resp.Members {
		if m.Name != "" { // a member that has not started yet has none
			c.names[m.ID] = history.NodeID(m.Name)
		}
	}
	return c.names[id], nil
}
