package core

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"github.com/stretchr/testify/require"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/grpc/status"
)

// TestTranscripts runs the scripts in testdata, which read as what a driver does and what the cores
// ask for. Rewrite them with -rewrite and read the difference. Commands:
//
//	members n [snapshot-every=n keep=n]  new members 1 to n
//	tick id [count]                      let time pass for one member
//	put|get|delete|cas|compact|... id    submit a request; its arguments are in the input
//	sync id                              make all its writes durable
//	apply id                             do its work
//	deliver [from=id] [to=id]            deliver the messages on their way
//	drop [from=id] [to=id]               lose them instead
//	duplicate [from=id] [to=id]          put a second copy of each on its way
//	settle                               sync, apply and deliver until nothing is left
//	crash id [keep=n]                    of the unsynced records n stay
//	start id                             start it on what is left
//	status                               what each member knows
func TestTranscripts(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		s := &script{t: t}
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			s.t, s.quiet = t, d.HasArg("quiet")
			s.out.Reset()
			s.run(d)
			if s.out.Len() == 0 {
				return "ok\n"
			}
			return s.out.String()
		})
	})
}

type script struct {
	t       *testing.T
	out     strings.Builder
	quiet   bool
	bug     string
	replied func(Effect) // if set, hears of replies
	members []*scripted
	network []Effect
	from    []uint64 // of network
	calls   uint64
}

type scripted struct {
	cfg    Config
	core   *Core
	disk   Durable
	writes []Effect
	works  []uint64
}

// Debug lines of raft are left out.
type scriptLogger struct {
	discard
	s  *script
	id uint64
}

func (l scriptLogger) Infof(format string, v ...any) { l.s.printf(l.id, "log "+format, v...) }
func (l scriptLogger) Warningf(format string, v ...any) {
	l.s.printf(l.id, "log warning: "+format, v...)
}

func (s *script) printf(id uint64, format string, v ...any) {
	if !s.quiet {
		fmt.Fprintf(&s.out, "%d ", id)
		fmt.Fprintf(&s.out, format+"\n", v...)
	}
}

func (s *script) id(d *datadriven.TestData) uint64 {
	n, err := strconv.ParseUint(d.CmdArgs[0].Key, 10, 64)
	require.NoError(s.t, err)
	return n
}

func (s *script) number(d *datadriven.TestData, key string, otherwise int) int {
	if d.HasArg(key) {
		d.ScanArgs(s.t, key, &otherwise)
	}
	return otherwise
}

func (s *script) run(d *datadriven.TestData) {
	switch d.Cmd {
	case "members":
		s.create(int(s.id(d)), s.number(d, "snapshot-every", 0), s.number(d, "keep", 0))
	case "tick":
		n := 1
		if len(d.CmdArgs) > 1 && d.CmdArgs[1].Key != "quiet" {
			n, _ = strconv.Atoi(d.CmdArgs[1].Key)
		}
		for range n {
			s.input(s.id(d), func(c *Core) { c.Tick() })
		}
	case "sync":
		s.sync(s.id(d))
	case "apply":
		s.apply(s.id(d))
	case "deliver", "drop", "duplicate":
		s.move(d.Cmd, uint64(s.number(d, "from", 0)), uint64(s.number(d, "to", 0)))
	case "settle":
		s.settle()
	case "crash":
		m := s.members[s.id(d)-1]
		for _, e := range m.writes[:s.number(d, "keep", 0)] {
			m.disk.Apply(e.Record)
		}
		m.core, m.writes, m.works = nil, nil, nil
	case "start":
		s.start(s.id(d))
	case "status":
		for i, m := range s.members {
			if m.core != nil {
				st := m.core.Status()
				fmt.Fprintf(&s.out, "%d %s term=%d leader=%d commit=%d applied=%d log=%d..%d revision=%d\n", i+1,
					strings.TrimPrefix(st.Role.String(), "State"), st.Term, st.Leader, st.Commit, st.Applied, st.FirstEntry, st.LastEntry, st.Revision)
			}
		}
	default:
		s.submit(d)
	}
}

