package figure16

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/results/figure"
	"github.com/faultline-chaos/faultline/results/sweep"
	"github.com/faultline-chaos/faultline/scenario"
)

// finish judges, words and draws.
func (x *Sweep) finish(out io.Writer, took time.Duration) error {
	rs, err := x.judge()
	if err != nil {
		return err
	}
	if err := x.write(rs); err != nil {
		return err
	}
	fmt.Fprintln(out)
	for _, r := range rs {
		fmt.Fprintln(out, r)
	}
	fmt.Fprintln(out)
	for _, n := range notes(x.virtual()) {
		fmt.Fprintln(out, n)
	}
	if x.Trials != TrialsVirtual {
		fmt.Fprintf(out, "With %d crashes a line and not the paper's %d, chance alone moves these numbers more.\n", x.Trials, TrialsVirtual)
	}
	code, verdict := exit(rs)
	fmt.Fprintf(out, "%s; %d crashes in %.1f s; curves, table and every trial: %s\n", verdict, len(x.trials()), took.Seconds(), x.dir.Path(""))
	return scenario.Exit(code)
}

func exit(rs []Result) (code int, text string) {
	within, broken := Verdict(rs)
	switch {
	case within:
		return scenario.ExitValid, "every line is within its tolerance"
	case broken:
		return scenario.ExitInvalid, "NOT every line is within its tolerance"
	}
	return scenario.ExitUnknown, "every line that could be judged is within its tolerance, but some could not be judged"
}

// modelTrials is how many trials of the model a line of real processes is held against.
const modelTrials = 2000

func (x *Sweep) judge() (rs []Result, err error) {
	for _, l := range x.lines() {
		trials := x.done[l.Name()]
		r, err := l.Judge(sampleOf(trials))
		if err != nil {
			return nil, err
		}
		random := harness.Stream(x.Seed, "model/"+l.Name())
		if x.virtual() {
			r = r.Beside(Ruler{}.Model(l).Sample(random, len(trials)))
		} else {
			ruler := rulerOf(trials)
			r = r.Measuring(ruler).Beside(ruler.Model(l).Sample(random, modelTrials))
		}
		rs = append(rs, r)
	}
	return rs, nil
}

// write writes the curves, the table and every trial in order.
func (x *Sweep) write(rs []Result) error {
	fig, err := drawing(x.Runtime, rs)
	if err != nil {
		return err
	}
	if err := x.dir.WriteFigure(fig); err != nil {
		return err
	}
	for name, encode := range map[string]func([]Result) ([]byte, error){"paper.csv": resultsCSV, "paper.json": resultsJSON, "paper-curves.csv": curvesCSV} {
		data, err := encode(rs)
		if err != nil {
			return err
		}
		if err := x.dir.Write(name, data); err != nil {
			return err
		}
	}
	var raw bytes.Buffer
	enc := json.NewEncoder(&raw)
	for _, t := range x.trials() {
		if err := enc.Encode(&t); err != nil {
			return fmt.Errorf("encode trial %d: %w", t.Trial, err)
		}
	}
	if err := x.dir.Write(trialsFile, raw.Bytes()); err != nil {
		return err
	}
	_, verdict := exit(rs)
	page := sweep.Page{
		Title: "Figure 16 of the Raft paper, repeated on " + x.Runtime,
		Lead:  fmt.Sprintf("seed %d, %d crashes a line; again: faultline sweep --paper --runtime=%s --seed=%d --trials=%d", x.Seed, x.Trials, x.Runtime, x.Seed, x.Trials),
		Says:  []string{strings.ToUpper(verdict[:1]) + verdict[1:] + "."}, Figures: []figure.Figure{fig}, Rows: rows(rs), Notes: notes(x.virtual()),
	}
	for _, r := range rs { // the table has the numbers of all
		if !r.Judged() || !r.Within {
			page.More = append(page.More, r.String())
		}
	}
	return x.dir.WritePage("paper", &page)
}
