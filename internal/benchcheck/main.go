// Command benchcheck measures `faultline check`, from the file to the verdict, over sizes, clients and
// shares of unknown outcomes, and porcupine on the same calls: see docs/bench-check.md.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/faultline-chaos/faultline/checker"
	"github.com/faultline-chaos/faultline/checker/generate"
	"github.com/faultline-chaos/faultline/history"
	"github.com/faultline-chaos/faultline/results"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "benchcheck:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("benchcheck", flag.ContinueOnError)
	exe := flags.String("faultline", "bin/faultline", "the program that checks")
	short := flags.Bool("short", false, "up to 100000 ops, and porcupine for 2 s")
	generic := flags.Duration("porcupine-time", time.Minute, "time for porcupine in each row, of a processor")
	only := flags.String("only", "", "only the rows whose name matches, such as 'linearizable, 20 clients .* 1000000 ops'")
	if err := flags.Parse(args); err != nil {
		return err
	}
	rows, err := regexp.Compile(*only)
	if err != nil {
		return fmt.Errorf("--only: %w", err)
	}
	dir, err := os.MkdirTemp("", "faultline-bench-check-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b := &checkBench{out: out, dir: dir, exe: *exe, only: rows, most: 10_000_000, generic: *generic}
	if *short {
		b.most, b.generic = 100_000, min(b.generic, 2*time.Second)
	}
	return b.run(checker.WithHelper(ctx, *exe, "checker-helper"))
}

// checkBench measures in child processes, so that each row has its own peak of memory. It prints tables
// of Markdown, row by row.
type checkBench struct {
	out      io.Writer
	dir, exe string
	only     *regexp.Regexp // rows, by name
	most     int            // ops of the largest histories
	generic  time.Duration
	start    time.Duration // processor time of the program itself
	growth   []growthRow
}

// growthRow is what an op costs at each size.
type growthRow struct {
	name string
	size []int
	each []float64 // ns
}

const (
	benchMemory = 4 << 30
	// benchGenericMost is the size from which on porcupine is not asked: it decides none of a tenth.
	benchGenericMost = 10_000_000
)

// benchCase is a kind of history that is measured at several sizes.
type benchCase struct {
	clients int
	unknown float64
	most    int // ops
}

func (b *checkBench) run(ctx context.Context) error {
	version, err := exec.CommandContext(ctx, b.exe, "--version").Output()
	if err != nil {
		return fmt.Errorf("ask %s for its version: %w", b.exe, err)
	}
	m := results.ThisMachine()
	b.print("Measured on %s: %s, %d cores in use, Linux %s, %s, %s.\n", time.Now().UTC().Format(time.DateOnly), m.CPU, runtime.GOMAXPROCS(0), m.Kernel, runtime.Version(), strings.TrimSpace(string(version)))
	b.print("Load average (1 min) before: %s; after: below.\n", load())
	for _, part := range []func(context.Context) error{b.startUp, b.registers, b.revisions, b.transactions, b.shapes} {
		if err := part(ctx); err != nil {
			return err
		}
	}
	b.grows()
	b.print("\nLoad average (1 min) after: %s.\n", load())
	return nil
}

func (b *checkBench) print(format string, args ...any) { fmt.Fprintf(b.out, format, args...) }

// load is how many processes wanted a core in the last minute; "?" where the machine does not tell.
func load() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "?"
	}
	one, _, _ := strings.Cut(string(text), " ")
	return one
}

// head is a table that begins with its first row. A column is as wide as its title.
func (b *checkBench) head(text string, columns ...string) (row func(cells ...string)) {
	begun := false
	return func(cells ...string) {
		if !begun {
			begun = true
			rule := make([]string, len(columns))
			for i, c := range columns {
				rule[i] = strings.Repeat("-", len(c)-1) + ":"
			}
			b.print("\n%s\n\n| %s |\n| %s |\n", text, strings.Join(columns, " | "), strings.Join(rule, " | "))
		}
		for i, c := range columns {
			cells[i] = fmt.Sprintf("%*s", len(c), cells[i])
		}
		b.print("| %s |\n", strings.Join(cells, " | "))
	}
}

// sizes are powers of ten, of the rows that are asked for.
func (b *checkBench) sizes(name string, most int) (out []int) {
	for n := 10_000; n <= min(most, b.most); n *= 10 {
		if b.only.MatchString(fmt.Sprintf("%s, %d ops", name, n)) {
			out = append(out, n)
		}
	}
	return out
}

// startUp measures what a check of next to nothing takes, so that the cost of an op is that of an op.
func (b *checkBench) startUp(ctx context.Context) error {
	c := generate.Default()
	c.Ops = 10
	b.start = math.MaxInt64
	for range 5 {
		m, err := b.measure(ctx, c, generate.Registers, 1)
		if err != nil {
			return err
		}
		b.start = min(b.start, m.cpu)
	}
	return nil
}

