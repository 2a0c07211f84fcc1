package page

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/internal/browsertest"
	"github.com/faultline-chaos/faultline/results/failover"
	"github.com/faultline-chaos/faultline/results/internal/synthetic"
)

// place is a point of the timeline: parts of its plot's width, and a part of the page's own layout.
func place(p *browsertest.Page, x, y float64) browsertest.Point {
	left, width := browsertest.Eval[float64](p, `document.getElementById("timeline").getBoundingClientRect().left`), browsertest.Eval[float64](p, `document.getElementById("timeline").getBoundingClientRect().width`)
	top := browsertest.Eval[float64](p, `document.getElementById("timeline").getBoundingClientRect().top`)
	return browsertest.Point{X: left + 56 + x*(width-64), Y: top + y}
}

// viewOf is what the timeline shows, in microseconds, once everything asked for was drawn.
func viewOf(t *testing.T, p *browsertest.Page) (from, to float64) {
	p.Do(`window.settled = false; requestAnimationFrame(() => requestAnimationFrame(() => { window.settled = true; }))`)
	p.Wait(`window.settled`, "no frame was drawn")
	a, b, _ := strings.Cut(browsertest.Eval[string](p, `document.getElementById("timeline").dataset.view`), " ")
	from, err := strconv.ParseFloat(a, 64)
	require.NoError(t, err)
	to, err = strconv.ParseFloat(b, 64)
	require.NoError(t, err)
	return from, to
}

const panelOpen = `!document.getElementById("panel").hidden`

// TestTimelineByHand moves the timeline as people do: by mouse, wheel, fingers and keys.
func TestTimelineByHand(t *testing.T) {
	browser := browsertest.Start(t)
	a := failover.Analyze(synthetic.Probed(synthetic.Mix))
	dir := rendered(t, a.Run, a.History)
	open := func(t *testing.T, width int64) *browsertest.Page {
		p := browsertest.Open(t, browser, reportURL(t, dir), browsertest.Options{Width: width, Scheme: "light"})
		p.Wait(timelineDrawn, "the timeline was not drawn")
		p.Do(`document.documentElement.style.scrollBehavior = "auto"; document.getElementById("timeline").scrollIntoView({block: "start"}); scrollBy(0, -80)`)
		return p
	}

	t.Run("mouse and wheel", func(t *testing.T) {
		p := open(t, 1280)
		from, to := viewOf(t, p)
		p.Wheel(place(p, .5, 100), 0, -200, browsertest.Ctrl)
		p.Wheel(place(p, .5, 100), 0, -200, browsertest.Ctrl)
		a, b := viewOf(t, p)
		require.Less(t, b-a, (to-from)/2, "Ctrl and the wheel zoom in")
		require.InDelta(t, (from+to)/2, (a+b)/2, (to-from)*.02, "around the pointer")
		p.Drag(place(p, .8, 100), place(p, .3, 100), 0)
		c, d := viewOf(t, p)
		require.InDelta(t, (b-a)/2, c-a, (b-a)*.02, "dragging moves as far as the pointer went")
		require.InDelta(t, b-a, d-c, 1)
		p.Drag(place(p, .25, 100), place(p, .75, 100), browsertest.Shift)
		e, f := viewOf(t, p)
		require.InDelta(t, c+(d-c)/4, e, (d-c)*.02, "Shift and dragging zoom to what was marked")
		require.InDelta(t, c+(d-c)*3/4, f, (d-c)*.02)
		p.Wheel(place(p, .5, 100), 0, -200, 0)
		g, h := viewOf(t, p)
		require.Less(t, h-g, f-e, "after a click the wheel alone zooms")
		p.Hover(place(p, .5, 300))
		p.Wait(`document.getElementById("tip").textContent !== ""`, "no words at the pointer")
		p.Quiet()
	})

	t.Run("a click on a call shows its attempts and the logs around it", func(t *testing.T) {
		p := open(t, 1280)
		p.Do(key("n") + strings.Repeat(";"+key("+"), 4) + ";" + key("n"))
		viewOf(t, p)
		at := browsertest.Eval[string](p, `(() => { // where the pointer is told of a call
			const c = document.getElementById("timeline"), r = c.getBoundingClientRect();
			for (let y = 40; y < 240; y += 4) for (let x = 60; x < r.width; x += 8) {
				c.dispatchEvent(new PointerEvent("pointermove", {clientX: r.left + x, clientY: r.top + y}));
				if (document.getElementById("tip").textContent.includes("click for more")) return (r.left + x) + " " + (r.top + y);
			}
			return "";
		})()`)
		var call browsertest.Point
		_, err := fmt.Sscan(at, &call.X, &call.Y)
		require.NoError(t, err, "no call is found by the pointer")
		p.Click(call)
		p.Wait(panelOpen, "a click opens the panel")
		p.Wait(`document.querySelectorAll("#panel .line.here").length > 0`, "the panel shows no lines")
		words := browsertest.Eval[string](p, `document.getElementById("panel").textContent`)
		require.Contains(t, words, "Log lines of all members around it")
		require.Contains(t, words, "the call was due")
		p.Quiet()
	})

	t.Run("fingers", func(t *testing.T) {
		p := open(t, 390)
		from, to := viewOf(t, p)
		p.Fingers([]browsertest.Point{place(p, .4, 100), place(p, .6, 100)}, []browsertest.Point{place(p, .1, 100), place(p, .9, 100)})
		a, b := viewOf(t, p)
		require.Less(t, b-a, (to-from)/2, "two fingers apart zoom in")
		p.Fingers([]browsertest.Point{place(p, .9, 100)}, []browsertest.Point{place(p, .4, 100)})
		c, d := viewOf(t, p)
		require.Greater(t, c-a, (b-a)*.3, "one finger moves")
		require.InDelta(t, b-a, d-c, 1)
		p.Quiet()
	})

	t.Run("keys", func(t *testing.T) {
		p := open(t, 1280)
		var way []string
		for range 40 {
			p.Press(browsertest.Tab)
			at := browsertest.Eval[string](p, `(e => e.id || e.dataset.zoom && "zoom" || e.dataset.lanes && "lanes" || e.tagName)(document.activeElement)`)
			way = append(way, at)
			if at == "lanes" {
				break
			}
		}
		require.Subset(t, way, []string{"A", "timeline", "zoom", "lanes"}, "links, timeline and buttons are reached by Tab, in this order")
		p.Do(`document.getElementById("timeline").focus()`)
		from, to := viewOf(t, p)
		p.Press("++")
		a, b := viewOf(t, p)
		require.InDelta(t, (to-from)/4, b-a, (to-from)*.01)
		p.Press(browsertest.ArrowRight)
		c, _ := viewOf(t, p)
		require.InDelta(t, (b-a)/5, c-a, 2)
		p.Press(browsertest.ArrowLeft + "-0")
		c, d := viewOf(t, p)
		require.Equal(t, []float64{from, to}, []float64{c, d})
		p.Press("n" + browsertest.Enter)
		p.Wait(panelOpen, "Enter opens the call")
		require.Equal(t, "panel", browsertest.Eval[string](p, `document.activeElement.id`), "the panel has the focus")
		p.Press(browsertest.Escape)
		require.Equal(t, "timeline", browsertest.Eval[string](p, `document.activeElement.id`), "the focus goes back")
		require.False(t, browsertest.Eval[bool](p, panelOpen))
		p.Quiet()
	})
}

