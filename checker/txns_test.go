package checker

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestListsThatShareMemory: whatever the order in which lists are read, and where one is not the beginning
// of the other, each is what its text says.
func TestListsThatShareMemory(t *testing.T) {
	x := NewTxns()
	for _, text := range []string{`[1,2]`, `[]`, `[1]`, `[1,2,3]`, `[12]`, `[1,2,34]`, `[1,2,3,4]`, `[ 1, 2 ]`, `["a,b"]`, `[1,2,3,4,{"a":[5]}]`, `[1,2,3,4,"5"]`, `[1,2,3,4]`, `[1,2,3]`, `[1,2,3,4,"5",1.5]`} {
		list, err := x.list(0, []byte(text))
		require.NoError(t, err)
		var b bytes.Buffer
		b.WriteByte('[')
		for i, v := range list {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(x.name(false, v))
		}
		b.WriteByte(']')
		require.JSONEq(t, text, b.String())
	}
}
