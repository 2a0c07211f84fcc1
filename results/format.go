package results

import (
	"fmt"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
)

// missing stands where a value was not seen. It is never zero.
const missing = "–"

// ms is a duration for tables: milliseconds below 10 s, seconds above.
func ms(d time.Duration) string {
	v := float64(d) / float64(time.Millisecond)
	switch a := max(v, -v); {
	case a >= 10_000:
		return fmt.Sprintf("%.1f s", v/1000)
	case a >= 100:
		return fmt.Sprintf("%.0f ms", v)
	case a >= 10:
		return fmt.Sprintf("%.1f ms", v)
	default:
		return fmt.Sprintf("%.2f ms", v)
	}
}

func optional(d *time.Duration) string {
	if d == nil {
		return missing
	}
	return ms(*d)
}

// outageText is how long it took, or at least how long.
func outageText(o Outage) string {
	if o.Took == nil && o.AtLeast != nil {
		return "> " + ms(*o.AtLeast)
	}
	return optional(o.Took)
}

// writeReadyText marks a bound: without the store's word, a commit is only known from a client's
// acknowledgement that came after it.
func writeReadyText(e *Episode) string {
	if e.WriteReady != nil && e.CommitBy == "client" {
		return "≤ " + ms(*e.WriteReady)
	}
	return optional(e.WriteReady)
}

// clock is a moment of the run in seconds.
func clock(t time.Duration) string { return fmt.Sprintf("%.3f s", t.Seconds()) }

func count(n int) string { return humanize.Comma(int64(n)) }

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return count(n) + " " + many
}

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
func repeatCommand(run Run) string {
	words := make([]string, len(run.Command))
	for i, w := range run.Command {
		words[i] = shellQuote(w)
	}
	return strings.Join(words, " ")
}

// summaryText says a summary with its n and censored count.
func summaryText(s *Summary) string {
	if s == nil || s.N == 0 && s.Censored == 0 {
		return missing
	}
	n := fmt.Sprintf("n %d", s.N)
	if s.Censored > 0 {
		n += fmt.Sprintf(" + %d censored", s.Censored)
	}
	text := "median " + s.Median.String()
	if s.Interval != nil {
		text += fmt.Sprintf(" [%s, %s]", ms(s.Interval[0]), ms(s.Interval[1]))
	}
	return fmt.Sprintf("%s, p90 %s, p99 %s, max %s (%s)", text, s.P90, s.P99, s.Max, n)
}

func orUnknown(s string) string {
	if s == "" {
		return "unknown"
	}
	return s
}
