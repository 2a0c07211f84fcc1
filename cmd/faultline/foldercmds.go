package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/faultline-chaos/faultline/results"
	"github.com/faultline-chaos/faultline/results/page"
	"github.com/faultline-chaos/faultline/results/prune"
	"github.com/faultline-chaos/faultline/results/trends"
	"github.com/faultline-chaos/faultline/scenario"
)

// addLinksFlag adds --links to commands that write a summary of several runs.
func addLinksFlag(cmd *cobra.Command, links *string) {
	cmd.Flags().StringVar(links, "links", *links, "URL or path prefix of the links to run folders in "+results.SummaryFile+"; none: no links")
}

// linkBase turns the flag's value into the prefix that page.SummaryOf takes.
func linkBase(links string) string {
	if links == "none" || links == "" {
		return ""
	}
	return strings.TrimSuffix(links, "/") + "/"
}

func newMergeCmd(a *app) *cobra.Command {
	to, links, title := "", "./", "Nightly"
	cmd := &cobra.Command{
		Use:   "merge --to FOLDER FOLDER...",
		Short: "Merge several folders of runs into one",
		Long: `Merge copies the runs of several folders into one folder, for example those of the
shards of a nightly matrix, and writes ` + results.JUnitFile + `, ` + results.SummaryFile + `, ` + page.RowsFile + ` and
` + trends.File + ` for all of them together. A run that is in two of the folders, or already
in the new one, is refused.`,
		Example: `  faultline merge --to nightly shard-1 shard-2 shard-3`,
		Args:    cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, from []string) error {
			if to == "" {
				return scenario.Usage("merge: --to is missing: name the folder to write")
			}
			b, err := mergeFolders(to, from)
			if err != nil {
				return err
			}
			b.Title = title
			if err := b.Write(to, linkBase(links)); err != nil {
				return scenario.Infrastructure(err)
			}
			fmt.Fprintf(a.stdout, "%d runs of %d folders: %s\nsummary  %s\njunit    %s\n", len(b.Rows), len(from), tally(b.Rows),
				filepath.Join(to, results.SummaryFile), filepath.Join(to, results.JUnitFile))
			return nil
		},
	}
	cmd.Flags().StringVar(&to, "to", to, "folder to write")
	cmd.Flags().StringVar(&title, "title", title, "title of the summary")
	addLinksFlag(cmd, &links)
	return cmd
}

// mergeFolders copies the runs, appends the trends, and merges the summaries. It reads everything before
// it writes anything.
func mergeFolders(to string, from []string) (page.Batch, error) {
	var all page.Batch
	var rows []trends.Row
	runs := map[string]string{} // folder by run
	for _, dir := range from {
		b, err := page.ReadBatch(dir)
		if err != nil {
			return all, scenario.Usage("merge: %v", err)
		}
		all.Rows, all.Suites = append(all.Rows, b.Rows...), append(all.Suites, b.Suites...)
		for i := range b.Rows {
			run := b.Rows[i].Run
			if run == "" {
				continue
			}
			if other, twice := runs[run]; twice {
				return all, scenario.Usage("merge: run %s is in %s and in %s", run, other, dir)
			}
			runs[run] = dir
		}
		list, _, err := trends.ReadFile(filepath.Join(dir, trends.File))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return all, scenario.Usage("merge: %v", err)
		}
		rows = append(rows, list...)
	}
	for run, dir := range runs {
		if _, err := os.Lstat(filepath.Join(to, run)); err == nil {
			return all, scenario.Usage("merge: run %s of %s is in %s already", run, dir, to)
		}
	}
	for run, dir := range runs {
		err := os.CopyFS(filepath.Join(to, run), os.DirFS(filepath.Join(dir, run)))
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // it was pruned: its numbers are in the trends
			return all, scenario.Infrastructure(fmt.Errorf("merge: copy run %s: %w", run, err))
		}
	}
	if err := os.MkdirAll(to, 0o755); err != nil {
		return all, scenario.Infrastructure(fmt.Errorf("merge: %w", err))
	}
	path := filepath.Join(to, trends.File)
	if err := trends.Append(path, newRows(path, rows)...); err != nil {
		return all, scenario.Infrastructure(err)
	}
	return all, nil
}

func newPruneCmd(a *app) *cobra.Command {
	dir, size, dry := scenario.DefaultOut, "", false
	cmd := &cobra.Command{
		Use:   "prune --max-size SIZE",
		Short: "Delete old results until a folder of runs is small enough",
		Long: `Prune reduces a folder of runs to --max-size and prints every step. It compresses
histories first; then it removes figures and tables of valid runs (faultline report
draws them again), then whole valid runs. Runs with findings are removed last. Within
each step the oldest runs come first. ` + trends.File + ` keeps the numbers of removed runs.
Runs in progress, and folders that are not runs, are never touched.`,
		Example: `  faultline prune --max-size 2GiB --dry-run
  faultline prune --max-size 2GiB`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			limit, err := humanize.ParseBytes(size)
			if err != nil || limit > 1<<62 {
				return scenario.Usage("--max-size is %q: it must be a size such as 400MB or 2GiB", size)
			}
			rep, err := prune.Folder(dir, int64(limit), dry)
			verb := map[bool]string{true: "would %s", false: "%s"}[dry]
			for _, d := range rep.Done {
				fmt.Fprintf(a.stdout, verb+" %s: %s\n", d.Action, d.Run, humanize.Bytes(uint64(max(0, d.Freed))))
			}
			if err != nil {
				return scenario.Infrastructure(err)
			}
			_, err = fmt.Fprintf(a.stdout, "runs in %s: %s, of %s allowed (before: %s)\n", dir, humanize.Bytes(uint64(rep.After)), humanize.Bytes(limit), humanize.Bytes(uint64(rep.Before)))
			return err
		},
	}
	cmd.Flags().StringVar(&dir, "dir", dir, "folder of the runs")
	cmd.Flags().StringVar(&size, "max-size", size, "total size to reach, such as 400MB or 2GiB")
	cmd.Flags().BoolVar(&dry, "dry-run", dry, "print the steps without doing them")
	return cmd
}
