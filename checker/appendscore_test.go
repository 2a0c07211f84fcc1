package checker

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/anishathalye/porcupine"
	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/checker/register"
	"github.com/faultline-chaos/faultline/history"
)

// randomText is a small key whose texts repeat: an order of calls as one store would have run them, and
// now and then a read of something else.
func randomText(r *rand.Rand) *textKey {
	t := &textKey{key: "k"}
	state := ""
	for i := range 3 + r.IntN(9) {
		at := int64(10 * i)
		o := textOp{Form: history.FormAppend, Text: string(rune('a' + r.IntN(2))), Call: at - r.Int64N(25), Done: at + r.Int64N(25)}
		switch n := r.IntN(10); {
		case n < 4:
			o.Form, o.Text = history.FormGet, state
			if r.IntN(4) == 0 {
				o.Text += "a"
			}
		case n == 4:
			o.Form, o.Text = history.FormPut, []string{"", "a", "b"}[r.IntN(3)]
			state = o.Text
		default:
			state += o.Text
		}
		if o.Form != history.FormGet && r.IntN(5) == 0 {
			o.Done = register.Never
		}
		t.ops = append(t.ops, o)
	}
	slices.SortStableFunc(t.ops, func(a, b textOp) int { return int(a.Call - b.Call) })
	return t
}

func explained(ops []textOp) bool {
	return porcupine.CheckOperations(textModel(), textOperations(ops))
}

// everyRelaxed is relaxed without leaving out what cannot matter.
func (t *textKey) everyRelaxed(keep []int) (ops []textOp) {
	for i, o := range t.ops {
		if !slices.Contains(keep, i) {
			if o.Form == history.FormGet {
				continue
			}
			o.Done = register.Never
		}
		ops = append(ops, o)
	}
	return ops
}

// TestTextRelaxed: leaving out the writes that cannot matter changes no verdict.
func TestTextRelaxed(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	verdicts := map[bool]int{}
	for range 10_000 {
		k := randomText(r)
		var keep []int
		for i, o := range k.ops {
			if o.Done != register.Never && r.IntN(3) > 0 {
				keep = append(keep, i)
			}
		}
		ops, _ := k.relaxed(keep)
		want := explained(k.everyRelaxed(keep))
		require.Equal(t, want, explained(ops), "%v of %v", keep, k.ops)
		verdicts[want]++
	}
	require.Greater(t, verdicts[false], 1000)
	require.Greater(t, verdicts[true], 1000)
}

// TestTextCore: what is told of an illegal key is illegal by itself, and would not be without any one
// of its calls.
func TestTextCore(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 1))
	illegal := 0
	for range 5_000 {
		k := randomText(r)
		if explained(k.ops) {
			continue
		}
		illegal++
		core, shown := k.core(t.Context())
		require.False(t, explained(k.everyRelaxed(core)), "%v of %v", core, k.ops)
		for i := range core {
			without := slices.Delete(slices.Clone(core), i, i+1)
			require.True(t, explained(k.everyRelaxed(without)), "%v of %v, without %d", core, k.ops, core[i])
		}
		var told []textOp
		for _, i := range core {
			told = append(told, k.ops[i])
		}
		for _, i := range shown {
			require.NotContains(t, core, i)
			o := k.ops[i]
			o.Done = register.Never
			told = append(told, o)
		}
		require.False(t, explained(told), "what is shown is illegal by itself")
	}
	require.Greater(t, illegal, 1000)
}
