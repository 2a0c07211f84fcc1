package docker

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// slowTimer is a context whose timer fires after its deadline, as any timer does on a busy machine.
type slowTimer struct {
	context.Context
	deadline time.Time
}

func (c slowTimer) Deadline() (time.Time, bool) { return c.deadline, true }

func TestOver(t *testing.T) {
	for _, tc := range []struct {
		name            string
		deadline, timer time.Duration
		want            bool
	}{
		{"not yet", time.Minute, time.Hour, false},
		{"deadline passed, timer late", -time.Second, time.Second, true},
		{"both passed", -2 * time.Second, -time.Second, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), tc.timer)
				defer cancel()
				require.Equal(t, tc.want, over(slowTimer{ctx, time.Now().Add(tc.deadline)}))
			})
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	require.False(t, over(ctx))
	cancel()
	require.True(t, over(ctx))
}
