package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/spf13/pflag"

	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/harness/sim"
	"github.com/faultline-chaos/faultline/harness/systems"
	"github.com/faultline-chaos/faultline/results"
	"github.com/faultline-chaos/faultline/results/sweep"
)

// checkPaper says what is wrong with the flags beside --paper.
func (s *sweepFlags) checkPaper(f *pflag.FlagSet) error {
	if names := others(f, "paper", "trials", "seed", "out", "runtime"); len(names) > 0 {
		return usage("%s does not go with --paper, whose set-up is the paper's: allowed are --trials, --seed, --out", strings.Join(names, ", "))
	}
	if err := checkRuntime(s.Runtime); err != nil {
		return err
	}
	if s.Runtime != "sim" {
		return usage("--paper runs on sim only, not on %s: a real server cannot draw its election timeouts from the paper's ranges", s.Runtime)
	}
	if !f.Changed("trials") {
		s.Trials = paperTrials
	}
	if s.Trials < 10 || s.Trials > 100_000 {
		return usage("--trials is %d: with --paper allowed are 10 to 100000 crashes a line", s.Trials)
	}
	return nil
}

// paperSetup is one line's set-up. Timers have a tenth of a millisecond; a message takes what was
// fitted to the paper's curves.
func paperSetup(l sweep.PaperLine) systems.Paper {
	return systems.Paper{
		Min: l.Min, Max: l.Max, Tick: 100 * time.Microsecond, Cap: l.Cap,
		Delay: sim.Delay{Min: 500 * time.Microsecond, Mean: 4 * time.Millisecond},
	}
}

// paperTrial is a line of trials.jsonl. Durations are nanoseconds.
type paperTrial struct {
	Line      string        `json:"line"`
	Trial     int           `json:"trial"`
	Seed      uint64        `json:"seed"`
	First     time.Duration `json:"first"`    // crash to the first survivor that hears from a new leader
	Majority  time.Duration `json:"majority"` // to when two have, so that a majority knows it: what is told
	All       time.Duration `json:"all"`      // to when all three have
	Over      bool          `json:"over"`     // else censored: the three are only what it was longer than
	Campaigns int           `json:"campaigns"`
	Discarded int           `json:"discarded,omitempty"` // trials before it in which somebody campaigned before the crash
}

func (a *app) sweepPaper(ctx context.Context, s *sweepFlags) error {
	if s.Seed == 0 {
		s.Seed = drawSeed()
	}
	dir, err := newSweepFolder(s.out, "paper")
	if err != nil {
		return err
	}
	start := time.Now()
	lines := sweep.PaperLines()
	fmt.Fprintf(a.stdout, "faultline sweep --paper · raftkv on sim · %d ranges of election timeouts, %d crashes of a leader each · seed %d\n", len(lines), s.Trials, s.Seed)
	var (
		rs  []sweep.PaperResult
		all []paperTrial
	)
	for _, l := range lines {
		trials, err := a.paperLine(ctx, l, max(s.Trials*l.Trials/paperTrials, 10), s.Seed)
		if err != nil {
			return err
		}
		all = append(all, trials...)
		r := l.Judge(sampleOf(trials)).Beside(modelOf(l, s.Seed, len(trials)))
		rs = append(rs, r)
		fmt.Fprintln(a.stdout, r)
	}
	if err := writePaper(dir, rs, all, s); err != nil {
		return err
	}
	code := exitValid
	verdict := "every line is within its tolerance"
	if !sweep.AllWithin(rs) {
		code, verdict = exitInvalid, "NOT every line is within its tolerance"
	}
	fmt.Fprintln(a.stdout)
	for _, n := range sweep.PaperNotes() {
		fmt.Fprintln(a.stdout, n)
	}
	if s.Trials != paperTrials {
		fmt.Fprintf(a.stdout, "With %d crashes a line and not the paper's %d, chance alone moves these numbers more.\n", s.Trials, paperTrials)
	}
	fmt.Fprintf(a.stdout, "%s; %d crashes in %.1f s; curves, table and every trial: %s\n", verdict, len(all), time.Since(start).Seconds(), dir.path(""))
	return exit(code)
}

