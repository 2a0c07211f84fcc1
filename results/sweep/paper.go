package sweep

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/faultline-chaos/faultline/internal/statistics"
)

// PaperLine is one line of figure 16 of the Raft paper (extended version): crashes of a leader with
// election timeouts uniform between Min and Max. Its numbers were recovered from the author's vector
// figures and agree with those of the text within 1 ms.
type PaperLine struct {
	Min, Max  time.Duration
	Trials    int              // in the paper
	Paper     Figures          // P99 is 0 where it is not known
	Interval  [2]time.Duration // that sampling alone leaves to the paper's median, with 95 %
	Tolerance float64          // of median, p90 and mean, as a share of the paper's
	Cap       time.Duration    // a trial is given up after so long, and censored
	Judged    bool             // else it is only shown
}

// Name is such as 150-155.
func (l PaperLine) Name() string {
	return fmt.Sprintf("%d-%d", l.Min.Milliseconds(), l.Max.Milliseconds())
}

// PaperLines are all lines, from the widest scale to the narrowest range. The last, whose timeouts are
// not random at all, takes most of a minute a trial and is capped: it is shown and not judged.
func PaperLines() []PaperLine {
	line := func(low, high int, tolerance float64, ms ...int) PaperLine {
		d := func(i int) time.Duration { return time.Duration(ms[i]) * time.Millisecond }
		return PaperLine{
			Min: time.Duration(low) * time.Millisecond, Max: time.Duration(high) * time.Millisecond, Trials: 1000,
			Paper:    Figures{N: 1000, P10: d(0), P50: d(1), P90: d(2), P99: d(3), Max: d(4), Mean: d(5)},
			Interval: [2]time.Duration{d(6), d(7)}, Tolerance: tolerance, Cap: 60 * time.Second, Judged: true,
		}
	}
	lines := []PaperLine{
		line(12, 24, 0.10, 20, 30, 53, 87, 152, 35, 29, 31),
		line(25, 50, 0.10, 31, 43, 74, 119, 276, 48, 42, 44),
		line(50, 100, 0.10, 48, 67, 96, 169, 253, 71, 65, 68),
		line(100, 200, 0.10, 85, 120, 166, 277, 335, 125, 117, 123),
		line(150, 300, 0.10, 125, 171, 244, 415, 603, 181, 168, 175),
		line(150, 200, 0.10, 111, 146, 194, 352, 512, 156, 143, 149),
		line(150, 175, 0.10, 107, 141, 291, 467, 610, 164, 139, 144),
		line(150, 155, 0.25, 119, 287, 609, 1242, 2143, 345, 282, 295),
		line(150, 151, 0.25, 434, 1199, 3132, 6013, 8231, 1536, 1165, 1325),
		line(150, 150, 0, 19969, 41104, 84933, 0, 527964, 54552, 36615, 50090),
	}
	last := &lines[len(lines)-1]
	last.Trials, last.Paper.N, last.Judged = 100, 100, false
	return lines
}

// Check is one number beside an expected one.
type Check struct {
	What               string // p50, p90, mean
	Measured, Expected time.Duration
	Off                float64 // measured over expected, minus 1
	Within             bool
	// Open says that it is not within, but that so few trials cannot tell: the interval of 95 % of what
	// was measured reaches into the tolerance.
	Open bool `json:",omitempty"`
}

// PaperResult is a line beside the paper's.
type PaperResult struct {
	Line     PaperLine
	Sample   Sample
	Measured Figures
	Checks   []Check
	Paper    Shape // beside the paper's own trials
	Within   bool  // all checks are; meaningless for lines that are not judged
	Shape    Shape // beside the model, at the delay that the measurement had
	Model    Sample
	Ruler    *RulerFigures // of real processes; nil: a simulation is exact
	Coarse   string        // why the ruler is too coarse to judge; "": it is not
}

// Judged says whether the line is held against the paper.
func (r PaperResult) Judged() bool { return r.Line.Judged && r.Coarse == "" }

