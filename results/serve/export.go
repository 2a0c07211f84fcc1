package serve

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/net/html"
)

// Exported is what an export wrote.
type Exported struct {
	Runs, Files int
	Bytes       int64
}

// Export writes the runs of a folder as a site of files into to, which must be empty or not be there: the
// table, the trends, and every run with its report. All links are relative, so that the site works below
// any address and opened from a disk. What needs a server is left out: comparisons, and the search, which
// a script does instead for the rows of a page. o.AnyHost has no effect.
func Export(ctx context.Context, o Options, to string) (done Exported, err error) {
	if entries, err := os.ReadDir(to); err == nil && len(entries) > 0 {
		return done, fmt.Errorf("export to %s: the folder is not empty", to)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return done, fmt.Errorf("export: %w", err)
	}
	s, err := New(ctx, o)
	if err != nil {
		return done, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	s.asSite = true
	e := &exporter{server: s, handler: s.Handler(), to: to}
	if err := e.all(ctx); err != nil {
		return e.done, fmt.Errorf("export to %s: %w", to, err)
	}
	return e.done, nil
}

type exporter struct {
	server  *Server
	handler http.Handler
	to      string
	done    Exported
}

func (e *exporter) all(ctx context.Context) error {
	pages := []string{"/trends", "/trends?by=night", "/trends.csv", "/trends.csv?by=night", "/static/serve.css", "/static/serve.js"}
	all, err := e.server.index.runs(ctx)
	if err != nil {
		return err
	}
	runs := all.find(filter{}, "time", true)
	for k := 0; k == 0 || k*pageSize < len(runs); k++ {
		pages = append(pages, query{Sort: "time", Descending: true, Page: k + 1}.at("/"))
	}
	for _, p := range pages {
		if err := e.page(ctx, p); err != nil {
			return err
		}
	}
	for i := range runs {
		if err := e.run(ctx, runs[i].ID); err != nil {
			return err
		}
		e.done.Runs++
	}
	return nil
}

// run writes the page of a run and copies its files.
func (e *exporter) run(ctx context.Context, id string) error {
	if err := e.page(ctx, runPath(id)); err != nil {
		return err
	}
	files, err := e.server.listFiles(id)
	if err != nil {
		return fmt.Errorf("run %s: %w", id, err)
	}
	for _, f := range files {
		src, _, err := e.server.openFile(id, f.Path)
		if err != nil {
			return fmt.Errorf("run %s: %s: %w", id, f.Path, err)
		}
		err = errors.Join(e.write(path.Join("runs", id, f.Path), src), src.Close())
		if err != nil {
			return fmt.Errorf("run %s: %w", id, err)
		}
	}
	return ctx.Err()
}

// page asks the server for a page and writes it with its links turned.
func (e *exporter) page(ctx context.Context, target string) error {
	name, ok := fileOf(target)
	if !ok {
		return fmt.Errorf("page %s has no file", target)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://localhost"+target, nil)
	if err != nil {
		return err
	}
	answer := &answer{header: http.Header{}, status: http.StatusOK}
	e.handler.ServeHTTP(answer, r)
	if answer.status != http.StatusOK {
		return fmt.Errorf("page %s: %s", target, http.StatusText(answer.status))
	}
	if !strings.HasPrefix(answer.header.Get("Content-Type"), "text/html") {
		return e.write(name, &answer.body)
	}
	turned, err := turnLinks(answer.body.Bytes(), strings.Repeat("../", strings.Count(name, "/")))
	if err != nil {
		return fmt.Errorf("page %s: %w", target, err)
	}
	return e.write(name, bytes.NewReader(turned))
}

func (e *exporter) write(name string, from io.Reader) error {
	file := filepath.Join(e.to, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	n, err := io.Copy(f, from)
	e.done.Files++
	e.done.Bytes += n
	return errors.Join(err, f.Close())
}

// answer keeps what a handler writes.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *answer) Header() http.Header         { return a.header }
func (a *answer) WriteHeader(status int)      { a.status = status }
func (a *answer) Write(b []byte) (int, error) { return a.body.Write(b) }

// fileOf is the file of the site that has what the server answers at an address of its own; false where
// the site has no such page.
func fileOf(target string) (string, bool) {
	u, err := url.Parse(target)
	if err != nil || u.IsAbs() || u.Host != "" || !strings.HasPrefix(u.Path, "/") {
		return "", false
	}
	q := u.Query()
	name, rest := strings.TrimPrefix(u.Path, "/"), len(q)
	switch {
	case name == "" && rest == 0:
		return "index.html", true
	case name == "" && rest == 1 && q.Has("page"):
		n, err := strconv.Atoi(q.Get("page"))
		return fmt.Sprintf("page-%d.html", n), err == nil && n > 1
	case name == "trends" && rest == 0:
		return "trends.html", true
	case name == "trends" && rest == 1 && q.Get("by") == "night":
		return "nights.html", true
	case name == "trends.csv" && rest == 0:
		return "trends.csv", true
	case name == "trends.csv" && rest == 1 && q.Get("by") == "night":
		return "nights.csv", true
	case strings.HasPrefix(name, "static/"):
		return name, true // its query keeps browsers from old ones
	case strings.HasPrefix(name, "runs/") && strings.HasSuffix(name, "/"):
		return name + "index.html", rest == 0
	case strings.HasPrefix(name, "runs/"):
		return name, rest == 0
	}
	return "", false
}

// turnLinks makes the server's addresses in a page relative; up leads to the root of the site. Links to
// what the site does not have lose their target, and stay as words.
func turnLinks(page []byte, up string) ([]byte, error) {
	var out bytes.Buffer
	z := html.NewTokenizer(bytes.NewReader(page))
	for {
		kind := z.Next()
		if kind == html.ErrorToken {
			if errors.Is(z.Err(), io.EOF) {
				return out.Bytes(), nil
			}
			return nil, fmt.Errorf("read the page: %w", z.Err())
		}
		raw := bytes.Clone(z.Raw()) // the next call takes it back
		if kind != html.StartTagToken && kind != html.SelfClosingTagToken {
			out.Write(raw)
			continue
		}
		t := z.Token()
		kept, turned := t.Attr[:0:0], false
		for _, a := range t.Attr {
			if (a.Key == "href" || a.Key == "src") && strings.HasPrefix(a.Val, "/") {
				turned = true
				name, ok := fileOf(a.Val)
				if !ok {
					continue
				}
				a.Val = up + (&url.URL{Path: name}).EscapedPath()
			}
			kept = append(kept, a)
		}
		if !turned { // as it was: the tokenizer writes names of SVG in small letters
			out.Write(raw)
			continue
		}
		t.Attr = kept
		out.WriteString(t.String())
	}
}
