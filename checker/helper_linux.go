package checker

import "golang.org/x/sys/unix"

// limitMemory bounds what the process can write to. The address space is no measure: Go reserves far
// more of it than it uses.
func limitMemory(n uint64) error {
	return unix.Setrlimit(unix.RLIMIT_DATA, &unix.Rlimit{Cur: n, Max: n})
}
