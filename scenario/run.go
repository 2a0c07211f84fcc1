package scenario

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/dustin/go-humanize/english"

	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/harness/sim"
	"github.com/faultline-chaos/faultline/history"
	"github.com/faultline-chaos/faultline/results"
	"github.com/faultline-chaos/faultline/results/failover"
	"github.com/faultline-chaos/faultline/results/live"
	"github.com/faultline-chaos/faultline/results/trends"
)

// Run does a whole run: prepare, execute, judge, report. An error means that the run could not be judged; it
// is a StatusError if the program should end with a particular exit code. A violation is a verdict, not an
// error.
func Run(ctx context.Context, s Settings, o Options) (results.Run, error) {
	out, err := Perform(ctx, s, o)
	return out.Analysis.Run, err
}

// Outcome is a judged run. If Folder is nil, the run was not judged.
type Outcome struct {
	Folder   *results.Folder
	Analysis failover.Analysis
}

// Perform does the same as Run, and also returns the measurements and the run's folder.
func Perform(ctx context.Context, s Settings, o Options) (Outcome, error) {
	r, err := Prepare(ctx, s, o)
	if err != nil {
		return Outcome{}, err
	}
	fmt.Fprintf(r.options.Stdout, "faultline %s · %s on %s (%s) · %d nodes · seed %d\n", s.Name, s.System, r.Settings.Runtime, r.run.RuntimeReason, s.Nodes, r.Settings.Seed)
	var list []history.Checker
	done := func() {}
	if s.Script != "" {
		list = choose(scriptCheckers(), nil, &r.run, o.Checkers...)
		r.script(ctx)
	} else {
		list = choose(r.workload.Checkers(), r.workload.Ops(), &r.run, o.Checkers...)
		r.announce()
		watch := r.options.Watch
		if watch == nil {
			watch = func(r *Prepared) Watcher { return r.Lines(false) }
		}
		w := watch(r)
		defer w.Stop() // also after a panic the terminal must be restored
		if err := r.execute(ctx, w.Observe); err != nil {
			return Outcome{}, err
		}
		w.Stage("judging the history")
		done = w.Stop
	}
	analysis, err := Judge(ctx, r.folder, r.run, list, s.CheckTime)
	done()
	if err != nil {
		return Outcome{}, err
	}
	out := Outcome{r.folder, analysis}
	if err := trends.Append(filepath.Join(r.options.Out, trends.File), trends.RowOf(&analysis)); err != nil {
		return out, &StatusError{Worse(analysis.Run.ExitCode, ExitInfrastructure), err}
	}
	return out, nil
}

// announce prints the planned faults.
func (r *Prepared) announce() {
	if len(r.schedule) == 0 {
		fmt.Fprintf(r.options.Stdout, "no faults scheduled: this run says nothing about fault tolerance (%v of calls)\n", r.Settings.Time)
		return
	}
	var names []string
	for _, st := range r.schedule {
		if name := st.Fault.String(); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	fmt.Fprintf(r.options.Stdout, "%s in %v: %s\n", english.Plural(len(r.schedule), "fault", ""), r.Settings.Time, strings.Join(names, ", "))
}

// Lines shows a run as lines on Stdout. With rewrite (on a terminal) the last line is rewritten.
func (r *Prepared) Lines(rewrite bool) Watcher {
	l := live.NewLines(r.Plan(), r.options.Stdout, rewrite, r.Checks)
	if !harness.Virtual(r.Runtime) {
		l.Start()
	}
	return Watcher{l.Observe, func(string) {}, sync.OnceFunc(l.Stop)}
}

// execute does the run and writes its history and logs into the folder. An error means that the cluster
// refused the run when it was started; nothing of such a run is kept.
func (r *Prepared) execute(ctx context.Context, observe func(*history.Op)) error {
	file, err := r.folder.CreateHistory()
	if err != nil {
		r.classify(err)
		return nil
	}
	var problems []error
	rc := r.Settings.RunConfig(r.workload, r.schedule)
	if r.Settings.Stop {
		rc.Stop = r.violation
	}
	see := r.observeLive
	if !harness.Virtual(r.Runtime) {
		b, err := startLiveCheck(ctx, r.folder, r.observeLive)
		if err != nil {
			r.classify(errors.Join(err, file.Close(), r.close()))
			return nil
		}
		r.liveCheck.Store(b)
		see = func(_ context.Context, op *history.Op) { b.record(op) }
	}
	job := Job{Runtime: r.Runtime, Cluster: r.clusterConfig(&problems), History: file, Do: Engine(rc), Record: harness.RecorderOptions{Observe: func(op *history.Op) {
		see(ctx, op)
		observe(op)
	}}}
	c, err := job.Perform(ctx)
	if b := r.liveCheck.Load(); b != nil {
		last := b.stop(liveCheckPatience)
		last.UndecidedKeys = r.undecided()
		r.run.LiveCheck = &last
	}
	problems = append(problems, err, file.Close(), r.close())
	if refused := (*harness.UnsupportedError)(nil); errors.As(err, &refused) {
		return Refused(errors.Join(append(problems, os.RemoveAll(r.folder.Dir()), results.PointLatest(r.options.Out))...))
	}
	r.record(c)
	r.classify(errors.Join(problems...))
	return nil
}

// record notes in the run what was learned about the cluster.
func (r *Prepared) record(c Cluster) {
	if c.Members != nil {
		r.run.Nodes = c.Members
	}
	r.run.MemberIDs, r.run.SystemVersion, r.run.StartTimings = c.IDs, c.Version, c.Timings
	r.run.Resources.MemberRSS = c.RSS
}

// classify notes what ended the run: an interruption, a fault that was not healed, a property of the system
// (judged from the history, or found by the simulation), or a failure of the run itself.
func (r *Prepared) classify(err error) {
	r.run.Finished = time.Now()
	if err == nil {
		return
	}
	r.run.Interrupted = errors.Is(err, harness.ErrInterrupted)
	if v := (*violationError)(nil); errors.As(err, &v) {
		r.run.Stopped = v.Error()
	}
	var unhealed *harness.HealError
	if errors.As(err, &unhealed) {
		r.run.HealProblem = unhealed.Error()
	}
	if v, ok := Invariant(err); ok {
		r.run.Verdicts = append(r.run.Verdicts, v)
	}
	if Broken(err) {
		r.run.Error = err.Error()
	}
}

// Invariant makes a verdict from an invariant that a simulation found broken.
func Invariant(err error) (history.Verdict, bool) {
	var inv *sim.InvariantError
	if !errors.As(err, &inv) {
		return history.Verdict{}, false
	}
	return history.Verdict{Checker: "invariants", Validity: history.Invalid, Reason: inv.Error()}, true
}

// Broken reports whether the run itself failed, in a way that verdicts and other fields do not express.
func Broken(err error) bool {
	var (
		recovery *harness.NoRecoveryError
		unhealed *harness.HealError
		inv      *sim.InvariantError
	)
	return err != nil && !errors.Is(err, harness.ErrInterrupted) && !errors.As(err, &recovery) && !errors.As(err, &unhealed) && !errors.As(err, &inv)
}
