package sweep

import (
	"bytes"
	"fmt"
	"image/color"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/faultline-chaos/faultline/results/figure"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"
)

var (
	// Palette are the colours of lines, after Okabe and Ito, which people with colour-blindness can tell apart.
	Palette = []color.NRGBA{
		{0x00, 0x72, 0xb2, 0xff}, {0xd5, 0x5e, 0x00, 0xff}, {0x00, 0x9e, 0x73, 0xff}, {0xcc, 0x79, 0xa7, 0xff}, {0xe6, 0x9f, 0x00, 0xff}, {0x56, 0xb4, 0xe9, 0xff}, {0x1b, 0x1f, 0x24, 0xff},
	}
	// Muted is the colour of axes.
	Muted     = color.NRGBA{0x5b, 0x65, 0x70, 0xff}
	gridColor = color.NRGBA{0xe3, 0xe7, 0xeb, 0xff}
)

const pngDPI = 160

// Draw draws the same tiles as SVG and as PNG; a nil plot leaves its tile empty.
func Draw(name string, w, h vg.Length, tiles [][]*plot.Plot) (figure.Figure, error) {
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
		return figure.Figure{}, fmt.Errorf("draw %s as SVG: %w", name, err)
	}
	img := vgimg.PngCanvas{Canvas: vgimg.NewWith(vgimg.UseWH(w, h), vgimg.UseDPI(pngDPI))}
	paint(draw.New(img))
	if _, err := img.WriteTo(&raster); err != nil {
		return figure.Figure{}, fmt.Errorf("draw %s as PNG: %w", name, err)
	}
	return figure.Figure{
		Name: name, PNG: raster.Bytes(),
		SVG: figure.TidySVG(vector.Bytes()),
	}, nil
}

// NewPlot is a plot in the look of the other graphs.
func NewPlot(title, x, y string) *plot.Plot {
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = title, x, y
	p.Title.TextStyle.Font.Variant, p.Title.TextStyle.Font.Size = "Sans", 11
	p.Title.Padding = 5
	for _, a := range []*plot.Axis{&p.X, &p.Y} {
		a.Label.TextStyle.Font.Variant, a.Label.TextStyle.Font.Size, a.Label.TextStyle.Color = "Sans", 9, Muted
		a.Tick.Label.Font.Variant, a.Tick.Label.Font.Size, a.Tick.Label.Color = "Sans", 8.5, Muted
		a.Color, a.Tick.Color = Muted, Muted
	}
	p.Legend.TextStyle.Font.Variant, p.Legend.TextStyle.Font.Size = "Sans", 8.5
	p.Legend.ThumbnailWidth, p.Legend.Padding = 18, 2
	g := plotter.NewGrid()
	g.Horizontal.Color, g.Vertical.Color = gridColor, gridColor
	p.Add(g)
	return p
}

// Legend adds a line to a plot's legend, with room for a wider font than the one that was measured with:
// a browser may not have it.
func Legend(p *plot.Plot, name string, thumbs ...plot.Thumbnailer) {
	p.Legend.Add(name+strings.Repeat(" ", 2+len(name)/4), thumbs...)
}

// LogAxis makes an axis logarithmic, from low to high.
func LogAxis(a *plot.Axis, low, high float64) {
	a.Scale, a.Tick.Marker = logScale{}, logTicks{}
	a.Min, a.Max = low*(1+1e-9), high*(1-1e-9) // so that no value lies in their middle
}

// logScale is plot.LogScale, except in the middle between its ends: there the axis' label is thought to
// be, and room was left for it on the right.
type logScale struct{}

func (logScale) Normalize(low, high, x float64) float64 {
	if x == 0.5*(high+low) {
		return 0.5
	}
	return plot.LogScale{}.Normalize(low, high, x)
}

// plainTicks are the usual ones, without digits that say nothing.
type plainTicks struct{}

func (plainTicks) Ticks(low, high float64) []plot.Tick {
	out := plot.DefaultTicks{}.Ticks(low, high)
	for i := range out {
		if out[i].Label != "" {
			out[i].Label = strconv.FormatFloat(out[i].Value, 'f', -1, 64)
		}
	}
	return out
}

// logTicks are 1, 2 and 5 times powers of ten; over more than three powers only 1 is named.
type logTicks struct{}

func (logTicks) Ticks(low, high float64) []plot.Tick {
	var out []plot.Tick
	for e := math.Floor(math.Log10(low)); e <= math.Ceil(math.Log10(high)); e++ {
		for _, m := range []float64{1, 2, 5} {
			v := m * math.Pow(10, e)
			if v < low*0.999 || v > high*1.001 {
				continue
			}
			t := plot.Tick{Value: v}
			if m == 1 || high < 1001*low {
				t.Label = strconv.FormatFloat(v, 'f', -1, 64)
			}
			out = append(out, t)
		}
	}
	return out
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
