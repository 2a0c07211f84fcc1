package revision

import "testing"

// TestWork: histories are decided with no more returns to a gap than today. A rule that only spares
// work is noticed here when it is lost. Fewer returns are welcome: write them down.
func TestWork(t *testing.T) {
	for _, c := range []struct {
		name    string
		h       History
		returns int
		want    Verdict
	}{
		{"outages in which half of the calls run", long(20_000, 20, outages{every: 2000, lost: 60, ran: 50}, 7), 40, Legal},
		{"outages in which all calls run late", long(20_000, 20, outages{every: 2000, lost: 60, ran: 100}, 7), 97, Legal},
		{"one outage of half the history", long(2_000, 5, outages{every: 2000, lost: 1000, ran: 50}, 7), 19, Legal},
		{"a value that nobody wrote", unsettled(4, 5, get(99, 0, 10, 11, 5)), 0, Illegal},
		{"a value of a revision to come", unsettled(4, 5, get(1, 6, 10, 11, 5)), 0, Illegal},
		{"a value of the initial revision", unsettled(4, 5, get(1, 1, 10, 11, 5)), 0, Illegal},
		{"fewer writes of unknown outcome in time than gaps", unsettled(5, 4, lost(put(9, 30, 30, 0))), 0, Illegal},
		{"an identified write that changes nothing", unseen(), 4, Legal},
		{"a value of two writers, told with its revision", unsettled(2, 5, lost(put(6, 1, 1, 0)), lost(put(6, 1, 1, 0)), get(6, 3, 10, 11, 3)), 0, Legal},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := check(t.Context(), c.h, c.returns)
			if got.Verdict != c.want {
				t.Fatalf("%v: %s", got.Verdict, got.Reason)
			}
			t.Log(got.Returns)
		})
	}
}

// unsettled is a history of a key with gaps, and puts of unknown outcome that can have made any of them:
// each writes a value that an early comparison looked at, so that none can stand for another.
func unsettled(gaps, puts int64, more ...Op) History {
	seen := Op{Then: []Action{{Kind: Get, Key: 1}}, Return: 20, Succeeded: true, Outputs: []Output{{}}, Rev: 1 + gaps}
	h := History{Ops: []Op{seen}}
	for v := range Value(puts) {
		h.Ops = append(h.Ops, cas(v+1, 50, false, 0, 20, 1), lost(put(v+1, 0, 0, 0)))
	}
	h.Ops = append(h.Ops, more...)
	return h
}

// unseen is a history in which a write at revision 3 tells what the one at 2 was, though its value is read
// only after two more gaps, of which a read says something, too.
func unseen() History {
	on := func(k Key, o Op) Op {
		o.Then[0].Key = k
		for i := range o.Outputs {
			for j := range o.Outputs[i].Items {
				o.Outputs[i].Items[j].Key = k
			}
		}
		return o
	}
	h := unsettled(0, 4)
	h.Ops[0] = on(3, get(71, 0, 10, 11, 5))
	return History{Ops: append(h.Ops, on(2, get(60, 3, 10, 11, 5)), on(3, lost(put(71, 0, 0, 0))), on(3, lost(put(72, 0, 0, 0))),
		Op{If: []Compare{{Value: 4}}, Then: []Action{{Kind: Put, Key: 2, Value: 60}}, Return: Never})}
}
