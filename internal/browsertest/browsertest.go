// Package browsertest opens pages in headless Chromium for tests and watches what they do.
package browsertest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	cdpruntime "github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// Start starts a browser that ends with the test, or skips the test where none is installed.
func Start(t testing.TB) context.Context {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		path, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox)
		alloc, cancel := chromedp.NewExecAllocator(context.WithoutCancel(t.Context()), opts...)
		t.Cleanup(cancel)
		browser, cancel := chromedp.NewContext(alloc)
		t.Cleanup(cancel)
		require.NoError(t, chromedp.Do(browser))
		return browser
	}
	t.Skip("no Chromium or Chrome is installed: the pages are not tried in a browser")
	return nil
}

// Options say how a page is looked at.
type Options struct {
	Width, Height int64  // CSS pixels; Height 0: 900
	Scheme        string // light or dark
	Site          string // requests below it are allowed; empty: none but the page itself
	IgnoreLog     bool   // the browser's own log, where a page is an error on purpose
}

// Page is one open page.
type Page struct {
	t   testing.TB
	tab context.Context
	mu  sync.Mutex
	bad []string
}

// Open opens the page and watches it from the first request on. It ends with the test.
func Open(t testing.TB, browser context.Context, url string, o Options) *Page {
	t.Helper()
	tab, cancel := chromedp.NewContext(browser)
	t.Cleanup(cancel)
	p := &Page{t: t, tab: tab}
	if o.Height == 0 {
		o.Height = 900
	}
	require.NoError(t, chromedp.Listen(tab, func(ev any) {
		switch e := ev.(type) {
		case *network.EventRequestWillBeSent:
			u := e.Request.URL
			if u != url && !strings.HasPrefix(u, "data:") && !strings.HasPrefix(u, "blob:") && (o.Site == "" || !strings.HasPrefix(u, o.Site)) {
				p.note("request: %s", u)
			}
		case *cdpruntime.EventExceptionThrown:
			p.note("exception: %s %v", e.ExceptionDetails.Text, e.ExceptionDetails.Exception)
		case *cdpruntime.EventConsoleAPICalled:
			p.note("console: %v", e.Type)
		case *cdplog.EventEntryAdded:
			if !o.IgnoreLog {
				p.note("log: %s", e.Entry.Text)
			}
		}
	}))
	enable := chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		// Nobody asks for what was loaded: keeping it makes the browser read a page twice.
		none := int64(0)
		if _, err := cdp.Call(ctx, target, network.Enable, network.EnableParams{MaxTotalBufferSize: &none, MaxResourceBufferSize: &none}); err != nil {
			return err
		}
		_, err := cdp.Call(ctx, target, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: o.Scheme}},
		})
		return err
	})
	require.NoError(t, chromedp.Do(tab, chromedp.EmulateViewport(o.Width, o.Height), enable, chromedp.Navigate(url)))
	return p
}

func (p *Page) note(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.bad = append(p.bad, fmt.Sprintf(format, args...))
}

// Quiet fails the test where the page sent a request, threw or wrote to the console.
func (p *Page) Quiet() {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	require.Empty(p.t, p.bad)
}

// Eval is the value of an expression; promises are not awaited.
func Eval[T any](p *Page, js string) T {
	p.t.Helper()
	v, err := chromedp.Run(p.tab, chromedp.Evaluate[T](js))
	require.NoError(p.t, err, js)
	return v
}

// Do runs statements.
func (p *Page) Do(js string) {
	p.t.Helper()
	Eval[bool](p, "(() => { "+js+"; return true; })()")
}

// Wait waits until the expression is true.
func (p *Page) Wait(js, message string) {
	p.t.Helper()
	require.Eventually(p.t, func() bool {
		ok, err := chromedp.Run(p.tab, chromedp.Evaluate[bool](js))
		return err == nil && ok
	}, 60*time.Second, 20*time.Millisecond, message)
}

// Fits fails the test where the page is wider than the screen, or where something reaches out of the
// boxes that the selector names, unless it is in a box that scrolls.
func (p *Page) Fits(boxes string) {
	p.t.Helper()
	require.LessOrEqual(p.t, Eval[int](p, `document.documentElement.scrollWidth - window.innerWidth`), 0, "the page is wider than the screen")
	require.Empty(p.t, Eval[string](p, fmt.Sprintf(`[...document.querySelectorAll(%q)].flatMap(box => {
		const s = box.getBoundingClientRect();
		return [...box.querySelectorAll("*")].filter(e => {
			const r = e.getBoundingClientRect();
			return !e.closest(".scroll, svg, figure, .hidden, option, #tip, nav") && r.width > 1 && (r.right > s.right + 1 || r.left < s.left - 1);
		});
	}).map(e => e.tagName + "." + e.className + " " + e.textContent.slice(0, 40)).join("; ")`, boxes)), "something reaches out of its box")
}

// Apart fails the test where two of the selected elements overlap that are not inside one another.
func (p *Page) Apart(selector string) {
	p.t.Helper()
	require.Empty(p.t, Eval[string](p, fmt.Sprintf(`(() => {
		const list = [...document.querySelectorAll(%q)].map(e => [e, e.getBoundingClientRect()]).filter(([, r]) => r.width > 0 && r.height > 0).sort((a, b) => a[1].top - b[1].top), out = [];
		for (let i = 0; i < list.length; i++) for (let j = i + 1; j < list.length && list[j][1].top < list[i][1].bottom - 1; j++) {
			const [a, r] = list[i], [b, q] = list[j];
			if (!a.contains(b) && !b.contains(a) && r.left < q.right - 1 && q.left < r.right - 1) out.push(a.textContent.slice(0, 40) + " / " + b.textContent.slice(0, 40));
		}
		return out.slice(0, 5).join("; ");
	})()`, selector)), "something overlaps")
}

// Shot saves a picture of the whole page. An empty folder saves
// nothing.
func (p *Page) Shot(folder, name string) {
	p.t.Helper()
	if folder == "" {
		return
	}
	png, err := chromedp.Run(p.tab, chromedp.FullScreenshot(100))
	require.NoError(p.t, err)
	require.NoError(p.t, os.MkdirAll(folder, 0o755))
	require.NoError(p.t, os.WriteFile(folder+"/"+name+".png", png, 0o600))
}