func (b *checkBench) registers(ctx context.Context) error {
	row := b.head("Linearizability, from the file to the verdict: 10 keys; 50% gets, 35% puts, 10% compare-and-sets, 5% deletes; no think time.\nBeside it porcupine with the same calls, "+
		b.generic.String()+" of a processor and 4 GiB for all keys. CPU is processor time, which other programs on the machine disturb less than the clock.",
		"clients/key", "unknown", "     ops", "1 worker", "its CPU", "2 workers", "ns/op", "peak MiB", "verdict", "porcupine                         ")
	for _, x := range []benchCase{
		{5, 0, 1_000_000},
		{5, 0.01, 10_000_000},
		{5, 0.05, 1_000_000},
		{20, 0, 1_000_000},
		{20, 0.01, 10_000_000},
		{20, 0.05, 1_000_000},
		{100, 0, 1_000_000},
		{100, 0.01, 1_000_000},
		{100, 0.05, 1_000_000},
	} {
		g := growthRow{name: fmt.Sprintf("linearizable, %d clients a key, %s unknown", x.clients, percent(x.unknown))}
		gaveUp := ""
		for _, n := range b.sizes(g.name, x.most) {
			c := generate.Default()
			c.Ops, c.Clients, c.Unknown, c.Seed = n, x.clients, x.unknown, 1
			cells, err := b.both(ctx, &g, c, generate.Registers)
			if err != nil {
				return err
			}
			beside, decided := gaveUp, false
			if gaveUp == "" && n >= benchGenericMost {
				beside = "not asked: too large"
			} else if gaveUp == "" {
				if beside, decided, err = b.porcupine(ctx, c); err != nil {
					return err
				}
				if !decided {
					gaveUp = fmt.Sprintf("not asked: open at %d ops", n)
				}
			}
			row(append(cells, beside)...)
		}
		b.keep(g)
	}
	return nil
}

func (b *checkBench) revisions(ctx context.Context) error {
	return b.series(ctx, "The checker `revision`, of the same histories with the store's revision in every answer. porcupine knows nothing like it.", "revision", generate.Registers,
		[]benchCase{{5, 0.01, 1_000_000}, {20, 0, 1_000_000}, {20, 0.01, 1_000_000}, {20, 0.05, 1_000_000}})
}

func (b *checkBench) transactions(ctx context.Context) error {
	for _, x := range []struct{ workload, text string }{
		{generate.Lists, "The checker `anomalies`, of transactions of one to four ops over 10 lists at a time, strict-serializable; an op is a transaction here."},
		{generate.TxnRegisters, "The same of registers that transactions read and write."},
	} {
		if err := b.series(ctx, x.text, "anomalies", x.workload, []benchCase{{2, 0.01, 1_000_000}, {20, 0.01, 1_000_000}}); err != nil {
			return err
		}
	}
	return nil
}

// series measures one checker at several sizes.
func (b *checkBench) series(ctx context.Context, text, checker, workload string, cases []benchCase) error {
	row := b.head(text, "clients/key", "unknown", "     ops", "1 worker", "its CPU", "2 workers", "ns/op", "peak MiB", "verdict")
	for _, x := range cases {
		g := growthRow{name: fmt.Sprintf("%s of %s, %d clients a key, %s unknown", checker, workload, x.clients, percent(x.unknown))}
		for _, n := range b.sizes(g.name, x.most) {
			c := generate.Default()
			c.Ops, c.Clients, c.Unknown, c.Seed, c.Revised = n, x.clients, x.unknown, 1, checker == "revision"
			cells, err := b.both(ctx, &g, c, workload, "--checker", checker)
			if err != nil {
				return err
			}
			row(cells...)
		}
		b.keep(g)
	}
	return nil
}

// both checks a history with one worker and with two, and answers the cells of its row.
func (b *checkBench) both(ctx context.Context, g *growthRow, c generate.Config, workload string, flags ...string) ([]string, error) {
	one, err := b.measure(ctx, c, workload, 1, flags...)
	if err != nil {
		return nil, err
	}
	two, err := b.again(ctx, workload, 2, flags...)
	if err != nil {
		return nil, err
	}
	return []string{
		strconv.Itoa(c.Clients), percent(c.Unknown), strconv.Itoa(c.Ops), inSeconds(one.wall), inSeconds(one.cpu), inSeconds(two.wall),
		b.note(g, c.Ops, one), mebibytes(max(one.rss, two.rss)), two.verdict,
	}, nil
}

func (b *checkBench) keep(g growthRow) {
	if len(g.size) > 0 {
		b.growth = append(b.growth, g)
	}
}

// note adds what an op cost to a row of growth, and answers it. What is within the noise of the
// program's own start tells nothing of an op.
func (b *checkBench) note(g *growthRow, n int, m measured) string {
	if m.cpu < b.start*3/2 {
		return "-"
	}
	each := float64(m.cpu-b.start) / float64(n)
	g.size, g.each = append(g.size, n), append(g.each, each)
	return strconv.Itoa(int(each))
}

