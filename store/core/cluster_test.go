package core

import (
	"flag"
	"fmt"
	"hash"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"
)

// failer is the part of testing.TB that is needed here, so that other tests can expect failures.
type failer interface {
	require.TestingT
	Helper()
}

// cluster drives some members in one thread: a queue of events in time order, and records that
// become durable later.
type cluster struct {
	t       failer
	rnd     *rand.Rand
	now     int // microseconds
	seq     int
	events  []event
	members []*member
	cut     map[[2]int]bool // one-way links that lose everything
	lossy   float64
	slow    float64              // share of messages that take up to a third of a second
	trip    float64              // chance that a member's power fails right after it granted a vote
	votes   map[[2]uint64]uint64 // by member and term
	marshal bool                 // copy messages instead of passing pointers

	trace   hash.Hash64 // of all effects
	answers map[uint64]Effect
	calls   uint64
	leaders map[uint64]uint64    // by term
	applied map[uint64][3]uint64 // by index
}

type event struct {
	at, seq int
	do      func()
}

type member struct {
	cfg   Config
	core  *Core
	disk  Durable
	queue []Effect // written, not durable
	life  int
	busy  bool
}

func newCluster(t failer, n int, seed uint64, change func(*Config)) *cluster {
	w := &cluster{
		t: t, rnd: rand.New(rand.NewPCG(seed, 1)), trace: fnv.New64a(), cut: map[[2]int]bool{}, answers: map[uint64]Effect{},
		votes: map[[2]uint64]uint64{}, leaders: map[uint64]uint64{}, applied: map[uint64][3]uint64{},
	}
	var all []Member
	for i := range n {
		all = append(all, Member{ID: uint64(i + 1), Name: fmt.Sprintf("n%d", i+1)})
	}
	for i := range n {
		m := &member{cfg: Config{ID: uint64(i + 1), Cluster: 7, Members: all, ElectionTicks: 10}}
		m.cfg.ElectionRand = func() int { return 10 + w.rnd.IntN(10) }
		m.cfg.Hooks = Hooks{
			BecameLeader: func(term uint64) {
				was, ok := w.leaders[term]
				require.Falsef(t, ok && was != m.cfg.ID, "two leaders in term %d", term)
				w.leaders[term] = m.cfg.ID
			},
			Applied: func(index, term, entry, state uint64) {
				w.agree(index, [3]uint64{term, entry, state})
			},
			Restored: func(index, term, state uint64) {
				if was, ok := w.applied[index]; ok {
					require.Equalf(w.t, [2]uint64{was[0], was[2]}, [2]uint64{term, state}, "a restored state differs at index %d", index)
				}
			},
		}
		if change != nil {
			change(&m.cfg)
		}
		w.members = append(w.members, m)
	}
	for i := range n {
		w.start(i)
	}
	return w
}

func (w *cluster) agree(index uint64, got [3]uint64) {
	if was, ok := w.applied[index]; ok {
		require.Equalf(w.t, was, got, "members disagree at index %d", index)
	}
	w.applied[index] = got
}

func (w *cluster) after(d int, do func()) {
	w.seq++
	e := event{w.now + d, w.seq, do}
	at, _ := slices.BinarySearchFunc(w.events, e, func(a, b event) int {
		if a.at != b.at {
			return a.at - b.at
		}
		return a.seq - b.seq
	})
	w.events = slices.Insert(w.events, at, e)
}

func (w *cluster) start(i int) {
	m := w.members[i]
	m.life++
	c, err := New(m.cfg, &m.disk)
	require.NoError(w.t, err)
	m.core, m.busy = c, false
	w.run(i, nil)
	life := m.life
	var tick func()
	tick = func() {
		if m.life == life {
			w.run(i, c.Tick)
			w.after(100_000, tick)
		}
	}
	w.after(w.rnd.IntN(100_000), tick)
}

// crash stops a member; of what was not synced a random prefix stays.
func (w *cluster) crash(i int) {
	m := w.members[i]
	m.life++
	m.core = nil
	keep := 0
	if len(m.queue) > 0 {
		keep = w.rnd.IntN(len(m.queue) + 1)
	}
	for _, e := range m.queue[:keep] {
		m.disk.Apply(e.Record)
	}
	m.queue = nil
}

func (w *cluster) run(i int, input func()) {
	m := w.members[i]
	if input != nil {
		input()
	}
	for _, e := range m.core.Effects() {
		w.effect(i, e)
	}
}

