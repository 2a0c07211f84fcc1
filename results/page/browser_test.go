package page

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/history"
	"github.com/faultline-chaos/faultline/internal/browsertest"
	"github.com/faultline-chaos/faultline/results"
	"github.com/faultline-chaos/faultline/results/failover"
	"github.com/faultline-chaos/faultline/results/internal/synthetic"
)

// TestReportInBrowser opens reports at the widths of a desktop and of a phone, light and dark: no
// errors, no requests, nothing overlaps or is cut, the timeline zooms, and a click shows a call and a
// line. RESULTS_SHOTS names a folder for screenshots; RESULTS_REPORT another run's folder to look at.
func TestReportInBrowser(t *testing.T) {
	browser := browsertest.Start(t)
	runs := map[string]func() (results.Run, history.History){
		"probed":  func() (results.Run, history.History) { return synthetic.Probed(synthetic.Mix) },
		"hostile": hostile,
		"empty": func() (results.Run, history.History) {
			run, h := synthetic.NewSynthetic(1, 10*synthetic.Mil).Finish(3 * synthetic.Sec)
			run.Verdicts, run.Verdict = nil, history.Unknown
			return run, h
		},
	}
	given := os.Getenv("RESULTS_REPORT")
	if given != "" {
		runs = map[string]func() (results.Run, history.History){"given": nil}
	}
	for name, make := range runs {
		t.Run(name, func(t *testing.T) {
			dir := given
			if make != nil {
				run, h := make()
				dir = rendered(t, run, h)
			}
			for _, width := range []int64{1280, 390} {
				for _, scheme := range []string{"light", "dark"} {
					t.Run(fmt.Sprintf("%d %s", width, scheme), func(t *testing.T) {
						p := browsertest.Open(t, browser, reportURL(t, dir), browsertest.Options{Width: width, Scheme: scheme})
						look(t, p, fmt.Sprintf("%s-%d-%s", name, width, scheme))
					})
				}
			}
		})
	}
}

func rendered(t testing.TB, run results.Run, h history.History) string {
	t.Helper()
	f := synthetic.WriteFolder(t, t.TempDir(), run, h)
	a, err := failover.AnalyzeFolder(f)
	require.NoError(t, err)
	require.NoError(t, Render(f, a))
	return f.Dir()
}

func reportURL(t testing.TB, dir string) string {
	file, err := filepath.Abs(filepath.Join(dir, results.ReportFile))
	require.NoError(t, err)
	return "file://" + file
}

const timelineDrawn = `"ready" in document.getElementById("timeline").dataset`

// key presses one key on the timeline.
func key(name string) string {
	return fmt.Sprintf(`document.getElementById("timeline").dispatchEvent(new KeyboardEvent("keydown", {key: %q, bubbles: true}))`, name)
}

func look(t *testing.T, p *browsertest.Page, name string) {
	shots := os.Getenv("RESULTS_SHOTS")
	p.Wait(timelineDrawn, "the timeline was not drawn")
	require.True(t, browsertest.Eval[bool](p, `(() => { const c = document.getElementById("timeline"); return c.height > 200 && c.getContext("2d").getImageData(0, 0, c.width, c.height).data.some(v => v > 0); })()`))
	p.Do(`document.querySelectorAll("details").forEach(d => d.open = true)`)
	p.Fits("header .in, section")
	p.Apart("h1, h2, h3, .verdict, .reason, .card, .bar > *, .key > span, th, td")
	p.Shot(shots, name)
	p.Do(`document.querySelector('[data-lanes="clients"]').click()`)
	p.Do(`document.querySelector('[data-zoom="0.5"]').click()`)
	p.Shot(shots, name+"-clients")
	p.Do(key("0") + ";" + key("n") + ";" + key("Enter"))
	if browsertest.Eval[bool](p, `document.getElementById("panel").hidden`) {
		p.Do(key(".") + ";" + key("Enter")) // nothing failed
	}
	p.Wait(`document.querySelectorAll("#panel .line").length > 2`, "the panel shows no lines")
	require.NotContains(t, browsertest.Eval[string](p, `document.getElementById("panel").textContent`), "Not in this page")
	require.Contains(t, browsertest.Eval[string](p, `document.getElementById("panel").textContent`), `"type":"invoke"`)
	inside := `document.getElementById("panel").scrollWidth <= document.getElementById("panel").clientWidth`
	require.True(t, browsertest.Eval[bool](p, inside), "the panel is wider than the screen")
	p.Do(`scrollTo(0, 0); document.querySelector("#timeline").scrollIntoView({block: "start"})`)
	p.Shot(shots, name+"-panel")
	p.Do(`document.dispatchEvent(new KeyboardEvent("keydown", {key: "Escape", bubbles: true}))`)
	require.True(t, browsertest.Eval[bool](p, `document.getElementById("panel").hidden`), "Escape closes the panel")
	if browsertest.Eval[bool](p, `document.querySelector("main a[data-ref]") !== null`) {
		ref := browsertest.Eval[string](p, `(() => { const a = document.querySelector("main a[data-ref]"); a.click(); return a.dataset.ref; })()`)
		p.Wait(`document.querySelector("#panel-body .line.here") !== null`, "a reference shows its line")
		file, line, _ := strings.Cut(ref, ":")
		require.Equal(t, file+", line "+line, browsertest.Eval[string](p, `document.getElementById("panel-title").textContent`))
		p.Shot(shots, name+"-line")
	}
	require.Empty(t, browsertest.Eval[string](p, `[...document.querySelectorAll("img[onerror], script:not([id])")].map(e => e.outerHTML.slice(0, 80)).join("; ")`), "words of a history became elements")
	p.Quiet()
}

// hostile is a run whose every word tries to break out of the page.
func hostile() (results.Run, history.History) {
	s := synthetic.NewSynthetic(3, 20*synthetic.Mil)
	s.Add("kill", true, 4*synthetic.Sec, 2*synthetic.Sec, false)
	run, h := s.Finish(12 * synthetic.Sec)
	evil := `</script><script>alert(1)</script>"'><img src=x onerror=alert(2)>` + "\u2028\u202e\x00" + strings.Repeat("W", 200)
	run.Verdicts = append(run.Verdicts, history.Verdict{Checker: evil, Validity: history.Invalid, Reason: evil, Evidence: []int{5, 6}})
	run.Verdict = history.Invalid
	run.System, run.Runtime, run.HealProblem, run.RuntimeReason = evil, evil, evil, evil
	run.Command = []string{"faultline", evil}
	run.Claims = []results.Claim{{Claim: evil, Did: evil, Measured: evil}}
	for i := range h.Ops {
		if op := &h.Ops[i]; op.Client() && op.Type == history.OK {
			op.Value = history.EncodeValue(map[string]string{"key": evil})
		} else if op.Client() && op.Type != history.Invoke {
			op.Error = evil
		}
	}
	for _, id := range s.Nodes {
		h.Logs[id] = append(h.Logs[id], history.LogLine{At: 12 * synthetic.Sec, Text: evil}, history.LogLine{At: 12 * synthetic.Sec, Text: `{"msg":` + strconv.Quote(strings.ReplaceAll(evil, "\x00", "")) + `}`})
	}
	return run, h
}
