package local_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/harness/harnesstest"
)

// buildToy finds the toy built where nobody else can build it.
func buildToy(t *testing.T) *harnesstest.Toy {
	if path := os.Getenv("TEST_TOY"); path != "" {
		return &harnesstest.Toy{Binary: path}
	}
	return harnesstest.BuildToy(t)
}

func TestConformance(t *testing.T) {
	harnesstest.Run(t, newRuntime(t), buildToy(t))
}

func TestConformanceInUserNamespace(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("not root: TestConformance itself is in a user namespace")
	}
	r := newRuntime(t)
	r.UserNamespace = true
	if _, err := r.Probe(t.Context()); err != nil {
		t.Skipf("no user namespace can be made here: %v", err)
	}
	harnesstest.Run(t, r, buildToy(t))
}

// TestConformanceAsNobody is TestConformance in a process without any privilege.
func TestConformanceAsNobody(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("not root: TestConformance itself is without privilege")
	}
	dir, err := os.MkdirTemp("", "faultline-nobody-") //nolint:usetesting // t.TempDir is for root alone
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	require.NoError(t, os.Chmod(dir, 0o777))
	for name, path := range map[string]string{"toykv": buildToy(t).Binary, "local.test": os.Args[0]} {
		b, err := os.ReadFile(path)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), b, 0o755))
	}
	cmd := exec.Command(filepath.Join(dir, "local.test"), "-test.run=^(TestConformance|TestHarnessDies)$", "-test.v")
	cmd.Dir = dir
	cmd.Env = []string{"TMPDIR=" + dir, "TEST_TOY=" + filepath.Join(dir, "toykv"), "PATH=" + os.Getenv("PATH")}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	if strings.Contains(string(out), "--- SKIP: TestConformance (") {
		t.Skipf("nobody cannot use the runtime here: %s", out)
	}
	require.Contains(t, string(out), "--- PASS: TestConformance/capabilities/cut_and_mend")
}

func TestHarnessDies(t *testing.T) {
	r := newRuntime(t)
	runID := harnesstest.NewRunID()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "DOOMED_RUN="+runID, "DOOMED_TEMP="+r.TempDir, "DOOMED_TOY="+buildToy(t).Binary)
	harnesstest.HarnessDies(t, r, cmd, runID, func(what string) bool { return strings.HasPrefix(what, "directory ") })
}
