package checker

import (
	"time"

	"golang.org/x/sys/unix"
)

// limitMemory bounds what the process can write to. The address space is no measure: Go reserves far
// more of it than it uses.
func limitMemory(n uint64) error {
	return unix.Setrlimit(unix.RLIMIT_DATA, &unix.Rlimit{Cur: n, Max: n})
}

// limitCPU ends the process when it has had so much processor time, in whole seconds.
func limitCPU(d time.Duration) error {
	n := uint64((d + time.Second - 1) / time.Second)
	return unix.Setrlimit(unix.RLIMIT_CPU, &unix.Rlimit{Cur: n, Max: n})
}