// grows holds what an op costs against the logarithm of the number of ops.
func (b *checkBench) grows() {
	row := b.head(fmt.Sprintf("Processor time an op, in ns, with one worker and without the start of the program (%s; -: not enough beside it to tell), and the same divided by the binary logarithm\nof the number of ops: where that does not grow from left to right, the time grows no faster than log n.", b.start.Round(time.Millisecond)),
		"checker                                                     ", "       10^4", "       10^5", "       10^6", "       10^7")
	for _, g := range b.growth {
		cells := []string{g.name}
		for n := 10_000; n <= 10_000_000; n *= 10 {
			cell := "-"
			if slices.Max(g.size) < n {
				cell = ""
			}
			if i := slices.Index(g.size, n); i >= 0 {
				cell = fmt.Sprintf("%.0f: %.0f", g.each[i], g.each[i]/math.Log2(float64(n)))
			}
			cells = append(cells, cell)
		}
		row(cells...)
	}
}

// shapes are hard for their concurrency on one key: each decides, or says that it is undecided.
func (b *checkBench) shapes(ctx context.Context) error {
	row := b.head("One key, 20000 ops, no think time: hard for their concurrency. What stays undecided had its transitions, and then porcupine, "+
		"in a\nprocess of its own. The peak is that of the larger of the two processes.",
		"shape                    ", "clients", "unknown", "2 workers", "CPU     ", "peak MiB", "verdict")
	for _, s := range []struct {
		name    string
		mix     generate.Mix
		unknown float64
	}{
		{"mixed", generate.Default().Mix, 0},
		{"mixed", generate.Default().Mix, 0.3},
		{"mostly cas", generate.Mix{20, 10, 65, 5}, 0.5},
		{"creates and deletes", generate.Mix{20, 0, 40, 40}, 0},
		{"creates, deletes and puts", generate.Mix{10, 10, 50, 30}, 0},
	} {
		for _, clients := range []int{20, 64, 100, 128} {
			if !b.only.MatchString(fmt.Sprintf("shape %s, %d clients, %s unknown", s.name, clients, percent(s.unknown))) {
				continue
			}
			c := generate.Default()
			c.Ops, c.Keys, c.Clients, c.Mix, c.Unknown, c.Seed = 20_000, 1, clients, s.mix, s.unknown, 1
			m, err := b.measure(ctx, c, generate.Registers, 2)
			if err != nil {
				return err
			}
			row(s.name, strconv.Itoa(clients), percent(s.unknown), inSeconds(m.wall), inSeconds(m.cpu), mebibytes(m.rss), m.verdict)
		}
	}
	return nil
}

// measured is one check in a process of its own. Processor time and memory are those of its own helper, too.
type measured struct {
	wall, cpu time.Duration
	rss       int64 // bytes
	verdict   string
}

func (b *checkBench) path() string { return filepath.Join(b.dir, "history.jsonl") }

// measure makes a history's file in place of the one before, and checks it.
func (b *checkBench) measure(ctx context.Context, c generate.Config, workload string, workers int, flags ...string) (measured, error) {
	f, err := os.Create(b.path())
	if err != nil {
		return measured{}, err
	}
	_, err = generate.Write(ctx, c, workload, f)
	if err := errors.Join(err, f.Close()); err != nil {
		return measured{}, err
	}
	return b.again(ctx, workload, workers, flags...)
}

// again checks the file in a child, as anybody would.
func (b *checkBench) again(ctx context.Context, workload string, workers int, flags ...string) (m measured, err error) {
	forgetPeak()
	cmd := exec.CommandContext(ctx, b.exe, append([]string{"check", b.path()}, flags...)...)
	cmd.Env = append(os.Environ(), "GOMAXPROCS="+strconv.Itoa(workers))
	start := time.Now()
	err = cmd.Run()
	m.wall = time.Since(start)
	if cmd.ProcessState == nil {
		return m, err
	}
	m.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	if u, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		m.rss = u.Maxrss << 10
	}
	switch code := cmd.ProcessState.ExitCode(); code {
	case 0, 1, 2:
		m.verdict = [...]string{"valid", "invalid", "unknown"}[code]
		return m, nil
	default:
		return m, fmt.Errorf("check of a %s history ended with %d", workload, code)
	}
}

// forgetPeak keeps what this process once took out of the peak of the next one that it starts: Linux counts
// the memory of the program before exec, too. Elsewhere, and where it may not, peaks are too high.
func forgetPeak() {
	debug.FreeOSMemory()
	_ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0)
}

// porcupine is what it finds, or why it finds nothing.
func (b *checkBench) porcupine(ctx context.Context, c generate.Config) (says string, decided bool, err error) {
	k := checker.NewKeys()
	if _, err := generate.Run(ctx, c, func(l *generate.Line) error { return k.Add(&l.Line) }); err != nil {
		return "", false, err
	}
	v, took, err := k.Porcupine(ctx, b.generic, benchMemory)
	if v == history.Unknown {
		return fmt.Sprintf("%s: %v", inSeconds(took), strings.TrimPrefix(err.Error(), "porcupine ")), false, ctx.Err()
	}
	return fmt.Sprintf("%s: %v", inSeconds(took), v), true, nil
}

func percent(share float64) string { return fmt.Sprintf("%.0f%%", 100*share) }

func inSeconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }

func mebibytes(n int64) string { return strconv.FormatInt(n>>20, 10) }
