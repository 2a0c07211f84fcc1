package sweep

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"time"
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
}

// PaperResult is a line beside the paper's.
type PaperResult struct {
	Line     PaperLine
	Sample   Sample
	Measured Figures
	Checks   []Check
	// Distance is the largest difference to the paper's distribution function, at those points of it
	// that are known.
	Distance float64
	Within   bool  // all checks are; meaningless for lines that are not judged
	Shape    Shape // beside the model, at the delay that the measurement had
	Model    Sample
}

// Beside holds the result's shape against the model's sample.
func (r PaperResult) Beside(model Sample) PaperResult {
	r.Model, r.Shape = model, KS(r.Sample, model)
	return r
}

// Judge holds a sample against the paper's line.
func (l PaperLine) Judge(s Sample) PaperResult {
	r := PaperResult{Line: l, Sample: s, Measured: s.Figures(), Within: true}
	m, p := r.Measured, l.Paper
	for _, c := range []Check{
		{What: "p50", Measured: m.P50, Expected: p.P50, Within: !m.Open50},
		{What: "p90", Measured: m.P90, Expected: p.P90, Within: !m.Open90},
		{What: "mean", Measured: m.Mean, Expected: p.Mean, Within: m.Censored == 0},
	} {
		c.Off = float64(c.Measured)/float64(c.Expected) - 1
		c.Within = c.Within && m.N > 0 && math.Abs(c.Off) <= l.Tolerance
		r.Within = r.Within && c.Within
		r.Checks = append(r.Checks, c)
	}
	cdf := s.CDF()
	for _, q := range l.points() {
		if q.At <= l.Cap {
			r.Distance = max(r.Distance, math.Abs(share(cdf, q.At)-q.P))
		}
	}
	return r
}

// points are those of the paper's distribution function that are known.
func (l PaperLine) points() []Step {
	p := l.Paper
	out := []Step{{At: p.P10, P: 0.10}, {At: p.P50, P: 0.50}, {At: p.P90, P: 0.90}}
	if p.P99 > 0 {
		out = append(out, Step{At: p.P99, P: 0.99})
	}
	return append(out, Step{At: p.Max, P: 1})
}

// String says in one line whether it is within, and if not what is not.
func (r PaperResult) String() string {
	m, p := r.Measured, r.Line.Paper
	head := fmt.Sprintf("%-8s n=%d, %d censored: p50 %s (paper %s), p90 %s (paper %s), mean %s (paper %s)", r.Line.Name(), m.N, m.Censored,
		quantileText(m.P50, m.Open50), millis(p.P50), quantileText(m.P90, m.Open90), millis(p.P90), meanText(m), millis(p.Mean))
	if r.Shape.M > 0 {
		head += "; " + r.Shape.String()
	}
	if !r.Line.Judged {
		return head + fmt.Sprintf("; paper: shown only, as trials are given up after %v", r.Line.Cap)
	}
	if r.Within {
		return head + fmt.Sprintf("; paper: within %.0f %%", r.Line.Tolerance*100)
	}
	var off []string
	for _, c := range r.Checks {
		if !c.Within {
			off = append(off, fmt.Sprintf("%s is off by %+.0f %%", c.What, c.Off*100))
		}
	}
	return head + fmt.Sprintf("; paper: NOT within %.0f %%: %s", r.Line.Tolerance*100, strings.Join(off, ", "))
}

// AllWithin says whether every line that is judged is within its tolerance, and at least one is.
func AllWithin(rs []PaperResult) bool {
	judged := 0
	for _, r := range rs {
		if r.Line.Judged {
			judged++
			if !r.Within {
				return false
			}
		}
	}
	return judged > 0
}

// PaperNotes say how the measurement differs from the paper's, and what the tolerance is.
func PaperNotes() []string {
	return []string{
		"Time from the leader's crash until two survivors have heard from the new leader, so that a majority of the five servers knows it. Timeouts uniform in the range; heartbeats every half of its least, which reach all followers at once; the crash uniform between two heartbeats; all logs differ, so that two of the four survivors cannot win.",
		"Not the paper's machines but a simulation of this repository's store: each message takes 0.5 ms plus an exponential delay of 3.5 ms in the mean, which was fitted to the paper's curves, so that a vote takes 8 ms; disks take no time beside that. Lines that only the delay's law decides (150-150 to 150-155) are the least certain: simulated timers are exact, so that with 150-150 hardly any vote ever ends, where the paper's machines had some jitter.",
		"The paper's numbers were recovered from its vector figures. Within means that median, p90 and mean each differ from the paper's by at most 10 %, for 150-151 and 150-155 by at most 25 %. The tolerances were set for the median; p90 and mean are held to the same. Distance is the largest difference between the two distribution functions at the paper's p10, p50, p90, p99 and maximum.",
		"Shape: the two-sample test of Kolmogorov and Smirnov at 5 % between the measured trials and as many of a small event simulation of the paper's set-up, written apart from the store, at the same delay of messages. Of nine lines that are alike one fails by chance in about four of ten sweeps, so it is told and does not decide the exit code.",
	}
}