// TestReportOnPaper prints: what is closed on the screen is open, charts are whole, and words are dark
// on white, also where the screen is dark.
func TestReportOnPaper(t *testing.T) {
	browser := browsertest.Start(t)
	a := failover.Analyze(synthetic.Probed(synthetic.Mix))
	p := browsertest.Open(t, browser, reportURL(t, rendered(t, a.Run, a.History)), browsertest.Options{Width: 718, Scheme: "dark"})
	p.Wait(timelineDrawn, "the timeline was not drawn")
	closed := browsertest.Eval[int](p, `document.querySelectorAll("details:not([open])").length`)
	require.Positive(t, closed)
	p.Do(`addEventListener("beforeprint", () => { window.atPrint = document.querySelectorAll("details:not([open])").length; })`)
	pdf := p.PDF()
	require.True(t, bytes.HasPrefix(pdf, []byte("%PDF-")))
	require.Zero(t, browsertest.Eval[int](p, `window.atPrint`), "details closed on paper")
	require.Equal(t, closed, browsertest.Eval[int](p, `document.querySelectorAll("details:not([open])").length`), "they close again")
	p.Media("print", map[string]string{"prefers-color-scheme": "dark"})
	require.True(t, browsertest.Eval[bool](p, `[...document.querySelectorAll("details > *")].every(e => e.checkVisibility())`), "something closed is not shown")
	p.Fits("header .in, section")
	p.Apart("h1, h2, h3, .verdict, .reason, .card, th, td, li, figure")
	require.Empty(t, browsertest.Eval[string](p, `[...document.querySelectorAll("figure")].filter(f => f.scrollWidth > f.clientWidth + 1 || f.getBoundingClientRect().height > 1000).map(f => f.textContent.slice(0, 40)).join("; ")`), "a chart is cut")
	require.Equal(t, "rgb(255, 255, 255)", browsertest.Eval[string](p, `getComputedStyle(document.body).backgroundColor`))
	require.Empty(t, browsertest.Eval[string](p, `[...document.querySelectorAll("h1, h2, h3, p, td, th, li, code, pre, summary, .verdict, .card *")].filter(e => {
		const [r, g, b] = getComputedStyle(e).color.match(/[\d.]+/g).map(Number);
		return .299 * r + .587 * g + .114 * b > 140;
	}).map(e => e.tagName + " " + e.textContent.slice(0, 40)).join("; ")`), "words too light for paper")
	if shots := os.Getenv("RESULTS_SHOTS"); shots != "" {
		p.Shot(shots, "print")
		require.NoError(t, os.WriteFile(filepath.Join(shots, "print.pdf"), pdf, 0o600))
	}
	p.Quiet()
}

// TestReducedMotion: nothing glides for who asked for that.
func TestReducedMotion(t *testing.T) {
	browser := browsertest.Start(t)
	a := failover.Analyze(synthetic.Probed(synthetic.Mix))
	p := browsertest.Open(t, browser, reportURL(t, rendered(t, a.Run, a.History)), browsertest.Options{Width: 1280, Scheme: "light"})
	require.Equal(t, "smooth", browsertest.Eval[string](p, `getComputedStyle(document.documentElement).scrollBehavior`))
	p.Media("", map[string]string{"prefers-reduced-motion": "reduce"})
	require.Equal(t, "auto", browsertest.Eval[string](p, `getComputedStyle(document.documentElement).scrollBehavior`))
}
