package page

import (
	"time"

	"github.com/faultline-chaos/faultline/results"
	"github.com/faultline-chaos/faultline/results/format"
)

// What pages beside the report share with it, so that they look and read the same.

// PageCSS is the style sheet of the report page.
func PageCSS() string { return reportCSS }

// FormatDuration is a duration as reports print it: milliseconds below 10 s, seconds above.
func FormatDuration(d time.Duration) string { return format.MS(d) }

// VerdictReason is why a run's verdict is what it is, in one line.
func VerdictReason(run results.Run) string { return verdictReason(run) }