func (s *script) create(n, every, keep int) {
	var all []Member
	for i := range n {
		all = append(all, Member{ID: uint64(i + 1)})
	}
	for i := range n {
		id := uint64(i + 1)
		s.members = append(s.members, &scripted{cfg: Config{
			ID: id, Cluster: 9, Members: all, ElectionTicks: 10, ElectionRand: func() int { return 10 + int(id) },
			SnapshotEvery: uint64(every), KeepEntries: uint64(keep), Bug: s.bug, Logger: scriptLogger{s: s, id: id},
		}})
		s.start(id)
	}
}

func (s *script) start(id uint64) {
	m := s.members[id-1]
	var err error
	m.core, err = New(m.cfg, &m.disk)
	require.NoError(s.t, err)
	s.effects(id)
}

func (s *script) input(id uint64, do func(*Core)) {
	if m := s.members[id-1]; m.core != nil {
		do(m.core)
		s.effects(id)
	}
}

func (s *script) effects(id uint64) {
	m := s.members[id-1]
	for _, e := range m.core.Effects() {
		switch e.Kind {
		case Send:
			s.printf(id, "send %s", describeMessage(e.Message))
			s.network, s.from = append(s.network, e), append(s.from, id)
		case Write:
			s.printf(id, "write %s", describeRecord(e))
			m.writes = append(m.writes, e)
		case Work:
			s.printf(id, "work")
			m.works = append(m.works, e.Token)
		case Reply:
			if s.replied != nil {
				s.replied(e)
			}
			s.printf(id, "reply to call %d: %s", e.Call, describeReply(e))
		}
	}
}

func (s *script) sync(id uint64) {
	m := s.members[id-1]
	var token uint64
	for _, e := range m.writes {
		m.disk.Apply(e.Record)
		token = max(token, e.Token)
	}
	m.writes = nil
	if token != 0 {
		s.input(id, func(c *Core) { c.Persisted(token) })
	}
}

func (s *script) apply(id uint64) {
	m := s.members[id-1]
	works := m.works
	m.works = nil
	for _, w := range works {
		s.input(id, func(c *Core) { c.Apply(w) })
	}
}

func (s *script) move(what string, from, to uint64) {
	network, senders := s.network, s.from
	s.network, s.from = nil, nil
	for i, e := range network {
		if from != 0 && senders[i] != from || to != 0 && e.To != to {
			s.network, s.from = append(s.network, e), append(s.from, senders[i])
			continue
		}
		switch what {
		case "duplicate":
			s.network, s.from = append(s.network, e, e), append(s.from, senders[i], senders[i])
			continue
		case "deliver":
			s.input(e.To, func(c *Core) { c.Step(e.Message) })
		}
		if e.Token != 0 {
			up := what == "deliver" && s.members[e.To-1].core != nil
			s.input(senders[i], func(c *Core) { c.Sent(e.Token, up) })
		}
	}
}

func (s *script) settle() {
	for again := true; again; {
		again = len(s.network) > 0
		for i, m := range s.members {
			again = again || len(m.writes) > 0 || len(m.works) > 0
			s.sync(uint64(i + 1))
			s.apply(uint64(i + 1))
		}
		s.move("deliver", 0, 0)
	}
}

func (s *script) submit(d *datadriven.TestData) {
	args := strings.Fields(d.Input)
	arg := func(i int) []byte {
		if i < len(args) {
			return []byte(args[i])
		}
		return nil
	}
	number := func(i int) int64 {
		n, err := strconv.ParseInt(string(arg(i)), 10, 64)
		require.NoError(s.t, err)
		return n
	}
	put := func(key, value []byte) *pb.RequestOp {
		return &pb.RequestOp{Request: &pb.RequestOp_RequestPut{RequestPut: &pb.PutRequest{Key: key, Value: value}}}
	}
	var req any
	switch d.Cmd {
	case "put":
		req = &pb.PutRequest{Key: arg(0), Value: arg(1)}
	case "get":
		req = &pb.RangeRequest{Key: arg(0)}
	case "get-stale":
		req = &pb.RangeRequest{Key: arg(0), Serializable: true}
	case "delete":
		req = &pb.DeleteRangeRequest{Key: arg(0)}
	case "compact":
		req = &pb.CompactionRequest{Revision: number(0)}
	case "cas":
		req = &pb.TxnRequest{
			Compare: []*pb.Compare{{Key: arg(0), Target: pb.Compare_VALUE, TargetUnion: &pb.Compare_Value{Value: arg(1)}}},
			Success: []*pb.RequestOp{put(arg(0), arg(2))},
		}
	case "put-twice":
		req = &pb.TxnRequest{Success: []*pb.RequestOp{put(arg(0), arg(1)), put(arg(0), arg(2))}}
	case "hash":
		req = &pb.HashKVRequest{}
	default:
		s.t.Fatalf("%s: there is no command %q", d.Pos, d.Cmd)
	}
	s.calls++
	s.printf(s.id(d), "call %d", s.calls)
	s.input(s.id(d), func(c *Core) { c.Submit(s.calls, req) })
}

