package results

import (
	"fmt"
	"time"

	"github.com/faultline-chaos/faultline/harness"
)

// OutageAt is the client outage around t0, as that of an episode whose fault was effective then and
// which was watched until then.
func (a *Analysis) OutageAt(t0, until time.Duration, reads bool) Outage {
	s := study{nodes: a.Run.Nodes, calls: a.calls, probes: a.probes, probing: a.Probes, end: a.loadEnd()}
	o, _ := s.outage(&Episode{T0: t0, Watched: until}, reads)
	return o
}

// LongestWait is the longest that a probe of one kind that succeeded and was due in [from, until) took,
// from when it was due.
func (a *Analysis) LongestWait(reads bool, from, until time.Duration) (d time.Duration) {
	for i := range a.probes {
		if c := &a.probes[i]; c.read == reads && c.typ == harness.OK && c.from >= from && c.from < until {
			d = max(d, c.to-c.from)
		}
	}
	return d
}

// calibrated says how exact the ruler of the run is: what the newest calibration found, or that there was
// none.
func (a *Analysis) calibrated() Words {
	c := a.Run.Calibration
	if c == nil {
		return wordsOf("Not calibrated: when the run was made, there was no calibration of runtime %s on its machine (faultline calibrate --runtime %s).", orUnknown(a.Run.Runtime), orUnknown(a.Run.Runtime))
	}
	p := func(name, text string) Part { return Part{"calibration." + name, text} }
	w := wordsOf("Calibrated %s with %s on this machine and runtime, probes every %s: ", p("at", day(c.At)), c.System, p("every", ms(c.Every)))
	if read, n, low, high, ok := c.All(); ok {
		w = append(w, wordsOf("of stalls of %s to %s, %s of %s readings were made, with errors from %s to %s; ",
			p("shortest", ms(c.Stalls[0].Length)), p("longest", ms(c.Stalls[len(c.Stalls)-1].Length)), p("read", count(read)), p("n", count(n)), p("low", signed(low)), p("high", signed(high)))...)
	}
	w = append(w, wordsOf("a run without faults read %s outages and no answer took longer than %s.", p("outages", count(c.Outages)), p("noise", ms(c.Noise)))...)
	if !c.Exact {
		w = append(w, Part{Text: " That is less exact than the ruler says of itself."})
	}
	if every := a.Run.ProbeEvery; every > 0 && every != c.Every {
		w = append(w, wordsOf(" This run's probes were due every %s.", Part{"probes.every", ms(every)})...)
	}
	return w
}

// calibratedLine is the same for a terminal.
func (a *Analysis) calibratedLine() string {
	c := a.Run.Calibration
	if c == nil {
		return fmt.Sprintf("not calibrated here: faultline calibrate --runtime %s says how exact that is", orUnknown(a.Run.Runtime))
	}
	word := "calibrated"
	if !c.Exact {
		word = "NOT AS IT SAYS, calibrated"
	}
	read, n, low, high, ok := c.All()
	if !ok {
		return fmt.Sprintf("%s %s: no stall was read", word, day(c.At))
	}
	return fmt.Sprintf("%s %s: %d of %d stalls read, errors %s to %s", word, day(c.At), read, n, signed(low), signed(high))
}

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }

// signed is a duration with its sign, for errors.
func signed(d time.Duration) string {
	if d < 0 {
		return "−" + ms(-d)
	}
	return "+" + ms(d)
}
