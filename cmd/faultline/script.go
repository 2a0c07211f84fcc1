package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"

	"github.com/faultline-chaos/faultline/checker"
	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/harness/scenarios"
	"github.com/faultline-chaos/faultline/results"
)

// scriptCheckers judge a script's history beside its claims.
func scriptCheckers(w harness.Workload) []harness.Checker {
	return append(w.Checkers()[:1:1], checker.OneLeader{}, checker.NoPanic{}, checker.AllHealed{})
}

// script runs a scenario with expectations of its own. Its claims become part of run.json.
func (a *app) script(ctx context.Context, r *prepared) {
	i := slices.IndexFunc(scenarios.All(), func(e scenarios.Entry) bool { return e.Name == r.plan.Script })
	s := &scripted{r: r}
	claims, err := scenarios.All()[i].Run(ctx, scenarios.World{Start: s.start}, scenarios.Options{Election: r.plan.Election, Heartbeat: r.plan.Heartbeat})
	err = errors.Join(err, s.problem, r.close())
	for n, c := range claims {
		r.run.Claims = append(r.run.Claims, results.Claim(c))
		mark := "holds"
		switch {
		case c.Undecided != "":
			mark = "UNDECIDED, " + c.Undecided
		case !c.Holds:
			mark = "DOES NOT HOLD"
		}
		fmt.Fprintf(a.stdout, "%2d. %s\n    did:      %s\n", n+1, c.Claim, c.Did)
		if c.Measured != "" {
			fmt.Fprintf(a.stdout, "    measured: %s\n", c.Measured)
		}
		fmt.Fprintf(a.stdout, "    %s (%.1f s)\n", mark, c.Took.Seconds())
	}
	r.settle(err)
	var recovery *harness.NoRecoveryError
	if errors.As(err, &recovery) { // a script needs its cluster back: what it did not show is not shown
		r.run.Error = err.Error()
	}
}

// scripted starts a script's clusters.
type scripted struct {
	r       *prepared
	problem error
	count   int
}

func (s *scripted) start(ctx context.Context, o scenarios.ClusterOptions, body func(context.Context, *scenarios.Stage) error) error {
	p := *s.r.plan
	p.Election, p.Heartbeat = o.Election, o.Heartbeat
	system, err := p.makeSystem()
	if err != nil {
		return err
	}
	defer func() { s.problem = errors.Join(s.problem, system.Close()) }()
	logs := newLogKeeper()
	cfg := harness.ClusterConfig{RunID: "faultline-" + s.r.run.ID, Seed: p.Seed, System: system, Nodes: p.Nodes, Logs: logs.writer}
	s.count++
	if s.count > 1 {
		cfg.RunID = fmt.Sprintf("%s-%d", cfg.RunID, s.count)
	}
	history := io.Discard
	if o.Main {
		f, err := s.r.folder.CreateHistory()
		if err != nil {
			return err
		}
		defer func() { s.problem = errors.Join(s.problem, f.Close()) }()
		history = f
		main := s.r.clusterConfig(&[]error{})
		cfg.Logs = func(id harness.NodeID) io.Writer { return io.MultiWriter(main.Logs(id), logs.writer(id)) }
	}
	return s.r.runtime.Run(ctx, cfg, func(ctx context.Context, env harness.Env, hc harness.Cluster) error {
		recorder := harness.NewRecorder(env, history, harness.RecorderOptions{})
		var c cluster
		c.look(ctx, env, hc)
		nem := harness.NewNemesis(env, hc, recorder)
		err := body(ctx, &scenarios.Stage{Env: env, Cluster: hc, Recorder: recorder, Nemesis: nem, Logs: logs.lines})
		if o.Main {
			c.weigh(ctx, hc)
			s.r.learn(c)
		}
		return errors.Join(err, recorder.Flush())
	})
}

// logKeeper keeps members' lines in memory.
type logKeeper struct {
	mu  sync.Mutex
	all map[harness.NodeID][]harness.LogLine
}

func newLogKeeper() *logKeeper { return &logKeeper{all: map[harness.NodeID][]harness.LogLine{}} }

func (k *logKeeper) writer(id harness.NodeID) io.Writer { return &logWriter{k, id} }

func (k *logKeeper) lines() map[harness.NodeID][]harness.LogLine {
	k.mu.Lock()
	defer k.mu.Unlock()
	out := maps.Clone(k.all)
	for id, lines := range out {
		out[id] = slices.Clone(lines)
	}
	return out
}

type logWriter struct {
	k  *logKeeper
	id harness.NodeID
}

// Write takes one line, as ClusterConfig.Logs promises.
func (w *logWriter) Write(b []byte) (int, error) {
	line, err := harness.ParseLogLine(string(b[:max(0, len(b)-1)]))
	if err != nil {
		return 0, err
	}
	w.k.mu.Lock()
	defer w.k.mu.Unlock()
	w.k.all[w.id] = append(w.k.all[w.id], line)
	return len(b), nil
}
