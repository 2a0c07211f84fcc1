// Package seeds runs many seeds of the simulation to find violations: in the store, which should have none,
// and with each planted bug, which must be caught.
package seeds

import (
	"context"
	"fmt"
	"hash/fnv"
	"runtime"
	"sync"
	"time"

	"github.com/faultline-chaos/faultline/checker"
	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/harness/sim"
	"github.com/faultline-chaos/faultline/history"
	"github.com/faultline-chaos/faultline/scenario"
)

// Storm returns the settings of simulations: many overlapping faults, including power failures.
func Storm() scenario.Settings {
	s := scenario.Default()
	s.Name, s.Runtime = "sim", "sim"
	s.Faults = []string{"kill", "pause", "partition", "isolate", "powerfail"}
	s.Time, s.Storm, s.Snapshot, s.Hostile = 30*time.Second, time.Second, 200, true
	s.Probe, s.Hash = 0, 0 // simulations search for bugs and measure nothing; they compare states by themselves
	return s
}

// Result is one simulated run.
type Result struct {
	Seed     uint64
	Hash     uint64 // hash of the history's bytes
	Virtual  time.Duration
	Ops      int
	Faults   int // landed
	Verdicts []history.Verdict
	Err      error // the run itself failed
}

// Validity is the worst of the verdicts.
func (r *Result) Validity() history.Validity { return history.Worst(r.Verdicts) }

// Simulate runs one seed in memory, and judges it if check is set. The run is the same as that of
// `faultline run` with the same flags.
func Simulate(ctx context.Context, p scenario.Settings, seed uint64, check bool) (res Result) {
	p.Seed = seed
	res.Seed = seed
	w, err := p.NewWorkload()
	if err == nil {
		var s harness.Schedule
		if s, err = p.NewSchedule(); err == nil {
			err = simulate(ctx, p, &res, w, s, check)
		}
	}
	if scenario.Broken(err) {
		res.Err = err
	}
	return res
}

func simulate(ctx context.Context, p scenario.Settings, res *Result, w harness.Workload, s harness.Schedule, check bool) error {
	system, err := p.NewSystem()
	if err != nil {
		return err
	}
	defer func() { _ = system.Close() }() // it has no connections to close
	rt := p.NewSim()
	rt.OnEnd = func(st sim.Stats) { res.Virtual = st.Time }
	sum := fnv.New64a()
	cfg := harness.ClusterConfig{RunID: "sim", Seed: p.Seed, System: system, Nodes: p.Nodes}
	// Ops are counted while they are recorded: a broken invariant ends the run before it returns its ops.
	count := func(op *history.Op) {
		switch {
		case op.Client() && op.Type != history.Invoke:
			res.Ops++
		case op.F == history.FInject && op.Type == history.OK:
			res.Faults++
		}
	}
	c, err := scenario.Job{Runtime: rt, Cluster: cfg, History: sum, Record: harness.RecorderOptions{Keep: true, Observe: count}, Do: scenario.Engine(p.RunConfig(w, s))}.Perform(ctx)
	res.Hash = sum.Sum64()
	if v, ok := scenario.Invariant(err); ok {
		res.Verdicts = append(res.Verdicts, v)
	} else if check {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), p.CheckTime)
		defer cancel()
		list := append(w.Checkers(), checker.Recovered{}, checker.AllHealed{})
		if p.Probe > 0 {
			list = append(list, checker.Probes{})
		}
		res.Verdicts = append(res.Verdicts, checker.Run(ctx, list, history.History{Nodes: c.Members, Ops: c.Ops})...)
	}
	return err
}

// All runs the seeds from first to last on all cores; with twice each seed runs a second time, and both
// histories must be identical. Results arrive when they are ready; the channel closes early if ctx ends.
func All(ctx context.Context, p scenario.Settings, first, last uint64, twice bool) <-chan Result {
	workers := runtime.GOMAXPROCS(0)
	next := make(chan uint64)
	out := make(chan Result)
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for seed := range next {
				r := Simulate(ctx, p, seed, true)
				if twice && r.Err == nil && ctx.Err() == nil {
					again := Simulate(ctx, p, seed, false)
					r.Virtual += again.Virtual
					if again.Hash != r.Hash {
						r.Err = fmt.Errorf("seed %d produced two different histories: %x and %x", seed, r.Hash, again.Hash)
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
	return out
}
