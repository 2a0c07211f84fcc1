package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/faultline-chaos/faultline/checker"
	"github.com/faultline-chaos/faultline/checker/generate"
	"github.com/faultline-chaos/faultline/harness"
)

func newBenchCheckCmd(a *app) *cobra.Command {
	short, generic := false, time.Minute
	cmd := &cobra.Command{
		Use:    "bench-check",
		Short:  "Measure file to verdict over sizes, clients and unknown shares, beside porcupine",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, err := os.MkdirTemp("", "faultline-bench-check-")
			if err != nil {
				return infrastructure(err)
			}
			defer os.RemoveAll(dir)
			exe, err := os.Executable()
			if err != nil {
				return infrastructure(err)
			}
			b := &checkBench{app: a, dir: dir, exe: exe, sizes: []int{10_000, 100_000, 1_000_000, 10_000_000}, generic: generic}
			if short {
				b.sizes, b.generic = []int{10_000, 100_000}, min(generic, 2*time.Second)
			}
			return b.run(cmd.Context())
		},
	}
	cmd.Flags().BoolVar(&short, "short", false, "up to 100000 ops, and porcupine for 2 s")
	cmd.Flags().DurationVar(&generic, "porcupine-time", generic, "time for porcupine in each row")
	return cmd
}

// checkBench measures in child processes, so that each row has its own peak of memory.
type checkBench struct {
	app      *app
	dir, exe string
	sizes    []int
	generic  time.Duration
}

const (
	benchMemory = 4 << 30
	// larger histories are not worth asking: it decides none of this size already.
	benchGenericMost = 1_000_000
)

func (b *checkBench) run(ctx context.Context) error {
	out := b.app.stdout
	fmt.Fprintln(out, "file to verdict; 10 keys, 50% gets, 35% puts, 10% cas, 5% deletes, no think time")
	fmt.Fprintf(out, "%8s %8s %9s | %9s %8s %9s | %9s %8s | %-8s | %s\n", "clients", "unknown", "ops", "1 worker", "ns/op", "RSS MiB", "2 workers", "RSS MiB", "verdict", "porcupine, "+b.generic.String()+", 4 GiB")
	for _, clients := range []int{5, 20, 100} {
		for _, unknown := range []float64{0, 0.01, 0.05} {
			for _, n := range b.sizes {
				if err := b.row(ctx, clients, unknown, n); err != nil {
					return err
				}
			}
		}
	}
	return b.shapes(ctx)
}

// shapes are hard for their concurrency on one key: each decides, or says that it is undecided.
func (b *checkBench) shapes(ctx context.Context) error {
	out := b.app.stdout
	fmt.Fprintf(out, "\none key, 20000 ops, no think time\n%-26s %8s %8s | %9s %8s | %s\n", "shape", "clients", "unknown", "2 workers", "RSS MiB", "verdict")
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
			c := generate.Default()
			c.Ops, c.Keys, c.Clients, c.Mix, c.Unknown, c.Seed = 20_000, 1, clients, s.mix, s.unknown, 1
			path, err := b.write(ctx, c)
			if err != nil {
				return err
			}
			took, rss, verdict, err := b.check(ctx, path, 2)
			if err != nil {
				return infrastructure(err)
			}
			fmt.Fprintf(out, "%-26s %8d %7.0f%% | %8.2fs %8d | %s\n", s.name, clients, 100*s.unknown, took.Seconds(), rss>>20, verdict)
		}
	}
	return nil
}

// write makes the history's file in place of the one before.
func (b *checkBench) write(ctx context.Context, c generate.Config) (path string, err error) {
	path = filepath.Join(b.dir, "history.jsonl")
	f, err := os.Create(path)
	if err != nil {
		return "", infrastructure(err)
	}
	if _, err := writeFile(ctx, genOptions{c, registerWorkload}, f, false); err != nil {
		return "", infrastructure(fmt.Errorf("bench-check: %w", err))
	}
	return path, nil
}

func (b *checkBench) row(ctx context.Context, clients int, unknown float64, n int) error {
	c := generate.Default()
	c.Ops, c.Clients, c.Unknown, c.Seed = n, clients, unknown, 1
	path, err := b.write(ctx, c)
	if err != nil {
		return err
	}
	var took [2]time.Duration
	var rss [2]int64
	verdict := ""
	for i, workers := range []int{1, 2} {
		if took[i], rss[i], verdict, err = b.check(ctx, path, workers); err != nil {
			return infrastructure(err)
		}
	}
	fmt.Fprintf(b.app.stdout, "%8d %7.0f%% %9d | %8.2fs %8d %9d | %8.2fs %8d | %-8s | %s\n", clients, 100*unknown, n,
		took[0].Seconds(), took[0].Nanoseconds()/int64(n), rss[0]>>20, took[1].Seconds(), rss[1]>>20, verdict, b.porcupine(ctx, c))
	return nil
}

// check judges the file in a child, as anybody would.
func (b *checkBench) check(ctx context.Context, path string, workers int) (took time.Duration, rss int64, verdict string, err error) {
	cmd := exec.CommandContext(ctx, b.exe, "check", path)
	cmd.Env = append(os.Environ(), "GOMAXPROCS="+strconv.Itoa(workers))
	start := time.Now()
	err = cmd.Run()
	took = time.Since(start)
	if cmd.ProcessState == nil {
		return 0, 0, "", fmt.Errorf("bench-check: %w", err)
	}
	if u, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		rss = u.Maxrss << 10
	}
	switch code := cmd.ProcessState.ExitCode(); code {
	case exitValid, exitInvalid, exitUnknown:
		return took, rss, [...]string{"valid", "invalid", "unknown"}[code], nil
	default:
		return 0, 0, "", fmt.Errorf("bench-check: check %s ended with %d", path, code)
	}
}

func (b *checkBench) porcupine(ctx context.Context, c generate.Config) string {
	if c.Ops > benchGenericMost {
		return "not asked: too large"
	}
	k := checker.NewKeys()
	if _, err := generate.Run(ctx, c, func(l *generate.Line) error { return k.Add(&l.Line) }); err != nil {
		return err.Error()
	}
	start := time.Now()
	v, err := k.Porcupine(ctx, b.generic, benchMemory)
	if v == harness.Unknown {
		return fmt.Sprintf("%.1fs: %v", time.Since(start).Seconds(), err)
	}
	return fmt.Sprintf("%.1fs: %v", time.Since(start).Seconds(), v)
}
