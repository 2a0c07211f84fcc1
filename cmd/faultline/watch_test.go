package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/harness/sim"
	"github.com/faultline-chaos/faultline/history"
	"github.com/faultline-chaos/faultline/scenario"
)

// namedRuntime is one that is not started.
type namedRuntime string

func (n namedRuntime) Name() string                               { return string(n) }
func (namedRuntime) Probe(context.Context) (harness.Abler, error) { return nil, nil }
func (namedRuntime) Run(context.Context, harness.ClusterConfig, func(context.Context, harness.Env, harness.Cluster) error) error {
	return nil
}

// TestWatchChild is the program of TestWatch: it shows a run that does nothing, and ends as it is told.
func TestWatchChild(t *testing.T) {
	end, isChild := os.LookupEnv("FAULTLINE_WATCH_ENDS")
	if !isChild {
		t.Skip("it is run by TestWatch")
	}
	defer func() {
		fmt.Println("recovered:", recover())
		os.Exit(scenario.ExitCrash)
	}()
	signals, ctx := newInterrupts(os.Stderr)
	a := &app{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, signals: signals}
	plain := os.Getenv("FAULTLINE_WATCH_PLAIN") != ""
	set := scenario.Default()
	set.Runtime = "sim"
	r, err := scenario.Prepare(ctx, set, scenario.Options{Out: t.TempDir(), Stdout: os.Stdout})
	require.NoError(t, err)
	r.Runtime = namedRuntime(os.Getenv("FAULTLINE_WATCH_RUNTIME"))
	if r.Runtime.Name() == "sim" {
		r.Runtime = &sim.Runtime{}
	}
	s := a.watch(r, plain, plain)
	defer s.Stop()
	s.Observe(&history.Op{Time: time.Second, Process: history.HarnessProcess, Type: history.OK, F: history.FPhase, Value: history.EncodeValue(history.PhaseValue{Phase: history.PhaseFaults})})
	switch end {
	case "panics":
		panic("of a test")
	case "stops":
		<-ctx.Done()
		s.Stop()
		fmt.Println("the summary")
		os.Exit(scenario.ExitUnknown)
	case "hangs":
		select {}
	}
	s.Stop()
	os.Exit(scenario.ExitValid)
}

// TestWatch: whatever ends a run, the terminal is as it was before, and what happened stands in lines.
func TestWatch(t *testing.T) {
	exe, err := os.Executable()
	require.NoError(t, err)
	const enter, leave = "\x1b[?1049h", "\x1b[?1049l" // of the second screen
	for _, c := range []struct {
		name   string
		env    []string
		act    func(*watched)
		code   int
		screen bool
		after  []string // what is on the first screen then, in this order
	}{
		{"ends", nil, nil, scenario.ExitValid, true, []string{"   1.00s  phase faults"}},
		{
			"Ctrl-C",
			[]string{"FAULTLINE_WATCH_ENDS=stops"},
			func(w *watched) { w.await(enter); w.types("\x03") }, scenario.ExitUnknown, true,
			[]string{"   1.00s  phase faults", "interrupt: stopping cleanly; press Ctrl-C again to quit at once", "the summary"},
		},
		{"SIGTERM", []string{"FAULTLINE_WATCH_ENDS=stops"}, func(w *watched) { w.await(enter); w.signal(syscall.SIGTERM) }, scenario.ExitUnknown, true, []string{"phase faults", "terminated: stopping", "the summary"}},
		{"Ctrl-C twice", []string{"FAULTLINE_WATCH_ENDS=hangs"}, func(w *watched) { w.await(enter); w.types("\x03"); w.await("stopping cleanly"); w.types("\x03") }, scenario.ExitInfrastructure, true, nil},
		{"panic", []string{"FAULTLINE_WATCH_ENDS=panics"}, nil, scenario.ExitCrash, true, []string{"phase faults", "recovered: of a test"}},
		{"dumb", []string{"TERM=dumb"}, nil, scenario.ExitValid, false, []string{"   1.00s  phase faults"}},
		{"plain", []string{"FAULTLINE_WATCH_PLAIN=1"}, nil, scenario.ExitValid, false, []string{"   1.00s  phase faults"}},
		{"sim", []string{"FAULTLINE_WATCH_RUNTIME=sim"}, nil, scenario.ExitValid, false, []string{"   1.00s  phase faults"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			cmd := exec.Command(exe, "-test.run=^TestWatchChild$")
			cmd.Env = append(os.Environ(), append([]string{"TERM=xterm-256color", "FAULTLINE_WATCH_ENDS=", "FAULTLINE_WATCH_RUNTIME=local"}, c.env...)...)
			w := startWatched(t, cmd)
			if c.act != nil {
				c.act(w)
			}
			out := w.wait(c.code)
			require.Equal(t, c.screen, strings.Contains(out, enter), "%q", out)
			if c.screen {
				require.Equal(t, 1, strings.Count(out, leave), "%q", out)
				require.Greater(t, strings.LastIndex(out, "\x1b[?25h"), strings.LastIndex(out, "\x1b[?25l"), "the cursor is shown again")
				_, out, _ = strings.Cut(out, leave)
			}
			for _, word := range c.after {
				at := strings.Index(out, word)
				require.GreaterOrEqual(t, at, 0, "%q is missing in %q", word, out)
				out = out[at+len(word):]
			}
		})
	}
}

