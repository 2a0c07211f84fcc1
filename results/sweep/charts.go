package sweep

import (
	"bytes"
	"fmt"
	"image/color"
	"math"
	"regexp"
	"slices"
	"strconv"
	"time"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"

	"github.com/faultline-chaos/faultline/results"
)

// Colours after Okabe and Ito, which people with colour-blindness can tell apart.
var (
	palette = []color.NRGBA{
		{0x00, 0x72, 0xb2, 0xff}, {0xd5, 0x5e, 0x00, 0xff}, {0x00, 0x9e, 0x73, 0xff}, {0xcc, 0x79, 0xa7, 0xff}, {0xe6, 0x9f, 0x00, 0xff}, {0x56, 0xb4, 0xe9, 0xff}, {0x1b, 0x1f, 0x24, 0xff},
	}
	mutedColor = color.NRGBA{0x5b, 0x65, 0x70, 0xff}
	gridColor  = color.NRGBA{0xe3, 0xe7, 0xeb, 0xff}
)

const pngDPI = 160

var liberation = regexp.MustCompile(`font-family:[^;]*;font-variant:[^;]*;font-weight:([^;]*);font-style:[^;]*`)

// figure draws the same tiles as SVG and as PNG; a nil plot leaves its tile empty.
func figure(name string, w, h vg.Length, tiles [][]*plot.Plot) (results.Figure, error) {
	paint := func(c draw.Canvas) {
		c.FillPolygon(color.White, []vg.Point{c.Min, {X: c.Max.X, Y: c.Min.Y}, c.Max, {X: c.Min.X, Y: c.Max.Y}})
		t := draw.Tiles{Rows: len(tiles), Cols: len(tiles[0]), PadX: 14, PadY: 14, PadTop: 8, PadBottom: 8, PadLeft: 8, PadRight: 16}
		for i, row := range plot.Align(tiles, t, c) {
			for j, tile := range row {
				if tiles[i][j] != nil {
					tiles[i][j].Draw(tile)
				}
			}
		}
	}
	svg := vgsvg.New(w, h)
	paint(draw.New(svg))
	var vector, raster bytes.Buffer
	if _, err := svg.WriteTo(&vector); err != nil {
		return results.Figure{}, fmt.Errorf("draw %s as SVG: %w", name, err)
	}
	img := vgimg.PngCanvas{Canvas: vgimg.NewWith(vgimg.UseWH(w, h), vgimg.UseDPI(pngDPI))}
	paint(draw.New(img))
	if _, err := img.WriteTo(&raster); err != nil {
		return results.Figure{}, fmt.Errorf("draw %s as PNG: %w", name, err)
	}
	return results.Figure{
		Name: name, PNG: raster.Bytes(),
		SVG: liberation.ReplaceAll(vector.Bytes(), []byte("font-family:'Liberation Sans',Arial,Helvetica,sans-serif;font-weight:$1")),
	}, nil
}

// newPlot is a plot in the look of the other graphs.
func newPlot(title, x, y string) *plot.Plot {
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = title, x, y
	p.Title.TextStyle.Font.Variant, p.Title.TextStyle.Font.Size = "Sans", 11
	p.Title.Padding = 5
	for _, a := range []*plot.Axis{&p.X, &p.Y} {
		a.Label.TextStyle.Font.Variant, a.Label.TextStyle.Font.Size, a.Label.TextStyle.Color = "Sans", 9, mutedColor
		a.Tick.Label.Font.Variant, a.Tick.Label.Font.Size, a.Tick.Label.Color = "Sans", 8.5, mutedColor
		a.Color, a.Tick.Color = mutedColor, mutedColor
	}
	p.Legend.TextStyle.Font.Variant, p.Legend.TextStyle.Font.Size = "Sans", 8.5
	p.Legend.ThumbnailWidth, p.Legend.Padding = 18, 2
	g := plotter.NewGrid()
	g.Horizontal.Color, g.Vertical.Color = gridColor, gridColor
	p.Add(g)
	return p
}

// logTicks are 1, 2 and 5 times powers of ten.
type logTicks struct{}

