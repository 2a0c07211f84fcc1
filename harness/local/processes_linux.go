package local

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/faultline-chaos/faultline/harness/agent"
)

// eachProcess calls f with every process that we see, its arguments and its working directory.
func eachProcess(f func(pid int, args []string, dir string)) error {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return fmt.Errorf("list processes: %w", err)
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		cmdline, err := os.ReadFile(filepath.Join("/proc", e.Name(), "cmdline"))
		if err != nil || len(cmdline) == 0 {
			continue // it has ended, or is a thread of the kernel
		}
		dir, _ := os.Readlink(filepath.Join("/proc", e.Name(), "cwd")) // may be forbidden, then it is not ours
		f(pid, strings.Split(strings.TrimRight(string(cmdline), "\x00"), "\x00"), dir)
	}
	return nil
}

// hubSpec reads the arguments of a hub.
func hubSpec(args []string) (spec agent.HubSpec, ok bool) {
	if len(args) < 2 || args[len(args)-2] != agent.HubCommand {
		return spec, false
	}
	spec, err := agent.ParseHubSpec(args[len(args)-1])
	return spec, err == nil
}

// processesOf lists a run's hub and agents, and whatever runs in its directories.
func processesOf(runID string) (found []string, err error) {
	err = eachProcess(func(pid int, args []string, dir string) {
		ours := strings.Contains(args[len(args)-1], fmt.Sprintf(`"run":%q`, runID))
		if ours || strings.Contains(dir, dirPrefix) && strings.Contains(dir+"/", "_"+runID+"/") {
			found = append(found, fmt.Sprintf("process %d (%s)", pid, args[0]))
		}
	})
	return found, err
}

func hubsOf(owner agent.Owner) (pids []int, err error) {
	err = eachProcess(func(pid int, args []string, _ string) {
		if spec, ok := hubSpec(args); ok && spec.Owner == owner.String() {
			pids = append(pids, pid)
		}
	})
	return pids, err
}

func ownerOf(info fs.FileInfo) int {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(st.Uid)
	}
	return -1
}

func killHub(pid int) error {
	if err := unix.Kill(pid, unix.SIGKILL); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("kill hub %d: %w", pid, err)
	}
	return nil
}
