package checker

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzLine: wherever the fast way answers, encoding/json answers the same.
func FuzzLine(f *testing.F) {
	for _, s := range []string{
		`{"key":"a","value":"1"}`, `{"key":"ä","value":null,"mod":7}`, `{}`, `null`, `[]`, `{"key":"a",}`, `{"key":"a"`,
		`{"key":"a","old":null,"new":"2","swapped":true,"rev":12}`, `{"key":"a","deleted":0}`, `{"key":"a","deleted":01}`,
		`{"key":"a","value":"x\u0041"}`, `{"key":"a","value":"1","value":null}`, `{"key":"a"}}`, `{"key":"a" }`,
		`{"key":"a","old":"","new":"","swapped":false}`, `{"key":"a","deleted":-1}`, `{,}`, `{"key":"a",,}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var fast, slow Line
		if !fast.scan(b) {
			return
		}
		var v value
		require.NoError(t, json.Unmarshal(b, &v), "%s", b)
		slow.take(&v)
		for _, c := range []struct{ fast, slow []byte }{{fast.Key, slow.Key}, {fast.New, slow.New}} {
			require.True(t, bytes.Equal(c.fast, c.slow), "%s", b)
		}
		for _, c := range []struct{ fast, slow []byte }{{fast.Value, slow.Value}, {fast.Old, slow.Old}} {
			require.True(t, bytes.Equal(c.fast, c.slow) && (c.fast == nil) == (c.slow == nil), "%s", b)
		}
		require.Equal(t, slow.Swapped, fast.Swapped, "%s", b)
		require.Equal(t, slow.Deleted, fast.Deleted, "%s", b)
	})
}
