package page

import (
	"bytes"
	"errors"

	"github.com/faultline-chaos/faultline/results"
	"github.com/faultline-chaos/faultline/results/failover"
	"github.com/faultline-chaos/faultline/results/figure"
)

// Render writes every artifact that is made from the analysis: failovers.jsonl, the graphs,
// the tables of the timeline (calls.csv and others), report.html, junit.xml and summary.md. It can be called again at any time.
func Render(f *results.Folder, a failover.Analysis) error {
	lines, err := a.Failovers()
	if err != nil {
		return err
	}
	if err := f.Write(results.FailoversFile, lines); err != nil {
		return err
	}
	figures, err := figure.Figures(&a)
	if err != nil {
		return err
	}
	if err := figure.WriteFigures(f, figures); err != nil {
		return err
	}
	if err := writeTables(f, &a); err != nil {
		return err
	}
	var page bytes.Buffer
	if err := writeReport(&a, &page, figures); err != nil {
		return err
	}
	tests, err := JUnit([]Suite{SuiteOf(&a)})
	if err != nil {
		return err
	}
	return errors.Join(f.Write(results.ReportFile, page.Bytes()), f.Write(results.JUnitFile, tests), f.Write(results.SummaryFile, JobSummary(&a)))
}
