package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/faultline-chaos/faultline/harness"
)

// progress shows a run while it goes on, from nothing but its history: one status line that is
// rewritten on a terminal, plain lines elsewhere.
type progress struct {
	out   io.Writer
	tty   bool
	every time.Duration // between status lines

	mu     sync.Mutex
	now    time.Duration
	phase  harness.Phase
	counts map[harness.Type]int
	last   map[harness.Type]int
	lastAt time.Duration
	faults []harness.FaultValue // active
	roles  map[harness.NodeID]harness.StatusValue
	done   chan struct{}
	wait   sync.WaitGroup
}

func newProgress(out io.Writer, tty bool) *progress {
	p := &progress{
		out: out, tty: tty, every: 5 * time.Second, counts: map[harness.Type]int{}, last: map[harness.Type]int{},
		roles: map[harness.NodeID]harness.StatusValue{}, done: make(chan struct{}),
	}
	if tty {
		p.every = 200 * time.Millisecond
	}
	return p
}

// start draws until stop. A run on virtual time is over too soon for it and does not start it.
func (p *progress) start() {
	p.wait.Go(func() {
		tick := time.NewTicker(p.every)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				p.draw()
			case <-p.done:
				return
			}
		}
	})
}

func (p *progress) stop() {
	close(p.done)
	p.wait.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
}

// observe is the recorder's.
func (p *progress) observe(op *harness.Op) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now = op.Time
	switch {
	case op.Probe(), op.F == harness.FProbes: // the rates are the workload's
	case op.Client():
		p.counts[op.Type]++
	case op.F == harness.FPhase:
		var v harness.PhaseValue
		if json.Unmarshal(op.Value, &v) == nil && op.Error == "" {
			p.phase = v.Phase
			p.event("phase %s", v.Phase)
		}
	case op.F == harness.FStatus:
		var v harness.StatusValue
		if json.Unmarshal(op.Value, &v) == nil {
			before := p.leader()
			p.roles[op.Node] = v
			if after := p.leader(); after != before && after != "" {
				p.event("leader is %s", after)
			}
		}
	case op.Process == harness.NemesisProcess:
		p.fault(op)
	}
}

func (p *progress) fault(op *harness.Op) {
	var v harness.FaultValue
	if json.Unmarshal(op.Value, &v) != nil || op.Type == harness.Invoke {
		return
	}
	if op.F == harness.FHeal {
		for i, f := range p.faults {
			if f.ID == v.ID {
				p.faults = append(p.faults[:i:i], p.faults[i+1:]...)
				break
			}
		}
		if op.Type == harness.OK {
			p.event("healed %s on %s", v.Fault, nodes(v.Nodes))
		} else {
			p.event("NOT healed: %s on %s: %s", v.Fault, nodes(v.Nodes), op.Error)
		}
		return
	}
	if op.Type == harness.OK {
		p.faults = append(p.faults, v)
		p.event("%s %s (%s) confirmed after %.1f ms", v.Fault, v.Target, nodes(v.Nodes), float64(v.Confirmed-v.Issued)/1e6)
	} else {
		p.event("%s %s did not land: %s", v.Fault, v.Target, op.Error)
	}
}

// leader is "n2, term 5", or empty.
func (p *progress) leader() string {
	var id harness.NodeID
	var term uint64
	for n, v := range p.roles {
		if v.Role == harness.Leader && (id == "" || v.Term > term) {
			id, term = n, v.Term
		}
	}
	if id == "" {
		return ""
	}
	return fmt.Sprintf("%s, term %d", id, term)
}

// event prints a line of its own.
func (p *progress) event(format string, args ...any) {
	p.clear()
	fmt.Fprintf(p.out, "%7.2fs  %s\n", p.now.Seconds(), fmt.Sprintf(format, args...))
}

func (p *progress) clear() {
	if p.tty {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
}

func (p *progress) draw() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.phase == "" {
		return
	}
	rate := func(t harness.Type) float64 {
		if p.now == p.lastAt {
			return 0
		}
		return float64(p.counts[t]-p.last[t]) / (p.now - p.lastAt).Seconds()
	}
	leader := p.leader()
	if leader == "" {
		leader = "nobody leads"
	}
	var faults []string
	for _, f := range p.faults {
		faults = append(faults, f.Fault+" "+nodes(f.Nodes))
	}
	if len(faults) == 0 {
		faults = []string{"no fault"}
	}
	line := fmt.Sprintf("%7.2fs  %s | %s | %s | ok %.0f/s fail %.0f/s unknown %.0f/s", p.now.Seconds(), p.phase, leader,
		strings.Join(faults, ", "), rate(harness.OK), rate(harness.Fail), rate(harness.Info))
	for t, n := range p.counts {
		p.last[t] = n
	}
	p.lastAt = p.now
	if p.tty {
		fmt.Fprint(p.out, "\r\x1b[K", line)
	} else {
		fmt.Fprintln(p.out, line)
	}
}

func nodes(ids []harness.NodeID) string {
	var s []string
	for _, id := range ids {
		s = append(s, string(id))
	}
	return strings.Join(s, "+")
}
