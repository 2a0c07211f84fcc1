package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"golang.org/x/term"

	"github.com/faultline-chaos/faultline/results/live"
	"github.com/faultline-chaos/faultline/scenario"
)

// interrupts cancels a context at the first Ctrl-C or SIGTERM, so that the run heals, stops and reports.
// The second one ends the program at once; the agents then heal by themselves. Ctrl-C arrives as a signal,
// or as a key that a dashboard reads: both call interrupt. A closed standard output, as in
// faultline run | head, ends a run in the same order, however often it is written to.
type interrupts struct {
	stderr io.Writer
	cancel context.CancelCauseFunc
	done   chan struct{}
	sent   chan os.Signal
	leave  func(code int) // os.Exit

	mu     sync.Mutex
	count  int
	screen *live.Screen // the screen that owns the terminal; nil: none

	pipes  chan os.Signal // takes SIGPIPE; nobody reads it
	unread sync.Once      // for the message that standard output is closed
}

func newInterrupts(stderr io.Writer) (*interrupts, context.Context) {
	ctx, cancel := context.WithCancelCause(context.Background())
	i := &interrupts{stderr: stderr, cancel: cancel, done: make(chan struct{}), sent: make(chan os.Signal, 2), pipes: make(chan os.Signal, 1), leave: os.Exit}
	signal.Notify(i.sent, os.Interrupt, syscall.SIGTERM)
	// A closed pipe is detected by the error of the write. The signal comes for any connection, and would end
	// the program.
	signal.Notify(i.pipes, syscall.SIGPIPE)
	go func() {
		for {
			select {
			case s := <-i.sent:
				i.interrupt(s)
			case <-i.done:
				return
			}
		}
	}()
	return i, ctx
}

func (i *interrupts) stop() {
	signal.Stop(i.sent)
	signal.Stop(i.pipes)
	close(i.done)
	i.cancel(nil)
}

// show sets the screen that owns the terminal; nil: none.
func (i *interrupts) show(s *live.Screen) {
	if i == nil {
		return
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.screen = s
}

func (i *interrupts) interrupt(s os.Signal) {
	i.mu.Lock()
	i.count++
	first, screen := i.count == 1, i.screen
	i.mu.Unlock()
	switch {
	case !first:
		giveBack(screen)
		i.leave(scenario.ExitInfrastructure)
	case screen != nil:
		screen.Interrupt(s.String())
	default:
		fmt.Fprintf(i.stderr, "\nfaultline: %v: stopping: faults are healed and results so far are reported; press again to quit at once\n", s)
	}
	i.cancel(fmt.Errorf("signal %v", s))
}

// output wraps w so that a write to a closed pipe ends the run. A terminal is returned as it is.
func (i *interrupts) output(w io.Writer) io.Writer {
	if f, ok := w.(*os.File); ok && !term.IsTerminal(int(f.Fd())) {
		return &readOutput{w, i.lostReader}
	}
	return w
}

type readOutput struct {
	io.Writer
	lost func()
}

// Write writes, and calls lost if the pipe is closed.
func (o *readOutput) Write(b []byte) (int, error) {
	n, err := o.Writer.Write(b)
	if errors.Is(err, syscall.EPIPE) {
		o.lost()
	}
	return n, err
}

func (i *interrupts) lostReader() {
	i.unread.Do(func() {
		fmt.Fprintln(i.stderr, "faultline: standard output is closed: stopping: faults are healed and results so far are reported")
		i.cancel(errors.New("standard output is closed"))
	})
}

// giveBack restores the terminal; it waits at most a second for a screen that does not answer.
func giveBack(screen *live.Screen) {
	if screen == nil {
		return
	}
	given := make(chan struct{})
	go func() {
		defer close(given)
		_, _, _ = screen.Stop() // the program ends anyway
	}()
	select {
	case <-given:
	case <-time.After(time.Second):
	}
}
