package main

import (
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/results/live"
)

const (
	plainHelp = "lines instead of the dashboard while it runs"
	liveHelp  = `While it runs, a terminal shows a dashboard: members, faults, rates, latency, live
checks, events. Lines are printed instead where output is not a terminal, with
--plain or --repeat, where TERM is dumb, on the runtime sim (it is over too soon to
be watched) and for scenarios that print claims. NO_COLOR=1 leaves out colours.`
)

// show is a run being watched.
type show struct {
	observe func(*harness.Op)
	stage   func(what string) // what goes on after the clients are done
	stop    func()            // may be called again
}

// watch starts to show a run: on a dashboard where it may, and else in lines.
func (a *app) watch(p *plan, r *prepared) show {
	known := r.known()
	checks := func() live.Checks {
		var c live.Checks
		c.Answers, c.Hashes = r.monitor.Judged()
		c.Undecided = r.undecided()
		if b := r.beside.Load(); b != nil {
			c.Behind, c.Lag = b.behind()
		}
		if v := r.found(); v != nil {
			c.Violation = v.Reason
		}
		return c
	}
	virtual := virtual(r.runtime)
	if in, out, ok := a.dashboard(); ok && p.Live && !virtual {
		if s, ok := a.screen(known, live.ScreenOptions{In: in, Out: out, Checks: checks}); ok {
			return s
		}
	}
	l := live.NewLines(known, a.stdout, a.isTerminal() && !dumb() && !p.Plain, checks)
	if !virtual {
		l.Start()
	}
	return show{l.Observe, func(string) {}, sync.OnceFunc(l.Stop)}
}

// screen starts a dashboard. What happened is told again in lines when it is gone.
func (a *app) screen(p live.Plan, o live.ScreenOptions) (show, bool) {
	if a.signals != nil {
		o.Interrupt = func() { a.signals.interrupt(os.Interrupt) }
	}
	s, err := live.StartScreen(p, o)
	if err != nil {
		fmt.Fprintln(a.stderr, "faultline:", err)
		return show{}, false
	}
	a.signals.show(s)
	return show{s.Observe, s.Stage, sync.OnceFunc(func() {
		events, dropped, err := s.Stop()
		a.signals.show(nil)
		if dropped > 0 {
			fmt.Fprintf(a.stdout, "%d earlier events are in the report\n", dropped)
		}
		for _, e := range events {
			fmt.Fprintln(a.stdout, e.Line())
		}
		if err != nil {
			fmt.Fprintln(a.stderr, "faultline:", err)
		}
	})}, true
}

// known is what is known of the run before it begins.
func (r *prepared) known() live.Plan {
	p := live.Plan{
		Title: fmt.Sprintf("%s · %s on %s · %d nodes", r.plan.Name, r.plan.System, r.runtime.Name(), r.plan.Nodes), Seed: r.plan.Seed, Members: r.run.Nodes, Steps: r.schedule,
		Warmup: harness.DefaultWarmup, Faults: r.plan.Time, Settle: harness.DefaultSettle, Probed: r.run.ProbeEvery > 0,
		Patience: max(time.Second, time.Duration(20/r.plan.Rate*float64(time.Second))),
	}
	if p.Probed {
		p.Patience = max(100*time.Millisecond, 10*r.run.ProbeEvery)
	}
	return p
}

func (a *app) isTerminal() bool {
	f, ok := a.stdout.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// dumb says whether the terminal can do nothing but print.
func dumb() bool { t := os.Getenv("TERM"); return t == "dumb" || t == "" }

// colors says whether output may have colours: https://no-color.org.
func (a *app) colors() bool { return a.isTerminal() && !dumb() && os.Getenv("NO_COLOR") == "" }

// dashboard is the terminal, where there is one for a dashboard: both to read and to write, and this
// program is in its foreground. One in the background would be stopped when it reads.
func (a *app) dashboard() (in, out *os.File, ok bool) {
	in, isFile := a.stdin.(*os.File)
	out, isOut := a.stdout.(*os.File)
	if !isFile || !isOut || !a.isTerminal() || !term.IsTerminal(int(in.Fd())) || dumb() {
		return nil, nil, false
	}
	group, err := unix.IoctlGetInt(int(in.Fd()), unix.TIOCGPGRP)
	return in, out, err == nil && group == unix.Getpgrp()
}