func (w *cluster) effect(i int, e Effect) {
	fmt.Fprintf(w.trace, "%d %d %d %d %d %t %d;", w.now, i, e.Kind, e.To, e.Token, e.Sync, e.Call)
	m, life := w.members[i], w.members[i].life
	alive := func(do func(c *Core)) func() {
		return func() {
			if m.life == life {
				w.run(i, func() { do(m.core) })
			}
		}
	}
	switch e.Kind {
	case Send:
		w.deliver(i, e, alive)
	case Work:
		w.after(10+w.rnd.IntN(50), alive(func(c *Core) { c.Apply(e.Token) }))
	case Write:
		m.queue = append(m.queue, e)
		if e.Token != 0 && !e.Sync {
			w.after(1, alive(func(c *Core) { c.Persisted(e.Token) }))
		} else if e.Sync && !m.busy {
			w.sync(i)
		}
	case Reply:
		_, twice := w.answers[e.Call]
		require.False(w.t, twice, "call %d was answered twice", e.Call)
		w.answers[e.Call] = e
	}
}

// sync makes durable what is in the queue now, once the disk has done it.
func (w *cluster) sync(i int) {
	m, life := w.members[i], w.members[i].life
	m.busy = true
	n := len(m.queue)
	w.after(200+w.rnd.IntN(2000), func() {
		if m.life != life {
			return
		}
		var token uint64
		more := false
		for _, e := range m.queue[:n] {
			m.disk.Apply(e.Record)
			token = max(token, e.Token)
		}
		m.queue = m.queue[n:]
		for _, e := range m.queue {
			more = more || e.Sync
		}
		m.busy = false
		if more {
			w.sync(i)
		}
		w.run(i, func() { m.core.Persisted(token) })
	})
}

func (w *cluster) deliver(i int, e Effect, alive func(func(*Core)) func()) {
	to := int(e.To) - 1
	link := [2]int{i, to}
	ok := !w.cut[link] && w.rnd.Float64() >= w.lossy
	copies := 1
	if w.lossy > 0 && w.rnd.IntN(20) == 0 {
		copies = 2
	}
	if e.Message.GetType() == raftpb.MsgVoteResp && !e.Message.GetReject() {
		w.voted(i, e.Message)
	}
	if e.Token != 0 {
		w.after(1000, alive(func(c *Core) { c.Sent(e.Token, ok) }))
	}
	for range copies {
		msg := e.Message
		if w.marshal {
			b, err := proto.Marshal(msg)
			require.NoError(w.t, err)
			msg = &raftpb.Message{}
			require.NoError(w.t, proto.Unmarshal(b, msg))
		}
		delay := 100 + w.rnd.IntN(400)
		if w.slow > 0 && w.rnd.Float64() < w.slow {
			delay += w.rnd.IntN(300_000)
		}
		w.after(delay, func() {
			if ok && w.members[to].core != nil && !w.cut[link] {
				w.run(to, func() { w.members[to].core.Step(msg) })
			}
		})
	}
}

// voted notes a vote: a member has one in each term, whatever happens to it.
func (w *cluster) voted(i int, m *raftpb.Message) {
	key := [2]uint64{uint64(i + 1), m.GetTerm()}
	was, ok := w.votes[key]
	require.Falsef(w.t, ok && was != m.GetTo(), "member %d votes for %d and %d in term %d", i+1, was, m.GetTo(), m.GetTerm())
	w.votes[key] = m.GetTo()
	if w.trip > 0 && w.rnd.Float64() < w.trip {
		life := w.members[i].life
		w.after(1, func() {
			if w.members[i].life == life {
				w.crash(i)
				w.start(i)
			}
		})
	}
}

// step runs the next event.
func (w *cluster) step() {
	e := w.events[0]
	w.events = w.events[1:]
	w.now = e.at
	e.do()
}

func (w *cluster) runFor(microseconds int) {
	end := w.now + microseconds
	for len(w.events) > 0 && w.events[0].at <= end {
		w.step()
	}
	w.now = end
}

// until runs until ok holds, for a minute of virtual time at most.
func (w *cluster) until(what string, ok func() bool) {
	w.t.Helper()
	for end := w.now + 60_000_000; !ok(); w.step() {
		require.Lessf(w.t, w.now, end, "never happened: %s", what)
	}
}

// leader returns the member that leads in the highest term, -1 if none does.
func (w *cluster) leader() int {
	best, term := -1, uint64(0)
	for i, m := range w.members {
		if m.core != nil && m.core.role == raft.StateLeader && m.core.term > term {
			best, term = i, m.core.term
		}
	}
	return best
}

func (w *cluster) elect() int {
	w.t.Helper()
	w.until("a leader", func() bool { return w.leader() >= 0 })
	return w.leader()
}