// Open says that too few trials were done to tell: no check failed, and not all are within.
func (r PaperResult) Open() bool {
	for _, c := range r.Checks {
		if !c.Within && !c.Open {
			return false
		}
	}
	return !r.Within
}

// Measuring adds the ruler of real processes.
func (r PaperResult) Measuring(ruler Ruler) PaperResult {
	f := ruler.Figures()
	r.Ruler, r.Coarse = &f, r.Line.TooCoarse(ruler)
	return r
}

// Beside holds the result's shape against the model's sample.
func (r PaperResult) Beside(model Sample) PaperResult {
	r.Model, r.Shape = model, KS(r.Sample, model)
	return r
}

// Judge holds a sample against the paper's line.
func (l PaperLine) Judge(s Sample) (PaperResult, error) {
	r := PaperResult{Line: l, Sample: s, Measured: s.Figures(), Within: true}
	m, p := r.Measured, l.Paper
	low50, high50, _ := statistics.Interval(s.Values, s.Bounds, 0.5)
	low90, high90, _ := statistics.Interval(s.Values, s.Bounds, 0.9)
	low, high := statistics.MeanInterval(s.Values)
	if m.Censored > 0 { // the mean has no bound
		low, high = 0, statistics.Endless
	}
	for _, c := range []struct {
		Check
		known     bool
		low, high time.Duration
	}{
		{Check{What: "p50", Measured: m.P50, Expected: p.P50}, !m.Open50, low50, high50},
		{Check{What: "p90", Measured: m.P90, Expected: p.P90}, !m.Open90, low90, high90},
		{Check{What: "mean", Measured: m.Mean, Expected: p.Mean}, m.Censored == 0, low, high},
	} {
		k, least, most := c.Check, float64(c.Expected)*(1-l.Tolerance), float64(c.Expected)*(1+l.Tolerance)
		k.Off = float64(k.Measured)/float64(k.Expected) - 1
		k.Within = c.known && m.N > 0 && math.Abs(k.Off) <= l.Tolerance
		k.Open = !k.Within && m.N > 0 && float64(c.low) <= most && float64(c.high) >= least
		r.Within = r.Within && k.Within
		r.Checks = append(r.Checks, k)
	}
	own, err := l.Trials16()
	r.Paper = KS(s, own)
	return r, err
}

