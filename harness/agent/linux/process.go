//go:build linux

package linux

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/faultline-chaos/faultline/harness/agent"
)

// Process runs the member's process and sends it signals. The process is the leader of a group of
// its own and has no capabilities; signals go to the whole group.
type Process struct {
	out     *agent.Writer
	spawner *spawner
	started chan struct{} // wakes the reaper

	mu      sync.Mutex // over forking, reaping and signalling: a PID stays what it was while it is held
	current *child     // the last one that was started
	left    bool       // healed: nothing is started any more
}

// child is one life of the member's process.
type child struct {
	pid    int
	tail   *tail
	read   chan struct{} // closed when its output has ended
	exited chan struct{} // closed when it has been reaped
	code   int           // to be read after exited is closed
}

func (c *child) running() bool {
	select {
	case <-c.exited:
		return false
	default:
		return true
	}
}

// NewProcess starts the reaper: from then on every child of this program is reaped here, so nothing
// else in it may wait for one.
func NewProcess(out *agent.Writer) *Process {
	p := &Process{out: out, spawner: newSpawner(), started: make(chan struct{}, 1)}
	go p.reap()
	return p
}

func (p *Process) Name() string { return agent.MechanismProcess }

func (p *Process) Available() error { return p.spawner.err }

func (p *Process) Handlers() map[string]agent.Handler {
	return map[string]agent.Handler{
		agent.OpStart:  agent.Handle(p.start),
		agent.OpKill:   agent.Handle(p.kill),
		agent.OpStop:   agent.Handle(p.stop),
		agent.OpPause:  agent.Handle(p.pause),
		agent.OpResume: agent.Handle(p.resume),
		agent.OpState:  agent.Handle(p.state),
	}
}

// Heal ends the process, paused or not, and lets no other start.
func (p *Process) Heal(ctx context.Context) error {
	p.mu.Lock()
	p.left = true
	p.mu.Unlock()
	_, err := p.kill(ctx, agent.Nothing{})
	return err
}

func (p *Process) start(_ context.Context, s agent.Start) (pid int, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c := p.current; c != nil && c.running() {
		return c.pid, nil
	}
	if p.left {
		return 0, errors.New("the agent is leaving")
	}
	r, w, err := os.Pipe()
	if err != nil {
		return 0, fmt.Errorf("make a pipe: %w", err)
	}
	pid, err = p.spawner.spawn(s, w)
	_ = w.Close() // the child has its own
	if err != nil {
		_ = r.Close()
		return 0, fmt.Errorf("start %s: %w", s.Path, err)
	}
	c := &child{pid: pid, tail: &tail{}, read: make(chan struct{}), exited: make(chan struct{})}
	p.current = c
	go p.readOutput(c, r)
	select {
	case p.started <- struct{}{}:
	default:
	}
	return pid, nil
}

// readOutput stamps lines as they are read.
func (p *Process) readOutput(c *child, r io.ReadCloser) {
	defer close(c.read)
	defer r.Close()
	b := bufio.NewReaderSize(r, 64<<10)
	for {
		line, err := b.ReadSlice('\n') // a longer line is cut in pieces
		if len(line) > 0 {
			at := monotonic()
			c.tail.add(line)
			p.out.Output(agent.Output{At: at, Text: string(trimEnd(line))})
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return
		}
	}
}

// reap waits for whatever child ends, orphans included (as PID 1, the agent inherits them). It waits
// without reaping first: the PID must not be free for others before the lock is held.
func (p *Process) reap() {
	for {
		err := unix.Waitid(unix.P_ALL, 0, nil, unix.WEXITED|unix.WNOWAIT, nil)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil: // no children
			<-p.started
			continue
		}
		p.reapAll()
	}
}

func (p *Process) reapAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		var ws unix.WaitStatus
		pid, err := unix.Wait4(-1, &ws, unix.WNOHANG, nil)
		if err != nil || pid <= 0 {
			return
		}
		c := p.current
		if c == nil || c.pid != pid || !c.running() {
			continue // an orphan
		}
		c.code = ws.ExitStatus()
		if ws.Signaled() {
			c.code = 128 + int(ws.Signal())
		}
		_ = unix.Kill(-pid, unix.SIGKILL) // what it left behind: it would hold its ports and files
		close(c.exited)
		go p.reportExit(c)
	}
}

// reportExit comes after the last line of output.
func (p *Process) reportExit(c *child) {
	select {
	case <-c.read:
	case <-time.After(time.Second): // somebody who left the process group has its output still open
	}
	p.out.Exit(agent.Exit{PID: c.pid, Code: c.code, Tail: c.tail.String()})
}

