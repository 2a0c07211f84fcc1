package main

import (
	"context"
	"fmt"
	"hash/fnv"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/faultline-chaos/faultline/checker"
	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/harness/sim"
)

// stormPlan is what simulations do: many overlapping faults, power failures among them.
func stormPlan() plan {
	p := defaultPlan()
	p.Name, p.Runtime = "sim", "sim"
	p.Faults = []string{"kill", "pause", "partition", "isolate", "powerfail"}
	p.Time, p.Storm, p.Snapshot, p.Hostile = 30*time.Second, time.Second, 200, true
	p.Probe, p.Hash = 0, 0 // seeds are for bugs, not for measuring; a simulation compares states by itself
	return p
}

func newSimCmd(a *app) *cobra.Command {
	p := stormPlan()
	seeds := "1-100"
	once := false
	cmd := &cobra.Command{
		Use:   "sim",
		Short: "Simulate many seeds: every one is checked, and run twice to the same bytes",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			first, last, err := parseSeeds(seeds)
			if err != nil {
				return err
			}
			p.Runtime, p.Seed = "sim", first
			if err := p.validate(); err != nil {
				return err
			}
			return a.simulate(cmd.Context(), &p, first, last, !once)
		},
	}
	p.flags(cmd.Flags())
	cmd.Flags().StringVar(&seeds, "seeds", seeds, "seeds to run: FIRST-LAST, or one")
	cmd.Flags().BoolVar(&once, "once", once, "run every seed once only, and do not compare bytes")
	for _, hidden := range []string{"runtime", "seed", "out", "binary"} {
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
		return 0, 0, usage("--seeds is %q: it must be FIRST-LAST, such as 1-500, with 0 < FIRST <= LAST", s)
	}
	return first, last, nil
}

// seedResult is one simulated run.
type seedResult struct {
	seed     uint64
	hash     uint64 // of the history's bytes
	virtual  time.Duration
	ops      int
	faults   int // landed
	verdicts []harness.Verdict
	err      error // the run broke
}

func (r *seedResult) validity() harness.Validity { return harness.Worst(r.verdicts) }

// simulateSeed runs one seed in memory. The run is the same that `faultline run` does with the same
// flags.
func (p plan) simulateSeed(ctx context.Context, seed uint64, check bool) (res seedResult) {
	p.Seed = seed
	res.seed = seed
	w, err := p.makeWorkload()
	if err == nil {
		var s harness.Schedule
		if s, err = p.makeSchedule(); err == nil {
			err = p.simulateInto(ctx, &res, w, s, check)
		}
	}
	if err != nil && broken(err) {
		res.err = err
	}
	return res
}

func (p *plan) simulateInto(ctx context.Context, res *seedResult, w harness.Workload, s harness.Schedule, check bool) error {
	system, err := p.makeSystem()
	if err != nil {
		return err
	}
	defer func() { _ = system.Close() }() // it has no connections
	rt := p.makeSim()
	rt.OnEnd = func(st sim.Stats) { res.virtual = st.Time }
	sum := fnv.New64a()
	cfg := harness.ClusterConfig{RunID: "sim", Seed: p.Seed, System: system, Nodes: p.Nodes}
	rc := p.runConfig(w, s)
	// Counted as they come: a broken invariant ends the run before it can hand over its ops.
	count := func(op *harness.Op) {
		switch {
		case op.Client() && op.Type != harness.Invoke:
			res.ops++
		case op.F == harness.FInject && op.Type == harness.OK:
			res.faults++
		}
	}
	c, ops, err := p.perform(ctx, rt, cfg, rc, sum, harness.RecorderOptions{Keep: true, Observe: count})
	res.hash = sum.Sum64()
	if v, ok := invariant(err); ok {
		res.verdicts = append(res.verdicts, v)
	} else if check {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), p.CheckTime)
		defer cancel()
		list := append(w.Checkers(), checker.Recovered{}, checker.AllHealed{})
		if p.Probe > 0 {
			list = append(list, checker.Probes{})
		}
		res.verdicts = append(res.verdicts, checker.Run(ctx, list, harness.History{Nodes: c.members, Ops: ops})...)
	}
	return err
}

