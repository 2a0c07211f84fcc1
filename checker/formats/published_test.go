package formats

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/history"
)

// TestPorcupinesKeyValueLogs: porcupine's published histories of a store of texts (MIT), which lie in
// its module. Those of 50 clients take porcupine itself seconds, and are left to a night.
func TestPorcupinesKeyValueLogs(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/anishathalye/porcupine").Output()
	if err != nil {
		t.Skipf("the module's folder is not known: %v", err)
	}
	dir := filepath.Join(strings.TrimSpace(string(out)), "test_data", "kv")
	for name, want := range map[string]history.Validity{
		"c01-ok": history.Valid, "c01-bad": history.Invalid, "c10-ok": history.Valid, "c10-bad": history.Invalid,
	} {
		t.Run(name, func(t *testing.T) {
			h, err := Read(filepath.Join(dir, name+".txt"), "")
			require.NoError(t, err)
			require.Equal(t, []string{"appends"}, h.Judges())
			vs, err := h.Check(t.Context(), h.Judges()...)
			require.NoError(t, err)
			require.Equal(t, want, vs[0].Validity, vs[0].Reason)
			if want == history.Invalid {
				require.NotEmpty(t, vs[0].Story)
			}
		})
	}
}
