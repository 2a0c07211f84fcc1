package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/faultline-chaos/faultline/results/figure"
	"github.com/faultline-chaos/faultline/results/sweep"
	"github.com/faultline-chaos/faultline/scenario"
)

// Default number of trials of a cell with --defaults: a median of 60 is accurate to about 5 %.
const (
	defaultTrialsSim  = 300
	defaultTrialsReal = 60
)

// useDefaults makes the grid for which expected times are known.
func (s *sweepFlags) useDefaults(f *pflag.FlagSet) error {
	if names := others(f, "defaults", "runtime", "system", "binary", "nodes", "trials", "stable", "seed", "out"); len(names) > 0 {
		return scenario.Usage("%s does not go with --defaults, whose timeouts are the defaults: allowed are --runtime, --system, --binary, --nodes, --trials, --stable, --seed, --out", strings.Join(names, ", "))
	}
	for _, m := range s.Members {
		known := false
		for _, e := range sweep.ExpectedDefaults() {
			known = known || e.Members == m
		}
		if !known {
			return scenario.Usage("--nodes holds %d: with --defaults allowed are 3 and 5, for which expected times are known", m)
		}
	}
	s.Timeouts, s.Heartbeats, s.Delays = []time.Duration{sweep.DefaultTimeout}, []time.Duration{sweep.DefaultHeartbeat}, []time.Duration{0}
	if !f.Changed("trials") {
		s.Trials = defaultTrialsReal
		if scenario.Virtual(s.Runtime) {
			s.Trials = defaultTrialsSim
		}
	}
	return nil
}

// writeDefaults judges, describes and draws the results. Its error carries the exit code if a cell is not
// within its tolerance.
func (a *app) writeDefaults(s *sweepFlags, dir sweep.Folder, rs []sweep.Result, took time.Duration) error {
	var ds []sweep.DefaultResult
	failovers := 0
	for _, r := range rs {
		if d, ok := sweep.JudgeDefaults(r); ok {
			ds = append(ds, d)
			failovers += len(r.WriteReady.Values)
		}
	}
	code, verdict := scenario.ExitValid, "every time is within 15 % of the expected one"
	if !sweep.AllDefaultsWithin(ds) {
		code, verdict = scenario.ExitInvalid, "NOT every time is within 15 % of the expected one"
	}
	page := sweep.Page{
		Title: "Default timeouts: expected and measured times",
		Lead:  fmt.Sprintf("%s on %s, seed %d, %d failovers", strings.Join(s.Systems, " and "), s.Runtime, s.Seed, failovers),
		Says:  []string{verdict + "."}, Rows: sweep.DefaultRows(ds), Notes: sweep.DefaultNotes(ds),
	}
	fig, err := sweep.DefaultsFigure(s.Runtime, ds)
	if err != nil {
		return err
	}
	if fig.Name != "" {
		page.Figures = []figure.Figure{fig}
		if err := dir.WriteFigure(fig); err != nil {
			return err
		}
	}
	csv, err := sweep.DefaultsCSV(ds)
	if err != nil {
		return err
	}
	data, err := json.MarshalIndent(ds, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the judged cells: %w", err)
	}
	for name, b := range map[string][]byte{"defaults.csv": csv, "defaults.json": append(data, '\n')} {
		if err := dir.Write(name, b); err != nil {
			return err
		}
	}
	if err := dir.WritePage("defaults", &page); err != nil {
		return err
	}
	fmt.Fprintf(a.stdout, "\n%s\n", sweep.Markdown(page.Rows))
	for _, n := range page.Notes {
		fmt.Fprintln(a.stdout, n)
	}
	fmt.Fprintf(a.stdout, "%s; %d failovers in %.1f s; page, graph, table and every failover: %s\n", verdict, failovers, took.Seconds(), dir.Path(""))
	return scenario.Exit(code)
}
