// Package grid measures the cells of a sweep: in each cell a cluster first runs without faults, to count
// false elections, and then its leader is killed repeatedly.
package grid

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/harness/sim"
	"github.com/faultline-chaos/faultline/history"
	"github.com/faultline-chaos/faultline/nemesis"
	"github.com/faultline-chaos/faultline/results"
	"github.com/faultline-chaos/faultline/results/failover"
	"github.com/faultline-chaos/faultline/results/sweep"
	"github.com/faultline-chaos/faultline/scenario"
	"github.com/faultline-chaos/faultline/scripts"
	"github.com/faultline-chaos/faultline/workloads"
)

// Grid is a sweep to measure.
type Grid struct {
	sweep.Settings
	Binary string // as in scenario.Settings
}

// Progress receives the progress of a sweep. Trials is called by several goroutines.
type Progress interface {
	Trials(n int)        // n more trials are over
	Broken(sweep.Result) // a part could not be measured
}

// CheckSystems returns an error if one of the systems cannot be used.
func (s *Grid) CheckSystems() error {
	for _, name := range s.Systems {
		if scenario.Virtual(s.Runtime) && name != "raftkv" && slices.Contains(scenario.SystemNames(), name) {
			return scenario.Usage("--system %s cannot be simulated: give --runtime local or docker", name)
		}
		if s.Binary != "" && len(s.Systems) > 1 {
			return scenario.Usage("--binary goes with one system only, not with --system %s", strings.Join(s.Systems, ","))
		}
		p := s.Cluster(sweep.Cell{System: name, Members: s.Members[0], Timeout: time.Second, Heartbeat: 100 * time.Millisecond})
		system, err := p.NewSystem()
		if err != nil {
			return err
		}
		if err := system.Close(); err != nil {
			return scenario.Infrastructure(err)
		}
	}
	return nil
}

// Cluster are the settings of a cell's cluster.
func (s *Grid) Cluster(c sweep.Cell) scenario.Settings {
	p := scenario.Default()
	p.Runtime, p.System, p.Binary, p.Nodes, p.Election, p.Heartbeat = s.Runtime, c.System, s.Binary, c.Members, c.Timeout, c.Heartbeat
	p.Seed = harness.Stream(s.Seed, c.String()).Uint64()
	return p
}

// NewRuntime makes the runtime. It is an error if the runtime cannot kill leaders.
func (s *Grid) NewRuntime(ctx context.Context) (harness.Runtime, error) {
	rt, able, _, err := s.Cluster(sweep.Cell{}).NewRuntime(ctx)
	if err != nil {
		return nil, err
	}
	if err := harness.Unsupported(harness.Schedule{{Fault: nemesis.Kill{}, Target: history.TargetLeader}}, rt.Name(), able); err != nil {
		return nil, scenario.Refused(fmt.Errorf("sweep: %w", err))
	}
	return rt, nil
}

// Todo are the parts of cells that are not among done.
func (s *Grid) Todo(done []sweep.Result) (todo []sweep.Part) {
	cells, _ := s.Cells()
	for _, c := range cells {
		for _, p := range s.Parts(c) {
			if !slices.ContainsFunc(done, func(r sweep.Result) bool { return r.Cell == c && r.Part == p.Number }) {
				todo = append(todo, p)
			}
		}
	}
	return todo
}

// Measure measures parts of cells and appends each result to out when it is complete. On virtual time it
// measures as many parts at once as there are cores. It ends early when ctx ends.
func (s *Grid) Measure(ctx context.Context, rt harness.Runtime, todo []sweep.Part, out io.Writer, progress Progress) ([]sweep.Result, error) {
	workers := 1
	if harness.Virtual(rt) {
		workers = runtime.GOMAXPROCS(0)
	}
	next, ended := make(chan sweep.Part, len(todo)), make(chan sweep.Result)
	for _, p := range todo {
		next <- p
	}
	close(next)
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for p := range next {
				if ctx.Err() != nil {
					return
				}
				counted := 0
				r, ok := s.measure(ctx, rt, p, func(n int) { progress.Trials(n - counted); counted = n })
				if ok {
					progress.Trials(p.Trials - counted)
					ended <- r
				}
			}
		})
	}
	go func() { wg.Wait(); close(ended) }()
	enc := json.NewEncoder(out)
	var (
		all    []sweep.Result
		failed error
	)
	for r := range ended {
		all = append(all, r)
		if err := enc.Encode(&r); err != nil && failed == nil {
			failed = fmt.Errorf("write a cell of the sweep: %w", err)
		}
		if r.Problem != "" {
			progress.Broken(r)
		}
	}
	return all, failed
}

