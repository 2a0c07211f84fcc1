package sweep

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"strings"

	"github.com/faultline-chaos/faultline/results/figure"
)

// Page is what a sweep says, for people: as markdown, or as one HTML file that needs nothing else.
type Page struct {
	Title   string
	Lead    string   // what was done, and how to repeat it
	Says    []string // the news, a sentence or two each
	Figures []figure.Figure
	More    []string   // below the figures
	Rows    [][]string // the head first
	Notes   []string
}

// Markdown renders the page; its figures are files beside it.
func (p *Page) Markdown() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# %s\n\n%s\n\n", p.Title, p.Lead)
	for _, s := range p.Says {
		fmt.Fprintf(&b, "- %s\n", s)
	}
	for _, f := range p.Figures {
		fmt.Fprintf(&b, "\n![%s](%s.svg)\n", f.Name, f.Name)
	}
	b.WriteString("\n")
	for _, s := range p.More {
		fmt.Fprintf(&b, "- %s\n", s)
	}
	fmt.Fprintf(&b, "\n%s", Markdown(p.Rows))
	for _, n := range p.Notes {
		fmt.Fprintf(&b, "\n%s\n", n)
	}
	return b.Bytes()
}

// Markdown renders a table; numbers stand to the right.
func Markdown(rows [][]string) string {
	var b strings.Builder
	for i, row := range rows {
		for _, cell := range row {
			b.WriteString("| " + strings.NewReplacer("|", "/", "\n", " ").Replace(cell) + " ")
		}
		b.WriteString("|\n")
		if i == 0 {
			b.WriteString(strings.Repeat("|--:", len(row)) + "|\n")
		}
	}
	return b.String()
}

//go:embed page.html
var pageHTML string

// HTML renders the page with its figures inside. Nothing is loaded from anywhere.
func (p *Page) HTML() ([]byte, error) {
	t, err := template.New("page").Funcs(template.FuncMap{
		"svg": func(f figure.Figure) template.HTML { // drawn by this package, whose texts the SVG writer escapes
			return template.HTML(f.SVG[max(0, bytes.Index(f.SVG, []byte("<svg"))):])
		},
	}).Parse(pageHTML)
	if err != nil {
		return nil, fmt.Errorf("read the page's template: %w", err)
	}
	var b bytes.Buffer
	if err := t.Execute(&b, p); err != nil {
		return nil, fmt.Errorf("render the page: %w", err)
	}
	return b.Bytes(), nil
}
