package figure16

import (
	"slices"
	"strings"
	"time"

	"github.com/faultline-chaos/faultline/harness/sim"
	"github.com/faultline-chaos/faultline/results/sweep"
	"github.com/faultline-chaos/faultline/scenario"
)

// Settings are what a sweep of the figure was asked to do: sweep.json.
type Settings struct {
	Paper   bool     `json:"paper"` // it is a sweep of the figure: always true
	Runtime string   `json:"runtime"`
	Lines   []string `json:"lines"`  // their names, at least one
	Trials  int      `json:"trials"` // crashes a line; in a simulation of the last line as in the paper a tenth
	Seed    uint64   `json:"seed"`
}

// Crashes a line where none are asked for: as many as in the paper in a simulation.
const (
	TrialsVirtual = 1000
	TrialsReal    = 100
)

// Default is all of the figure; on real processes what can be judged.
func Default(runtime string) Settings {
	s := Settings{Paper: true, Runtime: runtime, Trials: TrialsReal}
	if s.virtual() {
		s.Trials = TrialsVirtual
	}
	for _, l := range Lines() {
		if s.virtual() || l.Judged {
			s.Lines = append(s.Lines, l.Name())
		}
	}
	return s
}

func (s Settings) virtual() bool { return scenario.Virtual(s.Runtime) }

// runtimes are where it can run.
var runtimes = []string{"sim", "local"}

// Check says what is wrong, in terms of the program's flags.
func (s Settings) Check() error {
	if err := scenario.CheckRuntime(s.Runtime); err != nil {
		return err
	}
	if !slices.Contains(runtimes, s.Runtime) {
		return scenario.Usage("--paper runs on %s only, not on %s: processes must share this machine's clock", strings.Join(runtimes, " and "), s.Runtime)
	}
	if s.Trials < 10 || s.Trials > 100_000 {
		return scenario.Usage("--trials is %d: with --paper allowed are 10 to 100000 crashes a line", s.Trials)
	}
	var all []string
	for _, l := range Lines() {
		all = append(all, l.Name())
	}
	for i, name := range s.Lines {
		if !slices.Contains(all, name) {
			return scenario.Usage("--lines holds %q: the figure has %s", name, strings.Join(all, ", "))
		}
		if slices.Contains(s.Lines[:i], name) {
			return scenario.Usage("--lines holds %s twice", name)
		}
	}
	if len(s.Lines) == 0 {
		return scenario.Usage("--lines is empty: the figure has %s", strings.Join(all, ", "))
	}
	return nil
}

// lines are those that were asked for, in the figure's order.
func (s Settings) lines() []Line {
	return slices.DeleteFunc(Lines(), func(l Line) bool { return !slices.Contains(s.Lines, l.Name()) })
}

// trialsOf is how many trials a line has: the paper has a tenth for the last one.
func (s Settings) trialsOf(l Line) int {
	if !s.virtual() {
		return s.Trials
	}
	return max(s.Trials*l.Trials/TrialsVirtual, 10)
}

// work is how long a trial takes, in the mean, in some unit: on real processes milliseconds.
func (s Settings) work(l Line) float64 {
	outage := min(l.Paper.Mean, l.Cap)
	if s.virtual() { // what costs are campaigns, about one in each timeout
		return 1 + float64(outage)/float64(l.Min)
	}
	return float64(outage+l.Min*3/4)/float64(time.Millisecond) + 150
}

// setup is one line's. Timers have a tenth of a millisecond; a message takes what was fitted to the
// paper's curves.
func (l Line) setup() Setup {
	return Setup{Min: l.Min, Max: l.Max, Tick: 100 * time.Microsecond, Cap: l.Cap, Delay: sim.Delay{Min: DelayMin, Mean: DelayMean}}
}

// New makes the folder of a new sweep below root, for settings that were checked. A seed of 0 is drawn.
func New(root string, s Settings) (*Sweep, error) {
	if s.Seed == 0 {
		s.Seed = scenario.DrawSeed()
	}
	dir, err := sweep.NewFolder(root, scenario.FolderName(time.Now(), "paper"), s)
	if err != nil {
		return nil, err
	}
	return &Sweep{Settings: s, dir: dir, done: map[string][]trial{}}, nil
}

// Resume goes on with the sweep that a folder holds.
func Resume(dir sweep.Folder) (*Sweep, error) {
	x := &Sweep{dir: dir, done: map[string][]trial{}}
	if err := dir.ReadSettings(&x.Settings); err != nil {
		return nil, err
	}
	if err := x.Check(); err != nil {
		return nil, err
	}
	return x, x.read()
}
