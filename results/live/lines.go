package live

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/faultline-chaos/faultline/history"
)

// Lines shows a run as plain text: a line for each event as it comes, and now and then one that says how
// it goes. It is safe for concurrent use.
type Lines struct {
	out     io.Writer
	rewrite bool
	checks  func() Checks

	mu     sync.Mutex
	state  *State
	last   map[history.Type]int // State.Counts at the status line before
	lastAt time.Duration
	done   chan struct{}
	wait   sync.WaitGroup
}

// NewLines makes one that writes to out. Where rewrite is set, out is a terminal, and the status line is
// written over itself. checks may be nil.
func NewLines(p Plan, out io.Writer, rewrite bool, checks func() Checks) *Lines {
	return &Lines{out: out, rewrite: rewrite, checks: checks, state: NewState(p), last: map[history.Type]int{}, done: make(chan struct{})}
}

// Start writes status lines until Stop: five a second where they are rewritten, and else one in five
// seconds. A run on virtual time is over too soon for them and does not call it.
func (l *Lines) Start() {
	every := 5 * time.Second
	if l.rewrite {
		every = 200 * time.Millisecond
	}
	l.wait.Go(func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				l.status()
			case <-l.done:
				return
			}
		}
	})
}

// Stop ends the status lines, and waits for the last. It is called once.
func (l *Lines) Stop() {
	close(l.done)
	l.wait.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.judge()
	l.clear()
}

// Observe takes the next op, as harness.RecorderOptions.Observe does.
func (l *Lines) Observe(op *history.Op) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.print(l.state.Observe(op))
}

func (l *Lines) print(events []Event) {
	for _, e := range events {
		l.clear()
		fmt.Fprintln(l.out, e.Line())
	}
}

func (l *Lines) judge() {
	if l.checks != nil {
		l.print(l.state.Judge(l.checks()))
	}
}

func (l *Lines) clear() {
	if l.rewrite {
		fmt.Fprint(l.out, "\r\x1b[K")
	}
}

func (l *Lines) status() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.judge()
	if l.state.Phase == "" {
		return
	}
	line := l.statusLine()
	if l.rewrite {
		fmt.Fprint(l.out, "\r\x1b[K", line)
	} else {
		fmt.Fprintln(l.out, line)
	}
}

func (l *Lines) statusLine() string {
	s := l.state
	rate := func(t history.Type) float64 {
		if s.Now == l.lastAt {
			return 0
		}
		return float64(s.Counts[t]-l.last[t]) / (s.Now - l.lastAt).Seconds()
	}
	leader := "no leader"
	if id, term := s.Leader(); id != "" {
		leader = fmt.Sprintf("%s, term %d", id, term)
	}
	faults := []string{}
	for _, f := range s.Active {
		if f.State == Active || f.State == Healing {
			faults = append(faults, f.Fault+" "+nodes(f.Nodes))
		}
	}
	if len(faults) == 0 {
		faults = []string{"no fault"}
	}
	line := fmt.Sprintf("%7.2fs  %s | %s | %s | ok %.0f/s fail %.0f/s unknown %.0f/s", s.Now.Seconds(), s.Phase, leader,
		strings.Join(faults, ", "), rate(history.OK), rate(history.Fail), rate(history.Info))
	for t, n := range s.Counts {
		l.last[t] = n
	}
	l.lastAt = s.Now
	return line
}
