package sim_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/harness/sim"
	"github.com/faultline-chaos/faultline/history"
)

// toy is a system of one primary, n1, that all others copy: its keys are linearizable and durable, and
// nobody takes its place. It is small, but uses every effect and input of a machine.
type toy struct {
	bug    string
	refuse func() error // by Boot
}

func (toy) Name() string { return "toy" }
func (toy) Command(history.NodeID, []harness.Member, string) (harness.Command, error) {
	return harness.Command{}, errors.New("toy has no program")
}
func (toy) Dial(string) (harness.KV, error) { return nil, errors.New("toy has no program") }
func (toy) Status(context.Context, string, history.NodeID, []harness.Member) (harness.Status, error) {
	return harness.Status{}, errors.New("toy has no program")
}
func (toy) LogLanguage() history.LogLanguage { return history.NoLogLanguage }

func (s toy) Program(nodes int) (sim.Program, error) { return &toyProgram{s, nodes}, nil }
func (toy) DialSim(conn sim.Conn) harness.KV         { return &toyKV{conn} }

func (toy) StatusSim(ctx context.Context, conn sim.Conn, members []history.NodeID) (harness.Status, error) {
	got, err := conn.Call(ctx, toyRequest{op: "status"})
	if err != nil {
		return harness.Status{}, err
	}
	a := got.(toyAnswer)
	st := harness.Status{Role: history.Follower, Leader: members[0], Term: a.term, Applied: a.rev}
	if a.primary {
		st.Role = history.Leader
	}
	return st, nil
}

type toyRequest struct {
	op, key, value string
	old            *string
}

type toyAnswer struct {
	primary   bool
	term, rev uint64
	entry     harness.Entry
	swapped   bool
}

// toyState is what is replicated. Nobody changes one that was sent.
type toyState struct {
	term, rev uint64
	values    map[string]string
}

func (s *toyState) clone() *toyState { return &toyState{s.term, s.rev, maps.Clone(s.values)} }

func (s *toyState) apply(r toyRequest) (swapped bool) {
	s.rev++
	have, found := s.values[r.key]
	if r.op == "cas" && (r.old == nil && found || r.old != nil && (!found || have != *r.old)) {
		return false
	}
	s.values[r.key] = r.value
	return true
}

// toyDisk is the state. Its records are requests of the primary, states of the others, and numbers of
// boots.
type toyDisk struct{ state *toyState }

func (d *toyDisk) Apply(record any) {
	switch r := record.(type) {
	case toyRequest:
		d.state.apply(r)
	case *toyState:
		d.state = r.clone()
	case uint64:
		d.state.term = r
	}
}

type toyProgram struct {
	toy
	nodes int
}

func (p *toyProgram) Format(int) sim.Disk {
	return &toyDisk{&toyState{values: map[string]string{}}}
}

func (p *toyProgram) Boot(node int, disk sim.Disk, host sim.Host) (sim.Machine, error) {
	if p.refuse != nil {
		if err := p.refuse(); err != nil {
			return nil, err
		}
	}
	m := &toyMachine{program: p, node: node, host: host, state: disk.(*toyDisk).state.clone()}
	if node == 1 {
		m.state.term++
		m.emit(sim.Effect{Kind: sim.Write, Payload: m.state.term, Sync: true})
	}
	host.Log(fmt.Sprintf("boot at term %d with %d keys", m.state.term, len(m.state.values)))
	return m, nil
}

func (p *toyProgram) Copy(message any) any { return message.(*toyState).clone() }

func (p *toyProgram) Pivotal(message any) bool { return message.(*toyState).rev%2 == 1 }

func (p *toyProgram) Fingerprint(payload any) uint64 {
	h := fnv.New64a()
	switch x := payload.(type) {
	case *toyState:
		_, _ = fmt.Fprint(h, x.term, x.rev, x.values)
	case toyRequest:
		_, _ = fmt.Fprint(h, x.op, x.key, x.value)
	case toyAnswer:
		_, _ = fmt.Fprint(h, x)
	}
	return h.Sum64()
}

type toyMachine struct {
	program *toyProgram
	node    int
	host    sim.Host
	state   *toyState
	out     []sim.Effect
	taken   bool
	token   uint64
	written []toyCall // waiting for the disk
	work    []toyCall // to be applied
	sending [8]uint64 // token of what is on its way to each
}

