package results

import (
	"bytes"
	"errors"
)

// Render writes every artifact that is made from the analysis: failovers.jsonl, the graphs,
// the tables of the timeline (calls.csv and others), report.html, junit.xml and summary.md. It can be called again at any time.
func Render(f *Folder, a Analysis) error {
	lines, err := a.Failovers()
	if err != nil {
		return err
	}
	if err := f.Write(FailoversFile, lines); err != nil {
		return err
	}
	figures, err := Figures(&a)
	if err != nil {
		return err
	}
	for _, fig := range figures {
		if err := errors.Join(f.Write(fig.Name+".svg", fig.SVG), f.Write(fig.Name+".png", fig.PNG)); err != nil {
			return err
		}
		if fig.CSV == nil {
			continue
		}
		if err := f.Write(fig.Name+".csv", fig.CSV); err != nil {
			return err
		}
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
	return errors.Join(f.Write(ReportFile, page.Bytes()), f.Write(JUnitFile, tests), f.Write(SummaryFile, JobSummary(&a)))
}
