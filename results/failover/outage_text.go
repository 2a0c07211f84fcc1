package failover

import (
	"fmt"

	"github.com/faultline-chaos/faultline/results/format"
)

// OutageText is how long it took, or at least how long.
func OutageText(o Outage) string {
	if o.Took == nil && o.AtLeast != nil {
		return "> " + format.MS(*o.AtLeast)
	}
	return format.Optional(o.Took)
}

// WriteReadyText marks a bound: without the store's word, a commit is only known from a client's
// acknowledgement that came after it.
func WriteReadyText(e *Episode) string {
	if e.WriteReady != nil && e.CommitBy == "client" {
		return "≤ " + format.MS(*e.WriteReady)
	}
	return format.Optional(e.WriteReady)
}

// SummaryText says a summary with its n and censored count.
func SummaryText(s *Summary) string {
	if s == nil || s.N == 0 && s.Censored == 0 {
		return format.Missing
	}
	n := fmt.Sprintf("n %d", s.N)
	if s.Censored > 0 {
		n += fmt.Sprintf(" + %d censored", s.Censored)
	}
	text := "median " + s.Median.String()
	if s.Interval != nil {
		text += fmt.Sprintf(" [%s, %s]", format.MS(s.Interval[0]), format.MS(s.Interval[1]))
	}
	return fmt.Sprintf("%s, p90 %s, p99 %s, max %s (%s)", text, s.P90, s.P99, s.Max, n)
}
