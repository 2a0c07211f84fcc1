package page

import (
	"bufio"
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/jstemmer/go-junit-report/v2/junit"

	"github.com/faultline-chaos/faultline/results"
)

// RowsFile has a line a run of a batch, beside the runs' folders.
const RowsFile = "batch.jsonl"

// Batch is several runs that are reported together: a night, or a run that was repeated. Runs are in
// the order in which they were made.
type Batch struct {
	Title  string
	Rows   []SummaryRow
	Suites []Suite
}

// Write leaves junit.xml, summary.md and batch.jsonl in dir, which is made where there is none. links is
// of [SummaryOf].
func (b *Batch) Write(dir, links string) error {
	tests, err := JUnit(b.Suites)
	if err != nil {
		return err
	}
	var rows bytes.Buffer
	enc := json.NewEncoder(&rows)
	for i := range b.Rows {
		if err := enc.Encode(&b.Rows[i]); err != nil {
			return fmt.Errorf("write %s: %w", RowsFile, err)
		}
	}
	if err = os.MkdirAll(dir, 0o755); err == nil {
		err = errors.Join(os.WriteFile(filepath.Join(dir, results.JUnitFile), tests, 0o644),
			os.WriteFile(filepath.Join(dir, results.SummaryFile), SummaryOf(b.Title, b.Rows, links), 0o644),
			os.WriteFile(filepath.Join(dir, RowsFile), rows.Bytes(), 0o644))
	}
	if err != nil {
		return fmt.Errorf("write the summary: %w", err)
	}
	return nil
}

// ReadBatch reads what [Batch.Write] left in dir, without the title.
func ReadBatch(dir string) (Batch, error) {
	var b Batch
	text, err := os.ReadFile(filepath.Join(dir, RowsFile))
	if err != nil {
		return b, fmt.Errorf("read the batch in %s: %w", dir, err)
	}
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, len(text)+1)
	for n := 1; lines.Scan(); n++ {
		var r SummaryRow
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			return b, fmt.Errorf("read %s: line %d: %w", filepath.Join(dir, RowsFile), n, err)
		}
		if r.Run != "" && !results.IDPattern.MatchString(r.Run) {
			return b, fmt.Errorf("read %s: line %d: run %q: a run is the name of a folder", filepath.Join(dir, RowsFile), n, r.Run)
		}
		b.Rows = append(b.Rows, r)
	}
	var suites junit.Testsuites
	if text, err = os.ReadFile(filepath.Join(dir, results.JUnitFile)); err == nil {
		err = xml.Unmarshal(text, &suites)
	}
	if err != nil {
		return b, fmt.Errorf("read %s: %w", filepath.Join(dir, results.JUnitFile), err)
	}
	for _, s := range suites.Suites {
		b.Suites = append(b.Suites, Suite{s})
	}
	return b, nil
}
