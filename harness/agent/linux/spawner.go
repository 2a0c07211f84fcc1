//go:build linux

package linux

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/faultline-chaos/faultline/harness/agent"
)

// spawner is a thread without capabilities that forks the member's process. Capabilities, the
// bounding set and no_new_privs are properties of threads and are inherited, so the child never has
// any, while the agent keeps its own. The thread lives as long as the agent: the child's death
// signal hangs on it.
type spawner struct {
	requests chan spawnRequest
	err      error // why it could not give up its capabilities
}

type spawnRequest struct {
	start  agent.Start
	output *os.File
	done   chan spawned
}

type spawned struct {
	pid int
	err error
}

func newSpawner() *spawner {
	s := &spawner{requests: make(chan spawnRequest)}
	ready := make(chan error)
	go s.run(ready)
	s.err = <-ready
	return s
}

func (s *spawner) run(ready chan<- error) {
	runtime.LockOSThread() // never unlocked
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err == nil {
		err = dropCapabilities()
	}
	ready <- err
	for r := range s.requests {
		pid, err := syscall.ForkExec(r.start.Path, append([]string{r.start.Path}, r.start.Args...), forkAttributes(r.start, r.output, null))
		r.done <- spawned{pid, err}
	}
}

func (s *spawner) spawn(start agent.Start, output *os.File) (pid int, err error) {
	if s.err != nil {
		return 0, s.err
	}
	done := make(chan spawned, 1)
	s.requests <- spawnRequest{start, output, done}
	r := <-done
	return r.pid, r.err
}

// dropCapabilities is for the calling thread and what it forks.
func dropCapabilities() error {
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("set no_new_privs: %w", err)
	}
	for c := uintptr(0); ; c++ {
		err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0)
		if errors.Is(err, unix.EINVAL) { // past the last one that the kernel knows
			break
		}
		if errors.Is(err, unix.EPERM) && os.Geteuid() != 0 {
			break // there is nothing to give up
		}
		if err != nil {
			return fmt.Errorf("drop capability %d from the bounding set: %w", c, err)
		}
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none [2]unix.CapUserData
	if err := unix.Capset(&header, &none[0]); err != nil {
		return fmt.Errorf("give up capabilities: %w", err)
	}
	return nil
}
