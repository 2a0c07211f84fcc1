package serve

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/results"
)

func serverOf(t testing.TB, o Options) *Server {
	t.Helper()
	s, err := New(t.Context(), o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// ask sends a request with its path exactly as given, as no careful client would.
func ask(t testing.TB, s *Server, method, target string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, "/", nil)
	r.Host = "localhost:8080"
	path, rawQuery, _ := strings.Cut(target, "?")
	r.URL.RawQuery = rawQuery
	var err error
	r.URL.Path, err = url.PathUnescape(path)
	require.NoError(t, err)
	r.URL.RawPath = path
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	return w
}

func openPage(t testing.TB, s *Server, target string) string {
	t.Helper()
	resp := ask(t, s, "GET", target)
	require.Equal(t, http.StatusOK, resp.Code, resp.Body.String())
	return resp.Body.String()
}

func TestRunsPage(t *testing.T) {
	s := serverOf(t, Options{Dir: folderOfRuns(t)})
	text := openPage(t, s, "/")
	require.Contains(t, text, "1–7 of 7 runs")
	require.Contains(t, text, `href="/runs/`+slowRun+`/report.html"`)
	require.Contains(t, text, `href="/runs/`+tornRun+`/"`) // no report: its files
	require.Contains(t, text, "unexpected end of JSON input")
	require.Contains(t, text, "it has no run.json")
	require.Contains(t, text, "v7 was read after &lt;b&gt;v9&lt;/b&gt;")

	text = openPage(t, s, "/?verdict=valid&sort=p50&dir=asc&q=chaos")
	require.Contains(t, text, "1–2 of 2 runs")
	require.Less(t, strings.Index(text, quickRun), strings.Index(text, slowRun))
	require.Contains(t, text, `value="chaos"`)
	require.Contains(t, text, `<option selected>valid</option>`)
	require.Contains(t, openPage(t, s, "/?q=nothing-like-it"), "No run matches.")
	for _, odd := range []string{"/?sort=id;DROP+TABLE+runs", "/?page=-3", "/?page=99999999999999999999", "/?verdict=%22%3E%3Cscript%3E", "/?q=%ff%00"} {
		require.NotContains(t, openPage(t, s, odd), "<script>", odd)
	}
	require.Contains(t, openPage(t, serverOf(t, Options{Dir: t.TempDir()}), "/"), "There are no runs in this folder yet")
}

func TestQueryIsReadBack(t *testing.T) {
	q := query{filter: filter{Search: "a b", State: "valid", System: "etcd", Runtime: "sim", Scenario: "chaos"}, Sort: "p95", Descending: false, Page: 3, Night: true}
	require.Equal(t, q, parseQuery(q.values()))
	require.Equal(t, "/", query{Sort: "time", Descending: true, Page: 1}.at("/"))
}

func TestManyRunsHavePages(t *testing.T) {
	dir := t.TempDir()
	for i := range pageSize + 5 {
		require.NoError(t, os.Mkdir(filepath.Join(dir, fmt.Sprintf("broken-%03d", i)), 0o700))
	}
	s := serverOf(t, Options{Dir: dir})
	first := openPage(t, s, "/")
	require.Contains(t, first, "1–100 of 105 runs")
	require.Contains(t, first, `href="/?page=2"`)
	require.Contains(t, openPage(t, s, "/?page=2"), "101–105 of 105 runs")
}

func TestComparePage(t *testing.T) {
	s := serverOf(t, Options{Dir: folderOfRuns(t)})
	require.Contains(t, openPage(t, s, "/compare"), "choose a run")
	text := openPage(t, s, "/compare?run="+slowRun+"&run="+quickRun)
	require.Contains(t, text, "B is faster: large effect")
	require.Contains(t, text, "&lt; 0.001")
	require.Contains(t, text, "no detectable change")
	require.Contains(t, text, "The runs differ in election timeout: a change may be due to that.")
	require.Contains(t, text, `<tr class="differs"><th class="nw">Election timeout</th><td class="wide">1000 ms</td><td class="wide">500 ms</td></tr>`)
	require.Contains(t, openPage(t, s, "/compare?run="+slowRun+"&run="+etcdRun), "too few failovers to tell")
	require.Contains(t, openPage(t, s, "/compare?run="+slowRun+"&run="+tornRun), "too few failovers to tell")
	require.Contains(t, openPage(t, s, "/compare?run="+slowRun+"&run="+quickRun+"&run="+badRun), "3 runs were chosen")
	resp := ask(t, s, "GET", "/compare?run="+slowRun+"&run=nobody")
	require.Equal(t, http.StatusNotFound, resp.Code)
	require.Contains(t, resp.Body.String(), "nobody: there is no such run")
}

func TestTrendsPageAndItsData(t *testing.T) {
	s := serverOf(t, Options{Dir: folderOfRuns(t)})
	text := openPage(t, s, "/trends?scenario=chaos&verdict=valid")
	require.Equal(t, 6, strings.Count(text, `<svg class="chart"`))
	require.Contains(t, text, "2 of 2 runs")
	require.Contains(t, openPage(t, s, "/trends?by=night"), "A night lasts from noon to noon")
	require.Contains(t, openPage(t, s, "/trends?q=nothing-like-it"), "No run matches")

	rows, err := csv.NewReader(strings.NewReader(openPage(t, s, "/trends.csv?scenario=chaos&verdict=valid"))).ReadAll()
	require.NoError(t, err)
	require.Len(t, rows, 3)
	require.Equal(t, []string{"when", "run", "runs", "valid", "invalid", "unknown", "unfinished", "broken", "failovers", "censored", "outage_p50_s", "outage_p95_s", "unavailable", "ok_per_s", "unknown_share", "faults_landed"}, rows[0])
	require.Equal(t, slowRun, rows[1][1])
	require.Equal(t, "7", rows[1][8])
}

func TestRunPageAndLatest(t *testing.T) {
	s := serverOf(t, Options{Dir: folderOfRuns(t)})
	text := openPage(t, s, "/runs/"+quickRun+"/")
	for _, name := range []string{"report.html", "run.json", "history.jsonl", "logs/n1.log"} {
		require.Contains(t, text, `<a href="`+name+`">`)
	}
	require.Contains(t, openPage(t, s, "/runs/"+tornRun+"/"), "unexpected end of JSON input")
	resp := ask(t, s, "GET", "/runs/latest/report.html")
	require.Equal(t, http.StatusFound, resp.Code)
	require.Equal(t, "/runs/"+runningRun+"/report.html", resp.Header().Get("Location"))
	require.Equal(t, http.StatusNotFound, ask(t, s, "GET", "/runs/nobody/").Code)
	require.Equal(t, http.StatusNotFound, ask(t, s, "GET", "/nothing").Code)
	require.Equal(t, http.StatusMethodNotAllowed, ask(t, s, "POST", "/runs/"+quickRun+"/run.json").Code)
	require.Equal(t, http.StatusMethodNotAllowed, ask(t, s, "DELETE", "/").Code)
}

func TestFilesHaveTheirTypes(t *testing.T) {
	dir := folderOfRuns(t)
	for _, name := range []string{"a.svg", "a.png", "summary.md", "junit.xml", "data.csv", "core.bin", "run.yaml"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, quickRun, name), []byte("<x>"), 0o600))
	}
	s := serverOf(t, Options{Dir: dir})
	for name, want := range map[string]string{
		"report.html": "text/html; charset=utf-8", "run.json": "application/json", "history.jsonl": "text/plain; charset=utf-8", "logs/n1.log": "text/plain; charset=utf-8",
		"a.svg": "image/svg+xml", "a.png": "image/png", "summary.md": "text/plain; charset=utf-8", "junit.xml": "text/xml; charset=utf-8", "data.csv": "text/csv; charset=utf-8",
		"core.bin": "application/octet-stream", "run.yaml": "text/plain; charset=utf-8",
	} {
		resp := ask(t, s, "GET", "/runs/"+quickRun+"/"+name)
		require.Equal(t, http.StatusOK, resp.Code, name)
		require.Equal(t, want, resp.Header().Get("Content-Type"), name)
		require.Equal(t, "nosniff", resp.Header().Get("X-Content-Type-Options"))
		require.Contains(t, resp.Header().Get("Content-Security-Policy"), "sandbox allow-scripts")
		require.Equal(t, name == "core.bin", resp.Header().Get("Content-Disposition") == "attachment", name)
		require.NotEmpty(t, resp.Body.String())
	}
}

