// Package prune makes a folder of runs smaller: it is for machines that run every night and keep their
// runs as artifacts of a bounded size.
package prune

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/faultline-chaos/faultline/history"
	"github.com/faultline-chaos/faultline/results"
)

// Run is a run's folder as the plan sees it.
type Run struct {
	ID       string
	Finished time.Time // zero where it did not finish
	Valid    bool      // runs that are not are kept longer
	Files    []string  // paths from the run's folder, with slashes
	Evidence []string  // those of them that a checker left
	Size     int64     // of all files, bytes
}

// Action is what a step does.
type Action string

const (
	Compress Action = "compress" // the history, with zstd; everything here reads it so
	Strip    Action = "strip"    // what `faultline report` makes again from the history: figures and tables
	Remove   Action = "remove"   // the whole folder; trends.jsonl keeps its numbers
)

// Step is one thing to do to one run.
type Step struct {
	Run    string
	Action Action
	Files  []string // the files it takes away or replaces
}

// Plan is everything that can be done, in the order in which it is done until the folder is small
// enough: what loses nothing first, then what can be made again, then valid runs, and runs that found
// something last; within each, the oldest first. It is a pure function.
func Plan(runs []Run) []Step {
	runs = slices.Clone(runs)
	slices.SortStableFunc(runs, func(a, b Run) int {
		if c := a.Finished.Compare(b.Finished); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	var steps []Step
	add := func(valid, others bool, action Action, pick func(r *Run, file string) bool) {
		for i := range runs {
			r := &runs[i]
			if r.Valid && !valid || !r.Valid && !others {
				continue
			}
			var files []string
			for _, f := range r.Files {
				if pick(r, f) {
					files = append(files, f)
				}
			}
			if len(files) > 0 {
				steps = append(steps, Step{Run: r.ID, Action: action, Files: files})
			}
		}
	}
	all := func(*Run, string) bool { return true }
	add(true, true, Compress, func(_ *Run, f string) bool { return f == results.HistoryFile })
	add(true, false, Strip, derived)
	add(true, false, Remove, all)
	add(false, true, Strip, derived)
	add(false, true, Remove, all)
	return steps
}

// derived says whether `faultline report` makes the file again. The page itself stays: it is what people
// open.
func derived(r *Run, name string) bool {
	return !strings.Contains(name, "/") && !slices.Contains(r.Evidence, name) && slices.Contains([]string{".svg", ".png", ".csv"}, filepath.Ext(name))
}

// Done is a step that was taken.
type Done struct {
	Step
	Freed int64 // bytes
}

// Report is what a pruning did.
type Report struct {
	Before, After int64 // bytes of all runs' files
	Done          []Done
}

// Folder takes steps of the plan until the runs in dir need at most limit bytes together. Files beside
// the runs' folders are neither counted nor touched, and neither are folders without run.json. A run that
// is still being made is not touched. Where dry is set it only says what it would do. It is not safe
// beside another pruning of the same folder.
func Folder(dir string, limit int64, dry bool) (Report, error) {
	var rep Report
	runs, err := find(dir)
	if err != nil {
		return rep, err
	}
	sizes := map[string]int64{}
	for i := range runs {
		rep.Before += runs[i].Size
		sizes[runs[i].ID] = runs[i].Size
	}
	rep.After = rep.Before
	for _, s := range Plan(runs) {
		if rep.After <= limit {
			break
		}
		if sizes[s.Run] == 0 {
			continue // removed already
		}
		freed := sizes[s.Run] // of Remove
		if s.Action != Remove {
			if freed, err = take(filepath.Join(dir, s.Run), s, dry); err != nil {
				return rep, fmt.Errorf("%s run %s: %w", s.Action, s.Run, err)
			}
		} else if !dry {
			if err := os.RemoveAll(filepath.Join(dir, s.Run)); err != nil {
				return rep, fmt.Errorf("remove run %s: %w", s.Run, err)
			}
		}
		sizes[s.Run] -= freed
		rep.After -= freed
		rep.Done = append(rep.Done, Done{s, freed})
	}
	if dry {
		return rep, nil
	}
	return rep, results.PointLatest(dir)
}

// take compresses or strips.
func take(run string, s Step, dry bool) (freed int64, err error) {
	if s.Action == Compress {
		folder, err := results.Open(run)
		if err != nil {
			return 0, err
		}
		return folder.CompressHistory(dry)
	}
	for _, f := range s.Files {
		path := filepath.Join(run, filepath.FromSlash(f))
		st, err := os.Lstat(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil && !dry {
			err = os.Remove(path)
		}
		if err != nil {
			return freed, err
		}
		freed += st.Size()
	}
	return freed, nil
}

// find looks at every finished run's folder in dir.
func find(dir string) ([]Run, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("look for runs: %w", err)
	}
	var runs []Run
	for _, e := range entries {
		if !e.IsDir() { // links, too, are left alone
			continue
		}
		folder, err := results.Open(filepath.Join(dir, e.Name()))
		if err != nil {
			continue // not a run's, or one that this program cannot read: not ours to remove
		}
		info, err := folder.ReadRun()
		if err != nil || info.Finished.IsZero() {
			continue
		}
		r := Run{ID: e.Name(), Finished: info.Finished, Valid: info.Verdict == history.Valid}
		for _, v := range info.Verdicts {
			r.Evidence = append(r.Evidence, v.ArtifactNames...)
		}
		err = filepath.WalkDir(folder.Dir(), func(path string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			st, err := e.Info()
			if err != nil {
				return err
			}
			name, err := filepath.Rel(folder.Dir(), path)
			r.Files, r.Size = append(r.Files, filepath.ToSlash(name)), r.Size+st.Size()
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("look at run %s: %w", e.Name(), err)
		}
		runs = append(runs, r)
	}
	return runs, nil
}