// simulate runs seeds on all cores and prints what is not valid.
func (a *app) simulate(ctx context.Context, p *plan, first, last uint64, twice bool) error {
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // garbage comes fast and little of it lives
	workers := runtime.GOMAXPROCS(0)
	next := make(chan uint64)
	out := make(chan seedResult)
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for seed := range next {
				r := p.simulateSeed(ctx, seed, true)
				if twice && r.err == nil && ctx.Err() == nil {
					again := p.simulateSeed(ctx, seed, false)
					r.virtual += again.virtual
					if again.hash != r.hash {
						r.err = fmt.Errorf("seed %d gave two histories: %x and %x", seed, r.hash, again.hash)
					}
				}
				out <- r
			}
		})
	}
	go func() {
		defer close(out)
		defer wg.Wait()
		defer close(next)
		for seed := first; seed <= last; seed++ {
			select {
			case next <- seed:
			case <-ctx.Done():
				return
			}
		}
	}()
	return a.tally(p, out, last-first+1)
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return cpuOf(u)
}

// cpuOf is the time on all cores, in the program and in the kernel for it.
func cpuOf(u syscall.Rusage) time.Duration { return time.Duration(u.Utime.Nano() + u.Stime.Nano()) }

// tally prints results as they come and the sum at the end.
func (a *app) tally(p *plan, results <-chan seedResult, want uint64) error {
	start, cpu := time.Now(), cpuTime()
	var sum seedResult
	counts := map[harness.Validity]int{}
	code, n := exitValid, uint64(0)
	lastShown := start
	for r := range results {
		n++
		sum.virtual += r.virtual
		sum.ops += r.ops
		sum.faults += r.faults
		if r.err != nil {
			code = worse(code, exitInfrastructure)
			fmt.Fprintf(a.stdout, "seed %d: broken: %v\n", r.seed, r.err)
			continue
		}
		v := r.validity()
		counts[v]++
		code = worse(code, exitOf(v))
		if v != harness.Valid {
			a.notValid(p, r)
		}
		if time.Since(lastShown) > 5*time.Second {
			lastShown = time.Now()
			fmt.Fprintf(a.stdout, "%d of %d seeds, %d invalid, %d unknown\n", n, want, counts[harness.Invalid], counts[harness.Unknown])
		}
	}
	used := (cpuTime() - cpu).Seconds()
	fmt.Fprintf(a.stdout, "%d seeds: %d valid, %d invalid, %d unknown; %d ops, %d faults landed; %.0f simulated cluster-seconds in %.1f s, %.0f per CPU-second\n",
		n, counts[harness.Valid], counts[harness.Invalid], counts[harness.Unknown], sum.ops, sum.faults, sum.virtual.Seconds(), time.Since(start).Seconds(), sum.virtual.Seconds()/used)
	if n < want {
		fmt.Fprintf(a.stderr, "faultline: interrupted after %d of %d seeds\n", n, want)
		code = worse(code, exitUnknown)
	}
	if sum.faults == 0 || sum.ops == 0 {
		fmt.Fprintln(a.stderr, "faultline: unknown: no fault landed or no call was made, so nothing was proven")
		code = worse(code, exitUnknown)
	}
	return exit(code)
}

func (a *app) notValid(p *plan, r seedResult) {
	q := *p
	q.Seed = r.seed
	for _, v := range r.verdicts {
		if v.Validity != harness.Valid {
			fmt.Fprintf(a.stdout, "seed %d: %s: %s: %s\n", r.seed, v.Validity, v.Checker, v.Reason)
		}
	}
	fmt.Fprintf(a.stdout, "  repeat with a report: %s\n", strings.Join(q.command("sim"), " "))
}
