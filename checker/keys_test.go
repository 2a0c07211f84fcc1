package checker

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/checker/register"
	"github.com/faultline-chaos/faultline/history"
)

func TestNamesAreDenseAndLasting(t *testing.T) {
	var n names
	for round := range 2 {
		for i := range 10_000 {
			require.Equal(t, register.Value(i+1), n.id([]byte(fmt.Sprint("v", i))), "round %d", round)
		}
	}
	require.Equal(t, register.Value(10_001), n.id([]byte{}), "the empty value is a value")
	require.Equal(t, "v0", string(n.text(1)))
	require.Equal(t, "v9999", string(n.text(10_000)))
	require.Empty(t, n.text(10_001))
}

func TestKeysRefuses(t *testing.T) {
	b := func(s string) []byte { return []byte(s) }
	for _, c := range []struct {
		name  string
		lines []Line
		want  string
	}{
		{"two calls of a process", []Line{{Type: history.Invoke, Form: history.FormGet}, {Position: 1, Type: history.Invoke, Form: history.FormGet}}, "op 1: process 0 invokes while its op 0 is open"},
		{"a completion alone", []Line{{Position: 4, Process: 2, Type: history.OK, Form: history.FormGet}}, "op 4: process 2 completes what it did not invoke"},
		{"an unknown type", []Line{{Type: "done"}}, `op 0: unknown type "done"`},
		{"a put without a value", []Line{{Type: history.Invoke, Form: history.FormPut, Register: history.Register{Key: b("k")}}}, "op 0: a put without a value"},
		{"another key", []Line{{Type: history.Invoke, Form: history.FormGet, Register: history.Register{Key: b("k")}}, {Position: 1, Type: history.OK, Form: history.FormGet, Register: history.Register{Key: b("j")}}}, `op 1: the completion of a get is about key "j", its invocation about "k"`},
		{"a cas without an answer", []Line{{Type: history.Invoke, Form: history.FormCAS, Register: history.Register{Key: b("k"), New: b("v")}}, {Position: 1, Type: history.OK, Form: history.FormCAS, Register: history.Register{Key: b("k")}}}, "op 1: a completed cas does not say whether it swapped"},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := NewKeys()
			var err error
			for _, l := range c.lines {
				err = k.Add(&l)
			}
			require.EqualError(t, err, c.want)
		})
	}
}

// TestKeysKeepsNothingOfALine: the reader may use one Line and one buffer for all.
func TestKeysKeepsNothingOfALine(t *testing.T) {
	k := NewKeys()
	buf := []byte("kv")
	require.NoError(t, k.Add(&Line{Type: history.Invoke, Form: history.FormPut, Register: history.Register{Key: buf[:1], Value: buf[1:]}}))
	require.NoError(t, k.Add(&Line{Position: 1, Type: history.OK, Form: history.FormPut, Register: history.Register{Key: buf[:1], Value: buf[1:]}}))
	require.NoError(t, k.Add(&Line{Position: 2, Type: history.Invoke, Form: history.FormGet, Register: history.Register{Key: buf[:1]}}))
	require.NoError(t, k.Add(&Line{Position: 3, Type: history.OK, Form: history.FormGet, Register: history.Register{Key: buf[:1], Value: buf[1:]}}))
	copy(buf, "xy")
	keys := k.finish(nil)
	require.Len(t, keys, 1)
	require.Equal(t, "k", keys[0].key)
	require.Equal(t, "get: v", keys[0].describe(keys[0].ops[1]))
}
