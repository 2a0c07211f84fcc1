package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/klauspost/compress/zstd"
	"github.com/spf13/cobra"

	"github.com/faultline-chaos/faultline/checker/generate"
	"github.com/faultline-chaos/faultline/scenario"
)

func newGenCmd(a *app) *cobra.Command {
	c, workload := generate.Default(), generate.Registers
	c.Ops = 10_000
	mix := c.Mix.String()
	var kinds strings.Builder
	names, docs := generate.Kinds()
	for i := range names {
		fmt.Fprintf(&kinds, "\n  %-15s %s", names[i], docs[i])
	}
	cmd := &cobra.Command{
		Use:   "gen FILE",
		Short: "Generate a register history with a known verdict, to test checkers",
		Long: `Gen writes a history of simulated register clients with a known verdict: it is valid
by construction, or holds exactly one planted violation. The expected verdict is
printed. The same flags always write the same bytes. If FILE ends in .zst, it is
compressed. With - the history goes to standard output and the verdict to standard
error.

Violations:` + kinds.String(),
		Example: `  faultline gen --ops 1000000 --clients 20 --unknown 0.01 history.jsonl.zst
  faultline gen --violation stale-read --seed 7 bad.jsonl && faultline check bad.jsonl`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var err error
			if !slices.Contains(generate.Workloads(), workload) {
				return scenario.Usage("gen: workload %q: allowed are %s", workload, strings.Join(generate.Workloads(), ", "))
			}
			if workload != generate.Registers && c.Plant != "" {
				return scenario.Usage("gen: --violation works only with --workload register")
			}
			if c.Mix, err = generate.ParseMix(mix); err != nil {
				return scenario.Usage("gen: %v", err)
			}
			if err := c.Validate(); err != nil {
				return scenario.Usage("gen: %v", err)
			}
			return a.generate(cmd.Context(), c, workload, args[0])
		},
	}
	f := cmd.Flags()
	f.IntVar(&c.Ops, "ops", c.Ops, "number of calls; each is two lines")
	f.StringVar(&workload, "workload", workload, "what clients do: register; or, for the checker anomalies: append (transactions that append to lists and read them) or rw-register (transactions that read and write registers)")
	f.BoolVar(&c.Revised, "revisions", false, "include the store's revision in answers, for the checker revision")
	f.IntVar(&c.Keys, "keys", c.Keys, "keys")
	f.IntVar(&c.Clients, "clients", c.Clients, "number of clients of each key; each has at most one call open")
	f.StringVar(&mix, "mix", mix, "relative share of each op")
	f.Float64Var(&c.Blind, "blind", c.Blind, "share of deletes whose answer does not say whether the key existed")
	f.Float64Var(&c.Unknown, "unknown", c.Unknown, "share of calls with unknown outcome")
	f.DurationVar(&c.Latency, "latency", c.Latency, "mean latency of a call")
	f.DurationVar(&c.Think, "think", c.Think, "mean pause of a client between calls; the longer, the fewer calls are concurrent")
	f.IntVar(&c.Values, "values", c.Values, "number of distinct values, so that values repeat; 0: all values are unique")
	f.StringVar(&c.Plant, "violation", "", "violation to plant: "+strings.Join(names, ", "))
	f.Float64Var(&c.At, "at", c.At, "position of the violation in the history, from 0 (start) to 1 (end)")
	f.Uint64Var(&c.Seed, "seed", 0, "seed of all randomness")
	return cmd
}

// generate writes the history to a file, which appears only when it is complete, and prints the expected
// verdict.
func (a *app) generate(ctx context.Context, c generate.Config, workload, path string) error {
	if path == "-" {
		truth, err := generate.Write(ctx, c, workload, a.stdout)
		if err != nil {
			return scenario.Infrastructure(fmt.Errorf("gen: %w", err))
		}
		printTruth(a.stderr, truth)
		return nil
	}
	if dir := filepath.Dir(path); dir != "." {
		if info, err := os.Stat(dir); err != nil || !info.IsDir() {
			return scenario.Usage("gen %s: %s is not a directory", path, dir)
		}
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".faultline-gen-")
	if err != nil {
		return scenario.Infrastructure(fmt.Errorf("gen: %w", err))
	}
	defer os.Remove(f.Name()) // after success it has been renamed
	truth, err := writeFile(ctx, c, workload, f, strings.HasSuffix(path, ".zst"))
	if err == nil {
		err = os.Chmod(f.Name(), 0o644)
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return scenario.Infrastructure(fmt.Errorf("gen %s: %w", path, err))
	}
	printTruth(a.stdout, truth)
	return nil
}

func writeFile(ctx context.Context, c generate.Config, workload string, f *os.File, compress bool) (generate.Truth, error) {
	defer f.Close() // errors are reported by the Close below
	out := io.Writer(f)
	var z *zstd.Encoder
	if compress {
		var err error
		if z, err = zstd.NewWriter(f, zstd.WithEncoderConcurrency(1)); err != nil { // one encoder: the same bytes
			return generate.Truth{}, err
		}
		out = z
	}
	truth, err := generate.Write(ctx, c, workload, out)
	if err != nil {
		return truth, err
	}
	if z != nil {
		if err := z.Close(); err != nil {
			return truth, err
		}
	}
	return truth, f.Close()
}

// printTruth prints what is known about a generated history.
func printTruth(w io.Writer, t generate.Truth) {
	fmt.Fprintf(w, "%d lines\n", t.Lines)
	if t.Valid {
		fmt.Fprintln(w, "truth: valid")
		return
	}
	fmt.Fprintf(w, "truth: invalid: %s on key %s, ops %d to %d: %s\n", t.Kind, t.Key, t.First, t.Last, t.Detail)
}
