package anomaly

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

var (
	fuzzCount = flag.Int("anomaly.count", 20_000, "random histories of every mode")
	fuzzSeed  = flag.Uint64("anomaly.seed", 1, "seed of the random histories")
)

func names(key bool, id int32) string {
	if key {
		return string(rune('x' + id))
	}
	return fmt.Sprint(id)
}

func TestLevels(t *testing.T) {
	seen := map[string]bool{}
	for _, l := range Levels() {
		for _, b := range l.Below {
			require.True(t, seen[b], "%s comes after %s", l.Name, b)
		}
		seen[l.Name] = true
		require.True(t, l.Forbidden()["G0"])
	}
	require.Equal(t, []string{"strict-serializable"}, AtMost(nil))
	require.Equal(t, []string{"strong-snapshot-isolation"}, AtMost([]string{"G2-item"}))
	require.Equal(t, []string{"read-atomic"}, AtMost([]string{"G-single-item"}))
	require.Equal(t, []string{"serializable"}, AtMost([]string{"G-single-item-process"}))
	require.Empty(t, AtMost([]string{"G0"}))
	_, ok := LevelNamed("nonsense")
	require.False(t, ok)
}

// big simulates serial transactions over keys that are used up, as workloads do.
func big(n int) []Txn {
	r := rand.New(rand.NewPCG(1, 1))
	txns := make([]Txn, n)
	state := map[int32][]int32{}
	value, first := int32(0), int32(0)
	for i := range txns {
		t := &txns[i]
		t.Process = i % 20
		if i%50 == 49 {
			delete(state, first)
			first++
		}
		t.Call, t.Return = int64(i*10), int64(i*10+5+r.IntN(150))
		for range 4 {
			k := first + int32(r.IntN(10))
			if r.IntN(2) == 0 {
				state[k] = append(state[k], value)
				t.Ops = append(t.Ops, Op{Kind: Append, Key: k, Value: value})
				value++
			} else {
				t.Ops = append(t.Ops, Op{Kind: ReadList, Key: k, List: state[k][:len(state[k]):len(state[k])]})
			}
		}
	}
	return txns
}

func TestBigIsClean(t *testing.T) {
	txns := big(20_000)
	got := Check(txns, Options{Realtime: true, Process: false}, names)
	require.Empty(t, got.Problem)
	require.Empty(t, got.Names())
	require.NotZero(t, got.Edges)
	for i := len(txns) / 2; ; i++ { // one read misses the newest element
		if o := &txns[i].Ops[0]; o.Kind == ReadList && len(o.List) > 3 {
			o.List = o.List[:len(o.List)-2]
			break
		}
	}
	require.NotEmpty(t, Check(txns, Options{Realtime: true}, names).Names())
}

func BenchmarkCheck(b *testing.B) {
	for _, n := range []int{10_000, 100_000, 1_000_000} {
		txns := big(n)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				Check(txns, Options{Realtime: true}, names)
			}
		})
	}
}
