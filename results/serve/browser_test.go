package serve

import (
	"context"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
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

	"github.com/faultline-chaos/faultline/results"
)

// chromium finds a browser, or skips.
func chromium(t *testing.T) string {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skip("no Chromium or Chrome is installed: the pages are not tried in a browser")
	return ""
}

// TestPagesInBrowser opens every page at the widths of a desktop and of a phone, light and dark: no
// errors, no request leaves the server, nothing is wider than the screen. SERVE_SHOTS names a folder
// for screenshots, SERVE_DIR a folder of other runs to look at.
func TestPagesInBrowser(t *testing.T) {
	path := chromium(t)
	dir := os.Getenv("SERVE_DIR")
	pages := map[string]string{
		"runs": "/", "filtered": "/?verdict=valid&sort=p50", "compare": "/compare?run=" + slowRun + "&run=" + quickRun,
		"trends": "/trends", "nights": "/trends?by=night", "run": "/runs/" + quickRun + "/", "torn": "/runs/" + tornRun + "/", "nothing": "/nothing-like-it",
	}
	if dir == "" {
		dir = folderOfRuns(t)
		fake{id: strings.Repeat("W", 128), started: day, outages: slow[:1], latency: mil, system: strings.Repeat("sys", 40), reason: strings.Repeat("reason", 90)}.write(t, dir)
		render(t, dir, etcdRun)
		pages["report"] = "/runs/" + etcdRun + "/report.html"
		pages["long"] = "/runs/" + strings.Repeat("W", 128) + "/"
		pages["compare long"] = "/compare?run=" + strings.Repeat("W", 128) + "&run=" + quickRun
	} else {
		pages = map[string]string{"runs": "/", "trends": "/trends", "compare": os.Getenv("SERVE_COMPARE")}
	}
	web := httptest.NewServer(serverOf(t, Options{Dir: dir}).Handler())
	defer web.Close()
	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox)
	alloc, cancel := chromedp.NewExecAllocator(t.Context(), opts...)
	defer cancel()
	browser, cancel := chromedp.NewContext(alloc)
	defer cancel()
	require.NoError(t, chromedp.Do(browser))
	for name, target := range pages {
		for _, width := range []int64{1280, 375} {
			for _, scheme := range []string{"light", "dark"} {
				t.Run(fmt.Sprintf("%s %d %s", name, width, scheme), func(t *testing.T) {
					look(browser, t, web.URL, target, name, width, scheme)
				})
			}
		}
	}
	if os.Getenv("SERVE_DIR") == "" {
		t.Run("filter and choose", func(t *testing.T) { try(browser, t, web.URL) })
	}
}

// render makes a run's real report, which must work under the policy for files, too.
func render(t *testing.T, dir, id string) {
	folder, err := results.Open(filepath.Join(dir, id))
	require.NoError(t, err)
	a, err := folder.Analyze()
	require.NoError(t, err)
	require.NoError(t, folder.Render(a))
}

