package serve

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/faultline-chaos/faultline/internal/statistics"
	"github.com/faultline-chaos/faultline/results"
	"github.com/faultline-chaos/faultline/results/format"
	"github.com/faultline-chaos/faultline/results/trends"
)

const (
	pageSize  = 100 // rows of the table at once
	maxPoints = 500 // runs in a trend: the latest
)

// layout is what every page has.
type layout struct {
	Title, Here, Dir, Version string
	Site                      bool // the page is exported: nobody answers its forms
	Content                   any
}

// render writes a page once it is whole, so that no half page is sent.
func (s *Server) render(w http.ResponseWriter, r *http.Request, status int, name, title string, content any) {
	var b bytes.Buffer
	l := layout{title, name, s.options.Dir, s.version, s.asSite, content}
	if err := s.pages.ExecuteTemplate(&b, name+".html", l); err != nil {
		s.options.Note("render %s: %v", r.URL.Path, err)
		http.Error(w, "This page could not be rendered: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = b.WriteTo(w) // the reader has gone
}

// fail answers with a page that says what is wrong.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, status int, words string) {
	s.render(w, r, status, "error", http.StatusText(status), words)
}

// broken answers when the index cannot be used.
func (s *Server) broken(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, context.Canceled) {
		return // the reader has gone
	}
	s.options.Note("%s: %v", r.URL.Path, err)
	s.fail(w, r, http.StatusInternalServerError, "The runs could not be read: "+err.Error())
}

// query is what the table and the trends are asked for.
type query struct {
	filter
	Sort       string
	Descending bool
	Page       int // from 1
	Night      bool
}

// parseQuery takes what it knows; what it does not know has no effect.
func parseQuery(v url.Values) query {
	q := query{filter: filter{Search: v.Get("q"), State: v.Get("verdict"), System: v.Get("system"), Runtime: v.Get("runtime"), Scenario: v.Get("scenario")}}
	q.Sort = v.Get("sort")
	if orders()[q.Sort] == nil {
		q.Sort = "time"
	}
	q.Descending = v.Get("dir") == "desc" || v.Get("dir") == "" && firstDescending(q.Sort)
	q.Page, _ = strconv.Atoi(v.Get("page"))
	q.Page = min(max(1, q.Page), 1_000_000)
	q.Night = v.Get("by") == "night"
	return q
}

// firstDescending says which order one wants to see first: names ascending, numbers descending.
func firstDescending(sort string) bool {
	return !slices.Contains([]string{"scenario", "system", "runtime", "verdict", "seed"}, sort)
}

// values is parseQuery's inverse, without what is the default.
func (q query) values() url.Values {
	v := url.Values{}
	for name, value := range map[string]string{"q": q.Search, "verdict": q.State, "system": q.System, "runtime": q.Runtime, "scenario": q.Scenario} {
		if value != "" {
			v.Set(name, value)
		}
	}
	if q.Sort != "time" {
		v.Set("sort", q.Sort)
	}
	if q.Descending != firstDescending(q.Sort) {
		v.Set("dir", map[bool]string{true: "desc", false: "asc"}[q.Descending])
	}
	if q.Page > 1 {
		v.Set("page", strconv.Itoa(q.Page))
	}
	if q.Night {
		v.Set("by", "night")
	}
	return v
}

func (q query) at(path string) string {
	if v := q.values().Encode(); v != "" {
		return path + "?" + v
	}
	return path
}

// selectBox is one filter.
type selectBox struct {
	Name, Label, Any, Chosen string
	Options                  []string
}

// selects are the filters of a table. Folders that cannot be read have nothing worth choosing but their
// verdict.
func selects(t table, f filter) []selectBox {
	readable := slices.DeleteFunc(slices.Clone(t), func(d Digest) bool { return d.State == Broken })
	boxes := []selectBox{
		{"verdict", "Verdict", "any verdict", f.State, t.choices(func(d *Digest) string { return string(d.State) })},
		{"system", "System", "any system", f.System, readable.choices(func(d *Digest) string { return d.System })},
		{"runtime", "Runtime", "any runtime", f.Runtime, readable.choices(func(d *Digest) string { return d.Runtime })},
		{"scenario", "Scenario", "any scenario", f.Scenario, readable.choices(func(d *Digest) string { return d.Scenario })},
	}
	for i := range boxes {
		if b := &boxes[i]; b.Chosen != "" && !slices.Contains(b.Options, b.Chosen) {
			b.Options = append(b.Options, b.Chosen)
		}
	}
	return boxes
}

// column is a head of the table, or a choice of the phone's sort box.
type column struct {
	Name, Title, Class, Href, Arrow, Sorted string
}

