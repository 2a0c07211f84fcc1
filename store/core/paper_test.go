package core

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPaperNeedsDrawnTimeouts(t *testing.T) {
	cfg := Config{ID: 1, Cluster: 1, Members: []Member{{ID: 1}}, ElectionTicks: 10, Paper: true}
	_, err := New(cfg, &Durable{})
	require.ErrorContains(t, err, "for simulations")
	cfg.ElectionRand = func() int { return 7 }
	c, err := New(cfg, &Durable{})
	require.NoError(t, err)
	require.Equal(t, 7, *c.timeout)
}

// TestServersCannotBePaper: neither the server nor its program names the fields that make elections
// those of the paper.
func TestServersCannotBePaper(t *testing.T) {
	var files []string
	for _, dir := range []string{"../server", "../../cmd/raftkv"} {
		found, err := filepath.Glob(filepath.Join(dir, "*.go"))
		require.NoError(t, err)
		require.NotEmpty(t, found, dir)
		files = append(files, found...)
	}
	for _, f := range files {
		src, err := os.ReadFile(f)
		require.NoError(t, err)
		for _, name := range []string{"Paper", "ElectionRand"} {
			require.NotContainsf(t, string(src), name, "%s names %s", f, name)
		}
	}
}
