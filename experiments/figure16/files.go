package figure16

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/faultline-chaos/faultline/results/sweep"
)

// notes say how a measurement on a runtime differs from the paper's, and what the tolerance is.
func notes(virtual bool) []string {
	law := "ach message takes 0.5 ms plus an exponential delay of 3.5 ms in the mean, which was fitted to the paper's curves, so that a vote takes 8 ms"
	out := []string{
		"Time from the leader's crash until two survivors have heard from the new leader, so that a majority of the five servers knows it. Timeouts uniform in the range; heartbeats every half of its least, which reach all followers at once; the crash uniform between two heartbeats; all logs differ, so that two of the four survivors cannot win.",
	}
	if virtual {
		out = append(out, "Not the paper's machines but a simulation of this repository's store: e"+law+"; disks take no time beside that. Lines that only the delay's law decides (150-150 to 150-155) are the least certain: simulated timers are exact, so that with 150-150 hardly any vote ever ends, where the paper's machines had some jitter.")
	} else {
		out = append(out,
			"Not the paper's machines but five processes on this one: the store's core and its disk in a program of its own, since the store itself takes no such timeouts. The leader is ended by SIGKILL; the crash is when the signal was sent. E"+law+": its receiver holds it until it is due, so that network and the sender's disk are part of it, and what was slower than it was asked to be is late. Heartbeats of the leader that is crashed are not held.",
			"Lateness: how long messages really took and how late timers fired, printed with each line. A line is not judged if a tenth of the timers are late by more than half of the range of timeouts or half of its median's tolerance, or if messages took more than 1.25 times as long as intended.",
			"150-150 is left out unless --lines names it: it took 41 s a trial in the paper.")
	}
	return append(out,
		"Within means that median, p90 and mean each differ from the paper's by at most 10 %, for 150-151 and 150-155 by at most 25 %. The tolerances were set for the median; p90 and mean are held to the same. Where a number is not within, but its interval of 95 % reaches into the tolerance, so few trials cannot tell.",
		"The paper's own curves are every trial of its figure, read from the author's vector graphics (Diego Ongaro's dissertation, github.com/ongardie/dissertation, CC BY 4.0).",
		"Shape: the two-sample test of Kolmogorov and Smirnov at 5 % between the measured trials and those of a small event simulation of the paper's set-up, written apart from the store, at the delay that was measured (on real processes with the lateness of timers that was measured, too). Of nine lines that are alike one fails by chance in about four of ten sweeps, so it is reported and does not decide the exit code. The same distance to the paper's own trials is reported with it; there a difference of a few milliseconds shows, too.")
}

// resultsJSON is what paper.json holds: both verdicts of every line. Durations are nanoseconds.
func resultsJSON(rs []Result) ([]byte, error) {
	type line struct {
		Line     string        `json:"timeouts_ms"`
		Measured sweep.Figures `json:"measured"`
		Paper    sweep.Figures `json:"paper"`
		Model    sweep.Figures `json:"model"`
		Checks   []sweep.Check `json:"checks"`
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

// curvesCSV is the chart's data: every step of the measured, the model's and the paper's
// distribution functions, in milliseconds.
func curvesCSV(rs []Result) ([]byte, error) {
	rows := [][]string{{"timeouts", "curve", "ms", "share"}}
	for _, r := range rs {
		own, err := r.Line.Own()
		if err != nil {
			return nil, err
		}
		for _, c := range []struct {
			name  string
			steps []sweep.Step
		}{{"measured", r.Sample.CDF()}, {"model", r.Model.CDF()}, {"paper", own.CDF()}} {
			for _, s := range c.steps {
				rows = append(rows, []string{r.Line.Name(), c.name, sweep.CSVMillis(s.At), fmt.Sprintf("%.4f", s.P)})
			}
		}
	}
	return sweep.EncodeCSV(rows)
}

// rows are the results as a table, its head first.
func rows(rs []Result) [][]string {
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
			sweep.QuantileText(m.P50, m.Open50), sweep.Millis(p.P50), sweep.QuantileText(m.P90, m.Open90), sweep.Millis(p.P90), meanText(m), sweep.Millis(p.Mean),
			tolerance, r.word(), fmt.Sprintf("%.3f", r.Shape.Distance), fmt.Sprintf("%.3f", r.Shape.Critical), r.Shape.word(), fmt.Sprintf("%.3f", r.Paper.Distance),
		}
		if r.Ruler != nil {
			row = append(row, fine(r.Ruler.LateP90), fine(r.Ruler.DelayMean))
		}
		out = append(out, row)
	}
	return out
}

// resultsCSV is the same with all figures, in milliseconds.
func resultsCSV(rs []Result) ([]byte, error) {
	rows := [][]string{{"timeouts", "n", "censored", "p10", "p50", "p90", "p99", "max", "mean", "paper_p10", "paper_p50", "paper_p90", "paper_p99", "paper_max", "paper_mean", "tolerance", "judged", "within", "model_n", "ks", "ks_critical", "shape", "ks_paper", "late_p50", "late_p90", "late_max", "delay_mean", "delay_p90"}}
	for _, r := range rs {
		row := []string{r.Line.Name(), fmt.Sprint(r.Measured.N), fmt.Sprint(r.Measured.Censored)}
		for _, f := range []sweep.Figures{r.Measured, r.Line.Paper} {
			for _, d := range []time.Duration{f.P10, f.P50, f.P90, f.P99, f.Max, f.Mean} {
				row = append(row, sweep.CSVMillis(d))
			}
		}
		row = append(row, fmt.Sprint(r.Line.Tolerance), fmt.Sprint(r.Judged()), r.word(),
			fmt.Sprint(r.Shape.M), fmt.Sprintf("%.4f", r.Shape.Distance), fmt.Sprintf("%.4f", r.Shape.Critical), r.Shape.word(), fmt.Sprintf("%.4f", r.Paper.Distance))
		if f := r.Ruler; f != nil {
			row = append(row, sweep.CSVMillis(f.LateP50), sweep.CSVMillis(f.LateP90), sweep.CSVMillis(f.Max), sweep.CSVMillis(f.DelayMean), sweep.CSVMillis(f.DelayP90))
		} else {
			row = append(row, "", "", "", "", "")
		}
		rows = append(rows, row)
	}
	return sweep.EncodeCSV(rows)
}

func meanText(f sweep.Figures) string { return sweep.QuantileText(f.Mean, f.Censored > 0) }
