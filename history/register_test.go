package history

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzLine: wherever the decoder by hand answers, encoding/json answers the same.
func FuzzLine(f *testing.F) {
	for _, s := range []string{
		`{"key":"a","value":"1"}`, `{"key":"ä","value":null,"mod":7}`, `{}`, `null`, `[]`, `{"key":"a",}`, `{"key":"a"`,
		`{"key":"a","old":null,"new":"2","swapped":true,"rev":12}`, `{"key":"a","deleted":0}`, `{"key":"a","deleted":01}`,
		`{"key":"a","value":"x\u0041"}`, `{"key":"a","value":"1","value":null}`, `{"key":"a"}}`, `{"key":"a" }`,
		`{"key":"a","old":"","new":"","swapped":false}`, `{"key":"a","deleted":-1}`, `{,}`, `{"key":"a",,}`,
		`{"key":"k","value":"a","mod":2,"rev":3}`, `{"key":"k","deleted":2}`, `{"key":"\u0041"}`, `{ "key":"k"}`, `{"key":"k","rev":01}`,
		`{"rev":-1}`, `{"key":7}`, `{"swapped":true,"swapped":null}`, `{"key":"a","key":"b"}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var fast, taken Register
		if !fast.scan(b) {
			return
		}
		var slow RegisterValue
		require.NoError(t, json.Unmarshal(b, &slow), "%s", b)
		require.Equal(t, slow, fast.value(), "%s", b)
		taken.take(&slow)
		require.Equal(t, slow, taken.value(), "%s", b)
	})
}
