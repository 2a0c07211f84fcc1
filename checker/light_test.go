package checker_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestTheLibraryIsLight: who imports the checkers gets these modules and no other: no Docker, no gRPC,
// no etcd, and nothing of the harness.
func TestTheLibraryIsLight(t *testing.T) {
	const own = "github.com/faultline-chaos/faultline/"
	allowed := []string{
		own + "checker", own + "history", own + "history/raftlog", own + "internal/control",
		"github.com/anishathalye/porcupine",
		"github.com/klauspost/compress", // formats: zstd
		"golang.org/x/sys",              // the limit of a child's memory
	}
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}",
		own+"checker", own+"checker/register", own+"checker/revision", own+"checker/anomaly", own+"checker/formats", own+"checker/generate").Output()
	if err != nil {
		t.Skipf("go list: %v", err)
	}
	seen := 0
	for _, path := range strings.Fields(string(out)) {
		ok := false
		for _, a := range allowed {
			ok = ok || path == a || strings.HasPrefix(path, a+"/")
		}
		require.True(t, ok, "%s is not allowed: the checkers must be usable without the harness", path)
		seen++
	}
	require.Greater(t, seen, 5)
}
