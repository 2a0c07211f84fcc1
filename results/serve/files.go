package serve

import (
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"
)

// fileInfo is one file of a run's folder.
type fileInfo struct {
	Path string // from the run's folder
	Size int64
}

// contentTypes of the files that runs have. Lines of JSON are text, so that browsers show them.
var contentTypes = map[string]string{
	".html":  "text/html; charset=utf-8",
	".svg":   "image/svg+xml",
	".png":   "image/png",
	".json":  "application/json",
	".xml":   "text/xml; charset=utf-8",
	".csv":   "text/csv; charset=utf-8",
	".jsonl": "text/plain; charset=utf-8", ".log": "text/plain; charset=utf-8", ".md": "text/plain; charset=utf-8",
	".txt": "text/plain; charset=utf-8", ".yaml": "text/plain; charset=utf-8",
}

// filePolicy lets a run's pages run their own scripts and nothing else: not load from anywhere, and
// not read other pages of this server, as they have no origin. A report unpacks its data in a worker.
const filePolicy = "sandbox allow-scripts allow-popups allow-downloads; default-src 'none'; script-src 'unsafe-inline'; worker-src blob:; style-src 'unsafe-inline'; img-src 'self' data:; font-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// allowedFile says whether a name may be one of a file of a run: slashes between parts, none of them
// hidden, "." or "..".
func allowedFile(name string) bool {
	if !fs.ValidPath(name) || name == "." || strings.ContainsAny(name, "\\\x00") {
		return false
	}
	return !slices.ContainsFunc(strings.Split(name, "/"), func(part string) bool { return strings.HasPrefix(part, ".") })
}

// openRun opens a run's folder. Links in it may not lead out of it.
func (s *Server) openRun(id string) (*os.Root, error) {
	if !idPattern.MatchString(id) {
		return nil, fs.ErrNotExist
	}
	st, err := s.root.Lstat(id)
	if err != nil {
		return nil, err
	}
	if !st.IsDir() { // a file such as the index, or a link
		return nil, fs.ErrNotExist
	}
	return s.root.OpenRoot(id)
}

// serveFile answers with one file of a run.
func (s *Server) serveFile(w http.ResponseWriter, r *http.Request, id, name string) {
	f, st, err := s.openFile(id, name)
	if err != nil {
		s.fail(w, r, http.StatusNotFound, "There is no such file in this run.")
		return
	}
	defer func() { _ = f.Close() }() // it was only read
	h := w.Header()
	h.Set("Content-Security-Policy", filePolicy)
	kind, known := contentTypes[path.Ext(name)]
	if !known {
		kind = "application/octet-stream"
		h.Set("Content-Disposition", "attachment")
	}
	h.Set("Content-Type", kind)
	http.ServeContent(w, r, "", st.ModTime(), f)
}

func (s *Server) openFile(id, name string) (io.ReadSeekCloser, fs.FileInfo, error) {
	if !allowedFile(name) {
		return nil, nil, fs.ErrNotExist
	}
	run, err := s.openRun(id)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = run.Close() }()                              // it was only read
	f, err := run.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a pipe must not hold the request
	if err != nil {
		return nil, nil, err
	}
	st, err := f.Stat()
	if err == nil && !st.Mode().IsRegular() {
		err = fs.ErrNotExist
	}
	if err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	return f, st, nil
}

// maxListed bounds the page of a run.
const maxListed = 500

// listFiles are the files of a run's folder that can be opened, by name.
func (s *Server) listFiles(id string) ([]fileInfo, error) {
	run, err := s.openRun(id)
	if err != nil {
		return nil, err
	}
	defer func() { _ = run.Close() }() // it was only read
	var out []fileInfo
	err = fs.WalkDir(run.FS(), ".", func(name string, e fs.DirEntry, err error) error {
		switch {
		case err != nil && name == ".":
			return err
		case err != nil, name == ".":
			return nil
		case !allowedFile(name):
			if e.IsDir() {
				return fs.SkipDir
			}
			return nil
		case len(out) == maxListed:
			return fs.SkipAll
		}
		if e.Type().IsRegular() {
			if st, err := e.Info(); err == nil {
				out = append(out, fileInfo{name, st.Size()})
			}
		}
		return nil
	})
	return out, err
}
