package figure

import (
	"image/color"

	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// tag is a label over a panel, at a moment.
type tag struct {
	at, left, right vg.Length // of the moment; of the words
	row             int
	label           string
	style           text.Style
}

// tagRows are labels in rows over one another, so that no two overlap.
type tagRows struct {
	tags []tag
	rows int
}

const (
	tagRow     = vg.Length(11)
	maxTagRows = 3 // of faults; with more at one place the words are left out
)

// placeTags puts each in the lowest row that is free there, of at most limit; 0: of as many as it takes.
func placeTags(x axis, records []record, limit int, style func(record) text.Style) tagRows {
	var out tagRows
	var until []vg.Length // until where each row is taken
	for _, r := range records {
		s := style(r)
		from, _ := r.number("from_s")
		t := tag{at: x.at(from), style: s, label: fitWidth(s, r.text("label"), (x.b-x.a)/2)}
		w := s.Width(t.label)
		t.left = min(t.at+3, x.b-w-2)
		t.right = t.left + w
		for t.row < len(until) && until[t.row] > t.left {
			t.row++
		}
		if limit > 0 && t.row >= limit {
			continue
		}
		if t.row == len(until) {
			until = append(until, 0)
		}
		until[t.row] = t.right + 6
		out.tags = append(out.tags, t)
	}
	out.rows = len(until)
	return out
}

// height is what they take over the panel.
func (r tagRows) height() vg.Length { return tagRow*vg.Length(r.rows) + 6 }

// paint draws a line from bottom up to each label, and the labels over all lines.
func (r tagRows) paint(c draw.Canvas, bottom, top vg.Length, dashed bool) {
	for _, t := range r.tags {
		y := r.y(t, top)
		if dashed {
			line(c, t.at, bottom, t.at, y+4, 0.9, t.style.Color, 3, 2)
			continue
		}
		line(c, t.at, bottom, t.at, y+5, 0.6, t.style.Color)
	}
	for _, t := range r.tags {
		y := r.y(t, top)
		fillRect(c, t.left-1.5, y-5, t.right+2, y+5.5, color.White)
		put(c, t.style, t.left, y, text.XLeft, t.label)
	}
}

func (r tagRows) y(t tag, top vg.Length) vg.Length { return top + 8 + vg.Length(t.row)*tagRow }

func faultStyle(r record) text.Style {
	if r.text("kind") == "leader" {
		return textStyle(8.5, true, color.NRGBA{0xa8, 0x47, 0x00, 0xff})
	}
	return textStyle(8.5, false, mutedColor)
}

func momentStyle(r record) text.Style { return textStyle(8.5, true, momentColor(r.text("kind"))) }
