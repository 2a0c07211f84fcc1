package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"go.etcd.io/raft/v3/raftpb"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
)

const (
	// peerQueue is how many messages may wait for a peer that is slow; more are dropped, as raft
	// allows.
	peerQueue = 4096
	// redialDelay is how long a peer that was lost is left alone.
	redialDelay = 50 * time.Millisecond
	// snapshotChunk is the size of a frame of a snapshot.
	snapshotChunk = 1 << 20
)

// peer sends messages to one other member.
type peer struct {
	id    uint64
	addr  string
	hello metadata.MD
	// patience is how long a connection may stay without any acknowledgement that is due.
	patience time.Duration
	log      *zap.Logger
	connect  dialer
	lost     func()                             // messages may have been lost
	sent     func(token uint64, delivered bool) // what became of a snapshot

	queue chan *raftpb.Message
	up    atomic.Bool
}

// send queues m, or drops it if the peer is away or slow. It never waits.
func (p *peer) send(m *raftpb.Message) {
	if !p.up.Load() {
		return
	}
	select {
	case p.queue <- m:
	default:
	}
}

// run keeps a stream to the peer until ctx ends.
func (p *peer) run(ctx context.Context) {
	for ctx.Err() == nil {
		err := p.stream(ctx)
		if p.up.Swap(false) {
			p.log.Info("lost connection to peer", zap.String("peer-id", formatID(p.id)), zap.NamedError("reason", err))
			p.drop()
			p.lost()
		}
		select {
		case <-ctx.Done():
		case <-time.After(redialDelay):
		}
	}
}

// drop empties the queue: what is in it is outdated when the peer comes back.
func (p *peer) drop() {
	for {
		select {
		case <-p.queue:
		default:
			return
		}
	}
}

// dial makes a connection of its own for each attempt, so that nothing of a dead one is waited for.
func (p *peer) dial() (*grpc.ClientConn, error) {
	return grpc.NewClient("passthrough:///"+p.addr,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.ForceCodecV2(rawCodec{}), grpc.MaxCallSendMsgSize(maxFrame), grpc.MaxCallRecvMsgSize(maxFrame)),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: redialDelay, Multiplier: 1, MaxDelay: 2 * redialDelay},
			MinConnectTimeout: p.patience,
		}),
		grpc.WithContextDialer(func(ctx context.Context, addr string) (net.Conn, error) { return p.connect(ctx, "tcp", addr) }),
		grpc.WithDisableServiceConfig(),
	)
}

// maxFrame bounds one message of a peer: entries are bounded by the requests, snapshots are cut up.
const maxFrame = 64 << 20

var errSilent = errors.New("it does not answer")

// stream connects, and sends what is queued until something fails.
func (p *peer) stream(ctx context.Context) error {
	conn, err := p.dial()
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	ctx, cancel := context.WithCancelCause(metadata.NewOutgoingContext(ctx, p.hello))
	defer cancel(nil)

	var w watchdog
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel(nil)
	// Until it is connected a peer has half the time, so that it is found soon after it is back.
	dialing := time.AfterFunc(max(p.patience/2, redialDelay), func() { cancel(errSilent) })
	defer dialing.Stop()

	s, err := conn.NewStream(ctx, &streamDesc, messagesMethod, grpc.WaitForReady(true))
	if err != nil {
		return cause(ctx, err)
	}
	if _, err := s.Header(); err != nil { // the peer has accepted the stream
		return cause(ctx, err)
	}
	dialing.Stop()
	wg.Go(func() { w.guard(ctx, p.patience, func() { cancel(errSilent) }) })
	p.up.Store(true)
	p.log.Info("connected to peer", zap.String("peer-id", formatID(p.id)), zap.String("address", p.addr))
	wg.Go(func() {
		var ack []byte
		for s.RecvMsg(&ack) == nil {
			w.pay()
		}
		cancel(io.ErrUnexpectedEOF)
	})
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case m := <-p.queue:
			b, err := proto.Marshal(m)
			if err != nil {
				return fmt.Errorf("encode message: %w", err)
			}
			w.owe()
			if err := s.SendMsg(&b); err != nil {
				return cause(ctx, err)
			}
		}
	}
}

// cause prefers why ctx ended to the error that followed from it.
func cause(ctx context.Context, err error) error {
	if c := context.Cause(ctx); c != nil {
		return c
	}
	return err
}

// snapshot sends a snapshot over a connection of its own and reports what became of it.
func (p *peer) snapshot(ctx context.Context, m *raftpb.Message, token uint64) {
	err := p.sendSnapshot(ctx, m)
	if err != nil {
		p.log.Warn("failed to send snapshot", zap.String("peer-id", formatID(p.id)), zap.Error(err))
	}
	p.sent(token, err == nil)
}

func (p *peer) sendSnapshot(ctx context.Context, m *raftpb.Message) error {
	b, err := proto.Marshal(m)
	if err != nil {
		return fmt.Errorf("encode snapshot: %w", err)
	}
	conn, err := p.dial()
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	// A megabyte a second is slow enough for anybody.
	limit := 10*p.patience + time.Duration(len(b)>>20)*time.Second
	ctx, cancel := context.WithTimeout(metadata.NewOutgoingContext(ctx, p.hello), limit)
	defer cancel()
	s, err := conn.NewStream(ctx, &streamDesc, snapshotMethod, grpc.WaitForReady(true))
	if err != nil {
		return err
	}
	for len(b) > 0 {
		chunk := b[:min(len(b), snapshotChunk)]
		b = b[len(chunk):]
		if err := s.SendMsg(&chunk); err != nil {
			break // RecvMsg says why
		}
	}
	_ = s.CloseSend()
	var ack []byte
	return s.RecvMsg(&ack)
}

// watchdog notices when acknowledgements that are owed do not come.
type watchdog struct {
	mu    sync.Mutex
	owed  int
	since time.Time // of the last acknowledgement, or of the first debt after none
}

func (w *watchdog) owe() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.owed == 0 {
		w.since = time.Now()
	}
	w.owed++
}

func (w *watchdog) pay() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.owed--
	w.since = time.Now()
}

func (w *watchdog) silentFor() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.owed <= 0 {
		return 0
	}
	return time.Since(w.since)
}

// guard calls bark when the silence has lasted for patience. It returns when ctx ends.
func (w *watchdog) guard(ctx context.Context, patience time.Duration, bark func()) {
	t := time.NewTicker(max(patience/8, time.Millisecond))
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			if w.silentFor() >= patience {
				bark()
				return
			}
		}
	}
}

func formatID(id uint64) string { return strconv.FormatUint(id, 16) }
