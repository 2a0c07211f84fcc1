package main

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

	"github.com/spf13/pflag"

	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/harness/scenarios"
	"github.com/faultline-chaos/faultline/harness/sim"
	"github.com/faultline-chaos/faultline/nemesis"
	"github.com/faultline-chaos/faultline/results"
	"github.com/faultline-chaos/faultline/results/sweep"
	"github.com/faultline-chaos/faultline/workloads"
)

// sweepCells is where a sweep's folder keeps what was measured: a line a part of a cell.
const sweepCells = "cells.jsonl"

// checkGrid says what is wrong with the flags, before anything is made.
func (s *sweepFlags) checkGrid(f *pflag.FlagSet) error {
	if err := checkRuntime(s.Runtime); err != nil {
		return err
	}
	if s.Runtime == "auto" {
		return usage("--runtime auto does not go with sweep, whose cells must be alike: allowed are %s", strings.Join(runtimeNames(), ", "))
	}
	if s.Runtime != "sim" {
		if !f.Changed("delays") {
			s.Delays = []time.Duration{0}
		}
		if !slices.Equal(s.Delays, []time.Duration{0}) {
			return usage("--delays is for --runtime sim: %s cannot delay messages between members (its clusters have no such capability), so it must be 0", s.Runtime)
		}
		if !f.Changed("stable") {
			s.Stable = 10 * time.Second // of real time, in every cell
		}
	}
	if err := s.Check(); err != nil {
		return usage("%v", err)
	}
	return s.checkSystems()
}

// checkSystems says whether every system can be had.
func (s *sweepFlags) checkSystems() error {
	for _, name := range s.Systems {
		if s.Runtime == "sim" && name != "raftkv" && slices.Contains(systemNames(), name) {
			return usage("--system %s cannot be simulated: give --runtime local or docker", name)
		}
		if s.binary != "" && len(s.Systems) > 1 {
			return usage("--binary goes with one system only, not with --system %s", strings.Join(s.Systems, ","))
		}
		p := s.plan(sweep.Cell{System: name, Members: s.Members[0], Timeout: time.Second, Heartbeat: 100 * time.Millisecond})
		system, err := p.makeSystem()
		if err != nil {
			return err
		}
		if err := system.Close(); err != nil {
			return infrastructure(err)
		}
	}
	return nil
}

// plan is what starts a cell's cluster.
func (s *sweepFlags) plan(c sweep.Cell) *plan {
	p := defaultPlan()
	p.Runtime, p.System, p.Binary, p.Nodes, p.Election, p.Heartbeat = s.Runtime, c.System, s.binary, c.Members, c.Timeout, c.Heartbeat
	p.Seed = harness.Stream(s.Seed, c.String()).Uint64()
	return &p
}

// measured are the parts of cells that the folder holds, without those that broke.
func (s *sweepFlags) measured(dir sweepFolder) ([]sweep.Result, error) {
	lines, err := dir.readLines(sweepCells)
	if err != nil {
		return nil, err
	}
	done, err := sweep.ReadResults(lines)
	if err != nil {
		return nil, usage("--resume %s: %v", s.resume, err)
	}
	return slices.DeleteFunc(done, func(r sweep.Result) bool { return r.Problem != "" }), nil
}

