package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/faultline-chaos/faultline/checker"
	"github.com/faultline-chaos/faultline/checker/formats"
	"github.com/faultline-chaos/faultline/history"
	"github.com/faultline-chaos/faultline/results"
	"github.com/faultline-chaos/faultline/results/failover"
	"github.com/faultline-chaos/faultline/results/page"
	"github.com/faultline-chaos/faultline/scenario"
)

func newCheckCmd(a *app) *cobra.Command {
	limit := scenario.Default().CheckTime
	format, chosen, drawings := "", "", ""
	cmd := &cobra.Command{
		Use:   "check DIR|FILE|-",
		Short: "Judge a run again, or a history file from any source",
		Long: `Check judges the history in a run's folder, in a file, or on standard input (-).
The format is detected from the content. For a violation it prints the calls that
prove it and the faults active at that time.

Formats, each plain or compressed with zstd:
` + formatsHelp(),
		Example: `  faultline check results/runs/latest
  faultline check --checker linearizable history.edn
  zstdcat history.jsonl.zst | faultline check -`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if limit <= 0 {
				return scenario.Usage("--check-time is %v: it must be positive", limit)
			}
			if args[0] == "-" {
				return a.checkStream(cmd.Context(), chosen, format, limit)
			}
			info, err := os.Stat(args[0])
			if err != nil {
				return scenario.Usage("check: %v", err)
			}
			if _, err := os.Stat(filepath.Join(args[0], results.RunFile)); !info.IsDir() || os.IsNotExist(err) {
				return a.checkFile(cmd.Context(), args[0], fileOptions{limit, format, chosen, drawings})
			}
			folder, run, list, err := scenario.OpenRun(args[0])
			if err != nil {
				return err
			}
			analysis, err := scenario.Judge(cmd.Context(), folder, run, list, limit)
			if err != nil {
				return err
			}
			a.summary(analysis, folder)
			return scenario.Exit(analysis.Run.ExitCode)
		},
	}
	cmd.Flags().DurationVar(&limit, "check-time", limit, "time limit of the checkers; what is undecided then is unknown; with -, waiting for input does not count")
	cmd.Flags().StringVar(&format, "format", "", "format of the file; default: detected from the content")
	cmd.Flags().StringVar(&chosen, "checker", "", "checker to judge a file with (see faultline list checkers); default: chosen by the file's ops")
	cmd.Flags().StringVar(&drawings, "drawings", "", "folder for porcupine's drawing of a violation in a file")
	return cmd
}

// checkStream judges standard input while it arrives.
func (a *app) checkStream(ctx context.Context, chosen, format string, limit time.Duration) error {
	if chosen != "" && chosen != (checker.Linearizable{}).Name() || format != "" && format != "jsonl" {
		return scenario.Usage("check -: standard input can be judged only by the checker linearizable and in the format jsonl")
	}
	v, warning, err := formats.Stream(ctx, a.stdin, limit)
	if err != nil {
		return scenario.Usage("check -: %v", err)
	}
	if warning != "" {
		fmt.Fprintf(a.stderr, "faultline: %s\n", warning)
	}
	fmt.Fprintf(a.stdout, "%s: %s: %s\n", v.Checker, v.Validity, v.Reason)
	return scenario.Exit(scenario.ExitOf(v.Validity))
}

// fileOptions say how to judge a file.
type fileOptions struct {
	limit           time.Duration
	format, checker string
	drawings        string // a folder; "": none
}

func formatsHelp() string {
	var b strings.Builder
	for _, e := range formats.All() {
		fmt.Fprintf(&b, "  %-16s %s\n", e.Name, e.Doc)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// checkFile judges a history without its folder; checkers that need logs are left out.
func (a *app) checkFile(ctx context.Context, path string, o fileOptions) error {
	h, err := formats.ReadFor(path, o.format, o.checker)
	if err != nil {
		return scenario.Usage("check %s: %v", path, err)
	}
	if h.Warning != "" {
		fmt.Fprintf(a.stderr, "faultline: %s: %s\n", path, h.Warning)
	}
	names := h.Judges()
	if o.checker != "" {
		names = []string{o.checker}
	}
	if len(names) == 0 {
		return scenario.Usage("check %s: no client op says which checker applies: choose one with --checker", path)
	}
	fmt.Fprintf(a.stdout, "format %s; checkers: %s\n", h.Format, strings.Join(names, ", "))
	ctx, cancel := context.WithTimeout(ctx, o.limit)
	defer cancel()
	verdicts, err := h.Check(ctx, names...)
	if err != nil {
		return scenario.Usage("check %s: %v", path, err)
	}
	for _, v := range verdicts {
		fmt.Fprintf(a.stdout, "%s: %s: %s\n", v.Checker, v.Validity, v.Reason)
		for _, line := range page.StoryLines(v) {
			fmt.Fprintf(a.stdout, "  %s\n", line)
		}
		if err := a.drawings(v, o.drawings); err != nil {
			return scenario.Infrastructure(fmt.Errorf("check %s: %w", path, err))
		}
	}
	return scenario.Exit(scenario.ExitOf(history.Worst(verdicts)))
}

// drawings writes a checker's drawings of a violation into a folder. Without a folder it says how to get
// them.
func (a *app) drawings(v history.Verdict, dir string) error {
	for _, name := range slices.Sorted(maps.Keys(v.Artifacts)) {
		if dir == "" {
			fmt.Fprintln(a.stdout, "  to see these calls drawn as a page, add --drawings DIR")
			return nil
		}
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, v.Artifacts[name], 0o644); err != nil {
			return fmt.Errorf("write the drawing of a violation: %w", err)
		}
		fmt.Fprintf(a.stdout, "  drawing: %s\n", path)
	}
	return nil
}

func newReportCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "report DIR",
		Short: "Render a run's report again",
		Long: `Report renders the report, graphs, tables and summaries of a run again from the
history and the logs in its folder. The verdicts stay as they are.`,
		Example: `  faultline report results/runs/latest`,
		Args:    cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			folder, err := results.Open(args[0])
			if err != nil {
				return scenario.Usage("%v", err)
			}
			analysis, err := failover.AnalyzeFolder(folder)
			if err != nil {
				return scenario.Usage("%v", err)
			}
			if err := page.Render(folder, analysis); err != nil {
				return scenario.Infrastructure(err)
			}
			a.summary(analysis, folder)
			return nil
		},
	}
}

func newReplayCmd(a *app) *cobra.Command {
	plain := false
	cmd := &cobra.Command{
		Use:   "replay DIR",
		Short: "Repeat a run with the same settings, seed and schedule",
		Long: `Replay repeats a run with the same settings, seed and fault schedule. On sim the new
history is identical to the last byte; elsewhere the timing differs.

` + liveHelp,
		Example: `  faultline replay results/runs/latest`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			folder, err := results.Open(args[0])
			if err != nil {
				return scenario.Usage("%v", err)
			}
			run, err := folder.ReadRun()
			if err != nil {
				return scenario.Usage("%v", err)
			}
			s, err := scenario.Replay(run)
			if err != nil {
				return err
			}
			_, err = a.run(cmd.Context(), s, a.options(scenario.DefaultOut, plain, plain))
			return err
		},
	}
	cmd.Flags().BoolVar(&plain, "plain", plain, plainHelp)
	return cmd
}