// recovery is how long a cell's members may take to catch up.
const recovery = 30 * time.Second

// failovers kills the leader repeatedly. The times of the kills are spread over an election timeout, so that
// they meet every phase of the heartbeat.
func (s *Grid) failovers(c sweep.Part) scripts.Failovers {
	return scripts.Failovers{
		Fault: nemesis.Kill{}, Trials: c.Trials, Spread: c.Timeout,
		Limit: 10*c.Timeout + 5*time.Second, // enough for many split votes in a row
		Hold:  300*time.Millisecond + 12*c.Delay,
	}
}

// measure runs one part of a cell and calls done with the number of trials so far. It returns false if it
// was interrupted.
func (s *Grid) measure(ctx context.Context, rt harness.Runtime, part sweep.Part, done func(trials int)) (sweep.Result, bool) {
	p := s.Cluster(part.Cell)
	if part.Number > 0 {
		p.Seed = harness.Stream(s.Seed, fmt.Sprintf("%s, part %d", part.Cell, part.Number)).Uint64()
	}
	res := sweep.Result{Cell: part.Cell, Part: part.Number, Seed: p.Seed, Stable: part.Stable}
	start := time.Now()
	run, h, err := s.runCell(ctx, rt, p, part, done)
	res.Took = time.Since(start)
	if errors.Is(err, harness.ErrInterrupted) || ctx.Err() != nil && err != nil {
		return res, false
	}
	if _, bad := scenario.Invariant(err); bad || scenario.Broken(err) {
		res.Problem = err.Error()
		return res, true
	}
	var recovery *harness.NoRecoveryError
	if err := res.Read(failover.Analyze(run, h), errors.As(err, &recovery)); err != nil {
		res.Problem = err.Error()
	}
	return res, true
}

// runCell runs a cell's cluster: first without faults, then with kills.
func (s *Grid) runCell(ctx context.Context, rt harness.Runtime, p scenario.Settings, c sweep.Part, done func(trials int)) (results.Run, history.History, error) {
	system, err := p.NewSystem()
	if err != nil {
		return results.Run{}, history.History{}, err
	}
	// The network's round trips must fit into the probes' and calls' time limits.
	limit := max(50*time.Millisecond, p.Election/10) + 12*c.Delay
	w, err := workloads.ByName("register", workloads.Options{Think: 200 * time.Millisecond, Timeout: limit})
	if err != nil {
		return results.Run{}, history.History{}, errors.Join(err, system.Close())
	}
	script := s.failovers(c)
	script.Done = done
	rc := harness.RunConfig{
		Workload: w, Workers: 2, Script: script.Run, Warmup: c.Stable, Faults: script.Bound(recovery), Recovery: recovery,
		ProbeEvery: 10 * time.Millisecond, ProbeTimeout: limit,
	}
	if s.Defaults { // idle, as what is expected was computed: see DefaultNotes
		rc.Workers, rc.ProbeEvery, rc.Poll = 0, 0, time.Second
		script.Ask = true
		rc.Script = script.Run
	}
	if c.Delay > 0 { // half of it is constant, the rest exponential
		rt = &sim.Runtime{Options: sim.Options{Network: sim.Delay{Min: c.Delay / 2, Mean: c.Delay}}}
	}
	logs := scenario.NewLogs()
	cfg := harness.ClusterConfig{RunID: fmt.Sprintf("faultline-sweep-%x", p.Seed), Seed: p.Seed, System: system, Nodes: p.Nodes, Logs: logs.Writer}
	got, err := scenario.Job{Runtime: rt, Cluster: cfg, Record: harness.RecorderOptions{Keep: true}, Do: scenario.Engine(rc)}.Perform(ctx)
	run := results.Run{
		Seed: p.Seed, Runtime: rt.Name(), System: c.System, Nodes: got.Members, MemberIDs: got.IDs, ElectionTimeout: p.Election, HeartbeatInterval: p.Heartbeat,
		ProbeEvery: rc.ProbeEvery, ProbeTimeout: rc.ProbeTimeout,
	}
	return run, history.History{Nodes: got.Members, Ops: got.Ops, Logs: logs.Lines()}, errors.Join(err, system.Close())
}
