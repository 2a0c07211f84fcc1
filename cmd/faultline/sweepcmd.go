package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/faultline-chaos/faultline/results"
	"github.com/faultline-chaos/faultline/results/sweep"
)

// sweepFlags are those of `faultline sweep`. Which of them count depends on paper and resume.
type sweepFlags struct {
	sweep.Settings
	paper  bool
	resume string
	out    string
	binary string
}

func defaultSweep() sweepFlags {
	const ms = time.Millisecond
	return sweepFlags{out: "results/sweeps", Settings: sweep.Settings{
		Runtime: "sim", Systems: []string{"raftkv"}, Trials: 20, Stable: 60 * time.Second,
		Timeouts: []time.Duration{250 * ms, 500 * ms, time.Second, 2 * time.Second}, Heartbeats: []time.Duration{25 * ms, 50 * ms, 100 * ms},
		Delays: []time.Duration{0, 5 * ms, 20 * ms}, Members: []int{3, 5},
	}}
}

const paperTrials = 1000

func newSweepCmd(a *app) *cobra.Command {
	s := defaultSweep()
	cmd := &cobra.Command{
		Use:   "sweep",
		Short: "Find the timeouts to choose: outage and false elections over a grid of timeouts",
		Long: `Sweep runs a cluster for every election timeout and heartbeat interval (and network
delay, and number of members), lets it be for a while to count elections that nobody
needed, then kills its leader again and again and measures how long clients were away.
It draws both against the timeout, and says in words which timeouts to choose.

What was measured is kept as it comes: after Ctrl-C go on with --resume DIR.

With --paper it repeats figure 16 of the Raft paper instead: ten ranges of election
timeouts, ` + fmt.Sprint(paperTrials) + ` crashes of a leader each, beside the paper's own numbers. Then exit
code 0 says that every line is within its tolerance, 1 that one is not.

With --defaults it kills the leader of clusters with default timeouts, and holds
detection, election and first commit against what raft must do with them; 0 says that
every number is within 15 %, 1 that one is not.

Exit codes: ` + exitCodesHelp,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if s.paper {
				if err := s.checkPaper(cmd.Flags()); err != nil {
					return err
				}
				return a.sweepPaper(cmd.Context(), &s)
			}
			return a.sweepGrid(cmd.Context(), &s, cmd.Flags())
		},
	}
	f := cmd.Flags()
	f.BoolVar(&s.Defaults, "defaults", false, "hold detection, election and first commit with default timeouts against what is expected, for 3 and 5 members")
	f.BoolVar(&s.paper, "paper", false, "repeat figure 16 of the Raft paper, on sim")
	f.StringVar(&s.Runtime, "runtime", s.Runtime, "where the clusters run: "+strings.Join(runtimeNames(), ", "))
	f.StringSliceVar(&s.Systems, "system", s.Systems, "what is tested, one or more: "+strings.Join(systemNames(), ",")+"; etcd not on sim")
	f.StringVar(&s.binary, "binary", "", "the system's server program; default: the one beside this program")
	f.Var(newDurations(&s.Timeouts), "election-timeouts", "election timeouts of the grid")
	f.Var(newDurations(&s.Heartbeats), "heartbeats", "heartbeat intervals of the grid; those that a timeout is not five of are left out")
	f.Var(newDurations(&s.Delays), "delays", "delays of the network, one way, in the mean; 0: the runtime's own; sim only")
	f.IntSliceVar(&s.Members, "nodes", s.Members, "numbers of members")
	f.IntVar(&s.Trials, "trials", s.Trials, "leaders that are killed in each cell of the grid; with --paper: crashes a line, 1000 if not given")
	f.DurationVar(&s.Stable, "stable", s.Stable, "time without a fault in which false elections are counted, in each cell")
	f.Uint64Var(&s.Seed, "seed", 0, "seed of everything that is drawn; 0: drawn at random, and printed")
	f.StringVar(&s.out, "out", s.out, "folder in which the sweep's folder is made")
	f.StringVar(&s.resume, "resume", "", "go on in this folder of a sweep that was interrupted, with its settings")
	return cmd
}

// durations is a flag that takes a list of durations. 0 needs no unit.
type durations struct {
	to    *[]time.Duration
	given bool
}

func newDurations(to *[]time.Duration) *durations { return &durations{to: to} }

