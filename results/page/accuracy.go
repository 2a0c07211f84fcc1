package page

import (
	"fmt"
	"github.com/faultline-chaos/faultline/results/failover"
	"github.com/faultline-chaos/faultline/results/format"
	"time"
)

// calibrated says how exact the ruler of the run is: what the newest calibration found, or that there was
// none.
func calibrated(a *failover.Analysis) string {
	c := a.Run.Calibration
	if c == nil {
		return fmt.Sprintf("Not calibrated: when the run was made, there was no calibration of runtime %s on its machine (faultline calibrate --runtime %s).", format.OrUnknown(a.Run.Runtime), format.OrUnknown(a.Run.Runtime))
	}
	w := fmt.Sprintf("Calibrated %s with %s on this machine and runtime, probes every %s: ", day(c.At), c.System, format.MS(c.Every))
	if read, n, low, high, ok := c.All(); ok {
		w += fmt.Sprintf("of stalls of %s to %s, %s of %s readings were made, with errors from %s to %s; ", format.MS(c.Stalls[0].Length), format.MS(c.Stalls[len(c.Stalls)-1].Length), format.Count(read), format.Count(n), signed(low), signed(high))
	}
	w += fmt.Sprintf("a run without faults read %s outages and no answer took longer than %s.", format.Count(c.Outages), format.MS(c.Noise))
	if !c.Exact {
		w += " That is less exact than the ruler says of itself."
	}
	if every := a.Run.ProbeEvery; every > 0 && every != c.Every {
		w += fmt.Sprintf(" This run's probes were due every %s.", format.MS(every))
	}
	return w
}

// calibratedLine is the same for a terminal.
func calibratedLine(a *failover.Analysis) string {
	c := a.Run.Calibration
	if c == nil {
		return fmt.Sprintf("not calibrated here: faultline calibrate --runtime %s says how exact that is", format.OrUnknown(a.Run.Runtime))
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
		return "−" + format.MS(-d)
	}
	return "+" + format.MS(d)
}

// probesInWords are the ruler.
func probesInWords(p *failover.Probing) string {
	w := fmt.Sprintf("a put and a read every %s, through each member in turn (%s/s), so that any majority is asked every %s, n %s", format.MS(p.Step), fmt.Sprintf("%.0f", p.PerSecond), format.MS(p.Every), format.Count(p.Calls.All()))
	if p.Unsent != nil {
		w += fmt.Sprintf(", %s unsent", format.Count(*p.Unsent))
	}
	return w
}

// rulerText says what outages were measured with, for one line.
func rulerText(a *failover.Analysis) string {
	p := a.Probes
	if p == nil {
		return fmt.Sprintf("the workload's own calls: no probes were asked for; slack up to %s", format.MS(a.Slack()))
	}
	s := fmt.Sprintf("probes to %v, %.0f/s, n %s", p.Every, p.PerSecond, format.Count(p.Calls.All()))
	if p.Unsent != nil {
		s += fmt.Sprintf(", %s unsent", format.Count(*p.Unsent))
	}
	return s + "; " + quietText(p)
}

// quietText is what probes take while nothing is broken.
func quietText(p *failover.Probing) string {
	if p.Quiet == 0 {
		return "none outside faults"
	}
	return fmt.Sprintf("p50 %s, p99 %s outside faults", format.MS(p.P50), format.MS(p.P99))
}
