package main

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/faultline-chaos/faultline/results/sweep"
)

// bar shows how far many pieces of work are: a bar that is rewritten on a terminal, a plain line now and
// then elsewhere.
type bar struct {
	out   io.Writer
	tty   bool
	unit  string
	total int
	work  float64 // total work of all pieces; 0: all pieces are the same work

	mu    sync.Mutex
	done  int
	did   float64 // of work
	begun time.Time
	drawn time.Time
}

func newBar(out io.Writer, tty bool, unit string, total int) *bar {
	now := time.Now()
	return &bar{out: out, tty: tty, unit: unit, total: total, begun: now, drawn: now}
}

// step counts one piece, and draws the bar if it is time to.
func (b *bar) step() { b.Trials(1) }

// Trials counts n pieces: a grid.Progress. It may be called from several goroutines.
func (b *bar) Trials(n int) { b.Advance(n, 0) }

// Expect starts the bar for this much work. It and the following methods implement figure16.Progress.
func (b *bar) Expect(n int, work float64) {
	b.total, b.work, b.begun, b.drawn = n, work, time.Now(), time.Now()
}

// Advance counts n pieces with this much work.
func (b *bar) Advance(n int, work float64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.done += n
	b.did += work
	every := 10 * time.Second
	if b.tty {
		every = 100 * time.Millisecond
	}
	if now := time.Now(); now.Sub(b.drawn) >= every {
		b.drawn = now
		b.draw(now.Sub(b.begun))
	}
}

func (b *bar) draw(took time.Duration) {
	share := float64(b.done) / float64(b.total)
	if b.work > 0 {
		share = b.did / b.work
	}
	if share <= 0 { // pieces that are over have been counted before
		return
	}
	left := time.Duration(float64(took) * (1 - share) / share).Round(time.Second)
	const width = 30
	full := min(int(share*width), width)
	line := fmt.Sprintf("[%s%s] %d of %d %s, about %v left", strings.Repeat("#", full), strings.Repeat("-", width-full), b.done, b.total, b.unit, left)
	if b.tty {
		fmt.Fprint(b.out, "\r\x1b[K", line)
	} else {
		fmt.Fprintln(b.out, line)
	}
}

// Broken prints which cell could not be measured.
func (b *bar) Broken(r sweep.Result) { b.Print("%s: failed: %s", r.Cell, r.Problem) }

// Print writes a line of its own.
func (b *bar) Print(format string, args ...any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.tty {
		fmt.Fprint(b.out, "\r\x1b[K")
	}
	fmt.Fprintf(b.out, format+"\n", args...)
}

// Clear removes the bar from a terminal.
func (b *bar) Clear() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.tty {
		fmt.Fprint(b.out, "\r\x1b[K")
	}
}