func (w *cluster) submit(i int, req any) uint64 {
	w.calls++
	call := w.calls
	w.run(i, func() { w.members[i].core.Submit(call, req) })
	return call
}

func (w *cluster) call(i int, req any) (any, error) {
	w.t.Helper()
	call := w.submit(i, req)
	w.until("an answer", func() bool { _, ok := w.answers[call]; return ok })
	return w.answers[call].Response, w.answers[call].Err
}

func (w *cluster) put(i int, key, value string) error {
	w.t.Helper()
	_, err := w.call(i, &etcdserverpb.PutRequest{Key: []byte(key), Value: []byte(value)})
	return err
}

func (w *cluster) get(i int, key string) string {
	w.t.Helper()
	resp, err := w.call(i, &etcdserverpb.RangeRequest{Key: []byte(key)})
	require.NoError(w.t, err)
	if kvs := resp.(*etcdserverpb.RangeResponse).Kvs; len(kvs) > 0 {
		return string(kvs[0].Value)
	}
	return ""
}

// converge runs until all members that are up are at the same index and state.
func (w *cluster) converge() {
	w.t.Helper()
	w.until("convergence", func() bool {
		var seen []Status
		for _, m := range w.members {
			if m.core != nil {
				seen = append(seen, m.core.Status())
			}
		}
		for _, s := range seen[1:] {
			if s.Applied != seen[0].Applied {
				return false
			}
		}
		for _, s := range seen[1:] {
			require.Equal(w.t, seen[0].StateHash, s.StateHash, "members at index %d differ", s.Applied)
		}
		return true
	})
}

// isolate cuts a member off from all others, or with heal lets it back.
func (w *cluster) isolate(i int, cut bool) {
	for j := range w.members {
		if j != i {
			w.cut[[2]int{i, j}], w.cut[[2]int{j, i}] = cut, cut
		}
	}
}

func TestElectReplicateRead(t *testing.T) {
	w := newCluster(t, 3, 1, nil)
	lead := w.elect()
	for i := range w.members {
		require.NoError(t, w.put(i, fmt.Sprint("k", i), fmt.Sprint("v", i)))
	}
	for i := range w.members {
		for j := range w.members {
			require.Equal(t, fmt.Sprint("v", j), w.get(i, fmt.Sprint("k", j)))
		}
	}
	w.converge()
	require.Equal(t, lead, w.leader())
}

func TestLeaderIsolated(t *testing.T) {
	told := map[uint64]uint64{} // by whom, of whom
	w := newCluster(t, 3, 2, func(cfg *Config) {
		id := cfg.ID
		cfg.Hooks.LeaderLost = func(leader uint64) { told[id] = leader }
	})
	old := w.elect()
	require.NoError(t, w.put(old, "k", "1"))
	require.Empty(t, told)
	w.isolate(old, true)
	lost := w.submit(old, &etcdserverpb.PutRequest{Key: []byte("k"), Value: []byte("lost")})
	stale := w.submit(old, &etcdserverpb.RangeRequest{Key: []byte("k")})
	w.until("a new leader", func() bool { return w.leader() != old && w.leader() >= 0 })
	require.NoError(t, w.put(w.leader(), "k", "2"))
	require.Len(t, told, 2, "both survivors lost it; it did not lose itself")
	for _, leader := range told {
		require.EqualValues(t, old+1, leader)
	}
	w.isolate(old, false)
	w.until("answers", func() bool { return len(w.answers) >= int(w.calls) })
	require.NoError(t, w.answers[lost].Err, "it was proposed again to the new leader")
	if e := w.answers[stale]; e.Err == nil {
		require.NotEqual(t, "1", string(e.Response.(*etcdserverpb.RangeResponse).Kvs[0].Value))
	}
	w.converge()
}

func TestSnapshotCatchUp(t *testing.T) {
	w := newCluster(t, 3, 3, func(c *Config) { c.SnapshotEvery, c.KeepEntries = 20, 5 })
	lead := w.elect()
	away := (lead + 1) % 3
	w.crash(away)
	for i := range 100 {
		require.NoError(t, w.put(lead, fmt.Sprint("k", i%7), fmt.Sprint(i)))
	}
	require.Greater(t, w.members[lead].core.Status().FirstEntry, uint64(50))
	w.start(away)
	w.converge()
	require.Equal(t, "99", w.get(away, "k1"))
	w.crash(away)
	w.start(away)
	w.converge()
}

var seeds = flag.Uint64("seeds", 40, "how many seeds TestFaults tries")
