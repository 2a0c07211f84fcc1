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

// addLinksFlag is for commands that write a summary of several runs.
func addLinksFlag(cmd *cobra.Command, links *string) {
	cmd.Flags().StringVar(links, "links", *links, "where "+results.SummaryFile+" finds the runs' folders: an address or a path, or none to name them only")
}

// linkBase is the flag's value for page.SummaryOf.
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
		Short: "Join the folders of several shards into one",
		Long: `Joins folders of runs, such as those of the shards of a night: the runs' folders are
copied, and ` + results.JUnitFile + `, ` + results.SummaryFile + `, ` + page.RowsFile + ` and ` + trends.File + ` are of all of them. A run that is in two
of the folders, or in the new one already, is refused.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, from []string) error {
			if to == "" {
				return scenario.Usage("merge: --to names the folder that is made; it is missing")
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
	cmd.Flags().StringVar(&to, "to", to, "the folder that is made")
	cmd.Flags().StringVar(&title, "title", title, "title of the summary")
	addLinksFlag(cmd, &links)
	return cmd
}

// mergeFolders copies the runs, appends the trends, and joins the rest. Everything is read before
// anything is written.
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
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // pruned: its numbers are in the trends
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
		Short: "Make a folder of runs smaller",
		Long: `Takes steps until the runs of a folder need at most --max-size together, and says each:
histories are compressed, then of valid runs figures and tables go, which faultline
report makes again, then valid runs as a whole; runs that are not valid go last. The
oldest go first. ` + trends.File + ` keeps the numbers of runs that are gone. Runs that are
still going on, and what is no run's folder, are not touched.`,
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
	cmd.Flags().StringVar(&dir, "dir", dir, "the folder of the run folders")
	cmd.Flags().StringVar(&size, "max-size", size, "what the runs may need together")
	cmd.Flags().BoolVar(&dry, "dry-run", dry, "say what would be done, and do nothing")
	return cmd
}
