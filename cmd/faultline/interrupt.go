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

// interrupts end a context at the first Ctrl-C or SIGTERM, so that the run heals, stops and reports. The
// second one ends the program at once; the agents heal by themselves then. Ctrl-C is a signal, or a key
// that a dashboard reads: both come to interrupt. An output that nobody reads any more, as in
// faultline run | head, ends a run in the same good order, however often it is written to.
type interrupts struct {
	stderr io.Writer
	cancel context.CancelCauseFunc
	done   chan struct{}
	sent   chan os.Signal
	leave  func(code int) // os.Exit

	mu     sync.Mutex
	count  int
	screen *live.Screen // that has the terminal; nil: none

	pipes  chan os.Signal // takes SIGPIPE; nobody reads it
	unread sync.Once      // the output has no reader
}

func newInterrupts(stderr io.Writer) (*interrupts, context.Context) {
	ctx, cancel := context.WithCancelCause(context.Background())
	i := &interrupts{stderr: stderr, cancel: cancel, done: make(chan struct{}), sent: make(chan os.Signal, 2), pipes: make(chan os.Signal, 1), leave: os.Exit}
	signal.Notify(i.sent, os.Interrupt, syscall.SIGTERM)
	// A broken pipe is an error of its write: the signal tells of any connection, and would end the program.
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

// show says which screen has the terminal from now on; nil: none.
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
		fmt.Fprintf(i.stderr, "\nfaultline: %v: stopping in good order (a run heals, and reports what there is); again to leave at once\n", s)
	}
	i.cancel(fmt.Errorf("signal %v", s))
}

// output is w, which ends the run when a write finds that nobody reads it. A terminal is left as it is.
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

// Write writes, and tells of a pipe without a reader.
func (o *readOutput) Write(b []byte) (int, error) {
	n, err := o.Writer.Write(b)
	if errors.Is(err, syscall.EPIPE) {
		o.lost()
	}
	return n, err
}

func (i *interrupts) lostReader() {
	i.unread.Do(func() {
		fmt.Fprintln(i.stderr, "faultline: nobody reads the output any more: stopping in good order (a run heals, and reports what there is)")
		i.cancel(errors.New("nobody reads the output any more"))
	})
}

// giveBack gives the terminal back, but does not wait for one that does not answer.
func giveBack(screen *live.Screen) {
	if screen == nil {
		return
	}
	given := make(chan struct{})
	go func() {
		defer close(given)
		_, _, _ = screen.Stop() // the program ends anyhow
	}()
	select {
	case <-given:
	case <-time.After(time.Second):
	}
}
