package register

import "testing"

// TestWork: histories are decided in no more steps, and with no more ops in flight, than today. A rule
// that only spares work is noticed here when it is lost. Fewer steps are welcome: write them down.
func TestWork(t *testing.T) {
	for _, c := range []struct {
		name  string
		ops   []Op
		steps int64
		want  Verdict
	}{
		{"mixed", long(20_000, 20, 5, [4]int{50, 35, 10, 5}, 1), 101_813, Legal},
		{"creates and deletes", long(3_000, 16, 5, [4]int{10, 10, 50, 30}, 1), 323_933, Legal},
		{"creates and deletes, none lost", long(3_000, 16, 0, [4]int{10, 10, 50, 30}, 3), 36_730, Legal},
		{"puts", long(5_000, 20, 20, [4]int{50, 50, 0, 0}, 1), 4_220, Legal},
		{"puts and deletes", long(3_000, 12, 10, [4]int{10, 40, 0, 50}, 2), 36_808, Legal},
		{"blind deletes", blindly(long(3_000, 12, 5, [4]int{10, 40, 20, 30}, 4)), 62_947, Legal},
		{"creates and blind deletes", blindly(long(3_000, 12, 5, [4]int{10, 5, 50, 35}, 4)), 105_447, Legal},
		{"mostly cas", long(5_000, 20, 30, [4]int{20, 10, 65, 5}, 1), 13_995, Legal},
		{"cas only, half of them lost", long(2_000, 20, 50, [4]int{0, 10, 90, 0}, 1), 724, Legal},
		{"failing cas", long(2_000, 12, 10, [4]int{10, 20, 60, 10}, 1), 11_635, Legal},
		{"failing cas, half of them lost", long(2_000, 12, 50, [4]int{10, 20, 60, 10}, 2), 4_816, Legal},
		{"failing cas of values that nobody wrote", beside(func(i Value) []Op {
			return []Op{{CASFailed, 1000 + i, 2000 + i, 2, 3000}}
		}), 2, Legal},
		{"unknown cas from values that nobody wrote", beside(func(i Value) []Op {
			return []Op{{CAS, 1000 + i, 2000 + i, 2, Never}, {CASFailed, 2000 + i, 3000 + i, 10 + 2*int64(i), 11 + 2*int64(i)}}
		}), 2, Legal},
		{"unknown cas from a value that was replaced", beside(func(i Value) []Op {
			return []Op{{CAS, 2, 2000 + i, 2, Never}, {CASFailed, 2000 + i, 3000 + i, 10 + 2*int64(i), 11 + 2*int64(i)}}
		}, Op{Put, 0, 2, 0, 1}, Op{CAS, 2, 3, 2, 3}, Op{CASFailed, 2, 4, 2, 1000}), 4, Legal},
		{"unknown cas that help nobody", beside(func(i Value) []Op {
			return []Op{{CAS, 1, 2000 + i, 2, Never}, {CASFailed, 2000 + i, 3000 + i, 10 + 2*int64(i), 11 + 2*int64(i)}}
		}), 2, Legal},
		{"unknown puts", beside(func(i Value) []Op { return []Op{{Put, 0, 1000 + i, 2, Never}} }), 2, Legal},
		{"a stale read that the second try sees", append(long(400, 14, 30, [4]int{10, 20, 60, 10}, 2), Op{Put, 0, 9001, 20_000, 20_001}, Op{Put, 0, 9002, 20_002, 20_003}, Op{Get, 0, 9001, 20_004, 20_005}), 2_400, Illegal},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := Check(t.Context(), c.ops, c.steps)
			if got.Verdict != c.want {
				t.Fatalf("%v: %s after %d steps", got.Verdict, got.Reason, got.Steps)
			}
			t.Log(got.Steps)
		})
	}
}

// beside are 200 times some ops, beside a value that stays.
func beside(some func(i Value) []Op, more ...Op) []Op {
	ops := append([]Op{{Put, 0, 1, 0, 1}, {Get, 0, 1, 0, 2}}, more...)
	for i := range Value(200) {
		ops = append(ops, some(i)...)
	}
	return ops
}

// blindly are the ops with two of three deletes that do not tell.
func blindly(ops []Op) []Op {
	for i := range ops {
		if o := &ops[i]; i%3 > 0 && (o.Kind == DeleteFound || o.Kind == DeleteMissed) {
			o.Kind = Delete
		}
	}
	return ops
}
