package serve

import (
	"bytes"
	"context"
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"github.com/faultline-chaos/faultline/internal/browsertest"
	"github.com/faultline-chaos/faultline/results"
)

func exported(t *testing.T) string {
	dir, site := folderOfRuns(t), filepath.Join(t.TempDir(), "site")
	render(t, dir, etcdRun)
	done, err := Export(t.Context(), Options{Dir: dir}, site)
	require.NoError(t, err)
	var n int
	var size int64
	require.NoError(t, filepath.WalkDir(site, func(_ string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		st, err := e.Info()
		n, size = n+1, size+st.Size()
		return err
	}))
	require.Equal(t, Exported{Runs: done.Runs, Files: n, Bytes: size}, done)
	require.Positive(t, done.Runs)
	return site
}

// links are the targets in a page, without those inside a run's report, which has only its own.
func links(_ *testing.T, page []byte) (out []string) {
	z := html.NewTokenizer(bytes.NewReader(page))
	for z.Next() != html.ErrorToken {
		token := z.Token()
		for _, a := range token.Attr {
			if a.Key == "href" || a.Key == "src" || a.Key == "action" {
				out = append(out, a.Val)
			}
		}
	}
	return out
}

// Every link of every page leads to a file of the site, and every run's report is reached from the table.
func TestExportedLinksLead(t *testing.T) {
	site := exported(t)
	seen := map[string]bool{}
	var follow func(name string)
	follow = func(name string) {
		if seen[name] {
			return
		}
		seen[name] = true
		page, err := os.ReadFile(filepath.Join(site, filepath.FromSlash(name)))
		require.NoError(t, err)
		if path.Ext(name) != ".html" || path.Base(name) == results.ReportFile {
			return
		}
		for _, link := range links(t, page) {
			if strings.HasPrefix(link, "data:") {
				continue
			}
			u, err := url.Parse(link)
			require.NoError(t, err)
			require.False(t, u.IsAbs() || strings.HasPrefix(u.Path, "/"), "%s leads out of the site, to %s", name, link)
			require.FileExists(t, filepath.Join(site, filepath.FromSlash(path.Join(path.Dir(name), u.Path))), "linked from %s", name)
			follow(path.Join(path.Dir(name), u.Path))
		}
	}
	follow("index.html")
	for _, want := range []string{"trends.html", "nights.html", "trends.csv", "nights.csv", "static/serve.css", "static/serve.js", "runs/" + etcdRun + "/report.html", "runs/" + slowRun + "/" + results.HistoryFile} {
		require.True(t, seen[want], "%s is not reached", want)
	}
}

func TestExportRefusesToOverwrite(t *testing.T) {
	dir, to := folderOfRuns(t), t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(to, "mine"), nil, 0o600))
	_, err := Export(t.Context(), Options{Dir: dir}, to)
	require.ErrorContains(t, err, "is not empty")
}

func TestFileOf(t *testing.T) {
	for target, want := range map[string]string{
		"/": "index.html", "/?page=2": "page-2.html", "/?page=1": "", "/?page=x": "", "/?sort=p50": "", "/?page=2&sort=p50": "",
		"/trends": "trends.html", "/trends?by=night": "nights.html", "/trends?q=x": "", "/trends.csv": "trends.csv", "/compare": "", "/compare?run=a": "",
		"/runs/a/": "runs/a/index.html", "/runs/a/logs/n1.log": "runs/a/logs/n1.log", "/static/serve.css?1": "static/serve.css", "//elsewhere/": "", "https://elsewhere/": "",
	} {
		got, ok := fileOf(target)
		require.Equal(t, want != "", ok, target)
		if ok {
			require.Equal(t, want, got, target)
		}
	}
}

// TestExportInBrowser opens the site as files: nothing is asked of a server.
func TestExportInBrowser(t *testing.T) {
	browser := browsertest.Start(t)
	site := "file://" + exported(t) + "/"
	for _, name := range []string{"index", "trends", "nights", "runs/" + quickRun + "/index"} {
		for _, width := range []int64{1280, 375} {
			p := browsertest.Open(t, browser, site+name+".html", browsertest.Options{Width: width, Scheme: "light", Site: site})
			look(t, p, name, "export-"+strings.ReplaceAll(name, "/", "-"))
		}
	}
	t.Run("search", func(t *testing.T) { searchSite(browser, t, site) })
}

func searchSite(browser context.Context, t *testing.T, site string) {
	p := browsertest.Open(t, browser, site+"index.html", browsertest.Options{Width: 1280, Scheme: "dark", Site: site})
	const shown = `[...document.querySelectorAll("#results tbody tr")].filter(r => r.getClientRects().length).length`
	all := browsertest.Eval[int](p, shown)
	p.Do(`const s = document.getElementById("search"); s.value = "ETCD v7"; s.dispatchEvent(new Event("input"))`)
	require.Equal(t, 0, browsertest.Eval[int](p, shown))
	p.Do(`const s = document.getElementById("search"); s.value = "chaos"; s.dispatchEvent(new Event("input"))`)
	require.NotZero(t, browsertest.Eval[int](p, shown))
	p.Do(`const s = document.getElementById("search"); s.value = ""; s.dispatchEvent(new Event("input"))`)
	require.Equal(t, all, browsertest.Eval[int](p, shown))
	p.Quiet()
}