func describeMessage(m *raftpb.Message) string {
	text := fmt.Sprintf("%d %s term=%d", m.GetTo(), m.GetType(), m.GetTerm())
	if m.GetType() == raftpb.MsgApp || m.GetType() == raftpb.MsgAppResp || m.GetType() == raftpb.MsgVote || m.GetType() == raftpb.MsgPreVote {
		text += fmt.Sprintf(" at=%d/%d", m.GetLogTerm(), m.GetIndex())
	}
	if m.GetCommit() != 0 {
		text += fmt.Sprintf(" commit=%d", m.GetCommit())
	}
	if m.GetReject() {
		text += " reject"
	}
	if sn := m.GetSnapshot(); !raft.IsEmptySnap(sn) {
		text += fmt.Sprintf(" snapshot=%d/%d", sn.GetMetadata().GetTerm(), sn.GetMetadata().GetIndex())
	}
	return text + describeEntries(m.GetEntries())
}

func describeEntries(entries []*raftpb.Entry) string {
	if len(entries) == 0 {
		return ""
	}
	var all []string
	for _, e := range entries {
		text := fmt.Sprintf("%d/%d", e.GetTerm(), e.GetIndex())
		if i, req, err := decodeProposal(e.GetData()); err == nil {
			name := strings.TrimSuffix(fmt.Sprintf("%T", req), "Request")
			text += fmt.Sprintf(" %s %d.%d.%d", strings.ToLower(name[strings.LastIndexByte(name, '.')+1:]), i.member, i.boot, i.seq)
		} else if len(e.GetData()) == 8 {
			text = fmt.Sprintf("read %d.%d", e.GetData()[3], e.GetData()[7])
		}
		all = append(all, text)
	}
	return " [" + strings.Join(all, ", ") + "]"
}

func describeRecord(e Effect) string {
	r, parts := e.Record, []string{}
	add := func(format string, v ...any) { parts = append(parts, fmt.Sprintf(format, v...)) }
	if r.Boot != 0 {
		add("boot=%d", r.Boot)
	}
	if r.Replace {
		add("replace")
	}
	for _, c := range r.Changes {
		if i := slices.Index([]byte(c.Key), 0); i >= 0 {
			add("%c", c.Key[0])
		} else {
			add("%s", c.Key)
		}
	}
	if r.LogIndex != 0 {
		add("log-from=%d/%d", r.LogTerm, r.LogIndex)
	}
	if h := r.HardState; h != nil {
		add("term=%d vote=%d commit=%d", h.GetTerm(), h.GetVote(), h.GetCommit())
	}
	text := strings.Join(parts, " ") + describeEntries(r.Entries)
	if e.Sync {
		text += " sync"
	}
	return strings.TrimSpace(text)
}

func describeReply(e Effect) string {
	if e.Err != nil {
		return status.Convert(e.Err).Message()
	}
	switch r := e.Response.(type) {
	case *pb.RangeResponse:
		text := fmt.Sprintf("revision=%d", r.Header.Revision)
		for _, kv := range r.Kvs {
			text += fmt.Sprintf(" %s=%s@%d", kv.Key, kv.Value, kv.ModRevision)
		}
		return text
	case *pb.PutResponse:
		return fmt.Sprintf("revision=%d", r.Header.Revision)
	case *pb.DeleteRangeResponse:
		return fmt.Sprintf("revision=%d deleted=%d", r.Header.Revision, r.Deleted)
	case *pb.TxnResponse:
		return fmt.Sprintf("revision=%d succeeded=%t", r.Header.Revision, r.Succeeded)
	case *pb.CompactionResponse:
		return fmt.Sprintf("revision=%d", r.Header.Revision)
	case *pb.HashKVResponse:
		return fmt.Sprintf("hash=%08x revision=%d compacted=%d", r.Hash, r.HashRevision, r.CompactRevision)
	}
	return fmt.Sprintf("%T", e.Response)
}
