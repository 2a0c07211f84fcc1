// Package control tells the failures that a fault causes from those that happen anyway.
package control

import "math"

// Rates compares the calls made while something was broken that must not disturb them with those
// made of the same members while nothing was. The calm is the baseline: a machine that is too busy
// lets calls fail then, too, and a calm too short to know its share of failures by is taken for as bad
// as it may have been.
type Rates struct {
	Failed, Calls         int // while something was broken
	CalmFailed, CalmCalls int // while nothing was
}

// Result is what a comparison shows.
type Result int

// What a control can show. The zero value shows nothing.
const (
	TooFew      Result = iota // too few calls, broken or calm, to tell
	TooBusy                   // calls failed as often while nothing was broken
	Undisturbed               // no more failed than is tolerated
	Disturbed                 // more failed than the calm explains
)

// worseThanCalm is how many times the share of failures while nothing is broken must be surpassed.
const worseThanCalm = 3

// Judge compares, tolerating this share of failures.
func (c Rates) Judge(tolerate float64) Result {
	share, calm := float64(c.Failed)/float64(max(c.Calls, 1)), float64(max(c.CalmCalls, 1))
	switch {
	case c.Calls == 0:
		return TooFew
	case share <= tolerate:
		return Undisturbed
	case share <= worseThanCalm*float64(c.CalmFailed)/calm:
		return TooBusy
	case share <= worseThanCalm*atMost(c.CalmFailed)/calm:
		return TooFew
	}
	return Disturbed
}

// atMost is the most failures that stand behind k seen ones with 95 % certainty: the upper limit of a
// Poisson count, by its usual approximation (3 where none was seen).
func atMost(k int) float64 { n := float64(k + 1); return n + 2*math.Sqrt(n) }
