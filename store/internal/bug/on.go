//go:build bugs

package bug

// Compiled says that this build contains the planted mistakes.
const Compiled = true

// Enabled says whether the mistake name was asked for.
func Enabled(asked, name string) bool { return asked == name }