// watched is a program in a terminal of its own.
type watched struct {
	t      *testing.T
	cmd    *exec.Cmd
	master *os.File
	tty    *os.File // keeps the terminal when the program has ended, for a look at its modes
	before unix.Termios
	read   chan struct{} // closed when all was read

	mu      sync.Mutex
	out     bytes.Buffer
	changed chan struct{}
}

func startWatched(t *testing.T, cmd *exec.Cmd) *watched {
	master, tty, err := pty.Open()
	require.NoError(t, err)
	require.NoError(t, pty.Setsize(master, &pty.Winsize{Cols: 80, Rows: 24}))
	w := &watched{t: t, cmd: cmd, master: master, tty: tty, read: make(chan struct{}), changed: make(chan struct{}, 1)}
	w.before = w.modes()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = tty, tty, tty
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	require.NoError(t, cmd.Start())
	go func() {
		defer close(w.read)
		buf := make([]byte, 4<<10)
		for {
			n, err := master.Read(buf)
			w.mu.Lock()
			w.out.Write(buf[:n])
			w.mu.Unlock()
			select {
			case w.changed <- struct{}{}:
			default:
			}
			if err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it has ended, or the test has failed
		_ = tty.Close()
		_ = master.Close()
	})
	return w
}

func (w *watched) modes() unix.Termios {
	modes, err := unix.IoctlGetTermios(int(w.tty.Fd()), unix.TCGETS)
	require.NoError(w.t, err)
	return *modes
}

func (w *watched) text() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.out.String()
}

func (w *watched) await(word string) {
	w.t.Helper()
	limit := time.After(20 * time.Second)
	for !strings.Contains(w.text(), word) {
		select {
		case <-w.changed:
		case <-limit:
			require.Failf(w.t, "it never came", "%q in %q", word, w.text())
		}
	}
}

func (w *watched) types(keys string) {
	_, err := io.WriteString(w.master, keys)
	require.NoError(w.t, err)
}

func (w *watched) signal(s os.Signal) { require.NoError(w.t, w.cmd.Process.Signal(s)) }

// wait is until the program has ended with that code, and the terminal's modes are as before it; it gives
// everything that was written.
func (w *watched) wait(code int) string {
	w.t.Helper()
	_ = w.cmd.Wait()
	require.Equal(w.t, code, w.cmd.ProcessState.ExitCode(), "%q", w.text())
	require.Equal(w.t, w.before, w.modes())
	require.NoError(w.t, w.tty.Close())
	<-w.read
	return strings.ReplaceAll(w.text(), "\r\n", "\n")
}