type toyCall struct {
	call, token uint64
	request     toyRequest
}

func (m *toyMachine) emit(e sim.Effect) {
	if m.taken {
		m.out, m.taken = nil, false
	}
	m.out = append(m.out, e)
}

func (m *toyMachine) Effects() []sim.Effect {
	if m.taken {
		return nil
	}
	m.taken = true
	return m.out
}

func (m *toyMachine) TickEvery() time.Duration { return 10 * time.Millisecond }

// Tick sends the state to those who have taken the last one.
func (m *toyMachine) Tick() {
	for to := 2; m.node == 1 && to <= m.program.nodes; to++ {
		if m.sending[to] == 0 {
			m.token++
			m.sending[to] = m.token
			s := m.state
			if m.program.bug != "alias" {
				s = s.clone()
			}
			m.emit(sim.Effect{Kind: sim.Send, To: to, Token: m.token, Payload: s})
		}
	}
	if m.program.bug == "global-rand" && rand.IntN(2) == 0 {
		m.emit(sim.Effect{Kind: sim.Write, Payload: m.state.term, Sync: true})
	}
}

func (m *toyMachine) Sent(token uint64, ok bool) {
	i := slices.Index(m.sending[:], token)
	m.sending[i] = 0
	if !ok {
		m.host.Log(fmt.Sprintf("n%d does not answer", i))
	}
}

func (m *toyMachine) Deliver(_ int, message any) {
	s := message.(*toyState)
	if m.program.bug == "alias" {
		s.rev += 1000
	}
	if s.term > m.state.term || s.term == m.state.term && s.rev > m.state.rev {
		m.state = s.clone()
		m.emit(sim.Effect{Kind: sim.Write, Payload: m.state.clone()})
	}
}

func (m *toyMachine) Request(call uint64, request any) {
	r := request.(toyRequest)
	switch {
	case r.op == "status":
		m.answer(call, toyAnswer{})
	case r.op == "hang":
	case r.key == "panic":
		panic("toy: " + r.value)
	case r.key == "violate":
		m.host.Violated("key %s is %s", r.key, r.value)
	case m.node != 1:
		m.emit(sim.Effect{Kind: sim.Reply, Call: call, Err: fmt.Errorf("n%d is not the primary: %w", m.node, harness.ErrNotApplied)})
	case r.op == "get":
		v, ok := m.state.values[r.key]
		m.answer(call, toyAnswer{entry: harness.Entry{Value: v, Found: ok, Rev: int64(m.state.rev)}})
	default:
		m.token++
		m.written = append(m.written, toyCall{call, m.token, r})
		m.emit(sim.Effect{Kind: sim.Write, Payload: r, Token: m.token, Sync: m.program.bug != "no-sync"})
	}
}

func (m *toyMachine) Persisted(token uint64) {
	for len(m.written) > 0 && m.written[0].token <= token {
		m.work = append(m.work, m.written[0])
		m.emit(sim.Effect{Kind: sim.Work, Token: m.written[0].token})
		m.written = m.written[1:]
	}
}

func (m *toyMachine) Apply(token uint64) {
	w := m.work[0]
	m.work = m.work[1:]
	if w.token != token {
		m.host.Violated("work %d came before %d", token, w.token)
	}
	m.answer(w.call, toyAnswer{swapped: m.state.apply(w.request)})
}

func (m *toyMachine) answer(call uint64, a toyAnswer) {
	a.primary, a.term, a.rev = m.node == 1, m.state.term, m.state.rev
	m.emit(sim.Effect{Kind: sim.Reply, Call: call, Payload: a})
}

type toyKV struct{ conn sim.Conn }

func (k *toyKV) call(ctx context.Context, r toyRequest) (toyAnswer, error) {
	got, err := k.conn.Call(ctx, r)
	if err != nil {
		return toyAnswer{}, err
	}
	return got.(toyAnswer), nil
}

func (k *toyKV) Get(ctx context.Context, key string) (harness.Entry, error) {
	a, err := k.call(ctx, toyRequest{op: "get", key: key})
	return a.entry, err
}

