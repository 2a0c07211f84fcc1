package core

import (
	"slices"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/raft/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/faultline-chaos/faultline/store/internal/bug"
	"github.com/faultline-chaos/faultline/store/mvcc"
)

// Submit takes a client's request; one Reply effect of that call follows, at once or later. See the
// package comment for the requests and the errors. req must not be changed afterwards.
func (c *Core) Submit(call uint64, req any) {
	c.input()
	if err := mvcc.Check(req); err != nil {
		c.fail(call, err)
		return
	}
	switch r := req.(type) {
	case *etcdserverpb.RangeRequest:
		c.submitRead(call, req, r.GetSerializable())
	case *etcdserverpb.TxnRequest:
		if mvcc.ReadOnly(r) {
			c.submitRead(call, req, mvcc.Serializable(r))
		} else {
			c.submitWrite(call, req)
		}
	case *etcdserverpb.PutRequest, *etcdserverpb.DeleteRangeRequest, *etcdserverpb.CompactionRequest:
		c.submitWrite(call, req)
	case *etcdserverpb.MemberListRequest:
		c.submitRead(call, req, !r.GetLinearizable())
	case *etcdserverpb.StatusRequest, *etcdserverpb.HashKVRequest:
		c.answer(call, req)
	default:
		c.fail(call, status.Errorf(codes.Unimplemented, "etcdserver: %T is not implemented", req))
	}
}

func (c *Core) reply(call uint64, resp any, err error) {
	c.out = append(c.out, Effect{Kind: Reply, Call: call, Response: resp, Err: err})
}

func (c *Core) fail(call uint64, err error) { c.reply(call, nil, err) }

// answer answers a request that only reads, from the state as it is.
func (c *Core) answer(call uint64, req any) {
	switch r := req.(type) {
	case *etcdserverpb.RangeRequest:
		resp, err := c.state.kv.Range(r)
		if err != nil {
			c.fail(call, err)
			return
		}
		c.sign(resp.Header)
		c.reply(call, resp, nil)
	case *etcdserverpb.TxnRequest:
		resp, err := c.state.kv.Txn(r, nil)
		if err != nil {
			c.fail(call, err)
			return
		}
		c.sign(resp.Header)
		c.reply(call, resp, nil)
	case *etcdserverpb.MemberListRequest:
		c.reply(call, c.memberList(), nil)
	case *etcdserverpb.StatusRequest:
		c.reply(call, c.status(), nil)
	case *etcdserverpb.HashKVRequest:
		hash, at, err := c.state.kv.HashAt(r.GetRevision())
		if err != nil {
			c.fail(call, err)
			return
		}
		c.reply(call, &etcdserverpb.HashKVResponse{
			Header: c.header(), Hash: hash, HashRevision: at, CompactRevision: c.state.kv.CompactRevision(),
		}, nil)
	}
}

// sign completes the header of an answer, which the state gave a revision.
func (c *Core) sign(h *etcdserverpb.ResponseHeader) {
	h.ClusterId, h.MemberId, h.RaftTerm = c.cfg.Cluster, c.cfg.ID, c.term
}

func (c *Core) header() *etcdserverpb.ResponseHeader {
	h := &etcdserverpb.ResponseHeader{Revision: c.state.kv.Revision()}
	c.sign(h)
	return h
}

func (c *Core) status() *etcdserverpb.StatusResponse {
	size := c.state.kv.Size()
	resp := &etcdserverpb.StatusResponse{
		Header: c.header(), Version: c.cfg.Version, StorageVersion: "3.7.0", DbSize: size, DbSizeInUse: size,
		Leader: c.leader, RaftIndex: c.commit, RaftTerm: c.term, RaftAppliedIndex: c.state.index,
	}
	if c.leader == raft.None {
		resp.Errors = []string{"etcdserver: no leader"}
	}
	return resp
}

func (c *Core) memberList() *etcdserverpb.MemberListResponse {
	resp := &etcdserverpb.MemberListResponse{Header: c.header()}
	for _, m := range c.cfg.Members {
		resp.Members = append(resp.Members, &etcdserverpb.Member{ID: m.ID, Name: m.Name, PeerURLs: m.PeerURLs, ClientURLs: m.ClientURLs})
	}
	return resp
}

// SetMember updates the name and client URLs that MemberList tells of a member. Unknown ids are
// ignored.
func (c *Core) SetMember(id uint64, name string, clientURLs []string) {
	c.input()
	members := slices.Clone(c.cfg.Members) // the old slice may be shared with other members
	for i := range members {
		if members[i].ID == id {
			members[i].Name, members[i].ClientURLs = name, clientURLs
		}
	}
	c.cfg.Members = members
}

// Status is what a Core knows of itself.
type Status struct {
	Term, Leader           uint64
	Role                   raft.StateType
	Commit, Applied        uint64
	FirstEntry, LastEntry  uint64 // of the log on disk
	Revision               int64
	StateHash              uint64
	Boot                   uint64
	PendingWrites, Pending int // proposals, and reads, that wait
}

// Status is for tests, logs and metrics. It is not an input.
func (c *Core) Status() Status {
	return Status{
		Term: c.term, Leader: c.leader, Role: c.role, Commit: c.commit, Applied: c.state.index,
		FirstEntry: c.log.index + 1, LastEntry: c.log.last(), Revision: c.state.kv.Revision(),
		StateHash: c.state.hash(), Boot: c.boot, PendingWrites: len(c.proposals.queue), Pending: c.reads.pending(),
	}
}

// staleRead says whether a planted mistake answers a linearizable read from the local state.
func (c *Core) staleRead() bool {
	return c.bug(bug.StaleRead) || c.bug(bug.LeaderLocalRead) && c.role == raft.StateLeader
}
