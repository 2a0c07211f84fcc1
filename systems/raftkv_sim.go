package systems

import (
	"context"
	"fmt"
	"time"

	"github.com/cespare/xxhash/v2"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/harness/sim"
	"github.com/faultline-chaos/faultline/history"
	"github.com/faultline-chaos/faultline/store/core"
	"github.com/faultline-chaos/faultline/systems/etcdapi"
)

var (
	_ sim.System        = (*RaftKV)(nil)
	_ sim.HashingSystem = (*RaftKV)(nil)
	_ sim.Copier        = (*RaftProgram)(nil)
	_ sim.Fingerprinter = (*RaftProgram)(nil)
	_ sim.Pivot         = (*RaftProgram)(nil)
)

// Program makes a cluster of the store's cores.
func (s *RaftKV) Program(nodes int) (sim.Program, error) {
	p := &RaftProgram{opts: s.opts, watch: newRaftWatch()}
	for i := 1; i <= nodes; i++ {
		p.members = append(p.members, core.Member{ID: uint64(i), Name: fmt.Sprintf("n%d", i)})
	}
	return p, nil
}

// DialSim makes a client that differs from a real one only in its connection.
func (s *RaftKV) DialSim(conn sim.Conn) harness.KV {
	return etcdapi.NewKV(simKV{conn}, conn.Close)
}

// StatusSim asks Maintenance.Status.
func (s *RaftKV) StatusSim(ctx context.Context, conn sim.Conn, members []history.NodeID) (harness.Status, error) {
	resp, err := simCall[pb.StatusResponse](ctx, conn, &pb.StatusRequest{})
	if err != nil {
		return harness.Status{}, err
	}
	st := etcdapi.StatusFrom(resp)
	if l := resp.Leader; l >= 1 && l <= uint64(len(members)) {
		st.Leader = members[l-1]
	}
	return st, nil
}

// HashSim asks Maintenance.HashKV.
func (s *RaftKV) HashSim(ctx context.Context, conn sim.Conn, revision int64) (history.HashValue, error) {
	resp, err := simCall[pb.HashKVResponse](ctx, conn, &pb.HashKVRequest{Revision: revision})
	if err != nil {
		return history.HashValue{}, err
	}
	return etcdapi.HashFrom(resp)
}

// simKV is the generated client over a simulated connection. Options of calls concern gRPC only.
type simKV struct{ conn sim.Conn }

func simCall[Response any](ctx context.Context, conn sim.Conn, request any) (*Response, error) {
	resp, err := conn.Call(ctx, request)
	if err != nil {
		return nil, err
	}
	return resp.(*Response), nil
}

func (k simKV) Range(ctx context.Context, r *pb.RangeRequest, _ ...grpc.CallOption) (*pb.RangeResponse, error) {
	return simCall[pb.RangeResponse](ctx, k.conn, r)
}

func (k simKV) Put(ctx context.Context, r *pb.PutRequest, _ ...grpc.CallOption) (*pb.PutResponse, error) {
	return simCall[pb.PutResponse](ctx, k.conn, r)
}

func (k simKV) DeleteRange(ctx context.Context, r *pb.DeleteRangeRequest, _ ...grpc.CallOption) (*pb.DeleteRangeResponse, error) {
	return simCall[pb.DeleteRangeResponse](ctx, k.conn, r)
}

func (k simKV) Txn(ctx context.Context, r *pb.TxnRequest, _ ...grpc.CallOption) (*pb.TxnResponse, error) {
	return simCall[pb.TxnResponse](ctx, k.conn, r)
}

func (k simKV) Compact(ctx context.Context, r *pb.CompactionRequest, _ ...grpc.CallOption) (*pb.CompactionResponse, error) {
	return simCall[pb.CompactionResponse](ctx, k.conn, r)
}

func (k simKV) RangeStream(context.Context, *pb.RangeRequest, ...grpc.CallOption) (grpc.ServerStreamingClient[pb.RangeStreamResponse], error) {
	return nil, status.Error(codes.Unimplemented, "the store does not stream ranges")
}

// RaftProgram is one simulated cluster of the store, a sim.Program. Member i has raft's id i. Who wants
// members of another configuration embeds it, and has a Boot of its own.
type RaftProgram struct {
	opts    Options
	members []core.Member
	watch   *raftWatch
	collide bool // elections shall
}

// raftDisk is what is durable on a member.
type raftDisk struct{ durable core.Durable }

func (d *raftDisk) Apply(record any) { d.durable.Apply(record.(*core.Record)) }

func (p *RaftProgram) Format(int) sim.Disk { return &raftDisk{} }