var tableColumns = []column{
	{Name: "verdict", Title: "Verdict"},
	{Name: "time", Title: "Time"},
	{Name: "scenario", Title: "Scenario"},
	{Name: "system", Title: "System"},
	{Name: "runtime", Title: "Runtime"},
	{Name: "nodes", Title: "Nodes", Class: "n"},
	{Name: "seed", Title: "Seed", Class: "n"},
	{Name: "failovers", Title: "Failovers", Class: "n"},
	{Name: "p50", Title: "p50", Class: "n"},
	{Name: "p95", Title: "p95", Class: "n"},
	{Name: "max", Title: "max", Class: "n"},
	{Name: "ok", Title: "ok", Class: "n"},
	{Name: "failed", Title: "failed", Class: "n"},
	{Name: "unknown", Title: "unknown", Class: "n"},
	{Name: "faults", Title: "Faults", Class: "n"},
}

func columns(q query) []column {
	out := slices.Clone(tableColumns)
	for i := range out {
		c := &out[i]
		next := q
		next.Page, next.Sort, next.Descending = 1, c.Name, firstDescending(c.Name)
		if c.Name == q.Sort {
			next.Descending = !q.Descending
			c.Sorted, c.Arrow = "ascending", "▲"
			if q.Descending {
				c.Sorted, c.Arrow = "descending", "▼"
			}
		}
		c.Href = next.at("/")
	}
	return out
}

// runRow is one row of the table, ready to print.
type runRow struct {
	Digest
	HasReport          bool
	N, P50, P95, Max   string
	Faulty, Incomplete bool
	Note               string // on the outages
}

func (s *Server) rowOf(d Digest) runRow {
	r := runRow{Digest: d, N: format.Missing, P50: format.Missing, P95: format.Missing, Max: format.Missing, Faulty: d.State == Broken, Incomplete: d.State == Broken || d.State == Unfinished}
	if f, _, err := s.openFile(d.ID, results.ReportFile); err == nil {
		r.HasReport = true
		_ = f.Close() // it was only looked for
	}
	o := d.phase(writeOutage)
	n := len(o.Values)
	if r.Incomplete {
		return r
	}
	r.N = format.Count(n + o.Censored)
	r.Note = fmt.Sprintf("write outage; n = %d", n)
	if o.Censored > 0 {
		r.Note += fmt.Sprintf(", %d more had not ended when watching ended", o.Censored)
	}
	if n > 0 {
		r.P50, r.P95, r.Max = format.MS(statistics.Median(o.Values)), format.MS(statistics.NearestRank(o.Values, 0.95)), format.MS(o.Values[n-1])
	}
	return r
}

type runsView struct {
	Query          query
	Selects        []selectBox
	Columns        []column
	Rows           []runRow
	Total          int
	From, To       int
	Previous, Next string
	Trends         string
	Filtered       bool
}

func (s *Server) runsPage(w http.ResponseWriter, r *http.Request) {
	q := parseQuery(r.URL.Query())
	v := runsView{Query: q, Columns: columns(q), Filtered: q.filter != filter{}}
	runs, err := s.index.runs(r.Context())
	if err != nil {
		s.broken(w, r, err)
		return
	}
	v.Selects = selects(runs, q.filter)
	found := runs.find(q.filter, q.Sort, q.Descending)
	v.Total = len(found)
	found = found[min((q.Page-1)*pageSize, v.Total):min(q.Page*pageSize, v.Total)]
	for i := range found {
		v.Rows = append(v.Rows, s.rowOf(found[i]))
	}
	v.From, v.To = (q.Page-1)*pageSize+1, (q.Page-1)*pageSize+len(found)
	if q.Page > 1 {
		p := q
		p.Page--
		v.Previous = p.at("/")
	}
	if v.To < v.Total {
		n := q
		n.Page++
		v.Next = n.at("/")
	}
	v.Trends = query{filter: q.filter, Sort: "time", Descending: true}.at("/trends")
	s.render(w, r, http.StatusOK, "runs", "Runs", v)
}

// runFiles answers with a run's page or one of its files.
func (s *Server) runFiles(w http.ResponseWriter, r *http.Request) {
	id, name := r.PathValue("id"), r.PathValue("path")
	if id == results.Latest {
		s.latest(w, r, name)
		return
	}
	if name != "" {
		s.serveFile(w, r, id, name)
		return
	}
	s.runPage(w, r, id)
}

