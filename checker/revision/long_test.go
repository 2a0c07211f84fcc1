package revision

import (
	"flag"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

var longOps = flag.Int("revision.long", 50_000, "ops of the long simulated histories")

// outages are when calls get no answer: of every so many ops the first lost, of which a part runs all
// the same, late.
type outages struct{ every, lost, ran int }

// long simulates clients that call without a pause, on four keys: reads that tell revisions, puts,
// deletes, and transactions that compare revisions which the client has seen.
func long(n, clients int, out outages, seed uint64) History {
	r := rand.New(rand.NewPCG(seed, 0))
	h := History{Initial: 1, Ops: make([]Op, 0, n)}
	type instant struct {
		at int64
		op int
	}
	order := make([]instant, 0, n)
	free := make([]int64, clients)
	for i := range n {
		c := 0
		for j := range free {
			if free[j] < free[c] {
				c = j
			}
		}
		o := Op{Call: free[c]}
		o.Return = o.Call + 1 + r.Int64N(20)
		free[c] = o.Return + 1 + r.Int64N(3)
		at := o.Call + r.Int64N(o.Return-o.Call+1)
		if out.every > 0 && i%out.every < out.lost {
			o.Return = Never
			at += r.Int64N(200)
		}
		if o.Return != Never || r.IntN(100) < out.ran {
			order = append(order, instant{at, i})
		}
		h.Ops = append(h.Ops, o)
	}
	slices.SortStableFunc(order, func(a, b instant) int { return int(a.at - b.at) })
	st, values := store{rev: 1}, Value(0)
	ran := make([]bool, n)
	for _, x := range order {
		o := &h.Ops[x.op]
		lately(r, o, &st, &values)
		after, ok, outs, _ := st.do(o)
		if o.Return != Never {
			o.Succeeded, o.Outputs, o.Rev = ok, outs, after.rev
		}
		st, ran[x.op] = after, true
	}
	for i := range h.Ops {
		if !ran[i] {
			lately(r, &h.Ops[i], &st, &values)
		}
	}
	return h
}

// lately draws what an op does. Revisions to compare are those of now, which another write may have
// made old.
func lately(r *rand.Rand, o *Op, st *store, values *Value) {
	k, other := Key(r.IntN(4)), Key(r.IntN(4))
	*values++
	switch x := r.IntN(10); {
	case x < 4:
		o.Then = []Action{{Kind: Get, Key: 0, End: 4}}
	case x < 7:
		o.Then = []Action{{Kind: Put, Key: k, Value: *values}}
	case x < 8:
		o.Then = []Action{{Kind: Delete, Key: k}}
	default:
		mod := st.cells[k].mod
		if r.IntN(3) == 0 {
			mod = max(0, mod-1)
		}
		o.If = []Compare{{Key: k, Target: ByMod, Number: mod}}
		o.Then = []Action{{Kind: Put, Key: k, Value: *values}, {Kind: Get, Key: other}}
		o.Else = []Action{{Kind: Get, Key: k}}
		if k != other && r.IntN(3) == 0 {
			o.Then = append(o.Then, Action{Kind: Delete, Key: other})
		}
	}
}

// TestLong: histories that are legal by construction, and the same with one stale read.
func TestLong(t *testing.T) {
	for _, c := range []struct {
		name    string
		n       int
		clients int
		outages outages
	}{
		{"no outage", *longOps, 20, outages{}},
		{"outages in which half of the calls run", *longOps, 20, outages{every: 2000, lost: 60, ran: 50}},
		{"outages in which all calls run late", *longOps, 20, outages{every: 2000, lost: 60, ran: 100}},
		{"one outage of half the history", 2_000, 5, outages{every: 2000, lost: 1000, ran: 50}},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := long(c.n, c.clients, c.outages, 7)
			got := Check(t.Context(), h)
			require.Equal(t, Legal, got.Verdict, "%+v", got)
			t.Logf("%d gaps, %d returns", got.Gaps, got.Returns)
			stale := -1
			for i := c.n * 3 / 4; stale < 0; i++ {
				if o := &h.Ops[i]; o.known() && len(o.If) == 0 && o.Then[0].Kind == Get && len(o.Outputs[0].Items) > 0 {
					stale = i
					o.Outputs[0].Items[0].Value--
				}
			}
			got = Check(t.Context(), h)
			require.Equal(t, Illegal, got.Verdict, "%+v", got)
			require.Equal(t, stale, got.Op, "%s", got.Reason)
		})
	}
}
