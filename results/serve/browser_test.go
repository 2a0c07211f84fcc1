package serve

import (
	"context"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/internal/browsertest"
	"github.com/faultline-chaos/faultline/results"
	"github.com/faultline-chaos/faultline/results/failover"
	"github.com/faultline-chaos/faultline/results/page"
)

// TestPagesInBrowser opens every page at the widths of a desktop and of a phone, light and dark: no
// errors, no request leaves the server, nothing is wider than the screen. SERVE_SHOTS names a folder
// for screenshots, SERVE_DIR a folder of other runs to look at.
func TestPagesInBrowser(t *testing.T) {
	browser := browsertest.Start(t)
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
	for name, target := range pages {
		for _, width := range []int64{1280, 375} {
			for _, scheme := range []string{"light", "dark"} {
				t.Run(fmt.Sprintf("%s %d %s", name, width, scheme), func(t *testing.T) {
					p := browsertest.Open(t, browser, web.URL+target, browsertest.Options{Width: width, Scheme: scheme, Site: web.URL + "/", IgnoreLog: name == "nothing"}) // that page is a 404 on purpose
					look(t, p, name, fmt.Sprintf("%s-%d-%s", name, width, scheme))
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
	a, err := failover.AnalyzeFolder(folder)
	require.NoError(t, err)
	require.NoError(t, page.Render(folder, a))
}

func look(t *testing.T, p *browsertest.Page, page, name string) {
	if page == "report" { // its own test looks at the rest
		p.Wait(`"ready" in document.getElementById("timeline").dataset`, "the report's timeline was not drawn")
		p.Quiet()
		return
	}
	p.Fits("section")
	require.Empty(t, browsertest.Eval[string](p, `[...document.querySelectorAll("svg text")].filter(e => {
		const s = e.closest("svg").getBoundingClientRect(), r = e.getBoundingClientRect();
		return r.left < s.left - 1 || r.right > s.right + 1;
	}).map(e => e.textContent).join("; ")`), "words in a chart are cut")
	p.Shot(os.Getenv("SERVE_SHOTS"), name)
	p.Quiet()
}

// try uses the table's script: it follows what is typed, and lets two runs be chosen.
func try(browser context.Context, t *testing.T, site string) {
	p := browsertest.Open(t, browser, site+"/", browsertest.Options{Width: 1280, Scheme: "light", Site: site + "/"})
	p.Wait(`document.querySelector("[data-compare]").disabled`, "the script has not begun")
	p.Do(`const q = document.querySelector("input[name=q]"); q.value = "v7"; q.dispatchEvent(new Event("input", { bubbles: true }))`)
	p.Wait(`document.querySelectorAll("tbody tr").length === 1 && location.search.includes("q=v7")`, "the table does not follow what is typed")
	p.Do(`const q = document.querySelector("input[name=q]"); q.value = "chaos"; q.dispatchEvent(new Event("input", { bubbles: true }))`)
	p.Wait(`document.querySelectorAll("tbody tr").length === 4`, "the table does not follow what is typed")
	require.True(t, browsertest.Eval[bool](p, `(() => { const b = [...document.querySelectorAll("input[name=run]")]; b.forEach(x => x.click());
		return b.length === 3 && !b[0].checked && b[1].checked && b[2].checked && !document.querySelector("[data-compare]").disabled; })()`))
	p.Do(`document.querySelector("[data-compare]").click()`)
	p.Wait(`location.pathname === "/compare" && document.querySelectorAll("table.changes").length === 2`, "the two runs are not compared")
	p.Quiet()
}
