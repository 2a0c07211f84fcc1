package serve

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/faultline-chaos/faultline/results/trends"
)

// goneRuns is trends.jsonl as it was when it was last read.
type goneRuns struct {
	stamp string
	rows  []trends.Row
	marks []string // of each row: it differs when the row does
}

// syncGone puts the runs of trends.jsonl into the index that have no folder any more, and into here, which
// has those with a folder.
func (x *index) syncGone(here map[string]bool) (changed bool) {
	if err := x.readHistory(); err != nil {
		x.note("%v: runs without folders are not shown", err)
		return false
	}
	for i := range x.old.rows {
		row := &x.old.rows[i]
		if here[row.ID] || !idPattern.MatchString(row.ID) {
			continue
		}
		here[row.ID] = true
		if x.entries[row.ID].Stamp != x.old.marks[i] {
			d := Digest{Row: *row, Gone: true}
			if n := len(row.WriteOutages) + row.WriteCensored; n > 0 {
				d.Phases = []Phase{{Name: writeOutage, Values: row.WriteOutages, Censored: row.WriteCensored}}
			}
			x.entries[row.ID], changed = entry{x.old.marks[i], d}, true
		}
	}
	return changed
}

// readHistory reads the file again where it has changed. Links are not followed: nothing outside the
// folder is read.
func (x *index) readHistory() error {
	path := filepath.Join(x.dir, trends.File)
	st, err := os.Lstat(path)
	switch {
	case os.IsNotExist(err):
		x.old = goneRuns{}
		return nil
	case err != nil:
		return err
	}
	stamp := fmt.Sprintf("%s:%d:%d", st.Mode().Type(), st.ModTime().UnixNano(), st.Size())
	if x.old.stamp == stamp {
		return nil
	}
	x.old = goneRuns{stamp: stamp} // what is wrong with it is said once
	if !st.Mode().IsRegular() {
		return fmt.Errorf("%s is not a file (%s)", path, st.Mode().Type())
	}
	rows, skipped, err := trends.ReadFile(path)
	if err != nil {
		return err
	}
	if len(skipped) > 0 {
		x.note("%s: left out %s", path, strings.Join(skipped, "; "))
	}
	x.old = goneRuns{stamp: stamp, rows: rows, marks: make([]string, len(rows))}
	for i := range rows {
		b, err := json.Marshal(&rows[i])
		if err != nil {
			return fmt.Errorf("row of %s: %w", rows[i].ID, err)
		}
		x.old.marks[i] = "row " + string(b)
	}
	return nil
}
