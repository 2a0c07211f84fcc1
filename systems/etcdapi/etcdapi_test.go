package etcdapi

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/faultline-chaos/faultline/harness"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// failing answers every call with one error and counts the calls.
type failing struct {
	pb.UnimplementedKVServer
	err   error
	calls atomic.Int64
}

func (f *failing) fail() error { f.calls.Add(1); return f.err }

func (f *failing) Range(context.Context, *pb.RangeRequest) (*pb.RangeResponse, error) {
	return nil, f.fail()
}

func (f *failing) Put(context.Context, *pb.PutRequest) (*pb.PutResponse, error) { return nil, f.fail() }

func (f *failing) Txn(context.Context, *pb.TxnRequest) (*pb.TxnResponse, error) { return nil, f.fail() }

func (f *failing) DeleteRange(context.Context, *pb.DeleteRangeRequest) (*pb.DeleteRangeResponse, error) {
	return nil, f.fail()
}

func serve(t *testing.T, f *failing) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := grpc.NewServer()
	pb.RegisterKVServer(s, f)
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	t.Cleanup(func() { s.Stop(); require.NoError(t, <-done) })
	return l.Addr().String()
}

func TestOneAttemptACall(t *testing.T) {
	for name, err := range map[string]error{
		"unavailable":    status.Error(codes.Unavailable, "busy"),
		"no leader":      rpctypes.ErrGRPCNoLeader,
		"timeout":        rpctypes.ErrGRPCTimeout,
		"leader changed": rpctypes.ErrGRPCLeaderChanged,
		"exhausted":      rpctypes.ErrGRPCRequestTooManyRequests,
	} {
		t.Run(name, func(t *testing.T) {
			f := &failing{err: err}
			kv, err := Dial(serve(t, f))
			require.NoError(t, err)
			defer func() { require.NoError(t, kv.Close()) }()
			calls := []func() error{
				func() error { _, err := kv.Get(t.Context(), "k"); return err },
				func() error { _, err := kv.Put(t.Context(), "k", "v"); return err },
				func() error { _, _, err := kv.CAS(t.Context(), "k", nil, "v"); return err },
				func() error { _, _, err := kv.Delete(t.Context(), "k"); return err },
			}
			for i, call := range calls {
				require.Error(t, call())
				require.EqualValues(t, i+1, f.calls.Load(), "one call is one attempt")
			}
		})
	}
}

func TestErrorTable(t *testing.T) {
	for _, e := range sureErrors() {
		require.ErrorIs(t, classify(e.err), harness.ErrNotApplied, "%v: %s", e.err, e.why)
		require.NotEmpty(t, e.why)
	}
	for name, err := range map[string]error{
		"timeout":              rpctypes.ErrGRPCTimeout,
		"leader fail":          rpctypes.ErrGRPCTimeoutDueToLeaderFail,
		"connection lost":      rpctypes.ErrGRPCTimeoutDueToConnectionLost,
		"stopped":              rpctypes.ErrGRPCStopped,
		"leader changed":       rpctypes.ErrGRPCLeaderChanged,
		"no space":             rpctypes.ErrGRPCNoSpace,
		"canceled":             rpctypes.ErrGRPCCanceled,
		"deadline":             status.Error(codes.DeadlineExceeded, "context deadline exceeded"),
		"transport closing":    status.Error(codes.Unavailable, "error reading from server: EOF"),
		"reset":                status.Error(codes.Unavailable, "read tcp: connection reset by peer"),
		"same text other code": status.Error(codes.Internal, "etcdserver: no leader"),
		"closed meanwhile":     status.Error(codes.Unavailable, "rpc error: code = Canceled desc = grpc: the client connection is closing"),
		"not grpc":             errors.New("boom"),
	} {
		require.NotErrorIs(t, classify(err), harness.ErrNotApplied, name)
	}
}

// TestNobodyThere: a call to a port where nobody listens fails at once, and certainly.
func TestNobodyThere(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	addr := l.Addr().String()
	require.NoError(t, l.Close())
	kv, err := Dial(addr)
	require.NoError(t, err)
	defer func() { require.NoError(t, kv.Close()) }()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	_, err = kv.Put(ctx, "k", "v")
	require.ErrorIs(t, err, harness.ErrNotApplied)
	require.NoError(t, ctx.Err(), "it must not wait for a member that is down")
}

// TestDeafMember: nobody answers the handshake; the request never left.
func TestDeafMember(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, l.Close()) }()
	kv, err := Dial(l.Addr().String())
	require.NoError(t, err)
	defer func() { require.NoError(t, kv.Close()) }()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err = kv.Put(ctx, "k", "v")
	require.ErrorIs(t, err, harness.ErrNotApplied)
}

// TestTooManyRequestsAsEtcdAnswersIt: with code Unknown.
func TestTooManyRequestsAsEtcdAnswersIt(t *testing.T) {
	require.ErrorIs(t, classify(status.Error(codes.Unknown, "etcdserver: too many requests")), harness.ErrNotApplied)
}

// waiting takes a put and does not answer it.
type waiting struct {
	pb.UnimplementedKVServer
	came chan struct{}
}

func (w *waiting) Put(ctx context.Context, _ *pb.PutRequest) (*pb.PutResponse, error) {
	close(w.came)
	<-ctx.Done()
	return nil, ctx.Err()
}

// TestSentIsUnknown: whatever ends a call that has left, its outcome is unknown.
func TestSentIsUnknown(t *testing.T) {
	for name, end := range map[string]func(s *grpc.Server, kv harness.KV, cancel context.CancelFunc){
		"the server dies":   func(s *grpc.Server, _ harness.KV, _ context.CancelFunc) { s.Stop() },
		"the client closes": func(_ *grpc.Server, kv harness.KV, _ context.CancelFunc) { _ = kv.Close() },
		"the caller leaves": func(_ *grpc.Server, _ harness.KV, cancel context.CancelFunc) { cancel() },
	} {
		t.Run(name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(t, err)
			s := grpc.NewServer()
			w := &waiting{came: make(chan struct{})}
			pb.RegisterKVServer(s, w)
			served := make(chan error, 1)
			go func() { served <- s.Serve(l) }()
			kv, err := Dial(l.Addr().String())
			require.NoError(t, err)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			put := make(chan error, 1)
			go func() { _, err := kv.Put(ctx, "k", "v"); put <- err }()
			<-w.came
			end(s, kv, cancel)
			err = <-put
			require.Error(t, err)
			require.NotErrorIs(t, err, harness.ErrNotApplied)
			_ = kv.Close() // closed twice in one case
			s.Stop()
			require.NoError(t, <-served)
		})
	}
}

// TestClosedClient: a call on a closed client never leaves.
func TestClosedClient(t *testing.T) {
	f := &failing{err: status.Error(codes.Unavailable, "busy")}
	kv, err := Dial(serve(t, f))
	require.NoError(t, err)
	require.NoError(t, kv.Close())
	_, err = kv.Put(t.Context(), "k", "v")
	require.ErrorIs(t, err, harness.ErrNotApplied)
	require.Zero(t, f.calls.Load())
}
