package sim

import (
	"fmt"
	"io"
	"math/rand/v2"
	"path"
	"runtime"
	"strings"
	"time"

	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/history"
)

// node is a member: its disk, and its machine while it is up.
type node struct {
	number  int
	id      history.NodeID
	disk    Disk
	machine Machine
	life    uint32 // number of this start
	up      bool
	paused  bool
	held    []event // while paused
	writes  writes
	worked  time.Duration // when the last piece of work that was asked for is done
	tick    time.Duration
	sleeper Sleeper       // nil: the machine is ticked every tick
	ticked  time.Duration // when the last tick of a sleeper was
	wake    time.Duration // when the next one is that it is to be called for
	status  *conn
	tripped time.Duration // when it lost power for an instant last

	rand   *rand.Rand // of disk and clock
	own    *rand.Rand // of the machine
	output io.Writer
	line   []byte
	exit   int    // code of the last process that ended by itself
	said   string // what it printed then
}

func newNode(c *cluster, number int) *node {
	id := history.NodeID(fmt.Sprintf("n%d", number))
	return &node{
		number: number, id: id, disk: c.program.Format(number),
		tripped: -tripPause, rand: c.Rand("sim/disk/" + string(id)), own: c.Rand("sim/machine/" + string(id)),
	}
}

// boot starts a member from its disk.
func (c *cluster) boot(n *node) error {
	n.life++
	c.note(evBoot, n.number, 0, uint64(n.life), 0)
	n.writes, n.held, n.paused, n.worked = writes{}, nil, false, 0
	host := Host{
		Rand: n.own, Now: c.Now, Hostile: c.opts.Hostile > 0,
		Log:      func(line string) { c.log(n, line) },
		Violated: func(format string, args ...any) { c.violated(n, fmt.Sprintf(format, args...)) },
	}
	var refused error
	var out []Effect
	panicked := c.guard(n, func() {
		if n.machine, refused = c.program.Boot(n.number, n.disk, host); refused == nil {
			out = n.machine.Effects()
		}
	})
	if refused != nil {
		n.exit, n.said = 1, refused.Error()
		c.log(n, n.said)
	}
	if refused != nil || panicked {
		return n.startError()
	}
	n.up = true
	n.tick = c.tickOf(n)
	first := time.Duration(n.rand.Int64N(int64(n.tick)))
	n.sleeper, _ = n.machine.(Sleeper)
	n.ticked, n.wake = c.now+first-n.tick, 0
	if n.sleeper == nil {
		c.after(first, &event{kind: evTick, node: n, life: n.life})
	} else {
		c.doze(n)
	}
	c.carryOut(n, out)
	return nil
}

func (n *node) startError() error {
	return &harness.StartError{Node: n.id, ExitCode: n.exit, Output: n.said}
}

// tickOf is how long a tick of the member takes on virtual time.
func (c *cluster) tickOf(n *node) time.Duration {
	d := n.machine.TickEvery()
	if d <= 0 {
		panic(fmt.Sprintf("simulation: the machine of %s ticks every %v: that must be longer than 0", n.id, d))
	}
	if j := c.opts.TickJitter; j > 0 {
		d += time.Duration(float64(d) * j * (2*n.rand.Float64() - 1))
	}
	return max(d, 1)
}

// guard calls f, a panic of which is the end of the process.
func (c *cluster) guard(n *node, f func()) (panicked bool) {
	defer func() {
		if r := recover(); r != nil {
			panicked = true
			c.crashed(n, r)
		}
	}()
	f()
	return false
}

// tripPause is how long a member has power after it lost it for an instant: else members could lose it
// before any of them gets anywhere.
const tripPause = 3 * time.Second

// trip lets a member lose power for an instant.
func (c *cluster) trip(n *node) {
	if n.paused || c.now < n.tripped+tripPause {
		return
	}
	n.tripped = c.now
	c.stats.Trips++
	c.log(n, "simulation: power failed for an instant")
	c.down(n, powerLost)
	_ = c.boot(n) // if it refuses it stays down, and its output says why
}

// down ends a member's process.
func (c *cluster) down(n *node, how ending) {
	c.note(evEnd, n.number, int(how), uint64(n.life), 0)
	n.up, n.paused, n.machine, n.sleeper, n.held = false, false, nil, nil, nil
	n.writes.end(n.disk, how, n.rand)
	c.reset(n)
}

// crashed ends a member whose machine panicked, as the Go runtime would: what it prints is the text and
// where it was, without what differs from process to process.
func (c *cluster) crashed(n *node, r any) {
	n.exit, n.said = 2, fmt.Sprintf("panic: %v", r)
	for line := range strings.SplitSeq(n.said, "\n") {
		c.log(n, line)
	}
	c.log(n, "")
	c.log(n, "goroutine 1 [running]:")
	for _, f := range panicFrames() {
		c.log(n, f)
	}
	c.stats.Panics++
	c.down(n, killed)
}

// panicFrames are the machine's functions on the stack of a deferred call during a panic.
func panicFrames() (out []string) {
	var pcs [64]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs[:])])
	for {
		f, more := frames.Next()
		if strings.HasSuffix(f.Function, "sim.(*cluster).feed") || strings.HasSuffix(f.Function, "sim.(*cluster).guard") || !more {
			return out
		}
		if !strings.HasPrefix(f.Function, "runtime.") && !strings.Contains(f.Function, "sim.(*cluster)") {
			out = append(out, fmt.Sprintf("%s (%s:%d)", f.Function, path.Base(f.File), f.Line))
		}
	}
}

// log writes a line of a member's output.
func (c *cluster) log(n *node, text string) {
	if n.output == nil {
		return
	}
	n.line = history.AppendLogLine(n.line[:0], c.now, []byte(text))
	if _, err := n.output.Write(n.line); err != nil && c.failed == nil {
		c.failed = fmt.Errorf("write the log of %s: %w", n.id, err)
	}
}

func (c *cluster) violated(n *node, problem string) {
	if c.failed == nil {
		c.failed = &InvariantError{n.id, c.now, problem}
	}
}