func (logTicks) Ticks(low, high float64) []plot.Tick {
	var out []plot.Tick
	for e := math.Floor(math.Log10(low)); e <= math.Ceil(math.Log10(high)); e++ {
		for _, m := range []float64{1, 2, 5} {
			if v := m * math.Pow(10, e); v >= low*0.999 && v <= high*1.001 {
				out = append(out, plot.Tick{Value: v, Label: strconv.FormatFloat(v, 'f', -1, 64)})
			}
		}
	}
	return out
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// PaperFigure draws the measured distribution functions over what is known of the paper's: the ranges
// whose width differs on the left, those whose scale differs on the right.
func PaperFigure(rs []PaperResult) (results.Figure, error) {
	random := newPlot("How much randomness: timeouts from 150 ms on", "milliseconds from the crash until a majority knows a new leader", "share of elections that were over")
	scale := newPlot("How short: timeouts from T to 2 T", "milliseconds from the crash until a majority knows a new leader", "")
	n := map[*plot.Plot]int{}
	for _, p := range []*plot.Plot{random, scale} {
		p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, logTicks{}
		p.Y.Min, p.Y.Max = 0, 1
	}
	for _, r := range rs {
		var in []*plot.Plot
		if r.Line.Max == 2*r.Line.Min {
			in = append(in, scale)
		}
		if r.Line.Min == 150*time.Millisecond {
			in = append(in, random)
		}
		for _, p := range in {
			if err := paperCurve(p, r, palette[n[p]%len(palette)]); err != nil {
				return results.Figure{}, err
			}
			n[p]++
		}
	}
	random.X.Min, random.X.Max = 70, 100_000
	scale.X.Min, scale.X.Max = 8, 5000
	for _, p := range []*plot.Plot{random, scale} {
		p.Legend.YOffs, p.Legend.XOffs = 4, -6
	}
	return figure("paper", 1000, 430, [][]*plot.Plot{{random, scale}})
}

func paperCurve(p *plot.Plot, r PaperResult, col color.NRGBA) error {
	stairs := plotter.XYs{}
	last := 0.0
	for _, s := range r.Sample.CDF() {
		x := max(ms(s.At), 0.01)
		stairs = append(stairs, plotter.XY{X: x, Y: last}, plotter.XY{X: x, Y: s.P})
		last = s.P
	}
	var points plotter.XYs
	for _, s := range r.Line.points() {
		if s.At <= 100*time.Second {
			points = append(points, plotter.XY{X: ms(s.At), Y: s.P})
		}
	}
	known, err := plotter.NewScatter(points)
	if err != nil {
		return fmt.Errorf("draw line %s: %w", r.Line.Name(), err)
	}
	known.GlyphStyle = draw.GlyphStyle{Color: col, Radius: 3.4, Shape: draw.RingGlyph{}}
	p.Add(known)
	name := fmt.Sprintf("%s ms (n = %d", r.Line.Name(), r.Measured.N)
	if c := r.Measured.Censored; c > 0 {
		name += fmt.Sprintf(", %d censored", c)
	}
	if len(stairs) == 0 {
		p.Legend.Add(name+"), ○ paper", known)
		return nil
	}
	curve, err := plotter.NewLine(stairs)
	if err != nil {
		return fmt.Errorf("draw line %s: %w", r.Line.Name(), err)
	}
	curve.LineStyle = draw.LineStyle{Color: col, Width: 1.6}
	p.Add(curve)
	p.Legend.Add(name+"), ○ paper", curve, known)
	return nil
}

// GridFigure draws outage and false elections against the election timeout, for one number of members:
// a column for each delay, a line for each heartbeat interval, and the knee.
func GridFigure(s Settings, rs []Result, members int) (results.Figure, error) {
	var of []Result
	for _, r := range s.Order(rs) {
		if r.Members == members && r.Problem == "" {
			of = append(of, r)
		}
	}
	if len(of) == 0 {
		return results.Figure{}, nil
	}
	tiles := [][]*plot.Plot{nil, nil}
	top, most := 1.0, 1.0
	for _, r := range of {
		top, most = max(top, ms(r.Sample().Figures().Max)), max(most, perHour(r))
	}
	for i, d := range s.Delays {
		var in []Result
		for _, r := range of {
			if r.Delay == d {
				in = append(in, r)
			}
		}
		if len(in) == 0 {
			continue
		}
		outage, falsely, err := gridColumn(s, in, len(tiles[0]) == 0)
		if err != nil {
			return results.Figure{}, err
		}
		outage.Title.Text = fmt.Sprintf("%s on %s: %s", s.System, s.Runtime, Cell{Members: members, Delay: s.Delays[i]}.series())
		// room for the legends above
		outage.Y.Min, outage.Y.Max, falsely.Y.Min, falsely.Y.Max = 0, top*1.4, 0, most*1.4
		if err := drawKnee(in, outage, falsely); err != nil {
			return results.Figure{}, err
		}
		tiles[0], tiles[1] = append(tiles[0], outage), append(tiles[1], falsely)
	}
	return figure(fmt.Sprintf("sweep-%d", members), vg.Length(max(420, 350*len(tiles[0]))), 560, tiles)
}

func perHour(r Result) float64 { return float64(r.Campaigns) / r.Stable.Hours() }

// gridColumn draws the cells of one delay.
func gridColumn(s Settings, in []Result, first bool) (outage, falsely *plot.Plot, err error) {
	y1, y2 := "", ""
	if first {
		y1, y2 = "outage of writes, milliseconds", "false campaigns an hour"
	}
	outage, falsely = newPlot("", "", y1), newPlot("", "election timeout, milliseconds", y2)
	for _, p := range []*plot.Plot{outage, falsely} {
		p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, timeoutTicks(s.Timeouts)
		p.Legend.Top, p.Legend.Left = true, p == outage
		p.X.Min, p.X.Max = ms(slices.Min(s.Timeouts))/1.25, ms(slices.Max(s.Timeouts))*1.25
	}
	for i, h := range s.Heartbeats {
		var median, rate plotter.XYs
		bars := spans{}
		for _, r := range in {
			if r.Heartbeat != h {
				continue
			}
			rate = append(rate, plotter.XY{X: ms(r.Timeout), Y: perHour(r)})
			if f := r.Sample().Figures(); f.N > 0 {
				shift := 1 + 0.03*float64(i) // so that the bars of two intervals do not hide each other
				median = append(median, plotter.XY{X: ms(r.Timeout) * shift, Y: ms(f.P50)})
				bars.YErrors = append(bars.YErrors, struct{ Low, High float64 }{ms(f.P50 - f.P10), ms(f.P90 - f.P50)})
			}
		}
		bars.XYs = median
		col := palette[i%len(palette)]
		for _, x := range []struct {
			p   *plot.Plot
			xys plotter.XYs
			doc string
		}{{outage, median, ", median; bar: p10 to p90"}, {falsely, rate, ""}} {
			if len(x.xys) == 0 {
				continue
			}
			line, points, err := plotter.NewLinePoints(x.xys)
			if err != nil {
				return nil, nil, fmt.Errorf("draw heartbeat %v: %w", h, err)
			}
			line.LineStyle = draw.LineStyle{Color: col, Width: 1.6}
			points.GlyphStyle = draw.GlyphStyle{Color: col, Radius: 2.8, Shape: draw.CircleGlyph{}}
			x.p.Add(line, points)
			x.p.Legend.Add(fmt.Sprintf("heartbeat %v%s", h, x.doc), line, points)
		}
		if len(median) > 0 {
			e, err := plotter.NewYErrorBars(bars)
			if err != nil {
				return nil, nil, fmt.Errorf("draw heartbeat %v: %w", h, err)
			}
			e.LineStyle = draw.LineStyle{Color: col, Width: 0.9}
			outage.Add(e)
		}
	}
	return outage, falsely, nil
}

// spans are points with errors.
type spans struct {
	plotter.XYs
	plotter.YErrors
}

type timeoutTicks []time.Duration

func (t timeoutTicks) Ticks(low, high float64) (out []plot.Tick) {
	for _, d := range t {
		if v := ms(d); v >= low && v <= high {
			out = append(out, plot.Tick{Value: v, Label: strconv.FormatFloat(v, 'f', -1, 64)})
		}
	}
	return out
}

// drawKnee marks the shortest timeout without false elections.
func drawKnee(in []Result, ps ...*plot.Plot) error {
	t, edge := knee(in)
	if t == nil {
		return nil
	}
	name := fmt.Sprintf("knee: %v", *t)
	if edge {
		name = fmt.Sprintf("no knee down to %v", *t)
	}
	for _, p := range ps {
		l, err := plotter.NewLine(plotter.XYs{{X: ms(*t), Y: p.Y.Min}, {X: ms(*t), Y: p.Y.Max}})
		if err != nil {
			return fmt.Errorf("draw the knee: %w", err)
		}
		l.LineStyle = draw.LineStyle{Color: mutedColor, Width: 1.2, Dashes: []vg.Length{4, 3}}
		p.Add(l)
		p.Legend.Add(name, l)
	}
	return nil
}