// latest leads to the run that the link names, if it is one of this folder.
func (s *Server) latest(w http.ResponseWriter, r *http.Request, name string) {
	id, err := s.root.Readlink(results.Latest)
	if err != nil || !idPattern.MatchString(id) || id == results.Latest || name != "" && !allowedFile(name) {
		s.fail(w, r, http.StatusNotFound, "There is no latest run in this folder.")
		return
	}
	http.Redirect(w, r, runPath(id)+(&url.URL{Path: name}).EscapedPath(), http.StatusFound)
}

type runView struct {
	Row   runRow
	Facts []fact
	Files []fileInfo
}

type fact struct{ Name, Value string }

func (s *Server) runPage(w http.ResponseWriter, r *http.Request, id string) {
	runs, err := s.index.runs(r.Context())
	var d Digest
	if err == nil {
		d, err = runs.get(id)
	}
	var files []fileInfo
	if err == nil && d.Gone {
		s.fail(w, r, http.StatusNotFound, "The folder of this run is gone; "+trends.File+" keeps its numbers for the trends.")
		return
	}
	if err == nil {
		files, err = s.listFiles(id)
	}
	switch {
	case errors.Is(err, errNoRun):
		s.fail(w, r, http.StatusNotFound, "There is no such run in this folder.")
		return
	case err != nil:
		s.broken(w, r, err)
		return
	}
	v := runView{Row: s.rowOf(d), Files: files}
	if d.State != Broken {
		for _, f := range settings(d, d) {
			v.Facts = append(v.Facts, fact{f.Name, f.A})
		}
		v.Facts = append(v.Facts, fact{"Faults", strings.Join(d.Faults, ", ")})
	}
	s.render(w, r, http.StatusOK, "run", id, v)
}

type changeView struct {
	change
	Dots template.HTML
}

type compareView struct {
	A, B   string // as asked for
	Runs   []Digest
	Wrong  string
	Result *comparison
	Swap   string

	Failovers, Calls []changeView
}

func (s *Server) comparePage(w http.ResponseWriter, r *http.Request) {
	asked := r.URL.Query()["run"]
	var v compareView
	if len(asked) > 0 {
		v.A = asked[0]
	}
	if len(asked) > 1 {
		v.B = asked[1]
	}
	if len(asked) > 2 {
		v.Wrong = fmt.Sprintf("%d runs were chosen; the first two are compared.", len(asked))
	}
	runs, err := s.index.runs(r.Context())
	if err != nil {
		s.broken(w, r, err)
		return
	}
	v.Runs = runs.find(filter{}, "time", true)
	v.Runs = v.Runs[:min(maxPoints, len(v.Runs))]
	status := http.StatusOK
	if v.A != "" && v.B != "" {
		c, err := s.compareRuns(runs, v.A, v.B)
		switch {
		case errors.Is(err, errNoRun):
			v.Wrong, status = err.Error(), http.StatusNotFound
		case err != nil:
			s.broken(w, r, err)
			return
		default:
			v.Result = &c
			v.Failovers, v.Calls = dotted(c.Failovers), dotted(c.Calls)
			v.Swap = "/compare?" + url.Values{"run": {v.B, v.A}}.Encode()
		}
		// A run that is chosen can be chosen again, however old.
		for _, d := range []Digest{c.A, c.B} {
			if d.ID != "" && !slices.ContainsFunc(v.Runs, func(x Digest) bool { return x.ID == d.ID }) {
				v.Runs = append(v.Runs, d)
			}
		}
	}
	s.render(w, r, status, "compare", "Compare", v)
}

// compareRuns compares two runs by their ids. Where it fails, the comparison has those that it found.
func (s *Server) compareRuns(runs table, idA, idB string) (c comparison, err error) {
	if c.A, err = runs.get(idA); err != nil {
		return c, err
	}
	if c.B, err = runs.get(idB); err != nil {
		return c, err
	}
	la, err := latencies(s.options.Dir, &c.A)
	if err != nil {
		return c, fmt.Errorf("read the calls of %s: %w", idA, err)
	}
	lb, err := latencies(s.options.Dir, &c.B)
	if err != nil {
		return c, fmt.Errorf("read the calls of %s: %w", idB, err)
	}
	return compare(c.A, c.B, la, lb), nil
}

func dotted(changes []change) []changeView {
	var most time.Duration
	for i := range changes {
		for _, x := range []sample{changes[i].A, changes[i].B} {
			most = max(most, x.Median)
			if x.Interval != nil {
				most = max(most, x.Interval[1])
			}
		}
	}
	out := make([]changeView, len(changes))
	for i := range changes {
		out[i] = changeView{changes[i], dotChart(&changes[i], most)}
	}
	return out
}
