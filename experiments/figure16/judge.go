package figure16

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/faultline-chaos/faultline/internal/statistics"
	"github.com/faultline-chaos/faultline/results/sweep"
)

// Result is a line beside the paper's.
type Result struct {
	Line     Line
	Sample   sweep.Sample
	Measured sweep.Figures
	Checks   []sweep.Check
	Paper    Shape // beside the paper's own trials
	Within   bool  // all checks are; meaningless for lines that are not judged
	Shape    Shape // beside the model, at the delay that the measurement had
	Model    sweep.Sample
	Ruler    *RulerFigures // of real processes; nil: a simulation is exact
	Coarse   string        // why the ruler is too coarse to judge; "": it is not
}

// Judged says whether the line is held against the paper.
func (r Result) Judged() bool { return r.Line.Judged && r.Coarse == "" }

// Open says that too few trials were done to tell: no check failed, and not all are within.
func (r Result) Open() bool {
	for _, c := range r.Checks {
		if !c.Within && !c.Open {
			return false
		}
	}
	return !r.Within
}

// Measuring adds the ruler of real processes.
func (r Result) Measuring(ruler Ruler) Result {
	f := ruler.Figures()
	r.Ruler, r.Coarse = &f, r.Line.TooCoarse(ruler)
	return r
}

// Beside holds the result's shape against the model's sample.
func (r Result) Beside(model sweep.Sample) Result {
	r.Model, r.Shape = model, KS(r.Sample, model)
	return r
}

// Judge holds a sample against the paper's line.
func (l Line) Judge(s sweep.Sample) (Result, error) {
	r := Result{Line: l, Sample: s, Measured: s.Figures(), Within: true}
	m, p := r.Measured, l.Paper
	low50, high50, _ := statistics.Interval(s.Values, s.Bounds, 0.5)
	low90, high90, _ := statistics.Interval(s.Values, s.Bounds, 0.9)
	low, high := statistics.MeanInterval(s.Values)
	if m.Censored > 0 { // the mean has no bound
		low, high = 0, statistics.Endless
	}
	for _, c := range []struct {
		sweep.Check
		known     bool
		low, high time.Duration
	}{
		{sweep.Check{What: "p50", Measured: m.P50, Expected: p.P50}, !m.Open50, low50, high50},
		{sweep.Check{What: "p90", Measured: m.P90, Expected: p.P90}, !m.Open90, low90, high90},
		{sweep.Check{What: "mean", Measured: m.Mean, Expected: p.Mean}, m.Censored == 0, low, high},
	} {
		k, least, most := c.Check, float64(c.Expected)*(1-l.Tolerance), float64(c.Expected)*(1+l.Tolerance)
		k.Off = float64(k.Measured)/float64(k.Expected) - 1
		k.Within = c.known && m.N > 0 && math.Abs(k.Off) <= l.Tolerance
		k.Open = !k.Within && m.N > 0 && float64(c.low) <= most && float64(c.high) >= least
		r.Within = r.Within && k.Within
		r.Checks = append(r.Checks, k)
	}
	own, err := l.Own()
	r.Paper = KS(s, own)
	return r, err
}

// String says in one line whether it is within, and if not what is not.
func (r Result) String() string {
	m, p := r.Measured, r.Line.Paper
	head := fmt.Sprintf("%-8s n=%d, %d censored: p50 %s (paper %s), p90 %s (paper %s), mean %s (paper %s)", r.Line.Name(), m.N, m.Censored,
		sweep.QuantileText(m.P50, m.Open50), sweep.Millis(p.P50), sweep.QuantileText(m.P90, m.Open90), sweep.Millis(p.P90), meanText(m), sweep.Millis(p.Mean))
	if r.Shape.M > 0 {
		head += "; " + r.Shape.String()
	}
	if r.Ruler != nil {
		head += "; lateness: " + r.Ruler.String()
	}
	switch {
	case !r.Line.Judged:
		return head + fmt.Sprintf("; paper: shown only, as trials are given up after %v", r.Line.Cap)
	case r.Coarse != "":
		return head + "; paper: not judged: " + r.Coarse
	case r.Within:
		return head + fmt.Sprintf("; paper: within %.0f %%", r.Line.Tolerance*100)
	}
	var off []string
	for _, c := range r.Checks {
		if !c.Within {
			off = append(off, fmt.Sprintf("%s is off by %+.0f %%", c.What, c.Off*100))
		}
	}
	if r.Open() {
		return head + fmt.Sprintf("; paper: cannot tell with n = %d whether it is within %.0f %%: %s", m.N, r.Line.Tolerance*100, strings.Join(off, ", "))
	}
	return head + fmt.Sprintf("; paper: NOT within %.0f %%: %s", r.Line.Tolerance*100, strings.Join(off, ", "))
}

// word is the verdict for tables.
func (r Result) word() string {
	switch {
	case !r.Judged():
		return "not judged"
	case r.Within:
		return "yes"
	case r.Open():
		return "cannot tell"
	}
	return "NO"
}

// Verdict is that of all lines: within if every line that the paper can be held against is, and
// there is one. Else broken says whether one is not within, or whether it only could not be told.
func Verdict(rs []Result) (within, broken bool) {
	judged := 0
	within = true
	for _, r := range rs {
		if !r.Line.Judged {
			continue
		}
		judged++
		within = within && r.Judged() && r.Within
		broken = broken || r.Judged() && !r.Within && !r.Open()
	}
	return within && judged > 0, broken
}
