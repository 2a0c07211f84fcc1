package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"go.etcd.io/raft/v3/raftpb"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"

	"github.com/faultline-chaos/faultline/store/core"
	"github.com/faultline-chaos/faultline/store/disk"
)

// Server is one running member.
type Server struct {
	cfg         Config
	log         *zap.Logger
	id, cluster uint64
	members     []core.Member

	core  *core.Core // owned by loop
	disk  *disk.Disk
	inbox chan event
	calls map[uint64]chan<- answer // owned by loop
	last  uint64                   // call, owned by loop
	beat  beat                     // owned by loop
	peers []*peer
	disks diskQueue
	meter *meter

	peerServer, clientServer *grpc.Server
	http                     []*http.Server

	stopLoop context.CancelFunc
	stopAll  context.CancelFunc
	ctx      context.Context // of everything but the loop and the disk
	loopCtx  context.Context
	group    sync.WaitGroup // peers, listeners
	looping  sync.WaitGroup
	writing  sync.WaitGroup
	failed   chan error
	stopOnce sync.Once
	stopErr  error
}

// event is one input of the loop.
type event struct {
	kind    eventKind
	message *raftpb.Message // evMessage
	req     any             // evCall
	answer  chan<- answer   // evCall: room for one
	token   uint64          // evPersisted, evSent
	ok      bool            // evSent
	id      uint64          // evLost, evPeer, evTransfer
	name    string          // evPeer
	urls    []string        // evPeer
	at      time.Time       // evMessage: when a timed heartbeat arrived; else zero
}

type eventKind uint8

const (
	evMessage eventKind = iota
	evCall
	evPersisted
	evSent
	evLost
	evPeer
	evTransfer
	evInspect
)

// answer is what becomes of a call.
type answer struct {
	resp any
	err  error
}

// inboxSize is how many inputs may wait; more make their senders wait, which slows clients and peers
// down.
const inboxSize = 1024

// Start starts a member: when it returns the member serves. An error says what cannot be used.
func Start(cfg Config) (*Server, error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	members, self, cluster, err := cfg.members()
	if err != nil {
		return nil, err
	}
	s := &Server{
		cfg: cfg, log: cfg.Logger, id: self, cluster: cluster, members: members,
		inbox: make(chan event, inboxSize), calls: map[uint64]chan<- answer{}, failed: make(chan error, 1),
		meter: newMeter(),
	}
	s.ctx, s.stopAll = context.WithCancel(context.Background())
	s.loopCtx, s.stopLoop = context.WithCancel(context.Background())
	if err := s.start(); err != nil {
		return nil, errors.Join(err, s.stop(context.Background()))
	}
	return s, nil
}

func (s *Server) start() error {
	s.log.Info("starting raftkv", zap.String("name", s.cfg.Name), zap.String("local-member-id", formatID(s.id)),
		zap.String("cluster-id", formatID(s.cluster)), zap.String("initial-cluster", s.cfg.InitialCluster),
		zap.Stringer("election-timeout", s.cfg.ElectionTimeout), zap.Stringer("heartbeat-interval", s.cfg.HeartbeatInterval),
		zap.String("data-dir", s.cfg.DataDir))
	if err := s.startCore(); err != nil {
		return err
	}
	s.startPeers()
	s.writing.Go(func() { s.disks.run(s.disk, s.persisted, s.meter, s.fail) })
	s.looping.Go(s.loop)
	if err := s.listen(); err != nil {
		return err
	}
	s.log.Info("ready to serve client requests", zap.Strings("listen-client-urls", s.cfg.ListenClientURLs))
	return nil
}

// startCore opens the disk and starts the core from it.
func (s *Server) startCore() error {
	dir := filepath.Join(s.cfg.DataDir, "member")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make data directory: %w", err)
	}
	var err error
	s.disk, err = disk.Open(filepath.Join(dir, "db"), disk.Options{Logger: pebbleLogger{s.log.Named("pebble").Sugar(), s.cfg.Fatal}})
	if err != nil {
		return err
	}
	durable, err := s.disk.Load()
	if err != nil {
		return fmt.Errorf("data directory %s: %w", s.cfg.DataDir, err)
	}
	cfg := core.Config{
		ID: s.id, Cluster: s.cluster, Members: s.members,
		SnapshotEvery: s.cfg.SnapshotCount, KeepEntries: s.cfg.CatchUpEntries,
		Logger: raftLogger{s.log.Named("raft").Sugar()}, Bug: s.cfg.Bug, InitialAdvance: true,
		Hooks: core.Hooks{BecameLeader: func(uint64) { s.meter.elections.Inc() }, LeaderLost: s.tellSilence},
	}
	cfg.SetTimeouts(s.cfg.ElectionTimeout, s.cfg.HeartbeatInterval)
	s.core, err = core.New(cfg, durable)
	if err != nil {
		return fmt.Errorf("data directory %s: %w", s.cfg.DataDir, err)
	}
	return nil
}

func (s *Server) startPeers() {
	for _, m := range s.members {
		if m.ID == s.id {
			continue
		}
		addr, _ := hostPort(m.PeerURLs[0]) // checked with the flags
		p := &peer{
			id: m.ID, addr: addr, hello: s.hello(m.ID), patience: s.cfg.ElectionTimeout, log: s.log.Named("peer"), connect: s.cfg.dial,
			queue: make(chan *raftpb.Message, peerQueue),
			lost:  func() { _ = s.post(s.ctx, event{kind: evLost, id: m.ID}) },
			sent: func(token uint64, ok bool) {
				_ = s.post(s.ctx, event{kind: evSent, token: token, ok: ok})
			},
		}
		s.peers = append(s.peers, p)
		s.group.Go(func() { p.run(s.ctx) })
	}
}

