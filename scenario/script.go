package scenario

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/faultline-chaos/faultline/checker"
	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/history"
	"github.com/faultline-chaos/faultline/results"
	"github.com/faultline-chaos/faultline/scripts"
)

// scriptCheckers judge a script's history, in addition to its claims. Its clients read and write registers,
// but not long enough after the last fault for the checker durable.
func scriptCheckers() []history.Checker {
	return []history.Checker{checker.Linearizable{}}
}

// script runs a scenario that checks its own claims. The claims become part of run.json.
func (r *Prepared) script(ctx context.Context) {
	i := slices.IndexFunc(scripts.All(), func(e scripts.Entry) bool { return e.Name == r.Settings.Script })
	s := &scripted{r: r}
	claims, err := scripts.All()[i].Run(ctx, scripts.World{Start: s.start}, scripts.Options{Election: r.Settings.Election, Heartbeat: r.Settings.Heartbeat})
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
		fmt.Fprintf(r.options.Stdout, "%2d. %s\n    did:      %s\n", n+1, c.Claim, c.Did)
		if c.Measured != "" {
			fmt.Fprintf(r.options.Stdout, "    measured: %s\n", c.Measured)
		}
		fmt.Fprintf(r.options.Stdout, "    %s (%.1f s)\n", mark, c.Took.Seconds())
	}
	r.classify(err)
	var recovery *harness.NoRecoveryError
	if errors.As(err, &recovery) { // without recovery a script cannot decide its remaining claims
		r.run.Error = err.Error()
	}
}

// scripted starts a script's clusters.
type scripted struct {
	r       *Prepared
	problem error
	count   int
}

func (s *scripted) start(ctx context.Context, o scripts.ClusterOptions, body func(context.Context, *scripts.Stage) error) error {
	p := s.r.Settings
	p.Election, p.Heartbeat = o.Election, o.Heartbeat
	system, err := p.NewSystem()
	if err != nil {
		return err
	}
	defer func() { s.problem = errors.Join(s.problem, system.Close()) }()
	logs := NewLogs()
	cfg := harness.ClusterConfig{RunID: "faultline-" + s.r.run.ID, Seed: p.Seed, System: system, Nodes: p.Nodes, Logs: logs.Writer}
	s.count++
	if s.count > 1 {
		cfg.RunID = fmt.Sprintf("%s-%d", cfg.RunID, s.count)
	}
	file := io.Discard
	if o.Main {
		f, err := s.r.folder.CreateHistory()
		if err != nil {
			return err
		}
		defer func() { s.problem = errors.Join(s.problem, f.Close()) }()
		file = f
		main := s.r.clusterConfig(&[]error{})
		cfg.Logs = func(id history.NodeID) io.Writer { return io.MultiWriter(main.Logs(id), logs.Writer(id)) }
	}
	c, err := Job{Runtime: s.r.Runtime, Cluster: cfg, History: file, Do: func(ctx context.Context, env harness.Env, hc harness.Cluster, recorder *harness.Recorder) error {
		n := harness.NewNemesis(env, hc, recorder)
		return n.Conduct(ctx, func(ctx context.Context) error {
			return body(ctx, &scripts.Stage{Env: env, Cluster: hc, Recorder: recorder, Nemesis: n, Logs: logs.Lines})
		})
	}}.Perform(ctx)
	if o.Main {
		s.r.record(c)
	}
	return err
}