// String says in one line whether it is within, and if not what is not.
func (r PaperResult) String() string {
	m, p := r.Measured, r.Line.Paper
	head := fmt.Sprintf("%-8s n=%d, %d censored: p50 %s (paper %s), p90 %s (paper %s), mean %s (paper %s)", r.Line.Name(), m.N, m.Censored,
		quantileText(m.P50, m.Open50), millis(p.P50), quantileText(m.P90, m.Open90), millis(p.P90), meanText(m), millis(p.Mean))
	if r.Shape.M > 0 {
		head += "; " + r.Shape.String()
	}
	if r.Ruler != nil {
		head += "; ruler: " + r.Ruler.String()
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
func (r PaperResult) word() string {
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

// PaperVerdict is that of all lines: within if every line that the paper can be held against is, and
// there is one. Else broken says whether one is not within, or whether it only could not be told.
func PaperVerdict(rs []PaperResult) (within, broken bool) {
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

// PaperNotes say how a measurement on a runtime differs from the paper's, and what the tolerance is.
func PaperNotes(runtime string) []string {
	law := "ach message takes 0.5 ms plus an exponential delay of 3.5 ms in the mean, which was fitted to the paper's curves, so that a vote takes 8 ms"
	out := []string{
		"Time from the leader's crash until two survivors have heard from the new leader, so that a majority of the five servers knows it. Timeouts uniform in the range; heartbeats every half of its least, which reach all followers at once; the crash uniform between two heartbeats; all logs differ, so that two of the four survivors cannot win.",
	}
	if runtime == "sim" {
		out = append(out, "Not the paper's machines but a simulation of this repository's store: e"+law+"; disks take no time beside that. Lines that only the delay's law decides (150-150 to 150-155) are the least certain: simulated timers are exact, so that with 150-150 hardly any vote ever ends, where the paper's machines had some jitter.")
	} else {
		out = append(out,
			"Not the paper's machines but five processes on this one: the store's core and its disk in a program of its own, since the store itself takes no such timeouts. The leader is ended by SIGKILL; the crash is when the signal was sent. E"+law+": its receiver holds it until it is due, so that network and the sender's disk are part of it, and what was slower than it was asked to be is late. Heartbeats of the leader that is crashed are not held.",
			"Ruler: how long messages really took and how late timers fired, told beside each line. A line is not judged where a tenth of the timers are late by more than half of the range of timeouts, or by more than half of what its median may be off by, or where messages took more than 1.25 times as long as they should.",
			"150-150 is left out unless --lines names it: it took 41 s a trial in the paper.")
	}
	return append(out,
		"Within means that median, p90 and mean each differ from the paper's by at most 10 %, for 150-151 and 150-155 by at most 25 %. The tolerances were set for the median; p90 and mean are held to the same. Where a number is not within, but its interval of 95 % reaches into the tolerance, so few trials cannot tell.",
		"The paper's own curves are every trial of its figure, read from the author's vector graphics (Diego Ongaro's dissertation, github.com/ongardie/dissertation, CC BY 4.0).",
		"Shape: the two-sample test of Kolmogorov and Smirnov at 5 % between the measured trials and those of a small event simulation of the paper's set-up, written apart from the store, at the delay that was measured (on real processes with the lateness of timers that was measured, too). Of nine lines that are alike one fails by chance in about four of ten sweeps, so it is told and does not decide the exit code. The same distance to the paper's own trials is told beside it; there a difference of a few milliseconds shows, too.")
}

// PaperJSON is what paper.json holds: both verdicts of every line. Durations are nanoseconds.
func PaperJSON(rs []PaperResult) ([]byte, error) {
	type line struct {
		Line     string        `json:"timeouts_ms"`
		Measured Figures       `json:"measured"`
		Paper    Figures       `json:"paper"`
		Model    Figures       `json:"model"`
		Checks   []Check       `json:"checks"`
		Judged   bool          `json:"judged"`
		Within   bool          `json:"within"`
		Verdict  string        `json:"verdict"` // yes, NO, cannot tell, not judged
		Shape    Shape         `json:"shape"`
		ToPaper  Shape         `json:"shape_to_paper"`
		Ruler    *RulerFigures `json:"ruler,omitempty"`
		Coarse   string        `json:"not_judged_because,omitempty"`
	}
	out := make([]line, 0, len(rs))
	for _, r := range rs {
		out = append(out, line{r.Line.Name(), r.Measured, r.Line.Paper, r.Model.Figures(), r.Checks, r.Judged(), r.Judged() && r.Within, r.word(), r.Shape, r.Paper, r.Ruler, r.Coarse})
	}
	b, err := json.MarshalIndent(out, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode the lines: %w", err)
	}
	return append(b, '\n'), nil
}

// PaperCurvesCSV is the chart's data: every step of the measured, the model's and the paper's
// distribution functions, in milliseconds.
func PaperCurvesCSV(rs []PaperResult) ([]byte, error) {
	rows := [][]string{{"timeouts", "curve", "ms", "share"}}
	for _, r := range rs {
		own, err := r.Line.Trials16()
		if err != nil {
			return nil, err
		}
		for _, c := range []struct {
			name  string
			steps []Step
		}{{"measured", r.Sample.CDF()}, {"model", r.Model.CDF()}, {"paper", own.CDF()}} {
			for _, s := range c.steps {
				rows = append(rows, []string{r.Line.Name(), c.name, csvMillis(s.At), fmt.Sprintf("%.4f", s.P)})
			}
		}
	}
	return encodeCSV(rows)
}

// PaperRows are the results as a table, its head first.
func PaperRows(rs []PaperResult) [][]string {
	out := [][]string{{"timeouts (ms)", "n", "censored", "p50", "paper", "p90", "paper", "mean", "paper", "tolerance", "within", "KS to model", "at most", "shape", "KS to paper"}}
	ruled := false
	for _, r := range rs {
		ruled = ruled || r.Ruler != nil
	}
	if ruled {
		out[0] = append(out[0], "timers late p90", "messages mean")
	}
	for _, r := range rs {
		m, p := r.Measured, r.Line.Paper
		tolerance := fmt.Sprintf("%.0f %%", r.Line.Tolerance*100)
		if !r.Line.Judged {
			tolerance = "–"
		}
		row := []string{
			r.Line.Name(), fmt.Sprint(m.N), fmt.Sprint(m.Censored),
			quantileText(m.P50, m.Open50), millis(p.P50), quantileText(m.P90, m.Open90), millis(p.P90), meanText(m), millis(p.Mean),
			tolerance, r.word(), fmt.Sprintf("%.3f", r.Shape.Distance), fmt.Sprintf("%.3f", r.Shape.Critical), r.Shape.word(), fmt.Sprintf("%.3f", r.Paper.Distance),
		}
		if r.Ruler != nil {
			row = append(row, fine(r.Ruler.LateP90), fine(r.Ruler.DelayMean))
		}
		out = append(out, row)
	}
	return out
}

// PaperCSV is the same with all figures, in milliseconds.
func PaperCSV(rs []PaperResult) ([]byte, error) {
	rows := [][]string{{"timeouts", "n", "censored", "p10", "p50", "p90", "p99", "max", "mean", "paper_p10", "paper_p50", "paper_p90", "paper_p99", "paper_max", "paper_mean", "tolerance", "judged", "within", "model_n", "ks", "ks_critical", "shape", "ks_paper", "late_p50", "late_p90", "late_max", "delay_mean", "delay_p90"}}
	for _, r := range rs {
		row := []string{r.Line.Name(), fmt.Sprint(r.Measured.N), fmt.Sprint(r.Measured.Censored)}
		for _, f := range []Figures{r.Measured, r.Line.Paper} {
			for _, d := range []time.Duration{f.P10, f.P50, f.P90, f.P99, f.Max, f.Mean} {
				row = append(row, csvMillis(d))
			}
		}
		row = append(row, fmt.Sprint(r.Line.Tolerance), fmt.Sprint(r.Judged()), r.word(),
			fmt.Sprint(r.Shape.M), fmt.Sprintf("%.4f", r.Shape.Distance), fmt.Sprintf("%.4f", r.Shape.Critical), r.Shape.word(), fmt.Sprintf("%.4f", r.Paper.Distance))
		if f := r.Ruler; f != nil {
			row = append(row, csvMillis(f.LateP50), csvMillis(f.LateP90), csvMillis(f.Max), csvMillis(f.DelayMean), csvMillis(f.DelayP90))
		} else {
			row = append(row, "", "", "", "", "")
		}
		rows = append(rows, row)
	}
	return encodeCSV(rows)
}

func encodeCSV(rows [][]string) ([]byte, error) {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	if err := w.WriteAll(rows); err != nil {
		return nil, fmt.Errorf("encode CSV: %w", err)
	}
	return b.Bytes(), nil
}

func csvMillis(d time.Duration) string {
	return fmt.Sprintf("%.3f", float64(d)/float64(time.Millisecond))
}

// millis prints whole milliseconds, with a tenth below ten.
func millis(d time.Duration) string {
	ms := float64(d) / float64(time.Millisecond)
	if ms < 10 {
		return fmt.Sprintf("%.1f ms", ms)
	}
	return fmt.Sprintf("%.0f ms", ms)
}

func quantileText(d time.Duration, open bool) string {
	if open {
		return "≥ " + millis(d)
	}
	return millis(d)
}

func meanText(f Figures) string { return quantileText(f.Mean, f.Censored > 0) }
