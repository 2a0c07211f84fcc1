package register

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
)

// Flags of TestMain.
var (
	fuzzCount = new(20_000)
	fuzzSeed  = new(uint64(1))
)

// TestAgainstOracle compares Check with trying every order, on small random histories. It is compiled
// with every mutant, and so imports little: see TestMutants.
func TestAgainstOracle(t *testing.T) {
	for i, c := range kept {
		if v, problem := compare(t.Context(), c.ops, i); problem != "" || (v == Legal) != c.legal {
			t.Fatalf("%s: %v %s:%s", c.name, v, problem, show(c.ops))
		}
		if why := Check(t.Context(), c.ops, 0).Reason; c.why != "" && why != c.why {
			t.Fatalf("%s: the reason is %q", c.name, why)
		}
	}
	var failed atomic.Bool // one disagreement is enough
	for _, m := range modes {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			decided := map[Verdict]int{}
			for i := range *fuzzCount {
				if failed.Load() {
					t.Skip("another mode has failed")
				}
				ops := m.history(rand.New(rand.NewPCG(*fuzzSeed, uint64(i))))
				v, problem := compare(t.Context(), ops, i)
				if problem != "" {
					failed.Store(true)
					t.Fatalf("verdicts differ: seed %d, history %d: %s:%s", *fuzzSeed, i, problem, show(ops))
				}
				decided[v]++
			}
			if min(decided[Legal], decided[Illegal]) <= *fuzzCount/50 {
				t.Errorf("both verdicts must occur: %v", decided)
			}
		})
	}
}

// compare asks Check and the oracle. A history with repeated values may be left open, and one that
// is given no budget, by its number; but nothing may be said that is not so.
func compare(ctx context.Context, ops []Op, number int) (Verdict, string) {
	want := Illegal
	if oracle(ops) {
		want = Legal
	}
	const budget = 100_000 // more than any small history needs
	got := Check(ctx, ops, budget)
	open := got.Reason == reasonRepeated && ambiguous(ops)
	if got.Verdict != want && (got.Verdict != Undecided || !open) {
		return want, fmt.Sprintf("Check says %v (op %d: %s), the oracle %v", got.Verdict, got.Op, got.Reason, want)
	}
	if got.Verdict != Legal && (got.Op < 0 || got.Op >= len(ops) || got.Reason == "") {
		return want, fmt.Sprintf("Check says %v, but not where or not why", got.Verdict)
	}
	hurried := Check(ctx, ops, 1+int64(number)%16)
	if hurried.Verdict != Undecided && hurried.Verdict != want {
		return want, fmt.Sprintf("in a hurry Check says %v (op %d: %s), the oracle %v", hurried.Verdict, hurried.Op, hurried.Reason, want)
	}
	if hurried.Verdict != Legal && (hurried.Op < 0 || hurried.Op >= len(ops) || hurried.Reason == "") {
		return want, fmt.Sprintf("in a hurry Check says %v, but not where or not why", hurried.Verdict)
	}
	return got.Verdict, ""
}
