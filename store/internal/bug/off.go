//go:build !bugs

package bug

// Compiled says that this build contains the planted mistakes.
const Compiled = false

// Enabled is always false in this build.
func Enabled(_, _ string) bool { return false }
