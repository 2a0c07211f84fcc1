package revision

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzCheck compares Check with the oracle on random histories whose draws are the fuzzer's: it looks
// for bytes that lead the generator, and so the checker, where it has not been. The first byte names
// the mode.
func FuzzCheck(f *testing.F) {
	for i := range modes {
		for n := range uint64(2) {
			r := rand.New(rand.NewPCG(n, uint64(i)))
			data := []byte{byte(i)}
			for range 300 {
				data = append(data, byte(r.Uint32()))
			}
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) == 0 {
			return
		}
		m := modes[int(data[0])%len(modes)]
		h := m.history(rand.New(&bytesSource{data: data[1:]}))
		if len(h.Ops) > 11 {
			return // too much for the oracle
		}
		want := Illegal
		if oracle(h) {
			want = Legal
		}
		if got := Check(t.Context(), h); got.Verdict != want {
			require.Failf(t, "verdicts differ", "Check says %+v, the oracle %v:%s", got, want, show(h))
		}
	})
}

// bytesSource draws from given bytes; when they are used up, from a sequence that they began.
type bytesSource struct {
	data []byte
	last uint64
}

func (s *bytesSource) Uint64() uint64 {
	s.last = s.last*6364136223846793005 + 1442695040888963407
	if len(s.data) > 0 {
		s.last ^= uint64(s.data[0]) << 56
		s.data = s.data[1:]
	}
	x := s.last ^ s.last>>29
	return x
}
