package figure

import (
	"fmt"
	"html"
	"regexp"
	"strconv"

	"gonum.org/v1/plot/vg"
)

var (
	liberation = regexp.MustCompile(`font-family:[^;]*;font-variant:[^;]*;font-weight:([^;]*);font-style:[^;]*`)
	svgText    = regexp.MustCompile(`<text ([^>]*font-weight:(normal|bold);font-size:([0-9.]+)px[^>]*)>([^<]*)</text>`)
)

// tidySVG makes what vgsvg wrote fit everywhere. It names fonts that browsers have: Arial and Helvetica
// are as wide as Liberation Sans. Where all three are missing, letters would be wider and texts would
// overlap and be cut, so every text says how wide it is.
func tidySVG(b []byte) []byte {
	b = liberation.ReplaceAll(b, []byte("font-family:'Liberation Sans',Arial,Helvetica,sans-serif;font-weight:$1"))
	return svgText.ReplaceAllFunc(b, func(text []byte) []byte {
		m := svgText.FindSubmatch(text)
		size, err := strconv.ParseFloat(string(m[3]), 64)
		words := html.UnescapeString(string(m[4]))
		if err != nil || words == "" {
			return text
		}
		w := textStyle(vg.Length(size), string(m[2]) == "bold", inkColor).Width(words)
		return fmt.Appendf(nil, `<text textLength="%.4g" lengthAdjust="spacingAndGlyphs" %s>%s</text>`, float64(w), m[1], m[4])
	})
}
