package browsertest

import (
	"cmp"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/performance"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"
)

// Point is a place on the screen in CSS pixels.
type Point struct{ X, Y float64 }

// Modifiers of wheel and mouse.
const (
	Ctrl  = 2
	Shift = 8
)

func (p *Page) mouse(kind input.DispatchMouseEventType, at Point, more func(*input.DispatchMouseEventParams)) {
	p.t.Helper()
	e := input.DispatchMouseEventParams{Type: kind, X: at.X, Y: at.Y}
	more(&e)
	_, err := chromedp.Call(p.tab, input.DispatchMouseEvent, e)
	require.NoError(p.t, err)
}

// Click presses and releases the left button.
func (p *Page) Click(at Point) {
	p.t.Helper()
	p.Drag(at, at, 0)
}

// Drag moves with the left button pressed, in a few steps.
func (p *Page) Drag(from, to Point, modifiers int64) {
	p.t.Helper()
	left := func(e *input.DispatchMouseEventParams) {
		e.Button, e.Buttons, e.ClickCount, e.Modifiers = input.MouseButtonLeft, 1, 1, modifiers
	}
	p.mouse(input.DispatchMouseEventTypeMousePressed, from, left)
	for i := 1.0; from != to && i <= 5; i++ {
		p.mouse(input.DispatchMouseEventTypeMouseMoved, between(from, to, i/5), left)
	}
	p.mouse(input.DispatchMouseEventTypeMouseReleased, to, left)
}

// Hover moves the mouse without a button.
func (p *Page) Hover(at Point) {
	p.t.Helper()
	p.mouse(input.DispatchMouseEventTypeMouseMoved, at, func(*input.DispatchMouseEventParams) {})
}

// Wheel turns the wheel by pixels, down and to the right where they are positive.
func (p *Page) Wheel(at Point, dx, dy float64, modifiers int64) {
	p.t.Helper()
	p.mouse(input.DispatchMouseEventTypeMouseWheel, at, func(e *input.DispatchMouseEventParams) {
		e.DeltaX, e.DeltaY, e.Modifiers = cmp.Or(dx, 1e-9), cmp.Or(dy, 1e-9), modifiers // zeros would be left out, and both are required
	})
}

// Fingers puts fingers down, moves them together to other places in a few steps and lifts them.
func (p *Page) Fingers(from, to []Point) {
	p.t.Helper()
	touch := func(kind input.DispatchTouchEventType, at []Point) {
		e := input.DispatchTouchEventParams{Type: kind, TouchPoints: []*input.TouchPoint{}}
		for i, f := range at {
			id := float64(i)
			e.TouchPoints = append(e.TouchPoints, &input.TouchPoint{X: f.X, Y: f.Y, ID: &id})
		}
		_, err := chromedp.Call(p.tab, input.DispatchTouchEvent, e)
		require.NoError(p.t, err)
	}
	touch(input.DispatchTouchEventTypeTouchStart, from)
	for i := 1.0; i <= 5; i++ {
		at := make([]Point, len(from))
		for j := range from {
			at[j] = between(from[j], to[j], i/5)
		}
		touch(input.DispatchTouchEventTypeTouchMove, at)
	}
	touch(input.DispatchTouchEventTypeTouchEnd, nil)
}

func between(a, b Point, k float64) Point { return Point{a.X + (b.X-a.X)*k, a.Y + (b.Y-a.Y)*k} }

// Press types keys into what has the focus; kb has names of those without a character.
func (p *Page) Press(keys string) {
	p.t.Helper()
	require.NoError(p.t, chromedp.Do(p.tab, chromedp.KeyEvent(keys)))
}

// Keys without a character.
const (
	Tab        = kb.Tab
	Enter      = kb.Enter
	Escape     = kb.Escape
	ArrowLeft  = kb.ArrowLeft
	ArrowRight = kb.ArrowRight
)

// Media shows the page as another medium does ("print"; empty: as before), with features by name
// such as prefers-reduced-motion.
func (p *Page) Media(medium string, features map[string]string) {
	p.t.Helper()
	e := emulation.SetEmulatedMediaParams{Media: medium}
	for name, value := range features {
		e.Features = append(e.Features, &emulation.MediaFeature{Name: name, Value: value})
	}
	_, err := chromedp.Call(p.tab, emulation.SetEmulatedMedia, e)
	require.NoError(p.t, err)
}

// PDF prints the page on A4.
func (p *Page) PDF() []byte {
	p.t.Helper()
	b, err := chromedp.Run(p.tab, chromedp.PrintToPDF(chromedp.PDFPaper(chromedp.PaperA4)))
	require.NoError(p.t, err)
	return b
}

// CPU starts to measure the processor time of the page's main thread, and returns how to read it, in
// seconds: other programs on the machine do not change it.
func (p *Page) CPU() func() float64 {
	p.t.Helper()
	_, err := chromedp.Call(p.tab, performance.Enable, performance.EnableParams{TimeDomain: performance.EnableTimeDomainThreadTicks})
	require.NoError(p.t, err)
	return func() float64 {
		p.t.Helper()
		r, err := chromedp.Call(p.tab, performance.GetMetrics, cdp.Empty{})
		require.NoError(p.t, err)
		for _, m := range r.Metrics {
			if m.Name == "ThreadTime" {
				return m.Value
			}
		}
		require.Fail(p.t, "the browser tells no ThreadTime")
		return 0
	}
}
