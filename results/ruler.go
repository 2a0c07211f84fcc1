package results

import (
	"fmt"
	"time"
)

// calibrated says how exact the ruler of the run is: what the newest calibration found, or that there was
// none.
func calibrated(a *Analysis) Words {
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
func calibratedLine(a *Analysis) string {
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

// probesInWords are the ruler.
func probesInWords(p *Probing) Words {
	n := func(name, text string) Part { return Part{"probes." + name, text} }
	w := wordsOf("a put and a read every %s, through each member in turn (%s/s), so that any majority is asked every %s, n %s",
		n("step", ms(p.Step)), n("per_second", fmt.Sprintf("%.0f", p.PerSecond)), n("every", ms(p.Every)), n("n", count(p.Calls.All())))
	if p.Unsent != nil {
		w = append(w, wordsOf(", %s unsent", n("unsent", count(*p.Unsent)))...)
	}
	return w
}

// rulerText says what outages were measured with, for one line.
func rulerText(a *Analysis) string {
	p := a.Probes
	if p == nil {
		return fmt.Sprintf("the workload's own calls: no probes were asked for; slack up to %s", ms(a.slack()))
	}
	s := fmt.Sprintf("probes to %v, %.0f/s, n %s", p.Every, p.PerSecond, count(p.Calls.All()))
	if p.Unsent != nil {
		s += fmt.Sprintf(", %s unsent", count(*p.Unsent))
	}
	return s + "; " + quietText(p)
}

// quietText is what probes take while nothing is broken.
func quietText(p *Probing) string {
	if p.Quiet == 0 {
		return "none outside faults"
	}
	return fmt.Sprintf("p50 %s, p99 %s outside faults", ms(p.P50), ms(p.P99))
}