// Boot starts a member as the server does. It refuses what the server would refuse, with the same message.
func (p *RaftProgram) Boot(node int, disk sim.Disk, host sim.Host) (sim.Machine, error) {
	if err := core.CheckTimeouts(p.opts.ElectionTimeout, p.opts.HeartbeatInterval); err != nil {
		return nil, err
	}
	if err := core.CheckBug(p.opts.Bug); err != nil {
		return nil, err
	}
	cfg := core.Config{
		ID: word(node), Cluster: 1, Members: p.members,
		SnapshotEvery: uint64(max(p.opts.SnapshotCount, 0)), KeepEntries: uint64(max(min(p.opts.SnapshotCount, 5000), 0)),
		Logger: simLogger{host.Log}, Bug: p.opts.Bug, Hooks: p.Hooks(node, host),
	}
	cfg.SetTimeouts(p.opts.ElectionTimeout, p.opts.HeartbeatInterval)
	p.collide = p.collide || host.Hostile && host.Rand.IntN(2*len(p.members)) == 0
	cfg.ElectionRand = func() int {
		if p.collide && host.Rand.IntN(2) == 0 {
			return cfg.ElectionTicks + host.Rand.IntN(2)
		}
		return cfg.ElectionTicks + host.Rand.IntN(cfg.ElectionTicks) // as raft's own
	}
	host.Log(fmt.Sprintf("info starting raftkv n%d", node))
	c, err := core.New(cfg, &disk.(*raftDisk).durable)
	if err != nil { // the configuration was good, so the disk is not
		host.Violated("it cannot start from its disk: %v", err)
		return nil, err
	}
	return p.Machine(c, node, host), nil
}

// Hooks hold what the cores of members do against raft's promises.
func (p *RaftProgram) Hooks(node int, host sim.Host) core.Hooks { return p.watch.hooks(node, host) }

// Machine is a member that is this core. The program watches what it sends and writes.
func (p *RaftProgram) Machine(c *core.Core, node int, host sim.Host) sim.Machine {
	return &raftMachine{core: c, program: p, node: node, host: host}
}

// Copy sends a raft message through its encoding.
func (p *RaftProgram) Copy(message any) any {
	b, err := proto.Marshal(message.(*raftpb.Message))
	out := &raftpb.Message{}
	if err == nil {
		err = proto.Unmarshal(b, out)
	}
	if err != nil {
		panic(fmt.Sprintf("copy a raft message: %v", err)) // members could not have exchanged it
	}
	return out
}

// Pivotal are messages that a member must remember after a restart.
func (p *RaftProgram) Pivotal(message any) bool {
	m := message.(*raftpb.Message)
	return m.GetType() == raftpb.MsgVote || m.GetType() == raftpb.MsgVoteResp && !m.GetReject()
}

// Heartbeat reports whether a leader's clock made it send the message as a heartbeat: heartbeats that confirm
// reads carry a context.
func (p *RaftProgram) Heartbeat(message any) bool {
	m := message.(*raftpb.Message)
	return m.GetType() == raftpb.MsgHeartbeat && len(m.GetContext()) == 0
}

// Fingerprint mixes what makes messages, requests and replies differ.
func (p *RaftProgram) Fingerprint(payload any) uint64 {
	switch m := payload.(type) {
	case *raftpb.Message:
		return mix(word(m.GetType()), m.GetTerm(), m.GetIndex(), m.GetLogTerm(), m.GetCommit(), word(len(m.GetEntries())))
	case *pb.PutRequest:
		return mix(1, xxhash.Sum64(m.Key), xxhash.Sum64(m.Value))
	case *pb.RangeRequest:
		return mix(2, xxhash.Sum64(m.Key))
	case *pb.DeleteRangeRequest:
		return mix(3, xxhash.Sum64(m.Key))
	case interface{ GetHeader() *pb.ResponseHeader }:
		h := m.GetHeader()
		return mix(4, word(h.GetRevision()), h.GetRaftTerm(), h.GetMemberId())
	}
	return 0
}

// word is a number to be mixed.
func word[T ~int | ~int32 | ~int64](x T) uint64 { return uint64(x) }

func mix(words ...uint64) uint64 {
	h := uint64(14695981039346656037)
	for _, w := range words {
		h = (h ^ w) * 1099511628211
		h ^= h >> 29
	}
	return h
}

// raftMachine is a core as a sim.Machine.
type raftMachine struct {
	core    *core.Core
	program *RaftProgram
	node    int
	host    sim.Host
	out     []sim.Effect
}

// TickEvery is the heartbeat interval, as in the server.
func (m *raftMachine) TickEvery() time.Duration { return m.program.opts.HeartbeatInterval }

func (m *raftMachine) Tick()                            { m.core.Tick() }
func (m *raftMachine) Deliver(_ int, message any)       { m.core.Step(message.(*raftpb.Message)) }
func (m *raftMachine) Request(call uint64, request any) { m.core.Submit(call, request) }
func (m *raftMachine) Persisted(token uint64)           { m.core.Persisted(token) }
func (m *raftMachine) Apply(token uint64)               { m.core.Apply(token) }
func (m *raftMachine) Sent(token uint64, ok bool)       { m.core.Sent(token, ok) }

func (m *raftMachine) Effects() []sim.Effect {
	clear(m.out)
	m.out = m.out[:0]
	for _, e := range m.core.Effects() {
		out := sim.Effect{Token: e.Token}
		switch e.Kind {
		case core.Send:
			out.Kind, out.To, out.Payload = sim.Send, int(e.To), e.Message
			m.program.watch.sent(m.node, m.host, e.Message)
		case core.Write:
			out.Kind, out.Payload, out.Sync = sim.Write, e.Record, e.Sync
			m.program.watch.wrote(m.node, m.host, e.Record)
		case core.Work:
			out.Kind = sim.Work
		case core.Reply:
			out.Kind, out.Call, out.Payload, out.Err = sim.Reply, e.Call, e.Response, e.Err
		}
		m.out = append(m.out, out)
	}
	return m.out
}
