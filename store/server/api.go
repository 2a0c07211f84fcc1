package server

import (
	"context"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc"
)

// register adds the services. Methods that a service does not override answer Unimplemented.
func (s *Server) register(g *grpc.Server) {
	etcdserverpb.RegisterKVServer(g, kv{s: s})
	etcdserverpb.RegisterMaintenanceServer(g, maintenance{s: s})
	etcdserverpb.RegisterClusterServer(g, cluster{s: s})
}

// call submits a request and waits for its answer.
func call[Resp any](ctx context.Context, s *Server, req any) (resp Resp, err error) {
	ch := make(chan answer, 1)
	if err := s.post(ctx, event{kind: evCall, req: req, answer: ch}); err != nil {
		return resp, contextError(ctx)
	}
	select {
	case a := <-ch:
		if a.err != nil {
			return resp, a.err
		}
		return a.resp.(Resp), nil
	case <-ctx.Done():
		return resp, contextError(ctx)
	case <-s.loopCtx.Done():
		return resp, rpctypes.ErrGRPCStopped
	}
}

// contextError is etcd's error for a caller who went away, or for a member that stops.
func contextError(ctx context.Context) error {
	switch ctx.Err() {
	case context.DeadlineExceeded:
		return rpctypes.ErrGRPCDeadlineExceeded
	case context.Canceled:
		return rpctypes.ErrGRPCCanceled
	}
	return rpctypes.ErrGRPCStopped
}

type kv struct {
	etcdserverpb.UnimplementedKVServer
	s *Server
}

func (k kv) Range(ctx context.Context, r *etcdserverpb.RangeRequest) (*etcdserverpb.RangeResponse, error) {
	return call[*etcdserverpb.RangeResponse](ctx, k.s, r)
}

func (k kv) Put(ctx context.Context, r *etcdserverpb.PutRequest) (*etcdserverpb.PutResponse, error) {
	return call[*etcdserverpb.PutResponse](ctx, k.s, r)
}

func (k kv) DeleteRange(ctx context.Context, r *etcdserverpb.DeleteRangeRequest) (*etcdserverpb.DeleteRangeResponse, error) {
	return call[*etcdserverpb.DeleteRangeResponse](ctx, k.s, r)
}

func (k kv) Txn(ctx context.Context, r *etcdserverpb.TxnRequest) (*etcdserverpb.TxnResponse, error) {
	return call[*etcdserverpb.TxnResponse](ctx, k.s, r)
}

func (k kv) Compact(ctx context.Context, r *etcdserverpb.CompactionRequest) (*etcdserverpb.CompactionResponse, error) {
	return call[*etcdserverpb.CompactionResponse](ctx, k.s, r)
}

type maintenance struct {
	etcdserverpb.UnimplementedMaintenanceServer
	s *Server
}

func (m maintenance) Status(ctx context.Context, r *etcdserverpb.StatusRequest) (*etcdserverpb.StatusResponse, error) {
	resp, err := call[*etcdserverpb.StatusResponse](ctx, m.s, r)
	if err == nil { // the answer is this call's own
		resp.DbSize = max(m.s.disk.Size(), resp.DbSizeInUse) // part of it may not be in a file yet
	}
	return resp, err
}

func (m maintenance) HashKV(ctx context.Context, r *etcdserverpb.HashKVRequest) (*etcdserverpb.HashKVResponse, error) {
	return call[*etcdserverpb.HashKVResponse](ctx, m.s, r)
}

// Alarm answers that there is none: a member that runs out of space ends instead.
func (m maintenance) Alarm(ctx context.Context, r *etcdserverpb.AlarmRequest) (*etcdserverpb.AlarmResponse, error) {
	if r.GetAction() != etcdserverpb.AlarmRequest_GET {
		return m.UnimplementedMaintenanceServer.Alarm(ctx, r)
	}
	st, err := call[*etcdserverpb.StatusResponse](ctx, m.s, &etcdserverpb.StatusRequest{})
	if err != nil {
		return nil, err
	}
	return &etcdserverpb.AlarmResponse{Header: st.Header}, nil
}

type cluster struct {
	etcdserverpb.UnimplementedClusterServer
	s *Server
}

func (c cluster) MemberList(ctx context.Context, r *etcdserverpb.MemberListRequest) (*etcdserverpb.MemberListResponse, error) {
	return call[*etcdserverpb.MemberListResponse](ctx, c.s, r)
}
