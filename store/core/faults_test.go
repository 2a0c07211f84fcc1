package core

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"go.etcd.io/etcd/api/v3/etcdserverpb"
)

// TestFaults mixes faults and checks what the hooks and the answers say.
func TestFaults(t *testing.T) {
	for seed := range *seeds {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { faults(t, seed, "") })
	}
}

// TestDeterminism: the same inputs give the same effects.
func TestDeterminism(t *testing.T) {
	for seed := range uint64(6) {
		first := faults(t, seed, "")
		for range 3 {
			require.Equal(t, first, faults(t, seed, ""), "seed %d", seed)
		}
	}
}

// faults mixes crashes, partitions, loss and duplication with puts of new keys, puts and reads of one
// key, and small transactions, and checks what clients may expect.
func faults(t failer, seed uint64, bug string) (trace uint64) {
	contested := seed%2 == 1 // elections collide, and members fall while they vote
	w := newCluster(t, 3, seed, func(c *Config) {
		c.SnapshotEvery, c.KeepEntries, c.Bug = 10, 3, bug
	})
	w.marshal, w.lossy = seed%3 == 0, []float64{0.02, 0.2}[seed/2%2]
	if contested {
		w.slow, w.trip, w.lossy = 0.1, 0.5, 0.05
		for _, m := range w.members {
			m.cfg.ElectionRand = func() int { return 10 + w.rnd.IntN(2) }
			w.crash(int(m.cfg.ID - 1))
			w.start(int(m.cfg.ID - 1))
		}
	}
	m := &mix{w: w, puts: map[uint64]string{}, floors: map[uint64]int64{}, hot: map[uint64]bool{}}
	for range 300 {
		i := w.rnd.IntN(3)
		switch w.rnd.IntN(16) {
		case 0:
			if w.members[i].core != nil {
				w.crash(i)
			}
		case 1:
			w.isolate(i, true)
		case 2, 3, 4, 5:
			m.heal()
		default:
			for range 1 + w.rnd.IntN(2)*w.rnd.IntN(8) {
				if w.members[i].core != nil {
					m.submit(i)
				}
			}
		}
		w.runFor(w.rnd.IntN(100_000) * (1 + w.rnd.IntN(4)))
		m.check()
	}
	m.heal()
	w.lossy, w.slow, w.trip = 0, 0, 0
	w.runFor(10_000_000)
	require.NoError(t, w.put(w.elect(), "end", ""))
	w.converge()
	m.check()
	m.final()
	return w.trace.Sum64()
}

type mix struct {
	w      *cluster
	puts   map[uint64]string // call: key that is put once
	hot    map[uint64]bool   // call: a put of the key that all share
	floors map[uint64]int64  // call: what a read of it must see at least
	floor  int64             // highest revision of a put of it that was acknowledged
}

func (m *mix) heal() {
	clear(m.w.cut)
	for j, member := range m.w.members {
		if member.core == nil {
			m.w.start(j)
		}
	}
}

func (m *mix) submit(i int) {
	w := m.w
	switch w.rnd.IntN(4) {
	case 0:
		key := fmt.Sprint("k", w.calls)
		m.puts[w.submit(i, &etcdserverpb.PutRequest{Key: []byte(key), Value: []byte(key)})] = key
	case 1:
		m.hot[w.submit(i, &etcdserverpb.PutRequest{Key: []byte("hot"), Value: []byte(fmt.Sprint(w.calls))})] = true
	case 2:
		floor := m.floor // before the call, whose answer may come at once
		m.floors[w.submit(i, &etcdserverpb.RangeRequest{Key: []byte("hot")})] = floor
	case 3:
		key := []byte(fmt.Sprint("t", w.calls))
		put := &etcdserverpb.RequestOp{Request: &etcdserverpb.RequestOp_RequestPut{RequestPut: &etcdserverpb.PutRequest{Key: key}}}
		m.puts[w.submit(i, &etcdserverpb.TxnRequest{Success: []*etcdserverpb.RequestOp{put}})] = string(key)
	}
}

// check looks at the answers that came since the last time.
func (m *mix) check() {
	for call, floor := range m.floors {
		e, ok := m.w.answers[call]
		if !ok {
			continue
		}
		delete(m.floors, call)
		if e.Err == nil {
			var rev int64
			for _, kv := range e.Response.(*etcdserverpb.RangeResponse).Kvs {
				rev = kv.ModRevision
			}
			require.GreaterOrEqual(m.w.t, rev, floor, "read %d is stale", call)
		}
	}
	for call := range m.hot {
		if e, ok := m.w.answers[call]; ok {
			delete(m.hot, call)
			if e.Err == nil {
				m.floor = max(m.floor, e.Response.(*etcdserverpb.PutResponse).Header.Revision)
			}
		}
	}
}

// final reads everything from every member.
func (m *mix) final() {
	t := m.w.t
	for i := range m.w.members {
		acked := map[string]bool{}
		for call, key := range m.puts {
			if e, ok := m.w.answers[call]; ok && e.Err == nil {
				acked[key] = true
			}
		}
		require.NotEmpty(t, acked)
		resp, err := m.w.call(i, &etcdserverpb.RangeRequest{Key: []byte{0}, RangeEnd: []byte{0}})
		require.NoError(t, err)
		for _, kv := range resp.(*etcdserverpb.RangeResponse).Kvs {
			if string(kv.Key) != "hot" {
				require.EqualValues(t, 1, kv.Version, "%s was applied twice", kv.Key)
			}
			delete(acked, string(kv.Key))
		}
		require.Empty(t, acked, "acknowledged writes are lost")
	}
}
