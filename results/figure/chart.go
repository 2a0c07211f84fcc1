package figure

import (
	"image/color"
	"math"
	"strconv"

	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Palette are the colours of series, after Okabe and Ito, which people with colour-blindness can tell apart.
var Palette = []color.NRGBA{
	{0x00, 0x72, 0xb2, 0xff}, {0xd5, 0x5e, 0x00, 0xff}, {0x00, 0x9e, 0x73, 0xff}, {0xcc, 0x79, 0xa7, 0xff}, {0xe6, 0x9f, 0x00, 0xff}, {0x56, 0xb4, 0xe9, 0xff}, {0x1b, 0x1f, 0x24, 0xff},
}

// Muted is the colour of what stands beside the data.
var Muted = mutedColor

// Chart is one panel of a figure: series over two axes, and a key of those that have a name.
type Chart struct {
	Title  string
	X, Y   Axis
	Key    Corner
	Series []Series // drawn in order
}

// Axis goes from Min to Max. What lies beyond is not drawn.
type Axis struct {
	Title    string
	Min, Max float64
	Log      bool      // then Min is positive
	Ticks    []float64 // nil: round numbers
}

// Corner is where a key stands.
type Corner int

// Corners.
const (
	BottomRight Corner = iota
	TopLeft
	TopRight
)

// Point is a value of each axis. Low and High are the ends of its bar; without one both are Y.
type Point struct{ X, Y, Low, High float64 }

// Series is what belongs together: an area, bars, a line through all points and a glyph at each, as far as
// they are asked for. One without points stands in the key only.
type Series struct {
	Name   string // in the key; "": it is not there
	Color  color.NRGBA
	Points []Point
	Width  float64 // of the line, in points; 0: none
	Dashed bool
	Fill   bool // the points surround an area
	Bars   bool
	Glyph  Glyph
}

// Glyph is what stands at a point.
type Glyph int

// Glyphs.
const (
	NoGlyph Glyph = iota
	Disc
	Ring
	Square
)

func (g Glyph) style(col color.NRGBA) draw.GlyphStyle {
	return map[Glyph]draw.GlyphStyle{
		Disc: {Color: col, Radius: 2.8, Shape: draw.CircleGlyph{}}, Ring: {Color: col, Radius: 3.6, Shape: draw.RingGlyph{}}, Square: {Color: col, Radius: 3.6, Shape: draw.SquareGlyph{}},
	}[g]
}

// Room beside a panel.
const (
	chartLeft, chartRight, chartTop, chartBottom = 52, 14, 24, 38
	keyRow, keyThumb                             = vg.Length(12.5), vg.Length(18)
)

// Charts draws rows of panels that are all of the same size; nil leaves a place empty. Width and height are
// the figure's, in points.
func Charts(name string, width, height int, rows [][]*Chart) (Figure, error) {
	w, h := vg.Length(width), vg.Length(height)
	return newFigure(name, w, h, func(c draw.Canvas) {
		w, h := w/vg.Length(len(rows[0])), h/vg.Length(len(rows))
		for i, row := range rows {
			top := c.Max.Y - vg.Length(i)*h
			for j, chart := range row {
				if chart != nil {
					left := c.Min.X + vg.Length(j)*w
					chart.paint(draw.Canvas{Canvas: c.Canvas, Rectangle: vg.Rectangle{
						Min: vg.Point{X: left + chartLeft, Y: top - h + chartBottom}, Max: vg.Point{X: left + w - chartRight, Y: top - chartTop},
					}})
				}
			}
		}
	})
}

// paint draws the chart around and on its panel.
func (p *Chart) paint(c draw.Canvas) {
	x := axis{lo: p.X.Min, hi: p.X.Max, log: p.X.Log, a: c.Min.X, b: c.Max.X}
	y := axis{lo: p.Y.Min, hi: p.Y.Max, log: p.Y.Log, a: c.Min.Y, b: c.Max.Y}
	label, title := textStyle(8.5, false, mutedColor), textStyle(9, false, mutedColor)
	for _, t := range p.X.ticks(8) {
		line(c, x.at(t), y.a, x.at(t), y.b, 0.5, gridColor)
		line(c, x.at(t), y.a-3, x.at(t), y.a, 0.5, mutedColor)
		put(c, label, x.at(t), y.a-9, text.XCenter, p.X.label(t))
	}
	for _, t := range p.Y.ticks(5) {
		line(c, x.a, y.at(t), x.b, y.at(t), 0.5, gridColor)
		line(c, x.a-3, y.at(t), x.a, y.at(t), 0.5, mutedColor)
		put(c, label, x.a-6, y.at(t), text.XRight, p.Y.label(t))
	}
	line(c, x.a, y.a, x.b, y.a, 0.5, mutedColor)
	line(c, x.a, y.a, x.a, y.b, 0.5, mutedColor)
	put(c, textStyle(11, false, inkColor), (x.a+x.b)/2, y.b+12, text.XCenter, p.Title)
	put(c, title, (x.a+x.b)/2, y.a-24, text.XCenter, p.X.Title)
	rotated(c, x.a-chartLeft+12, (y.a+y.b)/2, p.Y.Title)
	for i := range p.Series {
		p.Series[i].paint(c, x, y)
	}
	p.key(c)
}

// ticks are those with a label.
func (a Axis) ticks(n int) []float64 {
	switch {
	case a.Ticks != nil:
		return a.Ticks
	case !a.Log:
		return niceTicks(a.Min, a.Max, n)
	}
	factors := []float64{1, 2, 5}
	if a.Max > 1001*a.Min {
		factors = factors[:1]
	}
	var out []float64
	for e := math.Floor(math.Log10(a.Min)); e <= math.Log10(a.Max); e++ {
		for _, f := range factors {
			if v := f * math.Pow(10, e); v >= a.Min*0.999 && v <= a.Max*1.001 {
				out = append(out, v)
			}
		}
	}
	return out
}

// label is a tick's, without digits that only rounding has.
func (Axis) label(v float64) string { return strconv.FormatFloat(math.Round(v*1e6)/1e6, 'f', -1, 64) }

// style is how the series' line is drawn.
func (s *Series) style() draw.LineStyle {
	out := draw.LineStyle{Color: s.Color, Width: vg.Length(s.Width)}
	if s.Dashed {
		out.Dashes = []vg.Length{4, 3}
	}
	return out
}

func (s *Series) paint(c draw.Canvas, x, y axis) {
	at := make([]vg.Point, len(s.Points))
	for i, p := range s.Points {
		at[i] = vg.Point{X: x.at(p.X), Y: y.at(p.Y)}
	}
	if s.Fill {
		c.FillPolygon(s.Color, c.ClipPolygonXY(at))
	}
	if s.Bars {
		for i, p := range s.Points {
			low, high := y.at(p.Low), y.at(p.High)
			bar := [][]vg.Point{
				{{X: at[i].X, Y: low}, {X: at[i].X, Y: high}},
				{{X: at[i].X - 2.5, Y: low}, {X: at[i].X + 2.5, Y: low}}, {{X: at[i].X - 2.5, Y: high}, {X: at[i].X + 2.5, Y: high}},
			}
			c.StrokeLines(draw.LineStyle{Color: s.Color, Width: 0.9}, c.ClipLinesXY(bar...)...)
		}
	}
	if s.Width > 0 && len(at) > 0 {
		c.StrokeLines(s.style(), c.ClipLinesXY(at)...)
	}
	for _, p := range at {
		if s.Glyph != NoGlyph && c.Contains(p) {
			c.DrawGlyph(s.Glyph.style(s.Color), p)
		}
	}
}

// key draws a row for each series that has a name: words, and to the right of them how it is drawn.
func (p *Chart) key(c draw.Canvas) {
	var named []*Series
	widest, words := vg.Length(0), textStyle(8.5, false, inkColor)
	for i := range p.Series {
		if s := &p.Series[i]; s.Name != "" {
			named, widest = append(named, s), max(widest, words.Width(s.Name))
		}
	}
	top, right := c.Max.Y-8, c.Max.X-6
	if p.Key == BottomRight {
		top = c.Min.Y + 8 + keyRow*vg.Length(len(named)-1)
	}
	if p.Key == TopLeft {
		right = c.Min.X + 6 + widest + 6 + keyThumb
	}
	for i, s := range named {
		y := top - keyRow*vg.Length(i)
		put(c, words, right-keyThumb-6, y, text.XRight, s.Name)
		if s.Width > 0 {
			c.StrokeLine2(s.style(), right-keyThumb, y, right, y)
		}
		if s.Glyph != NoGlyph {
			c.DrawGlyph(s.Glyph.style(s.Color), vg.Point{X: right - keyThumb/2, Y: y})
		}
	}
}
