//go:build !linux

package checker

import "time"

// limitMemory does nothing here: the runtime's own soft limit and the time are what bounds the helper.
func limitMemory(uint64) error { return nil }

// limitCPU does nothing: the clock is the only limit of time there.
func limitCPU(time.Duration) error { return nil }
