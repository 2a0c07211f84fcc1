package live

import (
	"fmt"
	"os"
	"runtime/debug"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/faultline-chaos/faultline/history"
)

// refresh is from one look at the state to the next: five a second are enough for the eye, and cost a
// run next to nothing.
const refresh = 200 * time.Millisecond

// ScreenOptions are what a Screen needs to know beside the plan.
type ScreenOptions struct {
	In, Out *os.File      // the terminal
	Environ []string      // for what the terminal can do: TERM, NO_COLOR and others; nil: the process's own
	Checks  func() Checks // what the live checks say; may be nil
	// Interrupt is called when Ctrl-C is typed: the terminal is in raw mode, and sends no signal. It is
	// called on a goroutine of its own.
	Interrupt func()
}

// Screen is a dashboard over the whole terminal. It is safe for concurrent use, with as many observers
// as there are.
type Screen struct {
	o       ScreenOptions
	program *tea.Program
	ready   chan struct{} // closed when the terminal was taken over
	done    chan struct{} // closed when it was given back
	err     error         // to be read after done is closed

	mu    sync.Mutex
	state *State
	base  time.Time // when the newest op came, or the screen was started
}

// StartScreen takes the terminal over. The caller calls Stop, also when it panics: nothing else gives
// the terminal back. An error leaves the terminal as it was.
func StartScreen(p Plan, o ScreenOptions) (*Screen, error) {
	if o.Environ == nil {
		o.Environ = os.Environ()
	}
	s := &Screen{o: o, ready: make(chan struct{}), done: make(chan struct{}), state: NewState(p), base: time.Now()}
	s.program = tea.NewProgram(&model{screen: s, state: s.state.Clone()}, tea.WithInput(o.In), tea.WithOutput(o.Out), tea.WithEnvironment(o.Environ),
		tea.WithFPS(int(2*time.Second/refresh)), tea.WithoutSignalHandler())
	go func() {
		defer close(s.done)
		last, err := s.program.Run()
		if s.err = err; err == nil && last.(*model).broken != nil {
			s.err = last.(*model).broken
		}
	}()
	select {
	case <-s.ready:
		return s, nil
	case <-s.done:
		return nil, fmt.Errorf("start the dashboard: %w", s.err)
	}
}

// Observe takes the next op, as harness.RecorderOptions.Observe does.
func (s *Screen) Observe(op *history.Op) {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.base = now
	s.state.Observe(op)
}

// Interrupt shows that the run was asked to end.
func (s *Screen) Interrupt(why string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state.Interrupt(why)
}

// Stage shows what goes on when the clients are done.
func (s *Screen) Stage(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state.Stage = what
}

// Stop gives the terminal back as it was, waits for that, and returns the events, so that they can be
// told again where they last. The error says why the screen ended before, if it did.
func (s *Screen) Stop() (events []Event, dropped int, err error) {
	s.program.Quit()
	<-s.done
	s.mu.Lock()
	defer s.mu.Unlock()
	s.judge()
	if s.err != nil {
		err = fmt.Errorf("the dashboard ended before the run did: %w", s.err)
	}
	return s.state.Events, s.state.Dropped, err
}

// resized looks at the terminal's size again, as a signal of the terminal does by itself.
func (s *Screen) resized() { s.program.Send(tea.RequestWindowSize()) }

func (s *Screen) judge() {
	if s.o.Checks != nil {
		s.state.Judge(s.o.Checks())
	}
}

// look is the state for drawing, and the time on the run's clock.
func (s *Screen) look() (*State, time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.judge()
	return s.state.Clone(), s.state.Now + time.Since(s.base)
}

// model is what Bubble Tea runs: a copy of the state, drawn anew at each tick.
type model struct {
	screen        *Screen
	state         *State
	now           time.Duration
	width, height int
	drawn         string
	broken        error // a panic; Bubble Tea would leave its reader behind, and its own words on the screen
}

type tickMsg struct{}

func tick() tea.Cmd { return tea.Tick(refresh, func(time.Time) tea.Msg { return tickMsg{} }) }

// Init is called when the terminal was taken over.
func (m *model) Init() tea.Cmd {
	close(m.screen.ready)
	return tick()
}

// Update takes a tick, a new size or a key.
func (m *model) Update(msg tea.Msg) (tea.Model, tea.Cmd) { return m, m.update(msg) }

func (m *model) update(msg tea.Msg) (cmd tea.Cmd) {
	defer func() { // of drawing, too: View only shows
		if p := recover(); p != nil {
			m.broken = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
			cmd = tea.Quit
		}
	}()
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
		m.drawn = Render(m.state, m.now, m.width, m.height)
	case tickMsg:
		m.state, m.now = m.screen.look()
		m.drawn = Render(m.state, m.now, m.width, m.height)
		return tick()
	case tea.KeyPressMsg:
		if msg.String() == "ctrl+c" && m.screen.o.Interrupt != nil {
			return func() tea.Msg { m.screen.o.Interrupt(); return nil }
		}
	}
	return nil
}

// View is what Update has drawn.
func (m *model) View() (v tea.View) {
	v.AltScreen = true
	v.SetContent(m.drawn)
	return v
}
