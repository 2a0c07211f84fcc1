package page

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/faultline-chaos/faultline/results/failover"
	"github.com/faultline-chaos/faultline/results/format"
)

// calibrationText says how accurate the run's outages are: what the newest calibration found, or that
// there was none.
func calibrationText(a *failover.Analysis) string {
	c := a.Run.Calibration
	if c == nil {
		runtime := format.OrUnknown(a.Run.Runtime)
		return fmt.Sprintf("Not calibrated: there was no calibration of runtime %s on this machine when the run was made (run: faultline calibrate --runtime %s).", runtime, runtime)
	}
	w := fmt.Sprintf("Calibrated on %s with %s on the same machine and runtime, with a probe interval of %s: ", day(c.At), c.System, format.MS(c.Every))
	if read, n, low, high, ok := c.All(); ok {
		w += fmt.Sprintf("%s of %s outages caused by stalls of %s to %s were measured, with errors from %s to %s; ", format.Count(read), format.Count(n), format.MS(c.Stalls[0].Length), format.MS(c.Stalls[len(c.Stalls)-1].Length), signed(low), signed(high))
	}
	w += fmt.Sprintf("a run without faults reported %s, and its slowest answer took %s.", format.Plural(c.Outages, "outage", "outages"), format.MS(c.Noise))
	if !c.Exact {
		w += " Outage timing is less accurate than reported."
	}
	if every := a.Run.ProbeEvery; every > 0 && every != c.Every {
		w += fmt.Sprintf(" The probe interval of this run was %s.", format.MS(every))
	}
	return w
}

// accuracyLine is the same for a terminal.
func accuracyLine(a *failover.Analysis) string {
	c := a.Run.Calibration
	if c == nil {
		return fmt.Sprintf("not calibrated on this machine (run: faultline calibrate --runtime %s)", format.OrUnknown(a.Run.Runtime))
	}
	text := "calibrated on " + day(c.At)
	if !c.Exact {
		text = "LESS THAN REPORTED, " + text
	}
	if read, n, low, high, ok := c.All(); ok {
		return fmt.Sprintf("%s: %d of %d stalls measured, errors %s to %s", text, read, n, signed(low), signed(high))
	}
	return text + ": no stall was measured"
}

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }

// signed is a duration with its sign, for errors.
func signed(d time.Duration) string {
	if d < 0 {
		return "−" + format.MS(-d)
	}
	return "+" + format.MS(d)
}

// probesText describes the probes for a report.
func probesText(p *failover.Probing) string {
	w := fmt.Sprintf("a put and a get every %s, through each member in turn (%.0f/s), so that any majority of the members gets both every %s; %s sent", format.MS(p.Step), p.PerSecond, format.MS(p.Every), format.Count(p.Calls.All()))
	if p.Unsent != nil {
		w += fmt.Sprintf(", %s skipped", format.Count(*p.Unsent))
	}
	return w
}

// probesLine says in one line what outages were measured with.
func probesLine(a *failover.Analysis) string {
	p := a.Probes
	if p == nil {
		return fmt.Sprintf("none: outages are measured with the workload's own calls (slack up to %s)", format.MS(a.Slack()))
	}
	s := fmt.Sprintf("every %s (%s sent", interval(p.Every), format.Count(p.Calls.All()))
	if p.Unsent != nil {
		s += fmt.Sprintf(", %s skipped", format.Count(*p.Unsent))
	}
	return s + "); " + quietText(p)
}

// interval is a duration without needless digits.
func interval(d time.Duration) string {
	return strconv.FormatFloat(math.Round(float64(d)/float64(time.Microsecond)/10)/100, 'f', -1, 64) + " ms"
}

// quietText is the latency of probes while no fault is active.
func quietText(p *failover.Probing) string {
	if p.Quiet == 0 {
		return "no latency outside faults"
	}
	return fmt.Sprintf("latency p50 %s, p99 %s outside faults", format.MS(p.P50), format.MS(p.P99))
}
