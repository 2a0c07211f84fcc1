// Package etcdapi is the client side of the etcd v3 API: one attempt a call, nothing retried behind
// the caller's back, and every error sorted into "certainly not applied" and "unknown".
package etcdapi

import (
	"context"
	"fmt"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"

	"github.com/faultline-chaos/faultline/harness"
)

// kv is a harness.KV over the API's generated client.
type kv struct {
	client pb.KVClient
	close  func() error
}

// NewKV makes a harness.KV of a generated client. Whoever implements client decides about
// connections; each method of the KV makes exactly one call of it. Close calls close.
func NewKV(client pb.KVClient, close func() error) harness.KV { return &kv{client, close} }

// Dial makes a client of the one member that serves at addr (host:port). It does not wait for a
// connection. etcd's client is used without its own retries, which otherwise make up to 100 attempts
// of a read and let a call wait for a member that is down (retry_interceptor.go and
// defaultWaitForReady, client/v3 3.7); its connection is tried again every 100 ms at most, not after
// gRPC's 1 s growing to 120 s.
func Dial(addr string) (harness.KV, error) {
	c, err := dial(addr)
	if err != nil {
		return nil, err
	}
	return NewKV(pb.NewKVClient(watchedConn{c.ActiveConnection()}), c.Close), nil
}

func dial(addr string) (*clientv3.Client, error) {
	c, err := clientv3.New(clientv3.Config{
		Endpoints:       []string{"http://" + addr},
		MaxUnaryRetries: 1, // the first attempt is counted
		Logger:          zap.NewNop(),
		DialOptions: []grpc.DialOption{
			grpc.WithConnectParams(grpc.ConnectParams{
				Backoff:           backoff.Config{BaseDelay: 20 * time.Millisecond, Multiplier: 1.5, Jitter: 0.2, MaxDelay: 100 * time.Millisecond},
				MinConnectTimeout: time.Second,
			}),
			grpc.WithStatsHandler(sentHandler{}),
			grpc.WithNoProxy(), // members are near; a proxy of the environment is not meant for them
		},
	})
	if err != nil {
		return nil, fmt.Errorf("make a client of %s: %w", addr, err)
	}
	return c, nil
}

func (c *kv) Close() error { return c.close() }

func (c *kv) Get(ctx context.Context, key string) (harness.Entry, error) {
	return c.get(ctx, &pb.RangeRequest{Key: []byte(key)})
}

// GetSerializable reads from the member's own state, which may be stale.
func (c *kv) GetSerializable(ctx context.Context, key string) (harness.Entry, error) {
	return c.get(ctx, &pb.RangeRequest{Key: []byte(key), Serializable: true})
}

func (c *kv) get(ctx context.Context, r *pb.RangeRequest) (harness.Entry, error) {
	resp, err := c.client.Range(ctx, r)
	if err != nil {
		return harness.Entry{}, classify(err)
	}
	e := harness.Entry{Rev: resp.GetHeader().GetRevision()}
	if len(resp.Kvs) > 0 {
		e.Found, e.Value, e.ModRev = true, string(resp.Kvs[0].Value), resp.Kvs[0].ModRevision
	}
	return e, nil
}

func (c *kv) Put(ctx context.Context, key, value string) (int64, error) {
	resp, err := c.client.Put(ctx, &pb.PutRequest{Key: []byte(key), Value: []byte(value)})
	if err != nil {
		return 0, classify(err)
	}
	return resp.GetHeader().GetRevision(), nil
}

// CAS is a transaction that compares the value, or for absence the create revision with 0.
func (c *kv) CAS(ctx context.Context, key string, old *string, next string) (bool, int64, error) {
	k := []byte(key)
	cmp := &pb.Compare{Key: k, Result: pb.Compare_EQUAL}
	if old == nil {
		cmp.Target, cmp.TargetUnion = pb.Compare_CREATE, &pb.Compare_CreateRevision{CreateRevision: 0}
	} else {
		cmp.Target, cmp.TargetUnion = pb.Compare_VALUE, &pb.Compare_Value{Value: []byte(*old)}
	}
	put := &pb.RequestOp{Request: &pb.RequestOp_RequestPut{RequestPut: &pb.PutRequest{Key: k, Value: []byte(next)}}}
	resp, err := c.client.Txn(ctx, &pb.TxnRequest{Compare: []*pb.Compare{cmp}, Success: []*pb.RequestOp{put}})
	if err != nil {
		return false, 0, classify(err)
	}
	return resp.Succeeded, resp.GetHeader().GetRevision(), nil
}

func (c *kv) Delete(ctx context.Context, key string) (int64, int64, error) {
	resp, err := c.client.DeleteRange(ctx, &pb.DeleteRangeRequest{Key: []byte(key)})
	if err != nil {
		return 0, 0, classify(err)
	}
	return resp.Deleted, resp.GetHeader().GetRevision(), nil
}
