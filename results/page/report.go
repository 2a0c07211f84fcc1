package page

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strings"

	"github.com/faultline-chaos/faultline/results"
	"github.com/faultline-chaos/faultline/results/failover"
	"github.com/faultline-chaos/faultline/results/figure"
	"github.com/faultline-chaos/faultline/results/format"
)

var (
	//go:embed web/report.html
	reportHTML string
	//go:embed web/report.css
	reportCSS string
	//go:embed web/columns.js
	columnsJS string
	//go:embed web/data.js
	dataJS string
	//go:embed web/layers.js
	layersJS string
	//go:embed web/panel.js
	panelJS string
	//go:embed web/draw.js
	drawJS string
	//go:embed web/timeline.js
	timelineJS string
)

// PageCSS is the style sheet of the report page, for pages beside it that look the same.
func PageCSS() string { return reportCSS }

// docsURL is a link for readers; the page itself asks for nothing.
const docsURL = "https://github.com/faultline-chaos/faultline/blob/main/docs/failovers.md"

// reportPage is what the template shows: words, ready to print. Each section is in a file of its own.
type reportPage struct {
	Run     results.Run
	Nav     []navItem
	CSS     template.CSS
	Columns template.JS // what runs in a worker
	JS      template.JS

	headSection
	timelineSection
	figureSection
	failoverSection
	Controls []controlView
	verdictSection
	Faults []faultView
	runSection
}

type navItem struct{ ID, Title string }

// writeReport writes the self-contained page.
func writeReport(a *failover.Analysis, w io.Writer, figures []figure.Figure) error {
	t, err := template.New("report").Funcs(template.FuncMap{"count": format.Count}).Parse(reportHTML)
	if err != nil {
		return fmt.Errorf("parse the report's template: %w", err)
	}
	p, err := newPage(a, figures)
	if err != nil {
		return err
	}
	var b strings.Builder
	if err := t.Execute(&b, p); err != nil {
		return fmt.Errorf("render %s: %w", results.ReportFile, err)
	}
	if _, err := hiddenCharacters().WriteString(w, b.String()); err != nil {
		return fmt.Errorf("render %s: %w", results.ReportFile, err)
	}
	return nil
}

// hiddenCharacters makes those visible that turn text around or hide in it; none of them is the
// page's own. In the page's JSON the escape stands for the same character.
func hiddenCharacters() *strings.Replacer {
	var pairs []string
	for _, span := range [][2]rune{{0x061c, 0x061c}, {0x200b, 0x200f}, {0x2028, 0x202e}, {0x2060, 0x206f}, {0xfeff, 0xfeff}} {
		for r := span[0]; r <= span[1]; r++ {
			pairs = append(pairs, string(r), fmt.Sprintf(`\u%04x`, r))
		}
	}
	return strings.NewReplacer(pairs...)
}

func newPage(a *failover.Analysis, figures []figure.Figure) (reportPage, error) {
	p := reportPage{
		Run: a.Run, CSS: template.CSS(reportCSS), Columns: template.JS(columnsJS), JS: template.JS(dataJS + panelJS + layersJS + drawJS + timelineJS), // ours, embedded
		headSection: headOfPage(a), figureSection: figuresOfPage(a, figures),
		Controls: controlsOfPage(a), verdictSection: verdictsOfPage(a), Faults: faultsOfPage(a), runSection: runOfPage(a),
	}
	p.failoverSection = failoversOfPage(a, p.WithFailover)
	err := timeline(a, &p)
	p.Nav = navigation(&p)
	return p, err
}

func navigation(p *reportPage) []navItem {
	nav := []navItem{{"timeline-section", "Timeline"}, {"failovers", "Failovers"}}
	if len(p.Controls) > 0 {
		nav = append(nav, navItem{"controls", "Followers"})
	}
	nav = append(nav, navItem{"verdicts", "Verdicts"})
	if len(p.Claims) > 0 {
		nav = append(nav, navItem{"claims", "Claims"})
	}
	return append(nav, navItem{"faults", "Faults"}, navItem{"run", "The run"})
}
