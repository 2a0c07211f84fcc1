package etcdapi

import (
	"context"
	"errors"
	"net"
	"testing"

	"github.com/stretchr/testify/require"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/history"
)

// scripted answers each call with what it was given, and keeps the request.
type scripted struct {
	asked       proto.Message
	rangeResp   *pb.RangeResponse
	putResp     *pb.PutResponse
	deleteResp  *pb.DeleteRangeResponse
	txnResp     *pb.TxnResponse
	pb.KVClient // what is not scripted panics
}

func (s *scripted) Range(_ context.Context, r *pb.RangeRequest, _ ...grpc.CallOption) (*pb.RangeResponse, error) {
	s.asked = r
	return s.rangeResp, nil
}

func (s *scripted) Put(_ context.Context, r *pb.PutRequest, _ ...grpc.CallOption) (*pb.PutResponse, error) {
	s.asked = r
	return s.putResp, nil
}

func (s *scripted) DeleteRange(_ context.Context, r *pb.DeleteRangeRequest, _ ...grpc.CallOption) (*pb.DeleteRangeResponse, error) {
	s.asked = r
	return s.deleteResp, nil
}

func (s *scripted) Txn(_ context.Context, r *pb.TxnRequest, _ ...grpc.CallOption) (*pb.TxnResponse, error) {
	s.asked = r
	return s.txnResp, nil
}

func TestRequestsAndAnswers(t *testing.T) {
	at := func(rev int64) *pb.ResponseHeader { return &pb.ResponseHeader{Revision: rev} }
	s := &scripted{
		rangeResp:  &pb.RangeResponse{Header: at(9), Kvs: []*mvccpb.KeyValue{{Key: []byte("k"), Value: []byte("v"), ModRevision: 7}}},
		putResp:    &pb.PutResponse{Header: at(10)},
		deleteResp: &pb.DeleteRangeResponse{Header: at(11), Deleted: 1},
		txnResp:    &pb.TxnResponse{Header: at(12), Succeeded: true},
	}
	closed := false
	kv := NewKV(s, func() error { closed = true; return nil })
	ctx := t.Context()

	e, err := kv.Get(ctx, "k")
	require.NoError(t, err)
	require.Equal(t, harness.Entry{Value: "v", Found: true, ModRev: 7, Rev: 9}, e)
	require.True(t, proto.Equal(&pb.RangeRequest{Key: []byte("k")}, s.asked))

	_, err = kv.(interface {
		GetSerializable(context.Context, string) (harness.Entry, error)
	}).GetSerializable(ctx, "k")
	require.NoError(t, err)
	require.True(t, s.asked.(*pb.RangeRequest).Serializable)

	s.rangeResp = &pb.RangeResponse{Header: at(9)}
	e, err = kv.Get(ctx, "k")
	require.NoError(t, err)
	require.Equal(t, harness.Entry{Rev: 9}, e)

	rev, err := kv.Put(ctx, "k", "v")
	require.NoError(t, err)
	require.EqualValues(t, 10, rev)
	require.True(t, proto.Equal(&pb.PutRequest{Key: []byte("k"), Value: []byte("v")}, s.asked))

	n, rev, err := kv.Delete(ctx, "k")
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
	require.EqualValues(t, 11, rev)

	old := "v"
	swapped, rev, err := kv.CAS(ctx, "k", &old, "w")
	require.NoError(t, err)
	require.True(t, swapped)
	require.EqualValues(t, 12, rev)
	cmp := s.asked.(*pb.TxnRequest).Compare[0]
	require.Equal(t, pb.Compare_VALUE, cmp.Target)
	require.Equal(t, "v", string(cmp.GetValue()))

	s.txnResp = &pb.TxnResponse{Header: at(13)}
	swapped, _, err = kv.CAS(ctx, "k", nil, "w")
	require.NoError(t, err)
	require.False(t, swapped)
	cmp = s.asked.(*pb.TxnRequest).Compare[0]
	require.Equal(t, pb.Compare_CREATE, cmp.Target)
	require.Zero(t, cmp.GetCreateRevision())
	require.Empty(t, s.asked.(*pb.TxnRequest).Failure)

	require.NoError(t, kv.Close())
	require.True(t, closed)
}

func TestErrorsOfOthersKeepTheirMeaning(t *testing.T) {
	gone := notApplied(errors.New("nobody is there"))
	require.Equal(t, gone, classify(gone), "a simulated connection says so itself")
	twice := notApplied(status.Error(codes.Unavailable, "x"))
	require.Equal(t, twice, classify(twice))
}

func TestStatusFrom(t *testing.T) {
	for name, c := range map[string]struct {
		leader uint64
		want   history.Role
	}{
		"leads":           {5, history.Leader},
		"follows another": {6, history.Follower},
		"knows no leader": {0, history.Candidate},
	} {
		t.Run(name, func(t *testing.T) {
			got := StatusFrom(&pb.StatusResponse{Header: &pb.ResponseHeader{MemberId: 5}, Leader: c.leader, RaftTerm: 3, RaftAppliedIndex: 8, Version: "3.7.0"})
			require.Equal(t, harness.Status{Role: c.want, Term: 3, Applied: 8, MemberID: 5, Version: "3.7.0"}, got)
		})
	}
}

// member is a fake that follows n2.
type member struct {
	pb.UnimplementedMaintenanceServer
	pb.UnimplementedClusterServer
	lists int
}

func (*member) Status(context.Context, *pb.StatusRequest) (*pb.StatusResponse, error) {
	return &pb.StatusResponse{Header: &pb.ResponseHeader{MemberId: 1}, Leader: 2, RaftTerm: 4}, nil
}

func (m *member) MemberList(context.Context, *pb.MemberListRequest) (*pb.MemberListResponse, error) {
	m.lists++
	return &pb.MemberListResponse{Members: []*pb.Member{{ID: 1, Name: "n1"}, {ID: 2, Name: "n2"}, {ID: 3}}}, nil
}

func TestStatusNamesTheLeader(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := grpc.NewServer()
	m := &member{}
	pb.RegisterMaintenanceServer(s, m)
	pb.RegisterClusterServer(s, m)
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	c := NewStatusClient()
	for range 2 {
		st, err := c.Status(t.Context(), l.Addr().String())
		require.NoError(t, err)
		require.Equal(t, history.Follower, st.Role)
		require.Equal(t, history.NodeID("n2"), st.Leader)
	}
	require.Equal(t, 1, m.lists, "names are remembered")
	require.NoError(t, c.Close())
	s.Stop()
	require.NoError(t, <-served)
}
