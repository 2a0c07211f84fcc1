package etcdapi

import (
	"context"
	"sync/atomic"

	"google.golang.org/grpc"
	"google.golang.org/grpc/stats"
)

// watchedConn says of each failed call whether it left: one that was never put on a connection, for
// want of one, certainly was not applied. gRPC's error alone does not tell: a closing client ends
// calls that are under way and calls that never began with much the same words.
type watchedConn struct{ grpc.ClientConnInterface }

// sentKey is the context's key of an *atomic.Bool that becomes true when the call's header is sent.
// The request itself follows the header on the calling goroutine.
type sentKey struct{}

// Invoke makes one call. Its connection must have been made with sentHandler.
func (c watchedConn) Invoke(ctx context.Context, method string, args, reply any, opts ...grpc.CallOption) error {
	var sent atomic.Bool
	err := c.ClientConnInterface.Invoke(context.WithValue(ctx, sentKey{}, &sent), method, args, reply, opts...)
	if err != nil && !sent.Load() {
		return notApplied(err)
	}
	return err
}

// sentHandler is told by gRPC of every step of a call.
type sentHandler struct{}

// TagRPC changes nothing.
func (sentHandler) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context { return ctx }

// HandleRPC notes that a header was sent.
func (sentHandler) HandleRPC(ctx context.Context, s stats.RPCStats) {
	if _, ok := s.(*stats.OutHeader); !ok {
		return
	}
	if sent, ok := ctx.Value(sentKey{}).(*atomic.Bool); ok {
		sent.Store(true)
	}
}

// TagConn changes nothing.
func (sentHandler) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }

// HandleConn does nothing.
func (sentHandler) HandleConn(context.Context, stats.ConnStats) {}
