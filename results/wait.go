package results

import (
	"time"

	"github.com/faultline-chaos/faultline/harness"
)

// LongestWait is the longest that a probe of one kind that succeeded and was due in [from, until) took,
// from when it was due. Stalls that are shorter than a probe's timeout show there and in no Gap.
func (a *Analysis) LongestWait(reads bool, from, until time.Duration) (d time.Duration) {
	for i := range a.probes {
		if c := &a.probes[i]; c.read == reads && c.typ == harness.OK && c.from >= from && c.from < until {
			d = max(d, c.to-c.from)
		}
	}
	return d
}
