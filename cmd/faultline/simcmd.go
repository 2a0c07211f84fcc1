package main

import (
	"fmt"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/faultline-chaos/faultline/history"
	"github.com/faultline-chaos/faultline/scenario"
	"github.com/faultline-chaos/faultline/scenario/seeds"
)

func newSimCmd(a *app) *cobra.Command {
	p := seeds.Storm()
	which := "1-100"
	once := false
	cmd := &cobra.Command{
		Use:   "sim",
		Short: "Simulate many seeds, and check the history of each",
		Long: `Sim runs one simulation per seed and checks its history. Each seed is run twice, and
both histories must be identical to the last byte. A seed with a violation is printed
with the command that repeats it and writes a report.`,
		Example: `  faultline sim --seeds 1-500
  faultline sim --seeds 42 --workload bank --storm 500ms`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			first, last, err := parseSeeds(which)
			if err != nil {
				return err
			}
			p.Runtime, p.Seed = "sim", first
			if err := p.Check(); err != nil {
				return err
			}
			defer debug.SetGCPercent(debug.SetGCPercent(400)) // there is much short-lived garbage
			return a.tally(p, seeds.All(cmd.Context(), p, first, last, !once), last-first+1)
		},
	}
	p.Bind(cmd.Flags())
	cmd.Flags().StringVar(&which, "seeds", which, "seeds to run: FIRST-LAST, or a single seed")
	cmd.Flags().BoolVar(&once, "once", once, "run every seed only once, without comparing two histories")
	for _, hidden := range []string{"runtime", "seed", "binary"} {
		_ = cmd.Flags().MarkHidden(hidden) // the flags exist
	}
	return cmd
}

func parseSeeds(s string) (first, last uint64, err error) {
	from, to, ok := strings.Cut(s, "-")
	if !ok {
		to = from
	}
	first, err1 := strconv.ParseUint(from, 10, 64)
	last, err2 := strconv.ParseUint(to, 10, 64)
	if err1 != nil || err2 != nil || first == 0 || last < first {
		return 0, 0, scenario.Usage("--seeds is %q: it must be FIRST-LAST, such as 1-500, with 0 < FIRST <= LAST", s)
	}
	return first, last, nil
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return scenario.CPUOf(u)
}

// tally prints results as they arrive, and the total at the end.
func (a *app) tally(p scenario.Settings, results <-chan seeds.Result, want uint64) error {
	start, cpu := time.Now(), cpuTime()
	var sum seeds.Result
	counts := map[history.Validity]int{}
	code, n := scenario.ExitValid, uint64(0)
	lastShown := start
	for r := range results {
		n++
		sum.Virtual += r.Virtual
		sum.Ops += r.Ops
		sum.Faults += r.Faults
		if r.Err != nil {
			code = scenario.Worse(code, scenario.ExitInfrastructure)
			fmt.Fprintf(a.stdout, "seed %d: the run failed: %v\n", r.Seed, r.Err)
			continue
		}
		v := r.Validity()
		counts[v]++
		code = scenario.Worse(code, scenario.ExitOf(v))
		if v != history.Valid {
			a.notValid(p, &r)
		}
		if time.Since(lastShown) > 5*time.Second {
			lastShown = time.Now()
			fmt.Fprintf(a.stdout, "%d of %d seeds, %d invalid, %d unknown\n", n, want, counts[history.Invalid], counts[history.Unknown])
		}
	}
	used := (cpuTime() - cpu).Seconds()
	fmt.Fprintf(a.stdout, "%d seeds: %d valid, %d invalid, %d unknown; %d ops, %d faults injected; %.0f simulated cluster-seconds in %.1f s, %.0f per CPU-second\n",
		n, counts[history.Valid], counts[history.Invalid], counts[history.Unknown], sum.Ops, sum.Faults, sum.Virtual.Seconds(), time.Since(start).Seconds(), sum.Virtual.Seconds()/used)
	if n < want {
		fmt.Fprintf(a.stderr, "faultline: interrupted after %d of %d seeds\n", n, want)
		code = scenario.Worse(code, scenario.ExitUnknown)
	}
	if sum.Faults == 0 || sum.Ops == 0 {
		fmt.Fprintln(a.stderr, "faultline: unknown: no fault was injected or no call was made, so nothing was proven")
		code = scenario.Worse(code, scenario.ExitUnknown)
	}
	return scenario.Exit(code)
}

func (a *app) notValid(p scenario.Settings, r *seeds.Result) {
	p.Seed = r.Seed
	for _, v := range r.Verdicts {
		if v.Validity != history.Valid {
			fmt.Fprintf(a.stdout, "seed %d: %s: %s: %s\n", r.Seed, v.Validity, v.Checker, v.Reason)
		}
	}
	fmt.Fprintf(a.stdout, "  to repeat it with a report: %s\n", strings.Join(p.Command(os.Args[0]), " "))
}