func TestEveryAnswerHasSecurityHeaders(t *testing.T) {
	s := serverOf(t, Options{Dir: folderOfRuns(t)})
	for _, target := range []string{"/", "/compare", "/trends", "/trends.csv", "/runs/" + quickRun + "/", "/runs/" + quickRun + "/run.json", "/static/serve.css", "/static/serve.js", "/nothing", "/runs/latest/"} {
		h := ask(t, s, "GET", target).Header()
		require.Equal(t, "nosniff", h.Get("X-Content-Type-Options"), target)
		require.Equal(t, "DENY", h.Get("X-Frame-Options"), target)
		require.Equal(t, "no-referrer", h.Get("Referrer-Policy"), target)
		require.Contains(t, h.Get("Content-Security-Policy"), "default-src 'none'", target)
		require.Empty(t, h.Get("Access-Control-Allow-Origin"), target)
	}
	require.NotContains(t, pagePolicy, "unsafe")
}

// TestNothingOutsideARunCanBeRead: every way out of a run's folder that we know of.
func TestNothingOutsideARunCanBeRead(t *testing.T) {
	dir := folderOfRuns(t)
	run := filepath.Join(dir, quickRun)
	outside := t.TempDir()
	secret := filepath.Join(outside, "secret.txt")
	require.NoError(t, os.WriteFile(secret, []byte("top secret"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "secret.txt"), []byte("top secret"), 0o600)) // beside the runs
	require.NoError(t, os.WriteFile(filepath.Join(run, ".hidden"), []byte("top secret"), 0o600))
	link := func(to, from string) { require.NoError(t, os.Symlink(to, filepath.Join(dir, from))) }
	link(secret, quickRun+"/absolute.txt")
	link(filepath.Join("..", "..", "..", filepath.Base(outside), "secret.txt"), quickRun+"/relative.txt")
	link(outside, quickRun+"/folder")
	link("../secret.txt", quickRun+"/beside.txt")
	link("../"+slowRun+"/run.json", quickRun+"/other-run.json")
	link("logs/n1.log", quickRun+"/inside.log")
	link(outside, "run-is-a-link")
	require.NoError(t, syscall.Mkfifo(filepath.Join(run, "pipe.log"), 0o600))
	s := serverOf(t, Options{Dir: dir})

	base := "/runs/" + quickRun + "/"
	for _, target := range []string{
		base + "absolute.txt", base + "relative.txt", base + "folder/secret.txt", base + "beside.txt", base + "other-run.json",
		base + "../secret.txt", base + "..%2fsecret.txt", base + "%2e%2e/secret.txt", base + "%2e%2e%2fsecret.txt", base + "logs/../../secret.txt",
		base + "logs/..%2f..%2fsecret.txt", base + "..%5csecret.txt", base + "%00", base + "run.json%00.txt",
		base + "/etc/passwd", base + "%2fetc%2fpasswd", base + secret, base + url.PathEscape(secret), base + "file:%2f%2f" + secret,
		base + ".hidden", base + "./run.json", base + "logs", base + "logs/", base + "pipe.log", base + "..", base + "%2e%2e%2f" + slowRun + "/run.json",
		"/runs/../secret.txt", "/runs/%2e%2e/" + filepath.Base(dir) + "/secret.txt", "/runs/..%2f..%2fetc/passwd", "/runs/%2e/secret.txt", "/runs/./secret.txt", "/runs/secret.txt", "/runs/secret.txt/",
		"/runs/" + IndexFile, "/runs/" + IndexFile + "/", "/runs//secret.txt", "/runs/run-is-a-link/secret.txt", "/runs/run-is-a-link/",
		"/runs/latest/%2e%2e%2fsecret.txt", "/../secret.txt", "//" + secret, secret, "/static/%2e%2e/serve.go", "/static/..%2flayout.html",
	} {
		resp := ask(t, s, "GET", target)
		text := resp.Body.String()
		// The multiplexer answers some with a redirect to the cleaned path; which is asked for, too.
		for hops := 0; resp.Code/100 == 3 && hops < 3; hops++ {
			resp = ask(t, s, "GET", resp.Header().Get("Location"))
			text += resp.Body.String()
		}
		cleaned := target == base+"./run.json" || target == base+".." || target == "/static/..%2flayout.html"
		if !cleaned {
			require.Equal(t, http.StatusNotFound, resp.Code, target)
		}
		require.NotContains(t, text, "top secret", target)
		require.NotContains(t, text, "root:x", target)
		require.NotContains(t, text, `"stamp"`, target)
		require.NotContains(t, text, slowRun+`"`, target)
	}
	require.Contains(t, openPage(t, s, base+"inside.log"), "hello") // a link that stays in the run is one of its files
	text := openPage(t, s, base)
	for _, hidden := range []string{"absolute.txt", "folder", "pipe.log", ".hidden"} {
		require.NotContains(t, text, hidden)
	}
	require.NotContains(t, openPage(t, s, "/"), "run-is-a-link")
	require.NoError(t, os.Remove(filepath.Join(dir, results.Latest)))
	for _, to := range []string{outside, "../x", "latest", "."} {
		link(to, results.Latest)
		require.Equal(t, http.StatusNotFound, ask(t, s, "GET", "/runs/latest/secret.txt").Code, to)
		require.NoError(t, os.Remove(filepath.Join(dir, results.Latest)))
	}
}

