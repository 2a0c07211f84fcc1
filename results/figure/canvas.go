package figure

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"time"

	stdfont "golang.org/x/image/font"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"

	"github.com/faultline-chaos/faultline/results/failover"
	"github.com/faultline-chaos/faultline/results/format"
)

// Colours after Okabe and Ito, which people with colour-blindness can tell apart; ok, failed and
// unknown also differ in shape.
var (
	inkColor     = color.NRGBA{0x1b, 0x1f, 0x24, 0xff}
	mutedColor   = color.NRGBA{0x5b, 0x65, 0x70, 0xff}
	gridColor    = color.NRGBA{0xe3, 0xe7, 0xeb, 0xff}
	okColor      = color.NRGBA{0x00, 0x72, 0xb2, 0xff}
	failColor    = color.NRGBA{0xd5, 0x5e, 0x00, 0xff}
	unknownColor = color.NRGBA{0xb0, 0x4f, 0x8e, 0xff}

	stateColors = map[failover.State]color.NRGBA{
		failover.StateLeader:       {0x00, 0x9e, 0x73, 0xff},
		failover.StateFollower:     {0xcf, 0xd8, 0xe0, 0xff},
		failover.StatePreCandidate: {0xf3, 0xd9, 0x8b, 0xff},
		failover.StateCandidate:    {0xe6, 0x9f, 0x00, 0xff},
		failover.StateDown:         {0x2b, 0x2f, 0x36, 0xff},
		failover.StatePaused:       {0x7a, 0x83, 0x8f, 0xff},
		failover.StateUnknown:      {0xf4, 0xf6, 0xf8, 0xff},
	}
	cutColor = failColor

	phaseColors = []color.NRGBA{ // from light to dark, so that they also read in grey
		{0xdd, 0xe3, 0xe9, 0xff}, {0xf3, 0xd9, 0x8b, 0xff}, {0xe6, 0x9f, 0x00, 0xff}, {0x56, 0xb4, 0xe9, 0xff}, {0x00, 0x72, 0xb2, 0xff},
	}
)

func alpha(c color.NRGBA, a uint8) color.NRGBA { c.A = a; return c }

// Figure is one graph, as SVG and as PNG, and the numbers that it was drawn from.
type Figure struct {
	Name  string
	Place Place // on the report page; empty: none
	SVG   []byte
	PNG   []byte
	CSV   []byte // a header row with units in the columns' names, then the data
	// Worst is the id of the failover with the longest outage of writes among those drawn, and Longest
	// that outage in words; empty where the figure is not about failovers.
	Worst, Longest string
}

// figureDPI is the resolution of PNGs and of dense layers inside SVGs.
const figureDPI = 160

// newFigure draws the same thing twice.
func newFigure(name string, w, h vg.Length, paint func(draw.Canvas)) (Figure, error) {
	vector, err := vectorOf(name, w, h, paint)
	if err != nil {
		return Figure{}, err
	}
	img := vgimg.NewWith(vgimg.UseWH(w, h), vgimg.UseDPI(figureDPI))
	paint(background(draw.New(img)))
	var raster bytes.Buffer
	enc := png.Encoder{CompressionLevel: png.BestSpeed} // encoding takes longer than drawing
	if err := enc.Encode(&raster, img.Image()); err != nil {
		return Figure{}, fmt.Errorf("draw %s as PNG: %w", name, err)
	}
	return Figure{Name: name, SVG: vector, PNG: raster.Bytes()}, nil
}

func vectorOf(name string, w, h vg.Length, paint func(draw.Canvas)) ([]byte, error) {
	svg := vgsvg.New(w, h)
	paint(background(draw.New(svg)))
	var b bytes.Buffer
	if _, err := svg.WriteTo(&b); err != nil {
		return nil, fmt.Errorf("draw %s as SVG: %w", name, err)
	}
	return tidySVG(b.Bytes()), nil
}

func background(c draw.Canvas) draw.Canvas {
	c.FillPolygon(color.White, []vg.Point{c.Min, {X: c.Max.X, Y: c.Min.Y}, c.Max, {X: c.Min.X, Y: c.Max.Y}})
	return c
}

func textStyle(size vg.Length, bold bool, c color.Color) text.Style {
	f := font.Font{Typeface: "Liberation", Variant: "Sans", Size: size}
	if bold {
		f.Weight = stdfont.WeightBold
	}
	return text.Style{Color: c, Font: f, Handler: plot.DefaultTextHandler, YAlign: text.YCenter}
}

func put(c draw.Canvas, s text.Style, x, y vg.Length, xa text.XAlignment, words string) {
	s.XAlign = xa
	c.FillText(s, vg.Point{X: x, Y: y}, words)
}

func fillRect(c draw.Canvas, x0, y0, x1, y1 vg.Length, col color.Color) {
	c.FillPolygon(col, []vg.Point{{X: x0, Y: y0}, {X: x1, Y: y0}, {X: x1, Y: y1}, {X: x0, Y: y1}})
}

func line(c draw.Canvas, x0, y0, x1, y1, width vg.Length, col color.Color, dashes ...vg.Length) {
	c.StrokeLine2(draw.LineStyle{Color: col, Width: width, Dashes: dashes}, x0, y0, x1, y1)
}

// axis maps values to lengths.
type axis struct {
	lo, hi float64
	log    bool
	a, b   vg.Length
}

func (x axis) at(v float64) vg.Length {
	lo, hi := x.lo, x.hi
	if x.log {
		v, lo, hi = math.Log10(v), math.Log10(lo), math.Log10(hi)
	}
	return x.a + vg.Length((v-lo)/(hi-lo))*(x.b-x.a)
}

