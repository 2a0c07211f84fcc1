package main

import (
	"fmt"
	"os"
	"sync"

	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/results/live"
	"github.com/faultline-chaos/faultline/scenario"
)

const (
	plainHelp = "lines instead of the dashboard while it runs"
	liveHelp  = `While it runs, a terminal shows a dashboard: members, faults, rates, latency, live
checks, events. Lines are printed instead where output is not a terminal, with
--plain or --repeat, where TERM is dumb, on the runtime sim (it is over too soon to
be watched) and for scenarios that print claims. NO_COLOR=1 leaves out colours.`
)

// watch starts to show a run: on a dashboard where it may, unless it shall be lines, and else in lines,
// which are rewritten on a terminal, unless they shall be plain.
func (a *app) watch(r *scenario.Prepared, lines, plain bool) scenario.Watcher {
	if in, out, ok := a.dashboard(); ok && !lines && !harness.Virtual(r.Runtime) {
		if s, ok := a.screen(r.Plan(), live.ScreenOptions{In: in, Out: out, Checks: r.Checks}); ok {
			return s
		}
	}
	return r.Lines(a.isTerminal() && !dumb() && !plain)
}

// screen starts a dashboard. What happened is told again in lines when it is gone.
func (a *app) screen(p live.Plan, o live.ScreenOptions) (scenario.Watcher, bool) {
	if a.signals != nil {
		o.Interrupt = func() { a.signals.interrupt(os.Interrupt) }
	}
	s, err := live.StartScreen(p, o)
	if err != nil {
		fmt.Fprintln(a.stderr, "faultline:", err)
		return scenario.Watcher{}, false
	}
	a.signals.show(s)
	return scenario.Watcher{Observe: s.Observe, Stage: s.Stage, Stop: sync.OnceFunc(func() {
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
