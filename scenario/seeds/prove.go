package seeds

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/faultline-chaos/faultline/history"
	"github.com/faultline-chaos/faultline/scenario"
)

// Limits for one bug.
const (
	proveSim   = 4 * time.Minute // on sim
	proveLocal = 5 * time.Minute // then on local
	proveGood  = 300             // seeds that the store without bugs must pass
)

// Directed are the bugs that no fault of the harness can show, and the tests that show them. Prove lists
// them and does not run them.
func Directed() map[string]string {
	return map[string]string{
		"ack-any-entry-at-index": "the store proposes a write that lost its log position again, so the early answer becomes true unless the member dies at once; TestPlantedBugs in store/core catches it",
		"read-id-reused":         "it needs an answer that arrives after a restart, and no fault here delays one that long; TestPlantedStaleReads in store/core catches it",
	}
}

// Proof is the result for one bug.
type Proof struct {
	Bug, Runtime, By, Reason, Repeat string
	Caught                           bool
	Runs, Faults, Ops                int
	Took                             time.Duration
}

// String describes the result, without the bug's name.
func (p Proof) String() string {
	if !p.Caught {
		return fmt.Sprintf("NOT CAUGHT in %d runs, %.1f s", p.Runs, p.Took.Seconds())
	}
	return fmt.Sprintf("caught by %s on %s, run %d, %.1f s: %s\n  repeat: %s", p.By, p.Runtime, p.Runs, p.Took.Seconds(), p.Reason, p.Repeat)
}

// Good runs the store without bugs in the same way: nothing may be caught.
func Good(ctx context.Context, o scenario.Options) Proof {
	return untilCaught(ctx, Storm(), "none", o.Program, func(n int, _ time.Duration) bool { return n < proveGood })
}

// Bug runs the store with a planted bug until it is caught: first on sim, then on local, which keeps the
// folders of its runs.
func Bug(ctx context.Context, bug string, o scenario.Options) Proof {
	p := Storm()
	p.Bug = bug
	pr := untilCaught(ctx, p, bug, o.Program, func(_ int, took time.Duration) bool { return took < proveSim })
	if pr.Caught || ctx.Err() != nil {
		return pr
	}
	return untilCaughtLocally(ctx, pr, o)
}

// untilCaught runs seeds, as many at once as there are cores, until one is caught or more returns false.
func untilCaught(ctx context.Context, p scenario.Settings, bug, program string, more func(n int, took time.Duration) bool) Proof {
	pr := Proof{Bug: bug, Runtime: "sim"}
	start := time.Now()
	batch := make([]Result, runtime.GOMAXPROCS(0))
	for seed := uint64(1); !pr.Caught && ctx.Err() == nil && more(pr.Runs, time.Since(start)); seed += uint64(len(batch)) {
		var wg sync.WaitGroup
		for i := range batch {
			wg.Go(func() { batch[i] = Simulate(ctx, p, seed+uint64(i), true) })
		}
		wg.Wait()
		for i := range batch {
			pr.add(p, program, &batch[i])
		}
		pr.Took = time.Since(start)
	}
	return pr
}

// add counts a run, and notes the first violation.
func (p *Proof) add(of scenario.Settings, program string, r *Result) {
	p.Runs++
	p.Faults += r.Faults
	p.Ops += r.Ops
	if r.Err != nil { // a member that cannot start again is a finding, too
		r.Verdicts = append(r.Verdicts, history.Verdict{Checker: "start", Validity: history.Invalid, Reason: r.Err.Error()})
	}
	for _, v := range r.Verdicts {
		if v.Validity == history.Invalid && !p.Caught {
			of.Seed = r.Seed
			p.Caught, p.By, p.Reason, p.Repeat = true, v.Checker, v.Reason, strings.Join(of.Command(program), " ")
		}
	}
}

// untilCaughtLocally goes on with real processes and keeps the folders of their runs.
func untilCaughtLocally(ctx context.Context, pr Proof, o scenario.Options) Proof {
	start, before := time.Now(), pr.Took
	for seed := uint64(1); ctx.Err() == nil && time.Since(start) < proveLocal; seed++ {
		p := Storm()
		p.Name, p.Bug, p.Runtime, p.Seed = "prove-"+pr.Bug, pr.Bug, "local", seed
		p.Hostile = false
		p.Faults, p.Time = []string{"kill", "pause", "partition", "isolate"}, 20*time.Second
		out, err := scenario.Perform(ctx, p, o)
		pr.Runs++
		pr.Runtime = "local"
		pr.Took = before + time.Since(start)
		if out.Folder == nil {
			pr.Reason = fmt.Sprint(err)
			return pr
		}
		analysis := &out.Analysis
		pr.Faults += analysis.Landed()
		pr.Ops += analysis.Ops.All()
		for _, v := range analysis.Run.Verdicts {
			if v.Validity == history.Invalid {
				pr.Caught, pr.By, pr.Reason, pr.Repeat = true, v.Checker, v.Reason, strings.Join(analysis.Run.Command, " ")
				return pr
			}
		}
	}
	return pr
}
