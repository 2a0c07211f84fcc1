package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/harness/sim"
	"github.com/faultline-chaos/faultline/results/figure"
	"github.com/faultline-chaos/faultline/results/sweep"
	"github.com/faultline-chaos/faultline/scenario"
	"github.com/faultline-chaos/faultline/systems"
)

// checkPaper says what is wrong with the flags beside --paper.
func (s *sweepFlags) checkPaper(f *pflag.FlagSet) error {
	if names := others(f, "paper", "lines", "trials", "seed", "out", "runtime"); len(names) > 0 {
		return scenario.Usage("%s does not go with --paper, whose set-up is the paper's: allowed are --runtime, --lines, --trials, --seed, --out", strings.Join(names, ", "))
	}
	if err := scenario.CheckRuntime(s.Runtime); err != nil {
		return err
	}
	if s.Runtime != "sim" && s.Runtime != "local" {
		return scenario.Usage("--paper runs on sim and local only, not on %s: processes must share this machine's clock", s.Runtime)
	}
	if !f.Changed("trials") {
		s.Trials = paperTrials
		if s.Runtime != "sim" {
			s.Trials = paperTrialsReal
		}
	}
	if !f.Changed("lines") {
		s.Lines = paperLineNames(func(l sweep.PaperLine) bool { return s.Runtime == "sim" || l.Judged })
	}
	// Nothing else counts, and nothing else shall be in the folder.
	s.Settings = sweep.Settings{Paper: true, Runtime: s.Runtime, Lines: s.Lines, Trials: s.Trials, Seed: s.Seed}
	if err := s.checkTrials(); err != nil {
		return scenario.Usage("%v", err)
	}
	return nil
}

// checkTrials says what is wrong with the settings of a sweep of the paper's figure.
func (s *sweepFlags) checkTrials() error {
	if s.Trials < 10 || s.Trials > 100_000 {
		return fmt.Errorf("--trials is %d: with --paper allowed are 10 to 100000 crashes a line", s.Trials)
	}
	all := paperLineNames(func(sweep.PaperLine) bool { return true })
	for i, name := range s.Lines {
		if !slices.Contains(all, name) {
			return fmt.Errorf("--lines holds %q: the figure has %s", name, strings.Join(all, ", "))
		}
		if slices.Contains(s.Lines[:i], name) {
			return fmt.Errorf("--lines holds %s twice", name)
		}
	}
	if len(s.Lines) == 0 {
		return fmt.Errorf("--lines is empty: the figure has %s", strings.Join(all, ", "))
	}
	return nil
}

func paperLineNames(which func(sweep.PaperLine) bool) (names []string) {
	for _, l := range sweep.PaperLines() {
		if which(l) {
			names = append(names, l.Name())
		}
	}
	return names
}

// paperSetup is one line's set-up. Timers have a tenth of a millisecond; a message takes what was
// fitted to the paper's curves.
func paperSetup(l sweep.PaperLine) systems.Paper {
	return systems.Paper{
		Min: l.Min, Max: l.Max, Tick: 100 * time.Microsecond, Cap: l.Cap,
		Delay: sim.Delay{Min: sweep.PaperDelayMin, Mean: sweep.PaperDelayMean},
	}
}

// paperTrialsFile is where every trial is kept, a line each.
const paperTrialsFile = "trials.jsonl"

// paperTrial is a line of it. Durations are nanoseconds.
type paperTrial struct {
	Line      string        `json:"line"`
	Trial     int           `json:"trial"`
	Seed      uint64        `json:"seed"`
	First     time.Duration `json:"first"`    // crash to the first survivor that hears from a new leader
	Majority  time.Duration `json:"majority"` // to when two have, so that a majority knows it: what is told
	All       time.Duration `json:"all"`      // to when all three have
	Over      bool          `json:"over"`     // else censored: the three are only what it was longer than
	Campaigns int           `json:"campaigns"`
	Discarded int           `json:"discarded,omitempty"` // trials before it in which somebody campaigned before the crash
	// On real processes: how long messages between survivors really took, and how late their timers
	// fired, in microseconds.
	DelaysUS []int64 `json:"delays_us,omitempty"`
	LateUS   []int64 `json:"late_us,omitempty"`
}

func newPaperTrial(l sweep.PaperLine, i int, seed uint64, t systems.PaperTrial) paperTrial {
	return paperTrial{Line: l.Name(), Trial: i, Seed: seed, First: t.First, Majority: t.Majority, All: t.All, Over: t.Over, Campaigns: t.Campaigns, Discarded: t.Discarded}
}

// paperTodo is a trial that is not yet done.
type paperTodo struct {
	line  sweep.PaperLine
	trial int
	seed  uint64
}

// work is how long it takes, in the mean, in some unit: on real processes milliseconds.
func (t paperTodo) work(runtime string) float64 {
	outage := min(t.line.Paper.Mean, t.line.Cap)
	if runtime == "sim" { // what costs are campaigns, about one in each timeout
		return 1 + float64(outage)/float64(t.line.Min)
	}
	return float64(outage+t.line.Min*3/4)/float64(time.Millisecond) + 150
}

