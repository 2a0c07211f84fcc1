package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/faultline-chaos/faultline/results/sweep"
	"github.com/faultline-chaos/faultline/scenario"
)

// sweepCells is the file of a sweep's results: a line for each part of a cell.
const sweepCells = "cells.jsonl"

// checkGrid returns a usage error if the flags are wrong, before anything is created.
func (s *sweepFlags) checkGrid(f *pflag.FlagSet) error {
	if err := scenario.CheckRuntime(s.Runtime); err != nil {
		return err
	}
	if s.Runtime == "auto" {
		return scenario.Usage("--runtime auto does not go with sweep, whose cells must be alike: allowed are %s", strings.Join(scenario.RuntimeNames(), ", "))
	}
	if !scenario.Virtual(s.Runtime) {
		if !f.Changed("delays") {
			s.Delays = []time.Duration{0}
		}
		if !slices.Equal(s.Delays, []time.Duration{0}) {
			return scenario.Usage("--delays is for --runtime sim: %s cannot delay messages between members (its clusters have no such capability), so it must be 0", s.Runtime)
		}
		if !f.Changed("stable") {
			s.Stable = 10 * time.Second // of real time, in every cell
		}
	}
	if err := s.Check(); err != nil {
		return scenario.Usage("%v", err)
	}
	return s.CheckSystems()
}

// measured are the parts of cells in the folder, without those that failed.
func (s *sweepFlags) measured(dir sweep.Folder) ([]sweep.Result, error) {
	lines, err := dir.ReadLines(sweepCells)
	if err != nil {
		return nil, err
	}
	done, err := sweep.ReadResults(lines)
	if err != nil {
		return nil, scenario.Usage("--resume %s: %v", s.resume, err)
	}
	return slices.DeleteFunc(done, func(r sweep.Result) bool { return r.Problem != "" }), nil
}

func (a *app) sweepGrid(ctx context.Context, s *sweepFlags, dir sweep.Folder) error {
	done, err := s.measured(dir)
	if err != nil {
		return err
	}
	rt, err := s.NewRuntime(ctx)
	if err != nil {
		return err
	}
	cells, skipped := s.Cells()
	todo := s.Todo(done)
	fmt.Fprintf(a.stdout, "faultline sweep · %s on %s · %d cells, %d leaders killed in each after %v without a fault · seed %d\n", strings.Join(s.Systems, " and "), s.Runtime, len(cells), s.Trials, s.Stable, s.Seed)
	if len(skipped) > 0 {
		fmt.Fprintf(a.stdout, "%d combinations are left out because the election timeout is shorter than five heartbeats: %s\n", len(skipped), pairs(skipped))
	}
	if n := len(s.Whole(done)); n > 0 {
		fmt.Fprintf(a.stdout, "%d cells were measured before\n", n)
	}
	start := time.Now()
	out, err := dir.AppendTo(sweepCells)
	if err != nil {
		return err
	}
	trials := 0
	for _, p := range todo {
		trials += p.Trials
	}
	show := newBar(a.stdout, a.isTerminal(), "failovers", trials)
	fresh, err := s.Measure(ctx, rt, todo, out, show)
	show.Clear()
	if err = errors.Join(err, out.Close()); err != nil {
		return err
	}
	return a.finishSweep(ctx, s, dir, append(done, fresh...), len(cells), time.Since(start))
}

// pairs names every combination of timeout and heartbeat once.
func pairs(cells []sweep.Cell) string {
	var out []string
	for _, c := range cells {
		if p := fmt.Sprintf("%v with %v", c.Timeout, c.Heartbeat); !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	return strings.Join(out, ", ")
}

// finishSweep draws and describes the results so far.
func (a *app) finishSweep(ctx context.Context, s *sweepFlags, dir sweep.Folder, parts []sweep.Result, want int, took time.Duration) error {
	rs := s.Whole(parts)
	broken := 0
	for _, r := range rs {
		if r.Problem != "" {
			broken++
		}
	}
	if s.Defaults { // an incomplete sweep is not judged
		if err := s.unfinished(ctx, dir, len(rs)-broken, broken, want); err != nil {
			return err
		}
		return a.writeDefaults(s, dir, rs, took)
	}
	advice := sweep.Advise(rs)
	page := sweep.Page{
		Title: "Which timeouts to choose", Rows: sweep.Rows(rs), Notes: s.Notes(scenario.Virtual(s.Runtime)),
		Lead: fmt.Sprintf("%s on %s, seed %d, %d of %d cells", strings.Join(s.Systems, " and "), s.Runtime, s.Seed, len(rs)-broken, want),
	}
	for _, x := range advice {
		page.Says = append(page.Says, x.Text)
	}
	figures, err := sweep.GridFigures(s.Settings, rs)
	if err != nil {
		return err
	}
	for _, f := range figures {
		if err := dir.WriteFigure(f); err != nil {
			return err
		}
	}
	page.Figures = figures
	csv, err := sweep.CSV(rs)
	if err != nil {
		return err
	}
	if err := errors.Join(dir.Write("sweep.csv", csv), dir.WritePage("sweep", &page)); err != nil {
		return err
	}
	fmt.Fprintf(a.stdout, "\n%s\n", sweep.Markdown(page.Rows))
	for _, x := range page.Says {
		fmt.Fprintln(a.stdout, x)
	}
	for _, n := range s.Notes(scenario.Virtual(s.Runtime)) {
		fmt.Fprintln(a.stdout, n)
	}
	fmt.Fprintf(a.stdout, "%d of %d cells, %.1f s; page, graphs, tables and every outage: %s\n", len(rs)-broken, want, took.Seconds(), dir.Path(""))
	return s.unfinished(ctx, dir, len(rs)-broken, broken, want)
}

// unfinished makes the error that says what is still to be measured, and how to continue.
func (s *sweepFlags) unfinished(ctx context.Context, dir sweep.Folder, have, broken, want int) error {
	switch {
	case ctx.Err() != nil && have+broken < want:
		return scenario.Status(scenario.ExitUnknown, fmt.Errorf("sweep: interrupted after %d of %d cells; continue with: faultline sweep --resume %s", have, want, dir))
	case broken > 0:
		return scenario.Status(scenario.ExitInfrastructure, fmt.Errorf("sweep: %d cells failed; measure them again with: faultline sweep --resume %s", broken, dir))
	}
	return nil
}