// signal sends to the whole group; it answers nil where no process runs.
func (p *Process) signal(signals ...unix.Signal) (*child, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.current
	if c == nil || !c.running() {
		return nil, nil
	}
	for _, s := range signals {
		if err := unix.Kill(-c.pid, s); err != nil {
			return nil, fmt.Errorf("send %s to process group %d: %w", unix.SignalName(s), c.pid, err)
		}
	}
	return c, nil
}

func (p *Process) kill(ctx context.Context, _ agent.Nothing) (agent.Killed, error) {
	return p.end(ctx, unix.SIGKILL)
}

// stop continues a paused process, or it would never see the signal.
func (p *Process) stop(ctx context.Context, _ agent.Nothing) (agent.Nothing, error) {
	_, err := p.end(ctx, unix.SIGTERM, unix.SIGCONT)
	return agent.Nothing{}, err
}

// end waits until all of the group is gone, not only its leader.
func (p *Process) end(ctx context.Context, signals ...unix.Signal) (k agent.Killed, err error) {
	c, err := p.signal(signals...)
	if c == nil || err != nil {
		return k, err
	}
	k.At = monotonic()
	select {
	case <-c.exited:
	case <-ctx.Done():
		return k, fmt.Errorf("process %d has not ended: %w", c.pid, context.Cause(ctx))
	}
	return k, until(ctx, func() error {
		if threads, err := groupThreads(c.pid); err != nil || len(threads) > 0 {
			return errors.Join(fmt.Errorf("%d threads of process group %d are left", len(threads), c.pid), err)
		}
		return nil
	})
}

func (p *Process) pause(ctx context.Context, _ agent.Nothing) (none agent.Nothing, err error) {
	c, err := p.signal(unix.SIGSTOP)
	if err != nil {
		return none, err
	}
	if c == nil {
		return none, errors.New("the process does not run")
	}
	// A thread in a system call that cannot be interrupted, such as fsync, stops when it returns.
	return none, until(ctx, func() error {
		threads, err := groupThreads(c.pid)
		if err != nil {
			return err
		}
		if !c.running() || len(threads) == 0 {
			return errors.New("the process has ended")
		}
		if !threads.allStopped() {
			return fmt.Errorf("process group %d still runs: %v", c.pid, threads)
		}
		return nil
	})
}

func (p *Process) resume(ctx context.Context, _ agent.Nothing) (none agent.Nothing, err error) {
	c, err := p.signal(unix.SIGCONT)
	if c == nil || err != nil {
		return none, err
	}
	return none, until(ctx, func() error {
		threads, err := groupThreads(c.pid)
		if err != nil {
			return err
		}
		if threads.anyStopped() {
			return fmt.Errorf("process group %d is still stopped: %v", c.pid, threads)
		}
		return nil
	})
}

func (p *Process) state(context.Context, agent.Nothing) (agent.State, error) {
	p.mu.Lock()
	c := p.current
	p.mu.Unlock()
	if c == nil || !c.running() {
		return agent.State{}, nil
	}
	threads, err := groupThreads(c.pid)
	if err != nil {
		return agent.State{}, err
	}
	rss, err := groupRSS(c.pid)
	if err != nil {
		return agent.State{}, err
	}
	return agent.State{PID: c.pid, Paused: threads.allStopped(), RSS: rss}, nil
}

// until repeats check until it passes or ctx ends. The kernel has no event for what is checked.
func until(ctx context.Context, check func() error) error {
	for pause := 200 * time.Microsecond; ; pause = min(2*pause, 5*time.Millisecond) {
		err := check()
		if err == nil {
			return nil
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", err, context.Cause(ctx))
		}
	}
}

func monotonic() int64 {
	var ts unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts) // fails for bad arguments only
	return ts.Nano()
}

func trimEnd(line []byte) []byte {
	for len(line) > 0 && (line[len(line)-1] == '\n' || line[len(line)-1] == '\r') {
		line = line[:len(line)-1]
	}
	return line
}

// tail keeps the end of what was added.
type tail struct {
	mu sync.Mutex
	b  []byte
}

const tailBytes = 8 << 10

func (t *tail) add(b []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b = append(t.b, b...)
	if len(t.b) > 2*tailBytes {
		t.b = append(t.b[:0], t.b[len(t.b)-tailBytes:]...)
	}
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.b[max(0, len(t.b)-tailBytes):])
}

var _ agent.Mechanism = (*Process)(nil)

// forkAttributes are those of the member's process.
func forkAttributes(s agent.Start, output *os.File, null *os.File) *syscall.ProcAttr {
	return &syscall.ProcAttr{
		Dir:   s.Dir,
		Env:   s.Env,
		Files: []uintptr{null.Fd(), output.Fd(), output.Fd()},
		Sys:   &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL},
	}
}
