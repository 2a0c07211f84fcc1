package serve

import (
	"context"
	"crypto/sha256"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"net"
	"net/http"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/faultline-chaos/faultline/results/format"
	"github.com/faultline-chaos/faultline/results/page"
)

//go:embed web
var web embed.FS

// pagePolicy is for our own pages: nothing inline, nothing from elsewhere.
const pagePolicy = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// Options of a server. The zero value is not useful: Dir must be given.
type Options struct {
	Dir     string // the folder of the run folders; it must exist
	Rebuild bool   // forget what the index knew
	// Version is that of the program: an index that another one made is made again, as it may hold
	// other numbers.
	Version string
	// AnyHost answers requests for any host name. Without it only loopback's names and addresses are
	// answered, so that a page of another site cannot read results through a name that it points here.
	AnyHost bool
	Note    func(format string, args ...any) // one line about something unusual; nil drops them
}

// Server shows the runs of a folder. It is safe for concurrent use.
type Server struct {
	options Options
	root    *os.Root
	index   *index
	pages   *template.Template
	css     []byte
	version string // of css and script, so that browsers do not keep old ones
	asSite  bool   // pages are for [Export]: nothing in them needs a server
}

// New opens the folder and brings its index up to date, which takes a while the first time: every
// run's history is read. The caller closes the server.
func New(ctx context.Context, o Options) (*Server, error) {
	if o.Note == nil {
		o.Note = func(string, ...any) {}
	}
	var quiet sync.Mutex
	note := o.Note
	o.Note = func(format string, args ...any) {
		quiet.Lock()
		defer quiet.Unlock()
		note(format, args...)
	}
	pages, err := template.New("").Funcs(template.FuncMap{
		"count": format.Count, "ms": format.MS, "time": timeText, "run": runPath, "bytes": bytesText, "p": pText, "deref": func(v *float64) float64 { return *v }, "shift": shiftText, "effect": effectText,
	}).ParseFS(web, "web/*.html")
	if err != nil {
		return nil, fmt.Errorf("parse the pages' templates: %w", err)
	}
	own, err := web.ReadFile("web/serve.css")
	if err != nil {
		return nil, fmt.Errorf("read the style sheet: %w", err)
	}
	script, err := web.ReadFile("web/serve.js")
	if err != nil {
		return nil, fmt.Errorf("read the script: %w", err)
	}
	s := &Server{options: o, pages: pages, css: append([]byte(page.PageCSS()+"\n"), own...)}
	s.version = fmt.Sprintf("%x", sha256.Sum256(append(s.css[:len(s.css):len(s.css)], script...)))[:12]
	if s.root, err = os.OpenRoot(o.Dir); err != nil {
		return nil, fmt.Errorf("open the folder of the runs: %w", err)
	}
	s.index = openIndex(o.Dir, o.Version, o.Rebuild, o.Note)
	if _, err := s.index.runs(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Close closes the folder and the index.
func (s *Server) Close() error { return errors.Join(s.index.Close(), s.root.Close()) }

// Serve answers on l until ctx ends; then it lets open requests finish, for 5 s at most. It closes l.
// Its error is nil after ctx ended.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	srv := &http.Server{
		Handler: s.Handler(), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute,
		BaseContext: func(net.Listener) context.Context { return context.WithoutCancel(ctx) },
	}
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(l) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve on %s: %w", l.Addr(), err)
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	err := srv.Shutdown(grace)
	if err != nil {
		err = errors.Join(fmt.Errorf("stop the server: %w", err), srv.Close())
	}
	if stopped := <-failed; !errors.Is(stopped, http.ErrServerClosed) {
		err = errors.Join(err, stopped)
	}
	return err
}

// Handler answers every request.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.runsPage)
	mux.HandleFunc("GET /compare", s.comparePage)
	mux.HandleFunc("GET /trends", s.trendsPage)
	mux.HandleFunc("GET /trends.csv", s.trendsCSV)
	mux.HandleFunc("GET /runs/{id}/{path...}", s.runFiles)
	mux.HandleFunc("GET /static/serve.css", s.static("text/css; charset=utf-8", func() ([]byte, error) { return s.css, nil }))
	mux.HandleFunc("GET /static/serve.js", s.static("text/javascript; charset=utf-8", func() ([]byte, error) { return web.ReadFile("web/serve.js") }))
	mux.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) {
		s.fail(w, r, http.StatusNotFound, "There is no such page.")
	})
	return s.guard(mux)
}

// guard refuses what is not meant for this server, and sets the headers that all answers have.
func (s *Server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", pagePolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-cache")
		if !s.options.AnyHost && !IsLoopback(r.Host) {
			http.Error(w, fmt.Sprintf("This server answers only requests for localhost, not for %q.", r.Host), http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// IsLoopback says whether a host, with or without a port, is this machine's loopback: localhost or
// an address of it. An empty host is every address, so it is not.
func IsLoopback(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	if host == "localhost" {
		return true
	}
	if n := len(host); n > 2 && host[0] == '[' && host[n-1] == ']' {
		host = host[1 : n-1]
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}

func (s *Server) static(kind string, content func() ([]byte, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		b, err := content()
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", kind)
		_, _ = w.Write(b) // the reader has gone
	}
}