// listen serves peers, clients and metrics.
func (s *Server) listen() error {
	keep := grpc.KeepaliveParams(keepalive.ServerParameters{Time: 5 * time.Second, Timeout: 5 * time.Second})
	peers := grpc.NewServer(keep, grpc.ForceServerCodecV2(rawCodec{}), grpc.MaxRecvMsgSize(maxFrame), grpc.MaxSendMsgSize(maxFrame))
	peers.RegisterService(peerService(), s)
	s.peerServer = peers
	if err := s.serve(peers, s.cfg.ListenPeerURLs); err != nil {
		return err
	}
	clients := grpc.NewServer(keep, grpc.MaxRecvMsgSize(maxClientFrame), grpc.MaxSendMsgSize(maxFrame),
		// etcd's clients ping as often as they are told to.
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: time.Second, PermitWithoutStream: true}))
	s.register(clients)
	h := health.NewServer()
	h.SetServingStatus("", grpc_health_v1.HealthCheckResponse_SERVING)
	grpc_health_v1.RegisterHealthServer(clients, h)
	s.clientServer = clients
	if err := s.serve(clients, s.cfg.ListenClientURLs); err != nil {
		return err
	}
	return s.serveMetrics()
}

// maxClientFrame is a request of the largest size and what gRPC adds, as in etcd.
const maxClientFrame = 1536<<10 + 512<<10

func (s *Server) serve(g *grpc.Server, urls []string) error {
	for _, u := range urls {
		addr, err := hostPort(u)
		if err != nil {
			return err
		}
		l, err := (&net.ListenConfig{}).Listen(s.ctx, "tcp", addr)
		if err != nil {
			return fmt.Errorf("listen on %s: %w", u, err)
		}
		s.group.Go(func() {
			if err := g.Serve(l); err != nil && !errors.Is(err, grpc.ErrServerStopped) {
				s.fail(fmt.Errorf("serve %s: %w", u, err))
			}
		})
	}
	return nil
}

// post hands an event to the loop. It waits while the loop is behind.
func (s *Server) post(ctx context.Context, e event) error {
	select {
	case s.inbox <- e:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-s.loopCtx.Done():
		return errStopped
	}
}

var errStopped = errors.New("raftkv: the member is stopping")

// fail ends the member because of err; Failed tells it.
func (s *Server) fail(err error) {
	select {
	case s.failed <- err:
	default:
	}
}

// Failed yields an error once, if the member cannot go on, as when its disk fails. It must then be
// stopped, and its process should end: what reached the disk is not known.
func (s *Server) Failed() <-chan error { return s.failed }

// ID returns the member's id.
func (s *Server) ID() uint64 { return s.id }

// Stop hands over leadership, answers or fails the calls that wait, and closes everything. ctx limits
// how long it is polite.
func (s *Server) Stop(ctx context.Context) error {
	s.stopOnce.Do(func() {
		s.handOver(ctx)
		s.stopErr = s.stop(ctx)
	})
	return s.stopErr
}

// handOver asks a peer to lead in this member's place, and waits until it does.
func (s *Server) handOver(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.ElectionTimeout)
	defer cancel()
	var target uint64
	for _, p := range s.peers {
		if p.up.Load() {
			target = p.id
			break
		}
	}
	st, err := s.inspect(ctx)
	if target == 0 || err != nil || st.Leader != s.id || s.post(ctx, event{kind: evTransfer, id: target}) != nil {
		return
	}
	for {
		if st, err := s.inspect(ctx); err != nil || st.Leader != s.id {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(s.cfg.HeartbeatInterval / 4):
		}
	}
}

// inspect returns the core's status.
func (s *Server) inspect(ctx context.Context) (core.Status, error) {
	ch := make(chan answer, 1)
	if err := s.post(ctx, event{kind: evInspect, answer: ch}); err != nil {
		return core.Status{}, err
	}
	select {
	case a := <-ch:
		return a.resp.(core.Status), nil
	case <-ctx.Done():
		return core.Status{}, context.Cause(ctx)
	case <-s.loopCtx.Done():
		return core.Status{}, errStopped
	}
}

func (s *Server) stop(ctx context.Context) error {
	s.stopAll()
	for _, h := range s.http {
		_ = h.Close()
	}
	s.stopLoop() // its calls fail now, so that handlers end
	s.looping.Wait()
	if s.peerServer != nil {
		s.peerServer.Stop() // its streams never end by themselves
	}
	if s.clientServer != nil {
		stopGRPC(ctx, s.clientServer)
	}
	s.group.Wait()
	s.disks.close()
	s.writing.Wait()
	if s.disk == nil {
		return nil
	}
	return s.disk.Close()
}

// stopGRPC lets handlers finish for a moment.
func stopGRPC(ctx context.Context, g *grpc.Server) {
	ctx, cancel := context.WithTimeout(ctx, 500*time.Millisecond)
	defer cancel()
	defer context.AfterFunc(ctx, g.Stop)()
	g.GracefulStop()
}
