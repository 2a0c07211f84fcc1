package checker_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/checker"
	"github.com/faultline-chaos/faultline/checker/generate"
	"github.com/faultline-chaos/faultline/history"
)

// TestStreamingAgainstCheckKeys: every kind of violation is found while the history goes on, and nothing
// is found where there is none.
func TestStreamingAgainstCheckKeys(t *testing.T) {
	kinds, _ := generate.Kinds()
	for _, kind := range append(kinds, "") {
		for seed := range uint64(3) {
			c := generate.Default()
			c.Ops, c.Keys, c.Clients, c.Unknown, c.Plant, c.Seed, c.Blind = 20_000, 2, 6, 0.03, kind, seed, 0.2
			keys, s := checker.NewKeys(), checker.NewStreaming()
			told := -1
			truth, err := generate.Run(t.Context(), c, func(l *generate.Line) error {
				if err := keys.Add(&l.Line); err != nil {
					return err
				}
				if told < 0 && s.Violation() != nil {
					told = l.Position
				}
				return s.Add(t.Context(), &l.Line)
			})
			require.NoError(t, err)
			got := s.Verdict(t.Context())
			require.Less(t, s.Kept(), 4_000)
			if kind == "" {
				require.Equal(t, checker.Linearizable{}.CheckKeys(t.Context(), keys, checker.Ops(nil)).Reason, got.Reason)
				continue
			}
			require.Equal(t, history.Invalid, got.Validity, "%s, seed %d: %s", kind, seed, got.Reason)
			require.NotEmpty(t, got.Evidence)
			require.GreaterOrEqual(t, told, truth.First, "%s, seed %d", kind, seed)
			require.Less(t, told, truth.Last+12_000, "it is told soon")
		}
	}
}