func (a *app) sweepGrid(ctx context.Context, s *sweepFlags, dir sweepFolder) error {
	done, err := s.measured(dir)
	if err != nil {
		return err
	}
	rt, _, err := s.plan(sweep.Cell{}).chooseRuntime(ctx)
	if err != nil {
		return err
	}
	if err := harness.Refused(harness.Schedule{{Fault: nemesis.Kill{}, Target: harness.TargetLeader}}, rt); err != nil {
		return usage("sweep: %v", err)
	}
	cells, skipped := s.Cells()
	var todo []sweep.Part
	for _, c := range cells {
		for _, p := range s.Parts(c) {
			if !slices.ContainsFunc(done, func(r sweep.Result) bool { return r.Cell == c && r.Part == p.Number }) {
				todo = append(todo, p)
			}
		}
	}
	fmt.Fprintf(a.stdout, "faultline sweep · %s on %s · %d cells, %d leaders killed in each after %v without a fault · seed %d\n", strings.Join(s.Systems, " and "), s.Runtime, len(cells), s.Trials, s.Stable, s.Seed)
	if len(skipped) > 0 {
		fmt.Fprintf(a.stdout, "%d combinations are left out, since the election timeout is shorter than five heartbeats: %s\n", len(skipped), pairs(skipped))
	}
	if n := len(s.Whole(done)); n > 0 {
		fmt.Fprintf(a.stdout, "%d cells were measured before\n", n)
	}
	start := time.Now()
	out, err := dir.appendTo(sweepCells)
	if err != nil {
		return err
	}
	fresh, err := a.sweepCells(ctx, s, rt, todo, out)
	if err = errors.Join(err, out.Close()); err != nil {
		return infrastructure(err)
	}
	return a.finishSweep(ctx, s, dir, append(done, fresh...), len(cells), time.Since(start))
}

