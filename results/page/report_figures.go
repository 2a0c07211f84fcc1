package page

import (
	"html/template"
	"maps"
	"regexp"
	"slices"

	"github.com/faultline-chaos/faultline/results/failover"
	"github.com/faultline-chaos/faultline/results/figure"
)

// maxInline bounds the figures inside the page, in bytes; further ones are linked.
const maxInline = 6 << 20

type inlineFigure struct {
	SVG            template.HTML
	File           string
	CSV            string // its data; empty: none
	Worst, Longest string
}

var svgHead = regexp.MustCompile(`(?s)^.*?<svg [^>]*?viewBox="([^"]*)"[^>]*>`)

// figureSection are the figures by where they stand.
type figureSection struct {
	InTimeline    []inlineFigure
	UnderTimeline []inlineFigure
	OverFailovers []inlineFigure
	WithFailover  map[string]inlineFigure // by name: each with its failover
	NoFigures     []string                // why figures are left out that a reader may look for
}

// figuresOfPage takes out the parts of an SVG file that do not belong into a page.
func figuresOfPage(a *failover.Analysis, figures []figure.Figure) figureSection {
	s := figureSection{WithFailover: map[string]inlineFigure{}, NoFigures: figure.LeftOut(a)}
	total := 0
	for _, f := range figures {
		in := inlineFigure{File: f.Name + ".svg", Worst: f.Worst, Longest: f.Longest}
		if f.CSV != nil {
			in.CSV = f.Name + ".csv"
		}
		if total += len(f.SVG); total <= maxInline {
			// Drawn by us; vgsvg escapes the words in it.
			in.SVG = template.HTML(svgHead.ReplaceAll(f.SVG, []byte(`<svg role="img" viewBox="$1">`)))
		}
		switch f.Place {
		case figure.InTimeline:
			s.InTimeline = append(s.InTimeline, in)
		case figure.UnderTimeline:
			s.UnderTimeline = append(s.UnderTimeline, in)
		case figure.OverFailovers:
			s.OverFailovers = append(s.OverFailovers, in)
		case figure.WithFailover:
			s.WithFailover[f.Name] = in
		}
	}
	return s
}

// size is that of all that stands in the page, in bytes.
func (s *figureSection) size() (n int) {
	for _, list := range [][]inlineFigure{s.InTimeline, s.UnderTimeline, s.OverFailovers, slices.Collect(maps.Values(s.WithFailover))} {
		for _, f := range list {
			n += len(f.SVG)
		}
	}
	return n
}
