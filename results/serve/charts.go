package serve

import (
	"fmt"
	"html"
	"html/template"
	"math"
	"strings"
	"time"

	"github.com/faultline-chaos/faultline/results/format"
)

// Size of a chart in its own units. On narrow screens the style sheet makes letters larger instead.
const (
	chartWidth, chartHeight               = 560.0, 220.0
	plotLeft, plotRight, plotTop, plotEnd = 84.0, 548.0, 12.0, 186.0
)

// series is one line of a chart; a nil value leaves a gap.
type series struct {
	Name, Class string
	Values      []*float64
}

func plotX(i, n int) float64 {
	if n == 1 {
		return (plotLeft + plotRight) / 2
	}
	return plotLeft + 10 + (plotRight-plotLeft-20)*float64(i)/float64(n-1)
}

// lineChart draws series over points. Every mark says its numbers and leads to its run.
func lineChart(title string, points []point, lines []series, axis, text func(*float64) string) template.HTML {
	most := 0.0
	for _, s := range lines {
		for _, v := range s.Values {
			if v != nil {
				most = max(most, *v)
			}
		}
	}
	var b strings.Builder
	top, step := niceScale(most)
	openChart(&b, title)
	for k := 0; float64(k)*step <= top*1.0001; k++ {
		v := float64(k) * step
		gridLine(&b, v/top, axis(&v))
	}
	timeAxis(&b, points)
	y := func(v float64) float64 { return plotEnd - (plotEnd-plotTop)*v/top }
	for _, s := range lines {
		var d strings.Builder
		pen := "M"
		for i, v := range s.Values {
			if v == nil {
				pen = "M"
				continue
			}
			fmt.Fprintf(&d, "%s%.1f %.1f", pen, plotX(i, len(points)), y(*v))
			pen = "L"
		}
		fmt.Fprintf(&b, `<path class="line %s" d="%s"/>`, s.Class, d.String())
		for i, v := range s.Values {
			if v == nil {
				continue
			}
			p := &points[i]
			link(&b, p, fmt.Sprintf(`<circle class="dot %s" cx="%.1f" cy="%.1f" r="%.1f"><title>%s</title></circle>`,
				s.Class, plotX(i, len(points)), y(*v), dotRadius(len(points)), html.EscapeString(pointTitle(p)+"\n"+s.Name+" "+text(v))))
		}
	}
	b.WriteString(`</svg>`)
	return template.HTML(b.String())
}

// verdictChart stacks the verdicts of each point, the bad ones below.
func verdictChart(points []point) template.HTML {
	most := 0
	for i := range points {
		most = max(most, points[i].Runs)
	}
	var b strings.Builder
	top, step := niceScale(float64(most))
	step = max(1, math.Round(step))
	openChart(&b, "Verdicts")
	for v := 0.0; v <= top; v += step {
		gridLine(&b, v/top, fmt.Sprint(v))
	}
	timeAxis(&b, points)
	width := min(36, max(1, (plotRight-plotLeft-20)/float64(len(points))*0.8))
	for i := range points {
		p := &points[i]
		at := 0
		for _, s := range []State{Invalid, Broken, Unknown, Unfinished, Valid} {
			n := p.States[s]
			if n == 0 {
				continue
			}
			h := (plotEnd - plotTop) * float64(n) / top
			y := plotEnd - (plotEnd-plotTop)*float64(at)/top - h
			x := min(max(plotX(i, len(points))-width/2, plotLeft), plotRight-width)
			link(&b, p, fmt.Sprintf(`<rect class="fill %s" x="%.1f" y="%.1f" width="%.1f" height="%.1f"><title>%s</title></rect>`,
				s, x, y, width, h, html.EscapeString(fmt.Sprintf("%s\n%d %s", pointTitle(p), n, s))))
			at += n
		}
	}
	b.WriteString(`</svg>`)
	return template.HTML(b.String())
}

func openChart(b *strings.Builder, title string) {
	fmt.Fprintf(b, `<svg class="chart" viewBox="0 0 %g %g" role="img" aria-label="%s">`, chartWidth, chartHeight, html.EscapeString(title))
}

func gridLine(b *strings.Builder, part float64, label string) {
	y := plotEnd - (plotEnd-plotTop)*part
	fmt.Fprintf(b, `<line class="grid" x1="%g" x2="%g" y1="%.1f" y2="%.1f"/><text class="end" x="%g" y="%.1f">%s</text>`,
		plotLeft, plotRight, y, y, plotLeft-7, y+4, html.EscapeString(label))
}

// timeAxis labels the first and the last point, and one between where there is room.
func timeAxis(b *strings.Builder, points []point) {
	label := func(i int, class string) {
		text := points[i].When.Local().Format("2 Jan 15:04")
		if points[i].Run == "" {
			text = points[i].When.Format("2 Jan 2006")
		}
		if points[i].When.IsZero() {
			text = "?"
		}
		fmt.Fprintf(b, `<text class="%s" x="%.1f" y="%g">%s</text>`, class, plotX(i, len(points)), chartHeight-10, text)
	}
	switch n := len(points); {
	case n == 1:
		label(0, "middle")
	case n > 1:
		label(0, "start")
		label(n-1, "end")
	}
}

func link(b *strings.Builder, p *point, mark string) {
	if p.Run == "" || p.Gone {
		b.WriteString(mark)
		return
	}
	fmt.Fprintf(b, `<a href="%s">%s</a>`, html.EscapeString(runPath(p.Run)), mark)
}

func pointTitle(p *point) string {
	if p.Run != "" {
		return p.Run
	}
	return fmt.Sprintf("%s, %s", p.Label, format.Plural(p.Runs, "run", "runs"))
}

func dotRadius(points int) float64 {
	if points > 120 {
		return 2
	}
	return 3.5
}

// niceScale is the end of an axis that holds most, and the step of its labels: 1, 2 or 5 times a
// power of ten, at most 5 steps.
func niceScale(most float64) (top, step float64) {
	if most <= 0 {
		return 1, 1
	}
	step = math.Pow(10, math.Floor(math.Log10(most/5)))
	for _, k := range []float64{1, 2, 5, 10} {
		if k*step*5 >= most*0.9999 {
			step *= k
			break
		}
	}
	return step * math.Ceil(most/step*0.9999), step
}

// dotChart shows two medians with their intervals on one scale, which ends at most.
func dotChart(c *change, most time.Duration) template.HTML {
	const width, height, left, right = 170.0, 34.0, 5.0, 165.0
	x := func(d time.Duration) float64 {
		return left + (right-left)*min(1, max(0, float64(d)/max(1, float64(most))))
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="dots" viewBox="0 0 %g %g" role="img" aria-label="medians with their intervals"><line class="grid" x1="%g" x2="%g" y1="%g" y2="%g"/>`, width, height, left, left, 2.0, height-2)
	for i, s := range []sample{c.A, c.B} {
		if s.N == 0 {
			continue
		}
		y, class := 10+14*float64(i), []string{"s1", "s2"}[i]
		if s.Interval != nil {
			fmt.Fprintf(&b, `<line class="range %s" x1="%.1f" x2="%.1f" y1="%g" y2="%g"/>`, class, x(s.Interval[0]), x(s.Interval[1]), y, y)
		}
		fmt.Fprintf(&b, `<circle class="dot %s" cx="%.1f" cy="%g" r="4"/>`, class, x(s.Median), y)
	}
	b.WriteString(`</svg>`)
	return template.HTML(b.String())
}