func look(browser context.Context, t *testing.T, site, target, name string, width int64, scheme string) {
	tab, cancel := chromedp.NewContext(browser)
	defer cancel()
	var mu sync.Mutex
	var bad []string
	note := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		bad = append(bad, fmt.Sprintf(format, args...))
	}
	require.NoError(t, chromedp.Listen(tab, func(ev any) {
		switch e := ev.(type) {
		case *network.EventRequestWillBeSent:
			if !strings.HasPrefix(e.Request.URL, site+"/") && !strings.HasPrefix(e.Request.URL, "data:") {
				note("request: %s", e.Request.URL)
			}
		case *cdpruntime.EventExceptionThrown:
			note("exception: %s %v", e.ExceptionDetails.Text, e.ExceptionDetails.Exception)
		case *cdpruntime.EventConsoleAPICalled:
			note("console: %v", e.Type)
		case *cdplog.EventEntryAdded:
			if name != "nothing" { // that page is a 404 on purpose
				note("log: %s", e.Entry.Text)
			}
		}
	}))
	enable := chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		if _, err := cdp.Call(ctx, target, network.Enable, network.EnableParams{}); err != nil {
			return err
		}
		_, err := cdp.Call(ctx, target, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
		})
		return err
	})
	require.NoError(t, chromedp.Do(tab, chromedp.EmulateViewport(width, 900), enable, chromedp.Navigate(site+target)))
	if name == "report" {
		require.Eventually(t, func() bool {
			ok, err := chromedp.Run(tab, chromedp.Evaluate[bool](`document.getElementById("timeline").height > 200`))
			return err == nil && ok
		}, 30*time.Second, 50*time.Millisecond, "the report's timeline was not drawn")
	}
	overflow, err := chromedp.Run(tab, chromedp.Evaluate[int](`document.documentElement.scrollWidth - window.innerWidth`))
	require.NoError(t, err)
	require.LessOrEqual(t, overflow, 0, "the page is wider than the screen")
	// Nothing reaches out of its box, unless the box scrolls or clips.
	if name == "report" { // its own test looks at the rest
		mu.Lock()
		defer mu.Unlock()
		require.Empty(t, bad)
		return
	}
	cut, err := chromedp.Run(tab, chromedp.Evaluate[string](`[...document.querySelectorAll("section *")].filter(e => {
		const s = e.closest("section").getBoundingClientRect(), r = e.getBoundingClientRect();
		return !e.closest(".scroll, svg, .hidden, option") && r.width > 1 && r.right > s.right + 1;
	}).map(e => e.tagName + "." + e.className + " " + e.textContent.slice(0, 30)).join("; ")`))
	require.NoError(t, err)
	require.Empty(t, cut, "something reaches out of its section")
	cut, err = chromedp.Run(tab, chromedp.Evaluate[string](`[...document.querySelectorAll("svg text")].filter(e => {
		const s = e.closest("svg").getBoundingClientRect(), r = e.getBoundingClientRect();
		return r.left < s.left - 1 || r.right > s.right + 1;
	}).map(e => e.textContent).join("; ")`))
	require.NoError(t, err)
	require.Empty(t, cut, "words in a chart are cut")
	if shots := os.Getenv("SERVE_SHOTS"); shots != "" {
		png, err := chromedp.Run(tab, chromedp.FullScreenshot(100))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(shots, fmt.Sprintf("%s-%d-%s.png", name, width, scheme)), png, 0o600))
	}
	mu.Lock()
	defer mu.Unlock()
	require.Empty(t, bad)
}

// try uses the table's script: it follows what is typed, and lets two runs be chosen.
func try(browser context.Context, t *testing.T, site string) {
	tab, cancel := chromedp.NewContext(browser)
	defer cancel()
	require.NoError(t, chromedp.Do(tab, chromedp.EmulateViewport(1280, 900), chromedp.Navigate(site+"/")))
	is := func(js string) func() bool {
		return func() bool {
			ok, err := chromedp.Run(tab, chromedp.Evaluate[bool](js))
			return err == nil && ok
		}
	}
	require.Eventually(t, is(`document.querySelector("[data-compare]").disabled`), 30*time.Second, 20*time.Millisecond)
	require.True(t, is(`(() => { const q = document.querySelector("input[name=q]"); q.value = "v7"; q.dispatchEvent(new Event("input", { bubbles: true })); return true; })()`)())
	require.Eventually(t, is(`document.querySelectorAll("tbody tr").length === 1 && location.search.includes("q=v7")`), 30*time.Second, 20*time.Millisecond)
	require.True(t, is(`(() => { const q = document.querySelector("input[name=q]"); q.value = "chaos"; q.dispatchEvent(new Event("input", { bubbles: true })); return true; })()`)())
	require.Eventually(t, is(`document.querySelectorAll("tbody tr").length === 4`), 30*time.Second, 20*time.Millisecond)
	require.True(t, is(`(() => { const b = [...document.querySelectorAll("input[name=run]")]; b.forEach(x => x.click());
		return b.length === 3 && !b[0].checked && b[1].checked && b[2].checked && !document.querySelector("[data-compare]").disabled; })()`)())
	require.True(t, is(`(() => { document.querySelector("[data-compare]").click(); return true; })()`)())
	require.Eventually(t, is(`location.pathname === "/compare" && document.querySelectorAll("table.changes").length === 2`), 30*time.Second, 20*time.Millisecond)
}
