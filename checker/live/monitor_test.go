package live_test

import (
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/checker"
	"github.com/faultline-chaos/faultline/checker/live"
	"github.com/faultline-chaos/faultline/history"
)

// simulate makes a history of clients of one right store, with unknown outcomes, some of which act, at
// once or late; revisions in half of the histories. Where lie > 0, about one answer in lie is that of an
// older state.
func simulate(r *rand.Rand, steps, lie int) history.History {
	type pending struct {
		f, key, value, old string
		hasOld, acted      bool
		answer             map[string]any
	}
	h := history.History{Nodes: []history.NodeID{"n1", "n2", "n3"}}
	add := func(process int, t history.Type, f string, v any) {
		h.Ops = append(h.Ops, history.Op{Index: len(h.Ops), Process: process, Type: t, F: f, Value: history.EncodeValue(v)})
	}
	state, past := map[string]string{}, map[string][]string{}
	rev, revs := int64(1), r.IntN(2) == 0
	act := func(p *pending) {
		if p.acted {
			return
		}
		p.acted = true
		cur, had := state[p.key]
		p.answer = map[string]any{"key": p.key}
		write := false
		switch p.f {
		case "get":
			p.answer["value"] = nil
			if n := len(past[p.key]); lie > 0 && n > 1 && r.IntN(lie) == 0 {
				cur, had = past[p.key][r.IntN(n)], true
			}
			if had {
				p.answer["value"] = cur
			}
		case "put":
			p.answer["value"], write = p.value, true
		case "cas":
			p.answer["new"], p.answer["old"] = p.value, nil
			if p.hasOld {
				p.answer["old"] = p.old
			}
			write = had == p.hasOld && cur == p.old
			p.answer["swapped"] = write
		case "delete":
			p.answer["deleted"] = 0
			if had {
				p.answer["deleted"] = 1
				delete(state, p.key)
				rev++
			}
		}
		if write {
			state[p.key] = p.value
			past[p.key] = append(past[p.key], p.value)
			rev++
		}
		if revs {
			p.answer["rev"] = rev
		}
	}
	const clients = 5
	process := [clients]int{}
	open := [clients]*pending{}
	for c := range clients {
		process[c] = c
	}
	var ghosts []*pending
	for i := range steps {
		c := r.IntN(clients)
		p := open[c]
		switch {
		case len(ghosts) > 0 && r.IntN(8) == 0:
			act(ghosts[r.IntN(len(ghosts))])
		case p == nil:
			p = &pending{f: []string{"get", "get", "put", "put", "cas", "delete"}[r.IntN(6)], key: "k" + strconv.Itoa(r.IntN(2)), value: "v" + strconv.Itoa(i)}
			asked := map[string]any{"key": p.key}
			switch p.f {
			case "put":
				asked["value"] = p.value
			case "cas":
				asked["new"], asked["old"] = p.value, nil
				if p.old, p.hasOld = state[p.key]; p.hasOld {
					asked["old"] = p.old
				}
			}
			add(process[c], history.Invoke, p.f, asked)
			open[c] = p
		case !p.acted && r.IntN(2) == 0:
			act(p)
		case p.f != "get" && r.IntN(10) == 0: // nobody knows
			add(process[c], history.Info, p.f, nil)
			process[c] += clients
			open[c] = nil
			ghosts = append(ghosts, p)
		case !p.acted && r.IntN(10) == 0:
			add(process[c], history.Fail, p.f, nil)
			open[c] = nil
		default:
			act(p)
			add(process[c], history.OK, p.f, p.answer)
			open[c] = nil
		}
	}
	return h
}

// TestMonitorNeverContradictsLinearizable: on histories that are right, and on such with stale answers,
// a monitor finds only what the checker of whole histories finds, too, and much of that.
func TestMonitorNeverContradictsLinearizable(t *testing.T) {
	caught, wrong, right := 0, 0, 0
	for seed := range uint64(800) {
		r := rand.New(rand.NewPCG(seed, 1))
		lie := 0
		if seed%3 == 0 {
			lie = 8
		}
		h := simulate(r, 20+r.IntN(150), lie)
		judged := checker.Live{}.Check(t.Context(), h)
		if judged.Validity == history.Invalid && lie == 0 {
			t.Fatalf("seed %d: a false alarm about a right history: %s", seed, judged.Reason)
		}
		if lie == 0 {
			right++
			continue
		}
		full := checker.Linearizable{}.Check(t.Context(), h)
		switch full.Validity {
		case history.Invalid:
			if wrong++; judged.Validity == history.Invalid {
				caught++
			}
		case history.Valid:
			require.NotEqual(t, history.Invalid, judged.Validity, "seed %d: %s", seed, judged.Reason)
		}
	}
	t.Logf("%d right histories; of %d wrong ones, %d were caught", right, wrong, caught)
	require.Greater(t, wrong, 50)
	require.Greater(t, 4*caught, 3*wrong)
}

func BenchmarkMonitor(b *testing.B) {
	h := simulate(rand.New(rand.NewPCG(1, 1)), 100_000, 0)
	b.ReportAllocs()
	m := live.NewMonitor()
	j := 0
	for b.Loop() {
		if j == len(h.Ops) {
			m, j = live.NewMonitor(), 0
		}
		m.Observe(&h.Ops[j])
		j++
	}
}