// paperSweep is a sweep of the paper's figure that goes on.
type paperSweep struct {
	*sweepFlags
	lines []sweep.PaperLine
	done  map[string][]paperTrial // by line
}

// openPaper reads what the folder holds.
func (s *sweepFlags) openPaper(dir sweep.Folder) (*paperSweep, error) {
	p := &paperSweep{sweepFlags: s, done: map[string][]paperTrial{}}
	for _, l := range sweep.PaperLines() {
		if slices.Contains(s.Lines, l.Name()) {
			p.lines = append(p.lines, l)
		}
	}
	data, err := dir.ReadLines(paperTrialsFile)
	if err != nil {
		return nil, err
	}
	sc := bufio.NewScanner(bytes.NewReader(data))
	sc.Buffer(nil, 16<<20)
	for n := 1; sc.Scan(); n++ {
		var t paperTrial
		if err := json.Unmarshal(sc.Bytes(), &t); err != nil {
			return nil, scenario.Usage("--resume %s: read line %d of %s: %v", s.resume, n, paperTrialsFile, err)
		}
		p.done[t.Line] = append(p.done[t.Line], t)
	}
	if err := sc.Err(); err != nil {
		return nil, fmt.Errorf("resume the sweep: %w", err)
	}
	return p, nil
}

// trialsOf is how many trials a line has: the paper has a tenth for the last one.
func (s *sweepFlags) trialsOf(l sweep.PaperLine) int {
	if s.Runtime != "sim" {
		return s.Trials
	}
	return max(s.Trials*l.Trials/paperTrials, 10)
}

// todo are the trials that are not done, in order. Their seeds depend on nothing else.
func (p *paperSweep) todo() (out []paperTodo) {
	for _, l := range p.lines {
		have := map[int]bool{}
		for _, t := range p.done[l.Name()] {
			have[t.Trial] = true
		}
		for i := range p.trialsOf(l) {
			if !have[i] {
				out = append(out, paperTodo{l, i, harness.Stream(p.Seed, fmt.Sprintf("%s/%d", l.Name(), i)).Uint64()})
			}
		}
	}
	return out
}

// trials are all that are done, in order.
func (p *paperSweep) trials() (out []paperTrial) {
	for _, l := range p.lines {
		slices.SortFunc(p.done[l.Name()], func(a, b paperTrial) int { return a.Trial - b.Trial })
		out = append(out, p.done[l.Name()]...)
	}
	return out
}

func (a *app) sweepPaper(ctx context.Context, s *sweepFlags, dir sweep.Folder) error {
	p, err := s.openPaper(dir)
	if err != nil {
		return err
	}
	todo := p.todo()
	fmt.Fprintf(a.stdout, "faultline sweep --paper · raftkv on %s · %d ranges of election timeouts, %d crashes of a leader each · seed %d\n", s.Runtime, len(p.lines), s.Trials, s.Seed)
	if n := len(p.trials()); n > 0 {
		fmt.Fprintf(a.stdout, "%d crashes were done before\n", n)
	}
	start := time.Now()
	if len(todo) > 0 {
		if err := a.crash(ctx, p, dir, todo); err != nil {
			return err
		}
	}
	return a.finishPaper(p, dir, time.Since(start))
}

// crash does what is to do, and keeps every trial as it comes.
func (a *app) crash(ctx context.Context, p *paperSweep, dir sweep.Folder, todo []paperTodo) error {
	f, err := dir.AppendTo(paperTrialsFile)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // every line was written, or is an error
	show := newBar(a.stdout, a.isTerminal(), "crashes", len(todo))
	for _, t := range todo {
		show.work += t.work(p.Runtime)
	}
	enc := json.NewEncoder(f)
	left := map[string]int{}
	for _, t := range todo {
		left[t.line.Name()]++
	}
	done := func(t paperTodo, trial paperTrial) error {
		if err := enc.Encode(&trial); err != nil {
			return fmt.Errorf("keep a trial: %w", err)
		}
		name := t.line.Name()
		p.done[name] = append(p.done[name], trial)
		show.advance(1, t.work(p.Runtime))
		if left[name]--; left[name] == 0 {
			f := sampleOf(p.done[name]).Figures()
			show.print("%-8s n=%d, %d censored: median %s (paper %s)", name, f.N, f.Censored, f.P50.Round(time.Millisecond), t.line.Paper.P50)
		}
		return nil
	}
	do := p.simulate
	if p.Runtime != "sim" {
		do = p.crashProcesses
	}
	err = do(ctx, todo, done)
	show.clear()
	switch n := len(p.trials()); {
	case ctx.Err() != nil && len(p.todo()) > 0:
		return scenario.Status(scenario.ExitUnknown, fmt.Errorf("sweep: interrupted after %d of %d crashes; go on with: faultline sweep --resume %s", n, n+len(p.todo()), dir))
	case err != nil:
		return fmt.Errorf("sweep: %w; what was done is kept, go on with: faultline sweep --resume %s", err, dir)
	}
	return nil
}