func (*durations) Type() string { return "durations" }

func (d *durations) String() string {
	var s []string
	if d.to != nil {
		for _, v := range *d.to {
			s = append(s, v.String())
		}
	}
	return strings.Join(s, ",")
}

func (d *durations) Set(s string) error {
	var out []time.Duration
	for part := range strings.SplitSeq(s, ",") {
		v, err := time.ParseDuration(strings.TrimSpace(part))
		if err != nil {
			return fmt.Errorf("%q is no duration: write it as 250ms or 2s", part)
		}
		out = append(out, v)
	}
	if d.given {
		out = append(*d.to, out...)
	}
	*d.to, d.given = out, true
	return nil
}

// others are the flags that were given beside those that are allowed.
func others(f *pflag.FlagSet, allowed ...string) (names []string) {
	f.Visit(func(fl *pflag.Flag) {
		if !slices.Contains(allowed, fl.Name) {
			names = append(names, "--"+fl.Name)
		}
	})
	return names
}

// sweepFolder is where a sweep keeps its files.
type sweepFolder string

// newSweepFolder makes root/TIME-name-XXXX.
func newSweepFolder(root, name string) (sweepFolder, error) {
	if err := os.MkdirAll(root, 0o755); err != nil {
		return "", infrastructure(fmt.Errorf("create sweep folder: %w", err))
	}
	dir := filepath.Join(root, folderName(time.Now(), name))
	if err := os.Mkdir(dir, 0o755); err != nil {
		return "", infrastructure(fmt.Errorf("create sweep folder: %w", err))
	}
	return sweepFolder(dir), nil
}

func (d sweepFolder) path(name string) string { return filepath.Join(string(d), name) }

func (d sweepFolder) write(name string, data []byte) error {
	if err := os.WriteFile(d.path(name), data, 0o644); err != nil {
		return infrastructure(fmt.Errorf("write %s of the sweep: %w", name, err))
	}
	return nil
}

func (d sweepFolder) writeFigure(f results.Figure) error {
	if err := d.write(f.Name+".svg", f.SVG); err != nil {
		return err
	}
	return d.write(f.Name+".png", f.PNG)
}

// writePage writes NAME.md and NAME.html.
func (d sweepFolder) writePage(name string, p *sweep.Page) error {
	html, err := p.HTML()
	if err != nil {
		return infrastructure(err)
	}
	if err := d.write(name+".html", html); err != nil {
		return err
	}
	return d.write(name+".md", p.Markdown())
}

// bar shows how far many equal pieces of work are: a bar that is rewritten on a terminal, a plain line
// now and then elsewhere.
type bar struct {
	out   io.Writer
	tty   bool
	unit  string
	total int

	mu    sync.Mutex
	done  int
	begun time.Time
	drawn time.Time
}

func newBar(out io.Writer, tty bool, unit string, total int) *bar {
	now := time.Now()
	return &bar{out: out, tty: tty, unit: unit, total: total, begun: now, drawn: now}
}

// step counts one piece and draws if it is time to.
func (b *bar) step() { b.add(1) }

// add counts n pieces. It may be called from several goroutines.
func (b *bar) add(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.done += n
	every := 10 * time.Second
	if b.tty {
		every = 100 * time.Millisecond
	}
	if now := time.Now(); now.Sub(b.drawn) >= every {
		b.drawn = now
		b.draw(now.Sub(b.begun))
	}
}

func (b *bar) draw(took time.Duration) {
	share := float64(b.done) / float64(b.total)
	left := time.Duration(float64(took) * (1 - share) / share).Round(time.Second)
	const width = 30
	full := min(int(share*width), width)
	line := fmt.Sprintf("[%s%s] %d of %d %s, about %v left", strings.Repeat("#", full), strings.Repeat("-", width-full), b.done, b.total, b.unit, left)
	if b.tty {
		fmt.Fprint(b.out, "\r\x1b[K", line)
	} else {
		fmt.Fprintln(b.out, line)
	}
}

// print writes a line of its own.
func (b *bar) print(format string, args ...any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.tty {
		fmt.Fprint(b.out, "\r\x1b[K")
	}
	fmt.Fprintf(b.out, format+"\n", args...)
}

func (b *bar) clear() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.tty {
		fmt.Fprint(b.out, "\r\x1b[K")
	}
}
