package mvcc

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"
)

// startEtcd runs the real thing. It skips the test where there is none.
func startEtcd(t *testing.T) pb.KVClient {
	bin, err := filepath.Abs("../../bin/etcd")
	require.NoError(t, err)
	if _, err := os.Stat(bin); err != nil {
		t.Skip("bin/etcd is missing; make bin/etcd builds it")
	}
	var urls []string
	for range 2 {
		l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", fmt.Sprintf("127.60.%d.%d:0", os.Getpid()>>8&255, max(1, os.Getpid()&255)))
		require.NoError(t, err)
		urls = append(urls, "http://"+l.Addr().String())
		require.NoError(t, l.Close())
	}
	cmd := exec.Command(bin, "--data-dir", t.TempDir(), "--log-level", "error", "--unsafe-no-fsync",
		"--listen-client-urls", urls[0], "--advertise-client-urls", urls[0],
		"--listen-peer-urls", urls[1], "--initial-advertise-peer-urls", urls[1], "--initial-cluster", "default="+urls[1])
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	conn, err := grpc.NewClient(urls[0][len("http://"):], grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	kv := pb.NewKVClient(conn)
	_, err = kv.Range(ctx, &pb.RangeRequest{Key: []byte("k")}, grpc.WaitForReady(true))
	require.NoError(t, err)
	return kv
}

var requests = flag.Int("requests", 4000, "how many requests TestAgainstEtcd sends")

// TestAgainstEtcd sends random requests to the store and to etcd: answers and errors must be equal.
func TestAgainstEtcd(t *testing.T) {
	kv, s := startEtcd(t), New()
	for seed := range *requests {
		req := rapid.Custom(func(t *rapid.T) proto.Message { return genRequest(t, s.Revision()) }).Example(seed)
		if errors.Is(Check(req), rpctypes.ErrGRPCDuplicateKey) {
			continue // etcd would do some of these, see checkOverlaps
		}
		theirs, theirErr := ask(t.Context(), kv, req)
		ours, ourErr := apply(s, req)
		require.Equalf(t, status.Convert(theirErr).Message(), status.Convert(ourErr).Message(), "%d: %T %s", seed, req, prototext.Format(req))
		require.Equal(t, status.Code(theirErr), status.Code(ourErr))
		if theirErr == nil {
			plain(theirs)
			plain(ours)
			if !proto.Equal(theirs, ours) {
				t.Fatalf("%d: %T %s\nanswers\n%s\netcd\n%s", seed, req, prototext.Format(req), prototext.Format(ours), prototext.Format(theirs))
			}
		}
	}
	require.Greater(t, s.Revision(), int64(500))
}

func genRequest(t *rapid.T, rev int64) proto.Message {
	switch k := rapid.IntRange(0, 19).Draw(t, "request"); {
	case k < 5:
		return genRange(t, rev)
	case k < 10:
		return withoutLease(genPut(t))
	case k < 12:
		return genDelete(t)
	case k < 19:
		return withoutLeases(genTxn(t, rev, 2))
	}
	return &pb.CompactionRequest{Revision: rapid.Int64Range(max(0, rev-20), rev+1).Draw(t, "compact to")}
}

// withoutLease drops the lease, which etcd would have to know.
func withoutLease(r *pb.PutRequest) *pb.PutRequest {
	r.Lease = 0
	return r
}

func withoutLeases(r *pb.TxnRequest) *pb.TxnRequest {
	for _, op := range append(append([]*pb.RequestOp{}, r.Success...), r.Failure...) {
		if p := op.GetRequestPut(); p != nil {
			withoutLease(p)
		}
		if n := op.GetRequestTxn(); n != nil {
			withoutLeases(n)
		}
	}
	return r
}

func ask(ctx context.Context, kv pb.KVClient, req proto.Message) (proto.Message, error) {
	switch r := req.(type) {
	case *pb.RangeRequest:
		return kv.Range(ctx, r)
	case *pb.PutRequest:
		return kv.Put(ctx, r)
	case *pb.DeleteRangeRequest:
		return kv.DeleteRange(ctx, r)
	case *pb.TxnRequest:
		return kv.Txn(ctx, r)
	case *pb.CompactionRequest:
		return kv.Compact(ctx, r)
	}
	panic(fmt.Sprintf("%T", req))
}

func apply(s *Store, req proto.Message) (proto.Message, error) {
	if err := Check(req); err != nil {
		return nil, err
	}
	var b Batch
	switch r := req.(type) {
	case *pb.RangeRequest:
		return s.Range(r)
	case *pb.PutRequest:
		return s.Put(r, &b)
	case *pb.DeleteRangeRequest:
		return s.DeleteRange(r, &b), nil
	case *pb.TxnRequest:
		return s.Txn(r, &b)
	case *pb.CompactionRequest:
		err := s.Compact(r.Revision, &b)
		return &pb.CompactionResponse{Header: &pb.ResponseHeader{Revision: s.Revision()}}, err
	}
	panic(fmt.Sprintf("%T", req))
}

// plain leaves of headers the revision of the whole answer.
func plain(m proto.Message) {
	if h, ok := m.(interface{ GetHeader() *pb.ResponseHeader }); ok && h.GetHeader() != nil {
		header := h.GetHeader()
		header.ClusterId, header.MemberId, header.RaftTerm = 0, 0, 0
	}
	if r, ok := m.(*pb.TxnResponse); ok {
		for _, op := range r.Responses {
			inner(op)
		}
	}
}

func inner(op *pb.ResponseOp) {
	switch r := op.Response.(type) {
	case *pb.ResponseOp_ResponseRange:
		r.ResponseRange.Header = nil
	case *pb.ResponseOp_ResponsePut:
		r.ResponsePut.Header = nil
	case *pb.ResponseOp_ResponseDeleteRange:
		r.ResponseDeleteRange.Header = nil
	case *pb.ResponseOp_ResponseTxn:
		r.ResponseTxn.Header = nil
		for _, op := range r.ResponseTxn.Responses {
			inner(op)
		}
	}
}
