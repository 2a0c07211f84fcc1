package register

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

const opBytes = 5 // of one op in the input of FuzzCheck

// FuzzCheck compares Check with the oracle on histories that the fuzzer makes up: of each op a byte
// says what it is and whether its outcome is unknown, the others its values, its call and its length.
// The files in testdata are the traps of TestTraps.
func FuzzCheck(f *testing.F) {
	for _, m := range modes {
		for i := range uint64(3) {
			f.Add(encode(m.history(rand.New(rand.NewPCG(11, i)))))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		ops := decode(data)
		if _, problem := compare(t.Context(), ops, len(data)); problem != "" {
			require.Failf(t, "verdicts differ", "%s:%s", problem, show(ops))
		}
	})
}

func decode(data []byte) (ops []Op) {
	const most = 11 // that the oracle can bear
	for len(data) >= opBytes && len(ops) < most {
		o := Op{Kind: Kind(data[0] & 7 % 7), Old: Value(data[1] % 16), Value: Value(data[2] % 16), Call: int64(data[3])}
		o.Return = o.Call + int64(int8(data[4]))
		if o.Kind == Put || o.Kind == CAS {
			o.Value = max(o.Value, 1)
		}
		if data[0]&8 != 0 {
			o.Return = Never
		}
		ops = append(ops, o)
		data = data[opBytes:]
	}
	return ops
}

// encode is the input of which decode makes the ops, as far as their numbers are small enough.
func encode(ops []Op) (data []byte) {
	for _, o := range ops {
		kind := byte(o.Kind)
		if o.Return == Never {
			kind |= 8
		}
		data = append(data, kind, byte(o.Old), byte(o.Value), byte(o.Call), byte(o.Return-o.Call))
	}
	return data
}