func (k *toyKV) Put(ctx context.Context, key, value string) (int64, error) {
	a, err := k.call(ctx, toyRequest{op: "put", key: key, value: value})
	return int64(a.rev), err
}

func (k *toyKV) CAS(ctx context.Context, key string, old *string, next string) (bool, int64, error) {
	a, err := k.call(ctx, toyRequest{op: "cas", key: key, old: old, value: next})
	return a.swapped, int64(a.rev), err
}

func (k *toyKV) Delete(context.Context, string) (int64, int64, error) {
	return 0, 0, fmt.Errorf("toy cannot delete: %w", harness.ErrNotApplied)
}

func (k *toyKV) Close() error { return k.conn.Close() }

// counters is a workload: every worker counts in a key of its own, and reads it.
type counters struct{ think time.Duration }

// counter is a worker's state: what a read may answer.
type counter struct {
	acked int
	open  map[int]bool // unknown, for ever
	next  int
}

func (counters) Name() string                { return "counters" }
func (counters) Checkers() []history.Checker { return nil }
func (counters) Ops() []history.OpKind {
	return []history.OpKind{{Name: "count", Kind: history.KindWrite, Doc: "count on"}, {Name: "look", Kind: history.KindRead, Doc: "read the count"}}
}

func (c counters) Run(ctx context.Context, w *harness.Worker) error {
	s := &counter{open: map[int]bool{}}
	w.State = s
	members := w.Cluster.Members()
	for w.Env.Sleep(ctx, time.Duration(w.Rand.Int64N(int64(2*c.think)))) == nil {
		node := members[0]
		if w.Rand.IntN(8) == 0 {
			node = members[w.Rand.IntN(len(members))]
		}
		var err error
		if w.Rand.IntN(2) == 0 {
			s.put(ctx, w, node)
		} else {
			_, err = s.get(ctx, w, node)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *counter) put(ctx context.Context, w *harness.Worker, node history.NodeID) {
	s.next++
	v := s.next
	typ, _ := w.Do(ctx, harness.Attempt{
		F: "count", Value: v, Node: node, Timeout: 200 * time.Millisecond,
		Invoke: func(ctx context.Context, kv harness.KV) (any, error) {
			_, err := kv.Put(ctx, fmt.Sprint("k", w.ID), fmt.Sprint(v))
			return v, err
		},
	})
	switch typ {
	case history.OK:
		s.acked = v
	case history.Info:
		s.open[v] = true
	default:
	}
}

// get reads, and says whether it was answered. The error is a wrong answer.
func (s *counter) get(ctx context.Context, w *harness.Worker, node history.NodeID) (bool, error) {
	var got int
	typ, _ := w.Do(ctx, harness.Attempt{
		F: "look", Node: node, Timeout: 200 * time.Millisecond,
		Invoke: func(ctx context.Context, kv harness.KV) (any, error) {
			e, err := kv.Get(ctx, fmt.Sprint("k", w.ID))
			if e.Found {
				_, err = fmt.Sscan(e.Value, &got)
			}
			return got, err
		},
	})
	if typ == history.OK && got < s.acked && !s.open[got] {
		return true, fmt.Errorf("worker %d read %d after %d was acknowledged", w.ID, got, s.acked)
	}
	return typ == history.OK, nil
}

func (counters) Final(ctx context.Context, w *harness.Worker) error {
	for {
		done, err := w.State.(*counter).get(ctx, w, w.Cluster.Members()[0])
		if done || err != nil {
			return err
		}
		if err := w.Env.Sleep(ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
}

type body = func(context.Context, harness.Env, harness.Cluster) error

// simulate runs f on three members of a toy.
func simulate(t testing.TB, seed uint64, s harness.System, r sim.Runtime, f body) error {
	t.Helper()
	cfg := harness.ClusterConfig{RunID: "test", Seed: seed, System: s, Nodes: 3}
	return r.Run(t.Context(), cfg, f)
}

// must runs f without errors.
func must(t testing.TB, f body) {
	t.Helper()
	require.NoError(t, simulate(t, 1, toy{}, sim.Runtime{}, f))
}

// logs collects the output of members.
type logs map[history.NodeID]*bytes.Buffer

func (l logs) of(id history.NodeID) io.Writer {
	l[id] = &bytes.Buffer{}
	return l[id]
}
