package figure

import (
	"image"
	"image/color"
	imagedraw "image/draw"
	"math"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"

	"github.com/faultline-chaos/faultline/history"
)

// stamper is a layer of pixels on which a glyph is drawn once and then copied to whole pixels: a
// million calls cost a second and not ten. It is used by one goroutine.
type stamper struct {
	*vgimg.Canvas
	height int // pixels
	masks  map[stamp]*image.Alpha
	inks   map[color.NRGBA]*image.Uniform
}

type stamp struct {
	t history.Type
	r vg.Length
}

func newStamper(w, h vg.Length) *stamper {
	img := vgimg.NewWith(vgimg.UseWH(w, h), vgimg.UseDPI(figureDPI), vgimg.UseBackgroundColor(color.Transparent))
	return &stamper{img, img.Image().Bounds().Dy(), map[stamp]*image.Alpha{}, map[color.NRGBA]*image.Uniform{}}
}

// glyph puts the glyph of a call at a place, at most half a pixel off.
func (s *stamper) glyph(t history.Type, p vg.Point, r vg.Length, c color.NRGBA) {
	mask, ok := s.masks[stamp{t, r}]
	if !ok {
		mask = maskOf(t, r)
		s.masks[stamp{t, r}] = mask
	}
	ink, ok := s.inks[c]
	if !ok {
		ink = image.NewUniform(c)
		s.inks[c] = ink
	}
	const pixels = figureDPI / float64(vg.Inch)
	half := mask.Rect.Dx() / 2
	x, y := int(math.Floor(float64(p.X)*pixels)), s.height-1-int(math.Floor(float64(p.Y)*pixels))
	imagedraw.DrawMask(s.Image(), mask.Rect.Add(image.Pt(x-half, y-half)), ink, image.Point{}, mask, image.Point{}, imagedraw.Over)
}

// maskOf is how much of each pixel a glyph covers that lies in the middle of the middle one.
func maskOf(t history.Type, r vg.Length) *image.Alpha {
	const pixel = vg.Inch / figureDPI
	side := 2*int(math.Ceil(float64((1.2*r+1)/pixel))) + 1
	img := vgimg.NewWith(vgimg.UseWH(vg.Length(side)*pixel, vg.Length(side)*pixel), vgimg.UseDPI(figureDPI), vgimg.UseBackgroundColor(color.Transparent))
	middle := vg.Length(side) * pixel / 2
	drawGlyph(draw.New(img), t, vg.Point{X: middle, Y: middle}, r, 0xff)
	mask := image.NewAlpha(image.Rect(0, 0, side, side))
	imagedraw.Draw(mask, mask.Rect, img.Image(), image.Point{}, imagedraw.Src)
	return mask
}
