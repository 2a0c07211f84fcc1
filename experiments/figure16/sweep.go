package figure16

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/faultline-chaos/faultline/experiments/figure16/server"
	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/harness/local"
	"github.com/faultline-chaos/faultline/results/sweep"
	"github.com/faultline-chaos/faultline/scenario"
)

// Sweep is one of the figure that goes on. Its folder keeps every trial as it comes.
type Sweep struct {
	Settings
	dir  sweep.Folder
	done map[string][]trial // by line
}

// Progress is told how far a sweep is, by one goroutine at a time.
type Progress interface {
	Expect(crashes int, work float64) // before the first; work is in any unit
	Advance(crashes int, work float64)
	Print(format string, args ...any) // a line is done
	Clear()                           // nothing follows
}

// trialsFile is where every trial is kept, a line each.
const trialsFile = "trials.jsonl"

// trial is a line of it. Durations are nanoseconds.
type trial struct {
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

// todo is a trial that is not yet done.
type todo struct {
	line  Line
	trial int
	seed  uint64
}

func (t todo) kept(o Outcome) trial {
	return trial{
		Line: t.line.Name(), Trial: t.trial, Seed: t.seed, First: o.First, Majority: o.Majority, All: o.All, Over: o.Over, Campaigns: o.Campaigns, Discarded: o.Discarded,
		DelaysUS: microseconds(o.Ruler.Delays), LateUS: microseconds(o.Ruler.Late),
	}
}

func microseconds(of []time.Duration) (us []int64) {
	for _, d := range of {
		us = append(us, d.Microseconds())
	}
	return us
}

// read takes in the trials that the folder holds.
func (x *Sweep) read() error {
	data, err := x.dir.ReadLines(trialsFile)
	if err != nil {
		return err
	}
	sc := bufio.NewScanner(bytes.NewReader(data))
	sc.Buffer(nil, 16<<20)
	for n := 1; sc.Scan(); n++ {
		var t trial
		if err := json.Unmarshal(sc.Bytes(), &t); err != nil {
			return fmt.Errorf("read line %d of %s: %w", n, trialsFile, err)
		}
		x.done[t.Line] = append(x.done[t.Line], t)
	}
	if err := sc.Err(); err != nil {
		return fmt.Errorf("read %s: %w", trialsFile, err)
	}
	return nil
}

// todo are the trials that are not done, in order. Their seeds depend on nothing else.
func (x *Sweep) todo() (out []todo) {
	for _, l := range x.lines() {
		have := map[int]bool{}
		for _, t := range x.done[l.Name()] {
			have[t.Trial] = true
		}
		for i := range x.trialsOf(l) {
			if !have[i] {
				out = append(out, todo{l, i, harness.Stream(x.Seed, fmt.Sprintf("%s/%d", l.Name(), i)).Uint64()})
			}
		}
	}
	return out
}

// trials are all that are done, in order.
func (x *Sweep) trials() (out []trial) {
	for _, l := range x.lines() {
		slices.SortFunc(x.done[l.Name()], func(a, b trial) int { return a.Trial - b.Trial })
		out = append(out, x.done[l.Name()]...)
	}
	return out
}

// Run does what is not done, judges, and writes curves, tables and a page into the folder. What it says
// goes to out. Its error is the exit code of lines that are not within, or says how to go on.
func (x *Sweep) Run(ctx context.Context, out io.Writer, progress Progress) error {
	fmt.Fprintf(out, "faultline sweep --paper · raftkv on %s · %d ranges of election timeouts, %d crashes of a leader each · seed %d\n", x.Runtime, len(x.lines()), x.Trials, x.Seed)
	if n := len(x.trials()); n > 0 {
		fmt.Fprintf(out, "%d crashes were done before\n", n)
	}
	start := time.Now()
	if err := x.crash(ctx, progress); err != nil {
		return err
	}
	return x.finish(out, time.Since(start))
}

// crash does what is to do, and keeps every trial as it comes.
func (x *Sweep) crash(ctx context.Context, progress Progress) error {
	todos := x.todo()
	if len(todos) == 0 {
		return nil
	}
	f, err := x.dir.AppendTo(trialsFile)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // every line was written, or is an error
	enc, left, work := json.NewEncoder(f), map[string]int{}, 0.0
	for _, t := range todos {
		left[t.line.Name()]++
		work += x.work(t.line)
	}
	progress.Expect(len(todos), work)
	done := func(t todo, o Outcome) error {
		kept, name := t.kept(o), t.line.Name()
		if err := enc.Encode(&kept); err != nil {
			return fmt.Errorf("keep a trial: %w", err)
		}
		x.done[name] = append(x.done[name], kept)
		progress.Advance(1, x.work(t.line))
		if left[name]--; left[name] == 0 {
			f := sampleOf(x.done[name]).Figures()
			progress.Print("%-8s n=%d, %d censored: median %s (paper %s)", name, f.N, f.Censored, f.P50.Round(time.Millisecond), t.line.Paper.P50)
		}
		return nil
	}
	do := x.crashProcesses
	if x.virtual() {
		do = simulate
	}
	err = do(ctx, todos, done)
	progress.Clear()
	switch n, rest := len(x.trials()), len(x.todo()); {
	case ctx.Err() != nil && rest > 0:
		return scenario.Status(scenario.ExitUnknown, fmt.Errorf("sweep: interrupted after %d of %d crashes; go on with: faultline sweep --resume %s", n, n+rest, x.dir))
	case err != nil:
		return fmt.Errorf("sweep: %w; what was done is kept, go on with: faultline sweep --resume %s", err, x.dir)
	}
	return nil
}

// simulate does trials on all cores. What they yield does not depend on how many there are. done is
// called by one goroutine at a time.
func simulate(interrupted context.Context, todos []todo, done func(todo, Outcome) error) error {
	ctx, stop := context.WithCancel(interrupted)
	defer stop()
	var (
		wg     sync.WaitGroup
		mu     sync.Mutex
		failed error
	)
	next := make(chan todo)
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for t := range next {
				o, err := t.line.setup().Simulate(ctx, t.seed)
				mu.Lock()
				if err == nil {
					err = done(t, o)
				}
				if err != nil && failed == nil {
					failed = fmt.Errorf("line %s: %w", t.line.Name(), err)
					stop()
				}
				mu.Unlock()
			}
		})
	}
	for _, t := range todos {
		if ctx.Err() != nil {
			break
		}
		next <- t
	}
	close(next)
	wg.Wait()
	return failed
}

// crashProcesses does trials on real processes, one after the other.
func (x *Sweep) crashProcesses(ctx context.Context, todos []todo, done func(todo, Outcome) error) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	run := fmt.Sprintf("faultline-paper-%x-%d", x.Seed, os.Getpid())
	return runProcesses(ctx, &local.Runtime{}, run, self, []string{server.Command}, func(ctx context.Context, p *processes) error {
		for _, t := range todos {
			o, err := p.crash(ctx, t.line.setup(), t.seed)
			if err == nil {
				err = done(t, o)
			}
			if err != nil {
				return fmt.Errorf("line %s: %w", t.line.Name(), err)
			}
		}
		return nil
	})
}

func sampleOf(trials []trial) (s sweep.Sample) {
	for _, t := range trials {
		if t.Over {
			s.Values = append(s.Values, t.Majority)
		} else {
			s.Bounds = append(s.Bounds, t.Majority)
		}
	}
	return s
}

func rulerOf(trials []trial) (r Ruler) {
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
