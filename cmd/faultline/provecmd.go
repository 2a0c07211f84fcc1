package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/results"
	"github.com/faultline-chaos/faultline/store/core"
)

// proveLimits of one bug.
const (
	proveSim   = 4 * time.Minute // on sim
	proveLocal = 5 * time.Minute // then on local
	proveGood  = 300             // seeds that the good store must pass
)

func newProveCmd(a *app) *cobra.Command {
	var only []string
	cmd := &cobra.Command{
		Use:   "prove",
		Short: "Run every planted bug until it is caught, to prove that a verdict can fail",
		Long: `Prove runs the store with each planted bug on sim, and where sim does not show it on
local, until a checker or an invariant catches it. The store without bugs must pass
the same. It needs a build with -tags bugs: make prove does all of it.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			bugs := core.Bugs()
			if len(bugs) == 0 {
				return usage("this build has no planted bugs: build it with -tags bugs, or use make prove")
			}
			for _, b := range only {
				if err := core.CheckBug(b); err != nil {
					return usage("%v", err)
				}
			}
			if len(only) > 0 {
				bugs = only
			}
			return a.prove(cmd.Context(), bugs, only)
		},
	}
	cmd.Flags().StringSliceVar(&only, "bugs", nil, "these only; default: all")
	return cmd
}

// directed are the bugs that no fault here can show, and where a test shows them. They are listed,
// not run.
func directed() map[string]string {
	return map[string]string{
		"ack-any-entry-at-index": "the store proposes a write again that lost its place, which makes the early answer good unless the member dies at once: TestPlantedBugs in store/core",
		"read-id-reused":         "needs an answer that outlives a restart, which no fault here delays so long: TestPlantedStaleReads in store/core",
	}
}

// proof is how one bug fared.
type proof struct {
	bug, runtime, by, reason, repeat string
	caught                           bool
	runs, faults, ops                int
	took                             time.Duration
}

func (a *app) prove(ctx context.Context, bugs, only []string) error {
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // garbage comes fast and little of it lives
	good := a.proveGood(ctx)
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "bug\tcaught by\ton\truns\tfaults\tops\tseconds")
	code := exitValid
	proofs := []proof{good}
	if good.caught {
		code = exitInvalid
	}
	for _, bug := range bugs {
		if why, ok := directed()[bug]; ok && len(only) == 0 {
			fmt.Fprintf(a.stdout, "%s: not run: %s\n", bug, why)
			proofs = append(proofs, proof{bug: bug, by: "not run: a directed test", runtime: "-", caught: true})
			continue
		}
		p := a.proveBug(ctx, bug)
		if ctx.Err() != nil {
			return &statusError{exitUnknown, fmt.Errorf("prove: %w", context.Cause(ctx))}
		}
		if !p.caught {
			code = worse(code, exitInvalid)
		}
		fmt.Fprintf(a.stdout, "%s: %s\n", bug, p.line())
		proofs = append(proofs, p)
	}
	fmt.Fprintln(a.stdout)
	for _, p := range proofs {
		by := p.by
		switch {
		case p.bug == "none" && !p.caught:
			by = "nothing, as it must be"
		case !p.caught:
			by = "NOT CAUGHT"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%d\t%d\t%.1f\n", p.bug, by, p.runtime, p.runs, p.faults, p.ops, p.took.Seconds())
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return exit(code)
}

func (p proof) line() string {
	if !p.caught {
		return fmt.Sprintf("NOT CAUGHT in %d runs, %.1f s", p.runs, p.took.Seconds())
	}
	return fmt.Sprintf("caught by %s on %s, run %d, %.1f s: %s\n  repeat: %s", p.by, p.runtime, p.runs, p.took.Seconds(), p.reason, p.repeat)
}

// proveGood runs the store without bugs through the same.
func (a *app) proveGood(ctx context.Context) proof {
	p := stormPlan()
	return p.seedsUntilCaught(ctx, "none", func(n int, _ time.Duration) bool { return n < proveGood })
}

func (a *app) proveBug(ctx context.Context, bug string) proof {
	p := stormPlan()
	p.Bug = bug
	pr := p.seedsUntilCaught(ctx, bug, func(_ int, took time.Duration) bool { return took < proveSim })
	if pr.caught || ctx.Err() != nil {
		return pr
	}
	return a.proveLocally(ctx, pr)
}

// seedsUntilCaught runs seeds, as many at once as there are cores, while more says so.
func (p *plan) seedsUntilCaught(ctx context.Context, bug string, more func(n int, took time.Duration) bool) proof {
	pr := proof{bug: bug, runtime: "sim"}
	start := time.Now()
	batch := make([]seedResult, runtime.GOMAXPROCS(0))
	for seed := uint64(1); !pr.caught && ctx.Err() == nil && more(pr.runs, time.Since(start)); seed += uint64(len(batch)) {
		var wg sync.WaitGroup
		for i := range batch {
			wg.Go(func() { batch[i] = p.simulateSeed(ctx, seed+uint64(i), true) })
		}
		wg.Wait()
		for i := range batch {
			pr.add(p, &batch[i])
		}
		pr.took = time.Since(start)
	}
	return pr
}

// add counts a run, and what it caught if nothing was caught before.
func (p *proof) add(of *plan, r *seedResult) {
	p.runs++
	p.faults += r.faults
	p.ops += r.ops
	if r.err != nil { // a member that cannot start again is a finding, too
		r.verdicts = append(r.verdicts, harness.Verdict{Checker: "start", Validity: harness.Invalid, Reason: r.err.Error()})
	}
	for _, v := range r.verdicts {
		if v.Validity == harness.Invalid && !p.caught {
			q := *of
			q.Seed = r.seed
			p.caught, p.by, p.reason, p.repeat = true, v.Checker, v.Reason, strings.Join(q.command("sim"), " ")
		}
	}
}

// proveLocally goes on with real processes, whose folders stay for reading.
func (a *app) proveLocally(ctx context.Context, pr proof) proof {
	start, before := time.Now(), pr.took
	for seed := uint64(1); ctx.Err() == nil && time.Since(start) < proveLocal; seed++ {
		p := stormPlan()
		p.Name, p.Bug, p.Runtime, p.Seed = "prove-"+pr.bug, pr.bug, "local", seed
		p.Hostile = false
		p.Faults, p.Time = []string{"kill", "pause", "partition", "isolate"}, 20*time.Second
		quiet := &app{stdin: a.stdin, stdout: io.Discard, stderr: a.stderr}
		err := quiet.run(ctx, &p)
		pr.runs++
		pr.runtime = "local"
		pr.took = before + time.Since(start)
		folder, openErr := results.Open(filepath.Join(p.Out, results.Latest))
		if openErr != nil {
			pr.reason = fmt.Sprint(err)
			return pr
		}
		analysis, openErr := results.AnalyzeFolder(folder)
		if openErr != nil {
			return pr
		}
		pr.faults += analysis.Landed()
		pr.ops += analysis.Ops.All()
		for _, v := range analysis.Run.Verdicts {
			if v.Validity == harness.Invalid {
				pr.caught, pr.by, pr.reason, pr.repeat = true, v.Checker, v.Reason, strings.Join(analysis.Run.Command, " ")
				return pr
			}
		}
	}
	return pr
}