// finishPaper judges, words and draws.
func (a *app) finishPaper(p *paperSweep, dir sweep.Folder, took time.Duration) error {
	rs, err := p.judge()
	if err != nil {
		return err
	}
	if err := p.write(dir, rs); err != nil {
		return err
	}
	fmt.Fprintln(a.stdout)
	for _, r := range rs {
		fmt.Fprintln(a.stdout, r)
	}
	fmt.Fprintln(a.stdout)
	for _, n := range sweep.PaperNotes(p.Runtime) {
		fmt.Fprintln(a.stdout, n)
	}
	if p.Trials != paperTrials {
		fmt.Fprintf(a.stdout, "With %d crashes a line and not the paper's %d, chance alone moves these numbers more.\n", p.Trials, paperTrials)
	}
	code, verdict := paperVerdict(rs)
	fmt.Fprintf(a.stdout, "%s; %d crashes in %.1f s; curves, table and every trial: %s\n", verdict, len(p.trials()), took.Seconds(), dir.Path(""))
	return scenario.Exit(code)
}

func paperVerdict(rs []sweep.PaperResult) (code int, text string) {
	within, broken := sweep.PaperVerdict(rs)
	switch {
	case within:
		return scenario.ExitValid, "every line is within its tolerance"
	case broken:
		return scenario.ExitInvalid, "NOT every line is within its tolerance"
	}
	return scenario.ExitUnknown, "no line that could be judged is outside of its tolerance, but of some it cannot be told"
}

// modelTrials is how many trials of the model a line of real processes is held against.
const modelTrials = 2000

func (p *paperSweep) judge() (rs []sweep.PaperResult, err error) {
	for _, l := range p.lines {
		trials := p.done[l.Name()]
		r, err := l.Judge(sampleOf(trials))
		if err != nil {
			return nil, err
		}
		random := harness.Stream(p.Seed, "model/"+l.Name())
		if p.Runtime == "sim" {
			r = r.Beside(sweep.Ruler{}.Model(l).Sample(random, len(trials)))
		} else {
			ruler := rulerOf(trials)
			r = r.Measuring(ruler).Beside(ruler.Model(l).Sample(random, modelTrials))
		}
		rs = append(rs, r)
	}
	return rs, nil
}

func sampleOf(trials []paperTrial) (s sweep.Sample) {
	for _, t := range trials {
		if t.Over {
			s.Values = append(s.Values, t.Majority)
		} else {
			s.Bounds = append(s.Bounds, t.Majority)
		}
	}
	return s
}

func rulerOf(trials []paperTrial) (r sweep.Ruler) {
	for _, t := range trials {
		for _, us := range t.DelaysUS {
			r.Delays = append(r.Delays, time.Duration(us)*time.Microsecond)
		}
		for _, us := range t.LateUS {
			r.Late = append(r.Late, time.Duration(us)*time.Microsecond)
		}
	}
	return r
}

// write writes the curves, the table and every trial in order.
func (p *paperSweep) write(dir sweep.Folder, rs []sweep.PaperResult) error {
	fig, err := sweep.PaperFigure(p.Runtime, rs)
	if err != nil {
		return err
	}
	if err := dir.WriteFigure(fig); err != nil {
		return err
	}
	for name, encode := range map[string]func([]sweep.PaperResult) ([]byte, error){"paper.csv": sweep.PaperCSV, "paper.json": sweep.PaperJSON, "paper-curves.csv": sweep.PaperCurvesCSV} {
		data, err := encode(rs)
		if err != nil {
			return err
		}
		if err := dir.Write(name, data); err != nil {
			return err
		}
	}
	var raw bytes.Buffer
	enc := json.NewEncoder(&raw)
	for _, t := range p.trials() {
		if err := enc.Encode(&t); err != nil {
			return fmt.Errorf("encode trial %d: %w", t.Trial, err)
		}
	}
	if err := dir.Write(paperTrialsFile, raw.Bytes()); err != nil {
		return err
	}
	_, verdict := paperVerdict(rs)
	page := sweep.Page{
		Title: "Figure 16 of the Raft paper, repeated on " + p.Runtime,
		Lead:  fmt.Sprintf("seed %d, %d crashes a line; again: faultline sweep --paper --runtime=%s --seed=%d --trials=%d", p.Seed, p.Trials, p.Runtime, p.Seed, p.Trials),
		Says:  []string{strings.ToUpper(verdict[:1]) + verdict[1:] + "."}, Figures: []figure.Figure{fig}, Rows: sweep.PaperRows(rs), Notes: sweep.PaperNotes(p.Runtime),
	}
	for _, r := range rs { // the table has the numbers of all
		if !r.Judged() || !r.Within {
			page.More = append(page.More, r.String())
		}
	}
	return dir.WritePage("paper", &page)
}