// PaperJSON is what paper.json holds: both verdicts of every line. Durations are nanoseconds.
func PaperJSON(rs []PaperResult) ([]byte, error) {
	type line struct {
		Line     string  `json:"timeouts_ms"`
		Measured Figures `json:"measured"`
		Paper    Figures `json:"paper"`
		Model    Figures `json:"model"`
		Checks   []Check `json:"checks"`
		Judged   bool    `json:"judged"`
		Within   bool    `json:"within"`
		Shape    Shape   `json:"shape"`
	}
	out := make([]line, 0, len(rs))
	for _, r := range rs {
		out = append(out, line{r.Line.Name(), r.Measured, r.Line.Paper, r.Model.Figures(), r.Checks, r.Line.Judged, r.Line.Judged && r.Within, r.Shape})
	}
	b, err := json.MarshalIndent(out, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode the lines: %w", err)
	}
	return append(b, '\n'), nil
}

// PaperCurvesCSV is the chart's data: every step of the measured and the model's distribution functions,
// and the points of the paper's that are known, in milliseconds.
func PaperCurvesCSV(rs []PaperResult) ([]byte, error) {
	rows := [][]string{{"timeouts", "curve", "ms", "share"}}
	for _, r := range rs {
		for _, c := range []struct {
			name  string
			steps []Step
		}{{"measured", r.Sample.CDF()}, {"model", r.Model.CDF()}, {"paper", r.Line.points()}} {
			for _, s := range c.steps {
				rows = append(rows, []string{r.Line.Name(), c.name, csvMillis(s.At), fmt.Sprintf("%.4f", s.P)})
			}
		}
	}
	return encodeCSV(rows)
}

// PaperRows are the results as a table, its head first. Distance is the largest difference between the
// two distribution functions at the paper's p10, p50, p90, p99 and maximum.
func PaperRows(rs []PaperResult) [][]string {
	out := [][]string{{"timeouts (ms)", "n", "censored", "p50", "paper", "p90", "paper", "mean", "paper", "distance", "tolerance", "within", "KS to model", "at most", "shape"}}
	for _, r := range rs {
		m, p := r.Measured, r.Line.Paper
		within, tolerance := "yes", fmt.Sprintf("%.0f %%", r.Line.Tolerance*100)
		switch {
		case !r.Line.Judged:
			within, tolerance = "not judged", "–"
		case !r.Within:
			within = "NO"
		}
		out = append(out, []string{
			r.Line.Name(), fmt.Sprint(m.N), fmt.Sprint(m.Censored),
			quantileText(m.P50, m.Open50), millis(p.P50), quantileText(m.P90, m.Open90), millis(p.P90), meanText(m), millis(p.Mean),
			fmt.Sprintf("%.3f", r.Distance), tolerance, within,
			fmt.Sprintf("%.3f", r.Shape.Distance), fmt.Sprintf("%.3f", r.Shape.Critical), r.Shape.word(),
		})
	}
	return out
}

// PaperCSV is the same with all figures, in milliseconds.
func PaperCSV(rs []PaperResult) ([]byte, error) {
	rows := [][]string{{"timeouts", "n", "censored", "p10", "p50", "p90", "p99", "max", "mean", "paper_p10", "paper_p50", "paper_p90", "paper_p99", "paper_max", "paper_mean", "distance", "tolerance", "judged", "within", "model_n", "ks", "ks_critical", "shape"}}
	for _, r := range rs {
		row := []string{r.Line.Name(), fmt.Sprint(r.Measured.N), fmt.Sprint(r.Measured.Censored)}
		for _, f := range []Figures{r.Measured, r.Line.Paper} {
			for _, d := range []time.Duration{f.P10, f.P50, f.P90, f.P99, f.Max, f.Mean} {
				row = append(row, csvMillis(d))
			}
		}
		rows = append(rows, append(row, fmt.Sprintf("%.4f", r.Distance), fmt.Sprint(r.Line.Tolerance), fmt.Sprint(r.Line.Judged), fmt.Sprint(r.Line.Judged && r.Within),
			fmt.Sprint(r.Shape.M), fmt.Sprintf("%.4f", r.Shape.Distance), fmt.Sprintf("%.4f", r.Shape.Critical), r.Shape.word()))
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