func (x axis) clamp(v float64) float64 { return min(max(v, x.lo), x.hi) }

// niceTicks are about n multiples of 1, 2 or 5 times a power of ten.
func niceTicks(lo, hi float64, n int) []float64 {
	if !(hi > lo) || n < 1 {
		return nil
	}
	raw := (hi - lo) / float64(n)
	p := math.Pow(10, math.Floor(math.Log10(raw)))
	s := p * 10
	for _, m := range []float64{1, 2, 5} {
		if m*p >= raw {
			s = m * p
			break
		}
	}
	var out []float64
	for i := math.Ceil(lo/s - 1e-9); i*s <= hi+s*1e-9; i++ {
		out = append(out, i*s+0) // +0 turns -0 into 0
	}
	return out
}

// seconds is a tick's label with as many digits as its step asks for.
func tickLabel(v, step float64) string {
	digits := max(0, int(math.Ceil(-math.Log10(step)-1e-9)))
	return fmt.Sprintf("%.*f", digits, v)
}

// timeAxis draws ticks in seconds below the panel.
func timeAxis(c draw.Canvas, x axis, top, bottom vg.Length, title string) {
	ticks := niceTicks(x.lo, x.hi, 12)
	step := 1.0
	if len(ticks) > 1 {
		step = ticks[1] - ticks[0]
	}
	for _, t := range ticks {
		line(c, x.at(t), bottom, x.at(t), top, 0.5, gridColor)
		put(c, textStyle(8.5, false, mutedColor), x.at(t), bottom-9, text.XCenter, tickLabel(t, step))
	}
	put(c, textStyle(9, false, mutedColor), (x.a+x.b)/2, bottom-22, text.XCenter, title)
}

// timeoutLine marks a duration between y0 and y1.
func timeoutLine(c draw.Canvas, x axis, timeout time.Duration, y0, y1 vg.Length) {
	if timeout <= 0 || Milliseconds(timeout) < x.lo || Milliseconds(timeout) > x.hi {
		return
	}
	px := x.at(Milliseconds(timeout))
	line(c, px, y0, px, y1, 1, mutedColor, 2, 2)
	s := textStyle(8.5, false, mutedColor)
	words := "election timeout " + format.MS(timeout)
	xa, at := text.XAlignment(text.XLeft), px+4
	if at+s.Width(words) > x.b {
		xa, at = text.XRight, px-4
	}
	put(c, s, at, y1+7, xa, words)
}

// msAxis draws ticks in milliseconds below the panel.
func msAxis(c draw.Canvas, x axis, bottom, top vg.Length, title string) {
	for _, t := range niceTicks(x.lo, x.hi, 10) {
		line(c, x.at(t), bottom, x.at(t), top, 0.5, gridColor)
		put(c, textStyle(8.5, false, mutedColor), x.at(t), bottom-9, text.XCenter, fmt.Sprintf("%g", t))
	}
	put(c, textStyle(9, false, mutedColor), (x.a+x.b)/2, bottom-24, text.XCenter, title)
}

// durationAxis draws ticks in milliseconds beside the panel.
func durationAxis(c draw.Canvas, x, y axis, title string) {
	for _, t := range niceTicks(y.lo, y.hi, 6) {
		line(c, x.a, y.at(t), x.b, y.at(t), 0.5, gridColor)
		put(c, textStyle(8.5, false, mutedColor), x.a-6, y.at(t), text.XRight, fmt.Sprintf("%g", t))
	}
	rotated(c, c.Min.X+14, (y.a+y.b)/2, title)
}

// timeoutLevel marks a duration across the panel, with words that end at right.
func timeoutLevel(c draw.Canvas, x, y axis, timeout time.Duration, right vg.Length) {
	if timeout <= 0 || Milliseconds(timeout) > y.hi {
		return
	}
	py := y.at(Milliseconds(timeout))
	line(c, x.a, py, x.b, py, 1, mutedColor, 2, 2)
	put(c, textStyle(8.5, false, mutedColor), right, py-7, text.XRight, "election timeout "+format.MS(timeout))
}

func rotated(c draw.Canvas, x, y vg.Length, words string) {
	s := textStyle(9, false, mutedColor)
	s.Rotation = math.Pi / 2
	s.XAlign, s.YAlign = text.XCenter, text.YCenter
	c.FillText(s, vg.Point{X: x, Y: y}, words)
}

// raster draws a dense layer as an image, so that an SVG does not carry every point.
func raster(c draw.Canvas, r vg.Rectangle, paint func(draw.Canvas)) {
	size := r.Size()
	img := newStamper(size.X, size.Y)
	paint(draw.New(img))
	var m image.Image = img.Image()
	c.DrawImage(r, m)
}

// legend is a row of swatches that ends at the right edge.
type legendItem struct {
	label string
	paint func(c draw.Canvas, x, y vg.Length)
}

func swatch(col color.Color) func(draw.Canvas, vg.Length, vg.Length) {
	return func(c draw.Canvas, x, y vg.Length) { fillRect(c, x-5, y-4, x+5, y+4, col) }
}

func legend(c draw.Canvas, right, y vg.Length, items []legendItem) {
	s := textStyle(8.5, false, mutedColor)
	x := right
	for i := len(items) - 1; i >= 0; i-- {
		w := s.Width(items[i].label)
		put(c, s, x-w, y, text.XLeft, items[i].label)
		items[i].paint(c, x-w-10, y)
		x -= w + 26
	}
}

// secondsOf is rounded once, so that its shortest decimal is exact.
func secondsOf(d time.Duration) float64 { return float64(d) / float64(time.Second) }

func Milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
