package generate

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/checker"
	"github.com/faultline-chaos/faultline/history"
)

func small() Config {
	c := Default()
	c.Ops, c.Keys, c.Clients, c.Unknown, c.Blind = 4_000, 3, 8, 0.03, 0.3
	return c
}

// judge makes the history and judges it.
func judge(t *testing.T, c Config) (Truth, history.Verdict) {
	t.Helper()
	k := checker.NewKeys()
	lines := none{}
	truth, err := Run(t.Context(), c, func(l *Line) error { return k.Add(&l.Line) })
	require.NoError(t, err)
	return truth, checker.Linearizable{}.CheckKeys(t.Context(), k, lines)
}

// none has no lines to show.
type none struct{}

func (none) Some([]int) (map[int]history.Op, error) { return nil, errors.New("not kept") }
func (none) Others() []history.Op                   { return nil }

// TestTruth: what is called valid is, and every kind of violation is found at its key, whatever goes
// on around it.
func TestTruth(t *testing.T) {
	shapes := map[string]func(*Config){
		"plain":       func(*Config) {},
		"one client":  func(c *Config) { c.Clients, c.Ops = 1, 200 },
		"unknown":     func(c *Config) { c.Unknown = 0.3 },
		"with pauses": func(c *Config) { c.Think = 3 * c.Latency },
		"early":       func(c *Config) { c.At = 0 },
		"late":        func(c *Config) { c.At = 1 },
	}
	for name, shape := range shapes {
		t.Run(name, func(t *testing.T) {
			for _, kind := range append([]string{""}, kindNames()...) {
				for seed := range uint64(2) {
					c := small()
					shape(&c)
					c.Plant, c.Seed = kind, seed
					truth, v := judge(t, c)
					if kind == "" {
						require.Equal(t, history.Valid, v.Validity, "seed %d: %s", seed, v.Reason)
						require.True(t, truth.Valid)
						continue
					}
					require.Equal(t, history.Invalid, v.Validity, "%s, seed %d: %s; %s", kind, seed, truth.Detail, v.Reason)
					require.Contains(t, v.Reason, fmt.Sprintf("key %q", truth.Key))
					require.False(t, truth.Valid)
					require.Less(t, truth.First, truth.Last)
				}
			}
		})
	}
}

func TestSeedDecidesEverything(t *testing.T) {
	sum := func(c Config) string {
		h := sha256.New()
		_, err := Run(t.Context(), c, func(l *Line) error {
			_, err := fmt.Fprintln(h, l.Time, l.Position, l.Process, l.Type, l.Form, string(l.Key), string(l.Value), string(l.Old), string(l.New), l.Swapped, l.Deleted, l.Node)
			return err
		})
		require.NoError(t, err)
		return fmt.Sprintf("%x", h.Sum(nil))
	}
	c := small()
	first := sum(c)
	require.Equal(t, first, sum(c))
	c.Seed++
	require.NotEqual(t, first, sum(c))
}

func TestShares(t *testing.T) {
	c := small()
	c.Ops, c.Unknown = 20_000, 0.1
	count := map[string]int{}
	last := time.Duration(0)
	_, err := Run(t.Context(), c, func(l *Line) error {
		require.GreaterOrEqual(t, l.Time, last)
		last = l.Time
		count[string(l.Type)]++
		if l.Type == history.Invoke {
			count[l.Form.String()]++
		}
		return nil
	})
	require.NoError(t, err)
	require.Equal(t, c.Ops, count["invoke"])
	for what, share := range map[string]float64{"get": 0.5, "put": 0.35, "cas": 0.1, "delete": 0.05, "info": 0.1, "ok": 0.9} {
		require.InDelta(t, share, float64(count[what])/float64(c.Ops), 0.02, what)
	}
}

func TestValidate(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Config)
		want   string
	}{
		"ops":       {func(c *Config) { c.Ops = 0 }, "ops 0: allowed are 1 and more"},
		"keys":      {func(c *Config) { c.Keys = -1 }, "keys -1: allowed are 1 to 1000000"},
		"clients":   {func(c *Config) { c.Clients = 0 }, "0 clients on each of 3 keys: allowed are 1 to 10000 a key, and 10000000 in all"},
		"mix":       {func(c *Config) { c.Mix = Mix{} }, "mix get=0,put=0,cas=0,delete=0: some share must be positive"},
		"unknown":   {func(c *Config) { c.Unknown = 1.5 }, "unknown 1.5: allowed are 0 to 1"},
		"violation": {func(c *Config) { c.Plant = "typo" }, `violation "typo": allowed are stale-read, lost-write, two-winners`},
		"repeated":  {func(c *Config) { c.Plant, c.Values = "stale-read", 5 }, "certain only where values are unique"},
		"short":     {func(c *Config) { c.Plant, c.Ops = "stale-read", 5 }, "5 ops are too few: it takes 12"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := small()
			c.change(&cfg)
			_, err := Run(t.Context(), cfg, nil)
			require.ErrorContains(t, err, c.want)
		})
	}
}

func TestParseMix(t *testing.T) {
	m, err := ParseMix("get=1,cas=2")
	require.NoError(t, err)
	require.Equal(t, Mix{1, 0, 2, 0}, m)
	again, err := ParseMix(m.String())
	require.NoError(t, err)
	require.Equal(t, m, again)
	for _, bad := range []string{"", "get", "get=", "get=-1", "get=1.5", "read=1", "get=1;put=2"} {
		_, err := ParseMix(bad)
		require.ErrorContains(t, err, fmt.Sprintf("mix %q", bad))
	}
}

func TestEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := Run(ctx, small(), func(*Line) error { return nil })
	require.ErrorIs(t, err, context.Canceled)
}
