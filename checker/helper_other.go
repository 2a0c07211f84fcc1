//go:build !linux

package checker

// limitMemory does nothing here: the runtime's own soft limit and the time are what bounds the helper.
func limitMemory(uint64) error { return nil }