func TestOnlyItsOwnNamesAreAnswered(t *testing.T) {
	dir := folderOfRuns(t)
	local, open := serverOf(t, Options{Dir: dir}), serverOf(t, Options{Dir: dir, AnyHost: true})
	for host, ok := range map[string]bool{
		"localhost": true, "localhost:8080": true, "127.0.0.1:8080": true, "127.9.9.9": true, "[::1]:8080": true, "[::1]": true, "::1": true,
		"evil.example": false, "evil.example:8080": false, "localhost.evil.example": false, "127.0.0.1.evil.example": false, "192.168.0.7": false, "0.0.0.0": false, "": false,
	} {
		require.Equal(t, ok, IsLoopback(host), host)
		for s, want := range map[*Server]bool{local: ok, open: true} {
			r := httptest.NewRequestWithContext(t.Context(), "GET", "/runs/"+quickRun+"/run.json", nil)
			r.Host = host
			w := httptest.NewRecorder()
			s.Handler().ServeHTTP(w, r)
			require.Equal(t, want, w.Code == http.StatusOK, host)
		}
	}
}

func TestServeStopsWithItsContext(t *testing.T) {
	s := serverOf(t, Options{Dir: folderOfRuns(t)})
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l) }()
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	req, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+l.Addr().String()+"/", nil)
	require.NoError(t, err)
	resp, err := client.Do(req)
	require.NoError(t, err)
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, errors.Join(err, resp.Body.Close()))
	require.Contains(t, string(text), "1–7 of 7 runs")
	cancel()
	require.NoError(t, <-done)
	if resp, err = client.Do(req); err == nil {
		require.NoError(t, resp.Body.Close())
	}
	require.Error(t, err)
}

func TestServeSaysWhatFailed(t *testing.T) {
	_, err := New(t.Context(), Options{Dir: filepath.Join(t.TempDir(), "nothing")})
	require.ErrorContains(t, err, "open the folder of the runs")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = New(ctx, Options{Dir: folderOfRuns(t)})
	require.ErrorIs(t, err, context.Canceled)
	s := serverOf(t, Options{Dir: t.TempDir()})
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	require.ErrorContains(t, s.Serve(t.Context(), l), "serve on 127.0.0.1")
}