// pairs names timeouts and heartbeats once each.
func pairs(cells []sweep.Cell) string {
	var out []string
	for _, c := range cells {
		if p := fmt.Sprintf("%v with %v", c.Timeout, c.Heartbeat); !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	return strings.Join(out, ", ")
}

// sweepCells measures parts of cells, on sim as many at once as there are cores, and appends each to out as it
// comes. It ends early when ctx does.
func (a *app) sweepCells(ctx context.Context, s *sweepFlags, rt harness.Runtime, todo []sweep.Part, out io.Writer) ([]sweep.Result, error) {
	workers := 1
	if s.Runtime == "sim" {
		workers = runtime.GOMAXPROCS(0)
	}
	trials := 0
	next, ended := make(chan sweep.Part, len(todo)), make(chan sweep.Result)
	for _, p := range todo {
		next <- p
		trials += p.Trials
	}
	show := newBar(a.stdout, a.isTerminal(), "failovers", trials)
	close(next)
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for p := range next {
				if ctx.Err() != nil {
					return
				}
				counted := 0
				r, ok := s.measure(ctx, rt, p, func(n int) { show.add(n - counted); counted = n })
				if ok {
					show.add(p.Trials - counted)
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
			show.print("%s: broken: %s", r.Cell, r.Problem)
		}
	}
	show.clear()
	return all, failed
}

// finishSweep draws and words what there is.
func (a *app) finishSweep(ctx context.Context, s *sweepFlags, dir sweepFolder, parts []sweep.Result, want int, took time.Duration) error {
	rs := s.Whole(parts)
	broken := 0
	for _, r := range rs {
		if r.Problem != "" {
			broken++
		}
	}
	if s.Defaults { // what is not whole is not judged
		if err := s.unfinished(ctx, dir, len(rs)-broken, broken, want); err != nil {
			return err
		}
		return a.writeDefaults(s, dir, rs, took)
	}
	advice := sweep.Advise(rs)
	page := sweep.Page{
		Title: "Which timeouts to choose", Rows: sweep.Rows(rs), Notes: s.Notes(),
		Lead: fmt.Sprintf("%s on %s, seed %d, %d of %d cells", strings.Join(s.Systems, " and "), s.Runtime, s.Seed, len(rs)-broken, want),
	}
	for _, x := range advice {
		page.Says = append(page.Says, x.Text)
	}
	figures, err := sweep.GridFigures(s.Settings, rs)
	if err != nil {
		return infrastructure(err)
	}
	for _, f := range figures {
		if err := dir.writeFigure(f); err != nil {
			return err
		}
	}
	page.Figures = figures
	csv, err := sweep.CSV(rs)
	if err != nil {
		return infrastructure(err)
	}
	if err := errors.Join(dir.write("sweep.csv", csv), dir.writePage("sweep", &page)); err != nil {
		return err
	}
	fmt.Fprintf(a.stdout, "\n%s\n", sweep.Markdown(page.Rows))
	for _, x := range page.Says {
		fmt.Fprintln(a.stdout, x)
	}
	for _, n := range s.Notes() {
		fmt.Fprintln(a.stdout, n)
	}
	fmt.Fprintf(a.stdout, "%d of %d cells, %.1f s; page, graphs, tables and every outage: %s\n", len(rs)-broken, want, took.Seconds(), dir.path(""))
	return s.unfinished(ctx, dir, len(rs)-broken, broken, want)
}

// unfinished says what is still to be measured, and how.
func (s *sweepFlags) unfinished(ctx context.Context, dir sweepFolder, have, broken, want int) error {
	switch {
	case ctx.Err() != nil && have+broken < want:
		return &statusError{exitUnknown, fmt.Errorf("sweep: interrupted after %d of %d cells; go on with: faultline sweep --resume %s", have, want, dir)}
	case broken > 0:
		return &statusError{exitInfrastructure, fmt.Errorf("sweep: %d cells broke; do them again with: faultline sweep --resume %s", broken, dir)}
	}
	return nil
}

// recovery is how long a cell's members may take to catch up.
const recovery = 30 * time.Second

// failovers kills the leader again and again. Moments are spread over a timeout so that they meet every
// phase of the heartbeat.
func (s *sweepFlags) failovers(c sweep.Part) scenarios.Failovers {
	return scenarios.Failovers{
		Fault: nemesis.Kill{}, Trials: c.Trials, Spread: c.Timeout,
		Limit: 10*c.Timeout + 5*time.Second, // longer than many split votes in a row
		Hold:  300*time.Millisecond + 12*c.Delay,
	}
}

// measure runs one part of a cell, and tells done how many trials are over. It is false if it was interrupted.
func (s *sweepFlags) measure(ctx context.Context, rt harness.Runtime, part sweep.Part, done func(trials int)) (sweep.Result, bool) {
	p := s.plan(part.Cell)
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
	if _, bad := invariant(err); bad || err != nil && broken(err) {
		res.Problem = err.Error()
		return res, true
	}
	var recovery *harness.NoRecoveryError
	if err := res.Read(results.Analyze(run, h), errors.As(err, &recovery)); err != nil {
		res.Problem = err.Error()
	}
	return res, true
}

// runCell runs a cell's cluster: first the stable time, then the kills.
func (s *sweepFlags) runCell(ctx context.Context, rt harness.Runtime, p *plan, c sweep.Part, done func(trials int)) (results.Run, harness.History, error) {
	system, err := p.makeSystem()
	if err != nil {
		return results.Run{}, harness.History{}, err
	}
	// The network's round trips must fit into the probes' and calls' time limits.
	limit := max(50*time.Millisecond, p.Election/10) + 12*c.Delay
	w, err := workloads.ByName("register", workloads.Options{Think: 200 * time.Millisecond, Timeout: limit})
	if err != nil {
		return results.Run{}, harness.History{}, errors.Join(err, system.Close())
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
	logs := newLogKeeper()
	cfg := harness.ClusterConfig{RunID: fmt.Sprintf("faultline-sweep-%x", p.Seed), Seed: p.Seed, System: system, Nodes: p.Nodes, Logs: logs.writer}
	got, ops, err := p.perform(ctx, rt, cfg, rc, io.Discard, harness.RecorderOptions{Keep: true})
	run := results.Run{
		Seed: p.Seed, Runtime: rt.Name(), System: c.System, Nodes: got.members, MemberIDs: got.ids, ElectionTimeout: p.Election, HeartbeatInterval: p.Heartbeat,
		ProbeEvery: rc.ProbeEvery, ProbeTimeout: rc.ProbeTimeout,
	}
	return run, harness.History{Nodes: got.members, Ops: ops, Logs: logs.lines()}, errors.Join(err, system.Close())
}
