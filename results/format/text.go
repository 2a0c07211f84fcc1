package format

import (
	"fmt"
	"time"

	"github.com/dustin/go-humanize"
)

// Missing stands where a value was not seen. It is never zero.
const Missing = "–"

// MS is a duration for tables: milliseconds below 10 s, seconds above.
func MS(d time.Duration) string {
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

// Optional is ms, or missing.
func Optional(d *time.Duration) string {
	if d == nil {
		return Missing
	}
	return MS(*d)
}

// Clock is a moment of the run in seconds.
func Clock(t time.Duration) string { return fmt.Sprintf("%.3f s", t.Seconds()) }

// Count is a number with commas.
func Count(n int) string { return humanize.Comma(int64(n)) }

// Plural is a number with its noun.
func Plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return Count(n) + " " + many
}

// OrUnknown is the text, or that it is unknown.
func OrUnknown(s string) string {
	if s == "" {
		return "unknown"
	}
	return s
}
