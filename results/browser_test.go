package results

import (
	"context"
	"fmt"
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

	"github.com/faultline-chaos/faultline/harness"
)

// chromium finds a browser, or skips.
func chromium(t *testing.T) string {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skip("no Chromium or Chrome is installed: the report is not tried in a browser")
	return ""
}

// TestReportInBrowser opens reports at the widths of a desktop and of a phone, light and dark: no
// errors, no requests, nothing wider than the screen, and the timeline has drawn something.
// RESULTS_SHOTS names a folder for screenshots; RESULTS_REPORT another run's folder to look at.
func TestReportInBrowser(t *testing.T) {
	path := chromium(t)
	folders := map[string]string{}
	if dir := os.Getenv("RESULTS_REPORT"); dir != "" {
		folders["given"] = dir
	} else {
		_, run, h := standard(8, 12*mil, 800*mil)
		folders["standard"] = rendered(t, run, h)
		_, probes := probed(mix)
		folders["probed"] = rendered(t, probes.Run, probes.History)
		run, h = hostile()
		folders["hostile"] = rendered(t, run, h)
		empty, eh := newSynthetic(1, 10*mil).finish(3 * sec)
		empty.Verdicts, empty.Verdict = nil, harness.Unknown
		folders["empty"] = rendered(t, empty, eh)
	}
	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox)
	alloc, cancel := chromedp.NewExecAllocator(t.Context(), opts...)
	defer cancel()
	browser, cancel := chromedp.NewContext(alloc)
	defer cancel()
	require.NoError(t, chromedp.Do(browser))
	for name, dir := range folders {
		for _, width := range []int64{1280, 375} {
			for _, scheme := range []string{"light", "dark"} {
				t.Run(fmt.Sprintf("%s %d %s", name, width, scheme), func(t *testing.T) { look(t, browser, name, dir, width, scheme) })
			}
		}
	}
}

func rendered(t *testing.T, run Run, h harness.History) string {
	f := writeFolder(t, t.TempDir(), run, h)
	a, err := f.Analyze()
	require.NoError(t, err)
	require.NoError(t, f.Render(a))
	return f.Dir()
}

func look(t *testing.T, browser context.Context, name, dir string, width int64, scheme string) {
	tab, cancel := chromedp.NewContext(browser)
	defer cancel()
	file, err := filepath.Abs(filepath.Join(dir, ReportFile))
	require.NoError(t, err)
	url := "file://" + file
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
			if e.Request.URL != url && !strings.HasPrefix(e.Request.URL, "data:") {
				note("request: %s", e.Request.URL)
			}
		case *cdpruntime.EventExceptionThrown:
			note("exception: %s %v", e.ExceptionDetails.Text, e.ExceptionDetails.Exception)
		case *cdpruntime.EventConsoleAPICalled:
			note("console: %v", e.Type)
		case *cdplog.EventEntryAdded:
			note("log: %s", e.Entry.Text)
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
	require.NoError(t, chromedp.Do(tab, chromedp.EmulateViewport(width, 900), enable, chromedp.Navigate(url)))
	ready := func() bool {
		ok, err := chromedp.Run(tab, chromedp.Evaluate[bool](`!document.querySelector(".tl").hidden && document.getElementById("timeline").height > 200`))
		return err == nil && ok
	}
	require.Eventually(t, ready, 30*time.Second, 50*time.Millisecond, "the timeline was not drawn")
	drawn, err := chromedp.Run(tab, chromedp.Evaluate[bool](`(() => { const c = document.getElementById("timeline"); return c.getContext("2d").getImageData(0, 0, c.width, c.height).data.some(v => v > 0); })()`))
	require.NoError(t, err)
	require.True(t, drawn)
	overflow, err := chromedp.Run(tab, chromedp.Evaluate[int](`document.documentElement.scrollWidth - window.innerWidth`))
	require.NoError(t, err)
	require.LessOrEqual(t, overflow, 0, "the page is wider than the screen")
	zoomed, err := chromedp.Run(tab, chromedp.Evaluate[bool](`(() => { document.querySelector('[data-zoom="0.5"]').click(); return true; })()`))
	require.NoError(t, err)
	require.True(t, zoomed)
	if shots := os.Getenv("RESULTS_SHOTS"); shots != "" {
		_, err := chromedp.Run(tab, chromedp.Evaluate[bool](`(() => { document.querySelector('[data-show]').click(); scrollTo(0, 0); return true; })()`))
		require.NoError(t, err)
		png, err := chromedp.Run(tab, chromedp.FullScreenshot(90))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(shots, fmt.Sprintf("%s-%d-%s.jpg", name, width, scheme)), png, 0o644))
	}
	mu.Lock()
	defer mu.Unlock()
	require.Empty(t, bad)
}

// hostile is a run whose every word tries to break out of the page.
func hostile() (Run, harness.History) {
	s := newSynthetic(3, 20*mil)
	s.add("kill", true, 4*sec, 2*sec, false)
	run, h := s.finish(12 * sec)
	evil := `</script><script>alert(1)</script>"'><img src=x onerror=alert(2)>` + strings.Repeat("W", 200)
	run.Verdicts = append(run.Verdicts, harness.Verdict{Checker: evil, Validity: harness.Invalid, Reason: evil, Evidence: []int{5, 6}})
	run.Verdict = harness.Invalid
	run.System, run.Runtime, run.HealProblem, run.RuntimeReason = evil, evil, evil, evil
	run.Command = []string{"faultline", evil}
	run.Claims = []Claim{{Claim: evil, Did: evil, Measured: evil}}
	for i := range h.Ops {
		if op := &h.Ops[i]; op.Client() && op.Type == harness.OK {
			op.Value = harness.EncodeValue(map[string]string{"key": evil})
		}
	}
	return run, h
}
