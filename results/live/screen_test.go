package live

import (
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/charmbracelet/x/vt"
	"github.com/creack/pty"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/faultline-chaos/faultline/history"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// terminal is an emulated one at the other end of a pty.
type terminal struct {
	t          *testing.T
	master, in *os.File
	emulator   *vt.Emulator
	mu         sync.Mutex // over emulator and raw
	raw        []byte
	ended      chan struct{}
	answered   chan struct{}
	changed    chan struct{}
}

func newTerminal(t *testing.T, width, height int) *terminal {
	master, in, err := pty.Open()
	require.NoError(t, err)
	x := &terminal{t: t, master: master, in: in, emulator: vt.NewEmulator(width, height), ended: make(chan struct{}), answered: make(chan struct{}), changed: make(chan struct{}, 1)}
	require.NoError(t, pty.Setsize(master, &pty.Winsize{Cols: uint16(width), Rows: uint16(height)}))
	go func() {
		defer close(x.ended)
		buf := make([]byte, 64<<10)
		for {
			n, err := master.Read(buf)
			if n > 0 {
				x.mu.Lock()
				x.raw = append(x.raw, buf[:n]...)
				_, _ = x.emulator.Write(buf[:n])
				x.mu.Unlock()
				select {
				case x.changed <- struct{}{}:
				default:
				}
			}
			if err != nil { // the other end is closed
				return
			}
		}
	}()
	go func() { // answers to queries are what a terminal types
		defer close(x.answered)
		buf := make([]byte, 4<<10)
		for {
			n, err := x.emulator.Read(buf)
			if err != nil {
				return
			}
			_, _ = master.Write(buf[:n])
		}
	}()
	t.Cleanup(func() {
		_ = in.Close()
		_ = master.Close()
		<-x.ended
		_ = x.emulator.InputPipe().(io.Closer).Close() // Close of the emulator itself races with Read
		<-x.answered
	})
	return x
}

func (x *terminal) lines() []string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return strings.Split(x.emulator.String(), "\n")
}

// await waits until the screen is as asked for.
func (x *terminal) await(what string, ok func([]string) bool) {
	x.t.Helper()
	limit := time.After(20 * time.Second)
	for !ok(x.lines()) {
		select {
		case <-x.changed:
		case <-limit:
			require.Failf(x.t, "it never came", "%s; the screen:\n%s", what, strings.Join(x.lines(), "\n"))
		}
	}
}

func shows(word string) func([]string) bool {
	return func(lines []string) bool { return strings.Contains(strings.Join(lines, "\n"), word) }
}

func (x *terminal) modes() unix.Termios {
	modes, err := unix.IoctlGetTermios(int(x.in.Fd()), unix.TCGETS)
	require.NoError(x.t, err)
	return *modes
}

// clean requires the terminal to be as it was before a screen had it.
func (x *terminal) clean(before unix.Termios) {
	x.t.Helper()
	x.await("the first screen, with a cursor", func([]string) bool {
		x.mu.Lock()
		defer x.mu.Unlock()
		return !x.emulator.IsAltScreen() && !x.emulator.CursorHidden()
	})
	require.Equal(x.t, before, x.modes())
}

func (x *terminal) start(o ScreenOptions) *Screen {
	o.In, o.Out = x.in, x.in
	if o.Environ == nil {
		o.Environ = []string{"TERM=xterm-256color"}
	}
	s, err := StartScreen(sample().s.Plan, o)
	require.NoError(x.t, err)
	return s
}

// feed is the beginning of a run.
func feed(s *Screen) {
	s.Observe(&history.Op{Time: sec, Process: history.HarnessProcess, Type: history.OK, F: history.FPhase, Value: history.EncodeValue(history.PhaseValue{Phase: history.PhaseFaults})})
	s.Observe(&history.Op{Time: sec, Process: history.HarnessProcess, Type: history.OK, F: history.FStatus, Node: "n2", Value: history.EncodeValue(history.StatusValue{Role: history.Leader, Term: 5, Applied: 77})})
}

