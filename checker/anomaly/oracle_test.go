package anomaly

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// serializable tries every order of the committed transactions with any of the unknown ones between.
// strict also demands the order of real time.
func serializable(txns []Txn, strict bool) bool {
	state := map[int32][]int32{}
	done := make([]bool, len(txns))
	var try func() bool
	try = func() bool {
		finished := true
		for i := range txns {
			if !done[i] && txns[i].Outcome == Committed {
				finished = false
			}
		}
		if finished {
			return true
		}
		for i := range txns {
			if done[i] || txns[i].Outcome == Aborted || strict && !mayBeNext(txns, done, i) {
				continue
			}
			before := map[int32][]int32{}
			for k, v := range state {
				before[k] = v
			}
			done[i] = true
			if runs(&txns[i], state) && try() {
				return true
			}
			done[i] = false
			state = before
		}
		return false
	}
	return try()
}

func mayBeNext(txns []Txn, done []bool, i int) bool {
	for j := range txns {
		if !done[j] && txns[j].Outcome == Committed && txns[j].Return < txns[i].Call {
			return false
		}
	}
	return true
}

func runs(t *Txn, state map[int32][]int32) bool {
	for _, o := range t.Ops {
		now := state[o.Key]
		switch o.Kind {
		case Append:
			state[o.Key] = append(slices.Clone(now), o.Value)
		case Write:
			state[o.Key] = []int32{o.Value}
		case ReadList:
			if t.Outcome == Committed && !slices.Equal(now, o.List) {
				return false
			}
		case Read:
			if t.Outcome == Committed && (o.Value == None && len(now) > 0 || o.Value != None && (len(now) == 0 || now[0] != o.Value)) {
				return false
			}
		}
	}
	return true
}

// small makes a history of up to six transactions: some order of the ops of all, each alone or mixed
// with others', so that many are not serializable.
func small(r *rand.Rand, list bool) []Txn {
	n := 2 + r.IntN(5)
	txns := make([]Txn, n)
	value := int32(0)
	type step struct{ txn, op int }
	var steps []step
	clock := int64(0)
	isolated := r.IntN(2) == 0
	for i := range txns {
		t := &txns[i]
		t.Process = i % 3
		for range 1 + r.IntN(4) {
			o := Op{Key: int32(r.IntN(2)), Kind: ReadList}
			if !list {
				o.Kind = Read
			}
			if r.IntN(2) == 0 {
				o.Kind, o.Value = Append, value
				if !list {
					o.Kind = Write
				}
				value++
			}
			t.Ops = append(t.Ops, o)
			steps = append(steps, step{i, len(t.Ops) - 1})
		}
		switch r.IntN(8) {
		case 0:
			t.Outcome = Unknown
		case 1:
			t.Outcome = Aborted
		}
	}
	if !isolated {
		at := make([]int, n) // ops of each in order, transactions mixed
		r.Shuffle(len(steps), func(i, j int) { steps[i], steps[j] = steps[j], steps[i] })
		for i := range steps {
			steps[i].op = at[steps[i].txn]
			at[steps[i].txn]++
		}
	}
	state := map[int32][]int32{}
	for _, s := range steps {
		t := &txns[s.txn]
		clock += 10
		if s.op == 0 {
			t.Call = clock
		}
		t.Return = clock + 1
		o := &t.Ops[s.op]
		now := state[o.Key]
		switch o.Kind {
		case Append:
			if t.Outcome != Aborted || r.IntN(4) == 0 {
				state[o.Key] = append(slices.Clone(now), o.Value)
			}
		case Write:
			if t.Outcome != Aborted || r.IntN(4) == 0 {
				state[o.Key] = []int32{o.Value}
			}
		case ReadList:
			o.List = now
			if r.IntN(12) == 0 && len(now) > 0 {
				o.List = now[:r.IntN(len(now))] // stale
			}
		case Read:
			o.Value = None
			if len(now) > 0 {
				o.Value = now[0]
			}
			if r.IntN(12) == 0 && value > 0 {
				o.Value = int32(r.IntN(int(value)))
			}
		}
	}
	for i := range txns {
		txns[i].Call -= r.Int64N(30)
		txns[i].Return += r.Int64N(30)
		if txns[i].Outcome == Unknown {
			txns[i].Return = Never
		}
	}
	for i := range txns { // a process does one after the other: else each is its own
		txns[i].Process = i
	}
	return txns
}

// TestAgainstOracle: no anomaly is ever found in a history that is serializable, and few histories
// that are not escape.
func TestAgainstOracle(t *testing.T) {
	for name, list := range map[string]bool{"list append": true, "registers": false} {
		for _, strict := range []bool{false, true} {
			legal, caught, missed := 0, 0, 0
			for i := range *fuzzCount {
				txns := small(rand.New(rand.NewPCG(*fuzzSeed, uint64(i))), list)
				got := Check(txns, Options{Realtime: strict, Process: strict}, names)
				require.Empty(t, got.Problem)
				switch want := serializable(txns, strict); {
				case want:
					legal++
					require.Empty(t, got.Anomalies, "%s, strict %t, seed %d, history %d: %+v", name, strict, *fuzzSeed, i, txns)
				case len(got.Anomalies) > 0:
					caught++
				default:
					missed++
				}
			}
			t.Logf("%s, strict %t: %d legal; of %d others %d missed", name, strict, legal, caught+missed, missed)
			require.Greater(t, min(legal, caught), *fuzzCount/20)
		}
	}
}
