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
	plainHelp = "print lines instead of showing the dashboard"
	liveHelp  = `A dashboard shows the run while it goes on: members, faults, rates, latency, live
checks, events. Lines are printed instead if output is not a terminal, if TERM is
dumb, with --plain or --repeat, on the runtime sim (which is too fast to watch), and
for scenarios that print claims. NO_COLOR=1 turns colours off.`
)

// watch starts to show a run: on a dashboard if there can be one and lines is false, otherwise as lines.
// On a terminal the last line is rewritten, unless plain is set.
func (a *app) watch(r *scenario.Prepared, lines, plain bool) scenario.Watcher {
	if in, out, ok := a.dashboard(); ok && !lines && !harness.Virtual(r.Runtime) {
		if s, ok := a.screen(r.Plan(), live.ScreenOptions{In: in, Out: out, Checks: r.Checks}); ok {
			return s
		}
	}
	return r.Lines(a.isTerminal() && !dumb() && !plain)
}

// screen starts a dashboard. Its events are printed again as lines after it has closed.
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

// dumb reports whether the terminal can only print.
func dumb() bool { t := os.Getenv("TERM"); return t == "dumb" || t == "" }

// colors reports whether output may have colours: https://no-color.org.
func (a *app) colors() bool { return a.isTerminal() && !dumb() && os.Getenv("NO_COLOR") == "" }

// dashboard returns the terminal if it can hold a dashboard: it must be readable and writable, and this
// program must be in its foreground (a program in the background would be stopped when it reads).
func (a *app) dashboard() (in, out *os.File, ok bool) {
	in, isFile := a.stdin.(*os.File)
	out, isOut := a.stdout.(*os.File)
	if !isFile || !isOut || !a.isTerminal() || !term.IsTerminal(int(in.Fd())) || dumb() {
		return nil, nil, false
	}
	group, err := unix.IoctlGetInt(int(in.Fd()), unix.TIOCGPGRP)
	return in, out, err == nil && group == unix.Getpgrp()
}