// TestScreen: what is observed comes to the screen in any size, and afterwards the terminal is as it was.
func TestScreen(t *testing.T) {
	x := newTerminal(t, 80, 24)
	_, err := x.in.WriteString("before\r\n")
	require.NoError(t, err)
	before := x.modes()
	checks := Checks{Answers: 4}
	s := x.start(ScreenOptions{Checks: func() Checks { return checks }})
	feed(s)
	x.await("the leader", shows("n2 leads in term 5"))
	require.False(t, shows("before")(x.lines()), "it has a screen of its own")
	require.NotEqual(t, before, x.modes(), "keys are not echoed into it")
	require.True(t, shows("\x1b[")([]string{string(x.raw)}))
	for _, size := range []struct{ width, height int }{{120, 40}, {60, 15}, {80, 24}} {
		x.mu.Lock()
		x.emulator.Resize(size.width, size.height)
		x.mu.Unlock()
		require.NoError(t, pty.Setsize(x.master, &pty.Winsize{Cols: uint16(size.width), Rows: uint16(size.height)}))
		s.resized() // the kernel tells the foreground process of the terminal, which a test is not
		x.await("a screen of that size", func(lines []string) bool {
			return strings.HasPrefix(lines[0], "chaos") && strings.HasSuffix(strings.TrimRight(lines[0], " "), "left") && len([]rune(strings.TrimRight(lines[0], " "))) == size.width
		})
	}
	s.Stage("judging")
	x.await("the stage", shows("judging …"))
	events, dropped, err := s.Stop()
	require.NoError(t, err)
	require.Zero(t, dropped)
	require.Len(t, events, 2)
	x.clean(before)
	require.True(t, shows("before")(x.lines()), "what was there is there again")
	require.False(t, shows("n2 leads")(x.lines()))
	events, _, err = s.Stop() // again it does nothing
	require.NoError(t, err)
	require.Len(t, events, 2)
}

// TestScreenInterrupt: every Ctrl-C is told, and the run's answer shown.
func TestScreenInterrupt(t *testing.T) {
	x := newTerminal(t, 80, 24)
	before := x.modes()
	told := make(chan struct{}, 2)
	s := x.start(ScreenOptions{Interrupt: func() { told <- struct{}{} }})
	_, err := x.master.Write([]byte{'x', 3})
	require.NoError(t, err)
	<-told
	s.Interrupt("interrupt")
	x.await("that it stops", shows("interrupt: stopping cleanly; press Ctrl-C again to quit at once"))
	_, err = x.master.Write([]byte{3})
	require.NoError(t, err)
	<-told
	_, _, err = s.Stop()
	require.NoError(t, err)
	x.clean(before)
}

// TestScreenPanic: a dashboard that breaks gives the terminal back, and the run goes on.
func TestScreenPanic(t *testing.T) {
	x := newTerminal(t, 80, 24)
	before := x.modes()
	var once sync.Once
	s := x.start(ScreenOptions{Checks: func() (c Checks) {
		once.Do(func() { panic("of a test") })
		return c
	}})
	<-s.done
	x.clean(before)
	feed(s)
	events, _, err := s.Stop()
	require.ErrorContains(t, err, "the dashboard ended before the run did: panic: of a test\n")
	require.Len(t, events, 2)
}

// TestScreenNoColor: NO_COLOR leaves out colours, and nothing else.
func TestScreenNoColor(t *testing.T) {
	x := newTerminal(t, 80, 24)
	s := x.start(ScreenOptions{Environ: []string{"TERM=xterm-256color", "NO_COLOR=1"}})
	feed(s)
	x.await("the leader", shows("n2 leads in term 5"))
	_, _, err := s.Stop()
	require.NoError(t, err)
	x.mu.Lock()
	defer x.mu.Unlock()
	require.NotRegexp(t, `\x1b\[[0-9;]*(3[0-7]|38|9[0-7])m`, string(x.raw))
}

// TestScreenWithoutTerminal: nothing is left behind by one that cannot start.
func TestScreenWithoutTerminal(t *testing.T) {
	x := newTerminal(t, 80, 24)
	closed, err := os.CreateTemp(t.TempDir(), "")
	require.NoError(t, err)
	require.NoError(t, closed.Close())
	_, err = StartScreen(Plan{}, ScreenOptions{In: closed, Out: x.in, Environ: []string{"TERM=xterm"}})
	require.ErrorContains(t, err, "start the dashboard")
}
