// Package control distinguishes failures that a fault causes from failures that happen anyway.
package control

import "math"

// Rates compares the failure rate of calls during a fault that should not affect them with the baseline:
// the failure rate of calls to the same members without any fault. On a machine that is too busy, calls
// fail in the baseline, too. A baseline with few calls counts as bad as it may have been, by the upper
// confidence limit of its failures.
type Rates struct {
	Failed, Calls                 int // during the fault
	BaselineFailed, BaselineCalls int // without any fault
}

// Result is the result of a comparison.
type Result int

// The results. The zero value decides nothing.
const (
	TooFew      Result = iota // too few calls, during the fault or in the baseline, to decide
	TooBusy                   // calls failed as often in the baseline
	Undisturbed               // at most the tolerated share failed
	Disturbed                 // more failed than the baseline explains
)

// worseThanBaseline is how many times higher than the baseline's failure rate a disturbance must be.
const worseThanBaseline = 3

// Judge compares the two rates; a share of failures up to tolerate counts as undisturbed.
func (c Rates) Judge(tolerate float64) Result {
	share, baseline := float64(c.Failed)/float64(max(c.Calls, 1)), float64(max(c.BaselineCalls, 1))
	switch {
	case c.Calls == 0:
		return TooFew
	case share <= tolerate:
		return Undisturbed
	case share <= worseThanBaseline*float64(c.BaselineFailed)/baseline:
		return TooBusy
	case share <= worseThanBaseline*atMost(c.BaselineFailed)/baseline:
		return TooFew
	}
	return Disturbed
}

// atMost is the upper 95 % confidence limit of a Poisson count of which k were observed, by its usual
// approximation (3 if none was observed).
func atMost(k int) float64 { n := float64(k + 1); return n + 2*math.Sqrt(n) }