// paperLine does the trials of one line on all cores. The order of trials and their seeds do not
// depend on how many cores there are.
func (a *app) paperLine(interrupted context.Context, l sweep.PaperLine, n int, seed uint64) ([]paperTrial, error) {
	setup := paperSetup(l)
	out, errs := make([]paperTrial, n), make([]error, n)
	next, done := make(chan int), make(chan int)
	ctx, stop := context.WithCancel(interrupted)
	defer stop()
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for i := range next {
				own := harness.Stream(seed, fmt.Sprintf("%s/%d", l.Name(), i)).Uint64()
				t, err := setup.Trial(ctx, own)
				out[i], errs[i] = paperTrial{l.Name(), i, own, t.First, t.Majority, t.All, t.Over, t.Campaigns, t.Discarded}, err
				done <- i
			}
		})
	}
	go func() {
		defer close(done)
		defer wg.Wait()
		defer close(next)
		for i := range n {
			select {
			case next <- i:
			case <-ctx.Done():
				return
			}
		}
	}()
	show := newBar(a.stdout, a.isTerminal(), "crashes of "+l.Name(), n)
	var failed error
	for i := range done {
		if errs[i] != nil && failed == nil {
			failed = errs[i]
			stop()
		}
		show.step()
	}
	show.clear()
	switch {
	case interrupted.Err() != nil && show.done < n || interrupted.Err() != nil && failed != nil:
		return nil, &statusError{exitUnknown, fmt.Errorf("sweep: interrupted at line %s: %w", l.Name(), context.Cause(interrupted))}
	case failed != nil:
		return nil, infrastructure(fmt.Errorf("sweep: line %s: %w", l.Name(), failed))
	}
	return out, nil
}

// modelOf is as many trials of the model, at the delay of the simulated messages.
func modelOf(l sweep.PaperLine, seed uint64, n int) sweep.Sample {
	m := sweep.Model{Min: l.Min, Max: l.Max, Cap: l.Cap, Delay: sweep.PaperDelay}
	return m.Sample(harness.Stream(seed, "model/"+l.Name()), n)
}

func sampleOf(trials []paperTrial) (s sweep.Sample) {
	for _, t := range trials {
		if t.Over {
			s.Values = append(s.Values, t.Majority)
		} else {
			s.Bounds = append(s.Bounds, t.Majority)
		}
	}
	return s
}

// writePaper writes the curves, the table and every trial.
func writePaper(dir sweepFolder, rs []sweep.PaperResult, trials []paperTrial, s *sweepFlags) error {
	figure, err := sweep.PaperFigure(rs)
	if err != nil {
		return infrastructure(err)
	}
	if err := dir.writeFigure(figure); err != nil {
		return err
	}
	table, err := sweep.PaperCSV(rs)
	if err != nil {
		return infrastructure(err)
	}
	data, err := sweep.PaperJSON(rs)
	if err != nil {
		return infrastructure(err)
	}
	curves, err := sweep.PaperCurvesCSV(rs)
	if err != nil {
		return infrastructure(err)
	}
	for name, b := range map[string][]byte{"paper.csv": table, "paper.json": data, "paper-curves.csv": curves} {
		if err := dir.write(name, b); err != nil {
			return err
		}
	}
	var raw bytes.Buffer
	enc := json.NewEncoder(&raw)
	for i := range trials {
		if err := enc.Encode(&trials[i]); err != nil {
			return infrastructure(fmt.Errorf("encode trial %d: %w", i, err))
		}
	}
	if err := dir.write("trials.jsonl", raw.Bytes()); err != nil {
		return err
	}
	return dir.writePage("paper", &sweep.Page{
		Title: "Figure 16 of the Raft paper, repeated",
		Lead:  fmt.Sprintf("seed %d, %d crashes a line; again: faultline sweep --paper --seed=%d --trials=%d", s.Seed, s.Trials, s.Seed, s.Trials),
		Says:  lineTexts(rs), Figures: []results.Figure{figure}, Rows: sweep.PaperRows(rs), Notes: sweep.PaperNotes(),
	})
}

func lineTexts(rs []sweep.PaperResult) (out []string) {
	for _, r := range rs {
		out = append(out, r.String())
	}
	return out
}
