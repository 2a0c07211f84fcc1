package formats

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/history"
)

// slowLines is a source of n puts and gets of one key, that waits before each read. With stale, the
// last get is of the first value.
type slowLines struct {
	wait time.Duration
	n    int
	at   int
	rest bytes.Buffer
	// between is called after each read, as judging is.
	between func()
}

func (s *slowLines) Read(b []byte) (int, error) {
	if s.at > 0 && s.between != nil {
		s.between()
	}
	time.Sleep(s.wait)
	for s.rest.Len() == 0 {
		if s.at == s.n {
			return 0, io.EOF
		}
		for i, f := range []string{"put", "get"} {
			for j, typ := range []history.Type{history.Invoke, history.OK} {
				op := history.Op{Index: 4*s.at + 2*i + j, Type: typ, F: f, Value: fmt.Appendf(nil, `{"key":"k","value":"%d"}`, s.at)}
				s.rest.Write(op.AppendJSON(nil))
			}
		}
		s.at++
	}
	return s.rest.Read(b)
}

// TestStreamLimit: waiting for lines costs nothing, judging does, and what is left is Unknown.
func TestStreamLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v, warning, err := Stream(t.Context(), &slowLines{wait: time.Hour, n: 20}, time.Second)
		require.NoError(t, err)
		require.Empty(t, warning)
		require.Equal(t, history.Valid, v.Validity, v.Reason)

		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)
		v, _, err = Stream(ctx, &slowLines{n: 20, between: func() { cancel(context.Canceled) }}, time.Second)
		require.NoError(t, err)
		require.Equal(t, history.Unknown, v.Validity)
		require.Equal(t, "context canceled, after 5 lines of the history; no violation was seen in them", v.Reason)
	})
}

// TestPaidReader: only time between reads counts.
func TestPaidReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var up atomic.Bool
		r := newPaidReader(&slowLines{wait: time.Minute, n: 100}, 10*time.Second, func() { up.Store(true) })
		defer r.stop()
		b := make([]byte, 1<<10)
		for range 9 {
			_, err := r.Read(b)
			require.NoError(t, err)
			time.Sleep(time.Second)
			require.False(t, up.Load())
		}
		_, err := r.Read(b)
		require.NoError(t, err)
		time.Sleep(999 * time.Millisecond)
		require.False(t, up.Load())
		time.Sleep(2 * time.Millisecond)
		synctest.Wait()
		require.True(t, up.Load())
	})
}
