package figure

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/faultline-chaos/faultline/history"
	"github.com/faultline-chaos/faultline/results"
	"github.com/faultline-chaos/faultline/results/failover"
)

// plan is a figure before it is drawn. draw sees the head and the table and nothing else; it keeps
// neither.
type plan struct {
	name  string // of its files
	place Place
	head  head
	table *csvTable // nil: the run has no data for it, and it is left out
	draw  func(head, *csvTable) sketch
	shows []*failover.Episode // the failovers that it shows, of which the longest is linked
}

// head is what a figure says or is laid out by and is not its data.
type head struct {
	title              string
	subs               []string
	timeout, heartbeat time.Duration // of the run; 0: not known
	nodes              []history.NodeID
	from, to           time.Duration // of figures over a part of the run
	marked             bool          // faults are named over the panel
}

// sketch is a figure with its size.
type sketch struct {
	height vg.Length
	paint  func(draw.Canvas)
}

// figureWidth is that of all figures, in points.
const figureWidth = vg.Length(1000)

// maxZooms bounds the graphs of single episodes.
const maxZooms = 40

// Place is where a figure stands on the report page.
type Place string

const (
	InTimeline    Place = "in the timeline" // behind it, folded: it shows the same
	UnderTimeline Place = "under the timeline"
	OverFailovers Place = "over all failovers"
	WithFailover  Place = "with its failover"
)

// kindOfFigure is one kind of figure over a whole run. A new one is a file with its plan and a line in
// figureKinds.
type kindOfFigure struct {
	name  string // of its files
	doc   string // what it shows, for docs/files.md
	place Place
	plan  func(*failover.Analysis) plan // without a table: the run has no data for it
	// without says why the run has no data for it; nil: nobody would look for it.
	without func(*failover.Analysis) string
}

// figureKinds are all kinds, in the order in which the page shows them.
func figureKinds() []kindOfFigure {
	return []kindOfFigure{
		{"swimlane", "roles and terms of every member below the latency of every call", InTimeline, overview, nil},
		{"throughput", "calls per second by outcome", UnderTimeline, throughput, nil},
		{"matrix", "outages by fault and target, with follower faults as controls", OverFailovers, matrix, nil},
		{"overlay", "write service around the fault, all failovers aligned at t0", OverFailovers, overlay, nil},
		{"phases", "the phases of every failover, sorted by length", OverFailovers, phaseBars, nil},
		{"cdf", "distribution functions of outages with confidence bands", OverFailovers, outageCurves, nil},
		{"heartbeat", "write outage by phase within the heartbeat, where the phase is known", OverFailovers, heartbeats, phaseNote},
	}
}

// Docs says what each kind of figure over a whole run shows, by the name of its files, in the order of the
// page.
func Docs() (out [][2]string) {
	for _, k := range figureKinds() {
		out = append(out, [2]string{k.name, k.doc})
	}
	return out
}

// plans are all figures that the run has data for, in a fixed order; more are kinds beside figureKinds.
func plans(a *failover.Analysis, more ...kindOfFigure) []plan {
	var out []plan
	for _, k := range append(figureKinds(), more...) {
		p := k.plan(a)
		p.name, p.place = k.name, k.place
		out = append(out, p)
	}
	for i := range a.Episodes[:min(len(a.Episodes), maxZooms)] {
		out = append(out, zoom(a, &a.Episodes[i]))
	}
	return slices.DeleteFunc(out, func(p plan) bool { return p.table == nil })
}

// LeftOut says why figures are missing that a reader may look for.
func LeftOut(a *failover.Analysis) (out []string) {
	for _, k := range figureKinds() {
		if k.without == nil {
			continue
		}
		if why := k.without(a); why != "" {
			out = append(out, why)
		}
	}
	return out
}

// Figures draws every graph that the run has data for, in a fixed order, several at a time.
func Figures(a *failover.Analysis) ([]Figure, error) {
	list := plans(a)
	drawn := make([]Figure, len(list))
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i := range list {
		g.Go(func() (err error) {
			drawn[i], err = list[i].figure()
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return drawn, nil
}

// figure draws the plan and writes its table.
func (p *plan) figure() (Figure, error) {
	s := p.draw(p.head, p.table)
	f, err := newFigure(p.name, figureWidth, s.height, s.paint)
	f.Place = p.place
	if err != nil {
		return f, err
	}
	if f.CSV, err = p.table.encode(); err != nil {
		return f, fmt.Errorf("data of %s: %w", p.name, err)
	}
	if e := failover.Worst(p.shows); e != nil {
		f.Worst, f.Longest = e.ID, fmt.Sprintf("%s, %s: write outage %s", e.ID, e.Cause(), failover.OutageText(e.Writes))
	}
	return f, nil
}

// headOf is what all figures of a run share. Empty subs are left out.
func headOf(a *failover.Analysis, title string, subs ...string) head {
	subs = slices.DeleteFunc(subs, func(s string) bool { return s == "" })
	return head{title: title, subs: subs, timeout: a.Run.ElectionTimeout, heartbeat: a.Run.HeartbeatInterval, nodes: a.Run.Nodes, to: max(a.End, time.Second)}
}

// statsLine is a summary for the head of a figure, empty where there is none. what is "write" or "read".
func statsLine(what string, s *failover.Summary) string {
	if s == nil {
		return ""
	}
	return what + " outage: " + failover.SummaryText(s)
}

const (
	sideMargin = vg.Length(12)
	subHeight  = vg.Length(12)
	legendRow  = vg.Length(18)
)

// lines are the subs, broken where they are too long for the figure.
func (h *head) lines() []string {
	s := textStyle(9, false, mutedColor)
	var out []string
	for _, sub := range h.subs {
		out = append(out, wrap(s, sub, figureWidth-2*sideMargin)...)
	}
	return out
}

// height is what the title and the lines below it take.
func (h *head) height() vg.Length { return 26 + subHeight*vg.Length(len(h.lines())) }

// paint writes them at the top.
func (h *head) paint(c draw.Canvas) {
	s := textStyle(12.5, true, inkColor)
	put(c, s, c.Min.X+sideMargin, c.Max.Y-15, text.XLeft, fitWidth(s, h.title, figureWidth-2*sideMargin))
	for i, l := range h.lines() {
		put(c, textStyle(9, false, mutedColor), c.Min.X+sideMargin, c.Max.Y-31-subHeight*vg.Length(i), text.XLeft, l)
	}
}

// fitWidth cuts words to a width, with an ellipsis.
func fitWidth(s text.Style, words string, w vg.Length) string {
	if s.Width(words) <= w {
		return words
	}
	r := []rune(words)
	for n := len(r) - 1; n > 0; n-- {
		if short := strings.TrimRight(string(r[:n]), " ") + "…"; s.Width(short) <= w {
			return short
		}
	}
	return "…"
}

// wrap breaks words into lines of at most a width; a single word that is longer is cut.
func wrap(s text.Style, words string, w vg.Length) []string {
	var out []string
	line := ""
	for _, word := range strings.Fields(words) {
		word = fitWidth(s, word, w)
		switch {
		case line == "":
			line = word
		case s.Width(line+" "+word) <= w:
			line += " " + word
		default:
			out, line = append(out, line), word
		}
	}
	if line != "" {
		out = append(out, line)
	}
	return out
}

// WriteFigures writes figures and their tables into a run's folder.
func WriteFigures(f *results.Folder, figures []Figure) error {
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
	return nil
}
