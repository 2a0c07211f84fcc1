package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/faultline-chaos/faultline/internal/statistics"
	"github.com/faultline-chaos/faultline/results/failover"
	"github.com/faultline-chaos/faultline/results/page"
	"github.com/faultline-chaos/faultline/scenario"
)

// batch collects the results of several runs, for the files beside their folders.
type batch struct {
	page.Batch
	dir   string // of the runs' folders
	links string // of page.SummaryOf
}

// add records the result of a run and returns its exit code. The reason is set for runs without an
// analysis. A run that the runtime cannot do counts as skipped, which is no failure.
func (b *batch) add(name, system, runtime string, seed uint64, a *failover.Analysis, err error) (code int, why string) {
	row := page.SummaryRow{Scenario: name, System: system, Runtime: runtime, Seed: seed}
	var status *scenario.StatusError
	switch {
	case err == nil:
	case errors.As(err, &status):
		code = status.Code
	default:
		code = scenario.ExitUsage
	}
	if err != nil && (status == nil || status.Err != nil) {
		why = strings.ReplaceAll(err.Error(), "\n", "; ")
	}
	row.Ended, row.Why = scenario.ExitName(code), why
	switch {
	case a != nil:
		row.Runtime, row.Seed, row.Run = a.Run.Runtime, a.Run.Seed, a.Run.ID
		if code != scenario.ExitValid && row.Why == "" {
			row.Why = page.VerdictReason(a.Run)
		}
		for i := range a.Stats {
			if s := &a.Stats[i]; s.Name == "write outage" {
				row.Failovers = s.N + s.Censored
				if s.N > 0 {
					row.P50, row.Longest = &s.Median, &s.Max
				}
			}
		}
		b.Suites = append(b.Suites, page.SuiteOf(a))
	case errors.Is(err, errors.ErrUnsupported):
		code, row.Ended = scenario.ExitValid, "skipped"
		b.Suites = append(b.Suites, page.Refused(name, system, runtime, seed, why))
	default:
		b.Suites = append(b.Suites, page.Failed(name, system, runtime, seed, why))
	}
	b.Rows = append(b.Rows, row)
	return code, why
}

func newBatch(title, dir, links string) batch {
	return batch{Batch: page.Batch{Title: title}, dir: dir, links: links}
}

func (b *batch) write() error { return b.Write(b.dir, b.links) }

// repeat does a run several times and prints how many runs ended how. The exit code is the worst one.
func (a *app) repeat(ctx context.Context, s scenario.Settings, o scenario.Options, times int) error {
	if times == 1 {
		_, err := a.run(ctx, s, o)
		return err
	}
	done := newBatch(fmt.Sprintf("%s, %d times", s.Name, times), o.Out, "./")
	code := scenario.ExitValid
	for i := range times {
		if ctx.Err() != nil {
			code = scenario.Worse(code, scenario.ExitUnknown)
			break
		}
		q := s
		if s.Seed != 0 {
			q.Seed = s.Seed + uint64(i)
		}
		analysis, err := a.run(ctx, q, o)
		ended, why := done.add(q.Name, q.System, q.Runtime, q.Seed, analysis, err)
		if ended == scenario.ExitUsage || errors.Is(err, errors.ErrUnsupported) {
			return err // every repetition would fail like this
		}
		if why != "" {
			fmt.Fprintln(a.stderr, "faultline:", why)
		}
		code = scenario.Worse(code, ended)
		fmt.Fprintf(a.stdout, "\nrun %d of %d: %s\n\n", i+1, times, tally(done.Rows))
	}
	fmt.Fprint(a.stdout, repeated(done.Rows))
	if err := done.write(); err != nil {
		return scenario.Status(scenario.Worse(code, scenario.ExitInfrastructure), err)
	}
	return scenario.Exit(code)
}

// endings are the exit codes of runs, in the order in which they are listed.
var endings = []int{scenario.ExitValid, scenario.ExitInvalid, scenario.ExitUnknown, scenario.ExitInfrastructure, scenario.ExitResidue, scenario.ExitUsage, scenario.ExitCrash}

func tally(rows []page.SummaryRow) string {
	var parts []string
	for i, code := range endings {
		n := 0
		for _, r := range rows {
			if r.Ended == scenario.ExitName(code) {
				n++
			}
		}
		if n > 0 || i < 2 {
			parts = append(parts, fmt.Sprintf("%d %s", n, scenario.ExitName(code)))
		}
	}
	return strings.Join(parts, ", ")
}

// repeated summarizes repeated runs: the share of runs with a violation, its confidence interval, and the
// seeds of all runs that were not valid.
func repeated(rows []page.SummaryRow) string {
	judged, invalid := 0, 0
	seeds := map[string][]string{}
	for _, r := range rows {
		switch r.Ended {
		case scenario.ExitName(scenario.ExitInvalid):
			invalid++
			judged++
		case scenario.ExitName(scenario.ExitValid):
			judged++
		}
		if r.Ended != scenario.ExitName(scenario.ExitValid) {
			seeds[r.Ended] = append(seeds[r.Ended], fmt.Sprint(r.Seed))
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d runs: %s\n", len(rows), tally(rows))
	if judged > 0 {
		low, high := statistics.Proportion(invalid, judged)
		fmt.Fprintf(&b, "violations in %d of the %d runs that could be judged: %.1f %% (95 %% confidence interval: %.1f to %.1f %%)\n",
			invalid, judged, 100*float64(invalid)/float64(judged), 100*low, 100*high)
	}
	for _, code := range endings[1:] {
		if list := seeds[scenario.ExitName(code)]; len(list) > 0 {
			fmt.Fprintf(&b, "seeds that ended %s: %s\n", scenario.ExitName(code), strings.Join(list, " "))
		}
	}
	return b.String()
}
