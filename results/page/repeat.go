package page

import (
	"strings"

	"github.com/faultline-chaos/faultline/results"
)

// shellQuote quotes a word for a POSIX shell where it must be.
func shellQuote(s string) string {
	if s != "" && strings.IndexFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./=:,@+%", r))
	}) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// repeatCommand is the line that repeats the run; empty where run.json has none.
func repeatCommand(run results.Run) string {
	words := make([]string, len(run.Command))
	for i, w := range run.Command {
		words[i] = shellQuote(w)
	}
	return strings.Join(words, " ")
}
