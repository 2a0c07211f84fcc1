package serve

import (
	"encoding/csv"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/faultline-chaos/faultline/results/format"
)

type chartView struct {
	Title, Doc string
	Keys       []fact // class and name of each line
	SVG        template.HTML
}

type trendsView struct {
	Query                query
	Selects              []selectBox
	Charts               []chartView
	Points               []point
	Total, Shown, Gone   int
	Mixed                string
	ByRun, ByNight, Data string
}

// trendRuns finds the runs of a trend: the latest, of those that have a time.
func (s *Server) trendRuns(r *http.Request, q query) (runs []Digest, total int, boxes []selectBox, err error) {
	all, err := s.index.runs(r.Context())
	if err != nil {
		return nil, 0, nil, err
	}
	withGone := q.filter
	withGone.Gone = true
	runs = all.find(withGone, "time", true)
	total = len(runs)
	runs = slices.DeleteFunc(runs[:min(maxPoints, total)], func(d Digest) bool { return d.Started.IsZero() })
	return runs, total, selects(all, q.filter), nil
}

func (s *Server) trendsPage(w http.ResponseWriter, r *http.Request) {
	q := parseQuery(r.URL.Query())
	runs, total, boxes, err := s.trendRuns(r, q)
	if err != nil {
		s.broken(w, r, err)
		return
	}
	v := trendsView{Query: q, Selects: boxes, Total: total, Shown: len(runs), Points: trend(runs, q.Night), Mixed: mixed(runs)}
	for i := range runs {
		if runs[i].Gone {
			v.Gone++
		}
	}
	base := query{filter: q.filter, Sort: "time", Descending: true}
	v.ByRun = base.at("/trends")
	base.Night = true
	v.ByNight = base.at("/trends")
	base.Night = q.Night
	v.Data = base.at("/trends.csv")
	if len(v.Points) > 0 {
		v.Charts = trendCharts(v.Points)
	}
	s.render(w, r, http.StatusOK, "trends", "Trends", v)
}

// mixed warns of lines through runs that were set up differently.
func mixed(runs []Digest) string {
	kinds := map[string]bool{}
	for i := range runs {
		if d := &runs[i]; d.State != Broken {
			kinds[fmt.Sprintf("%s %s %s %d %v %v", d.Scenario, d.System, d.Runtime, d.Nodes, d.Election, d.ProbeEvery)] = true
		}
	}
	if len(kinds) < 2 {
		return ""
	}
	return fmt.Sprintf("These runs have %d different settings (scenario, system, runtime, nodes, election timeout, probes), so a change may come from the mix. Filter to compare like with like.", len(kinds))
}

func trendCharts(points []point) []chartView {
	pick := func(of func(p *point) *float64) []*float64 {
		out := make([]*float64, len(points))
		for i := range points {
			out[i] = of(&points[i])
		}
		return out
	}
	failovers := []series{
		{"p50", "s1", pick(func(p *point) *float64 { return p.P50 })},
		{"p95", "s2", pick(func(p *point) *float64 { return p.P95 })},
	}
	one := func(name string, of func(p *point) *float64) []series { return []series{{name, "s1", pick(of)}} }
	verdicts := chartView{Title: "Verdicts", Doc: "Runs by their verdict.", SVG: verdictChart(points)}
	for _, s := range states {
		verdicts.Keys = append(verdicts.Keys, fact{string(s), string(s)})
	}
	n := 0
	for i := range points {
		n += points[i].Failovers
	}
	return []chartView{
		verdicts,
		{"Write outage per failover", fmt.Sprintf("n = %s. p50 and p95 (nearest rank); censored outages are excluded.", format.Plural(n, "failover", "failovers")), []fact{{"s1", "p50"}, {"s2", "p95"}}, lineChart("Write outage per failover", points, failovers, axisSeconds, secondsText)},
		{"Unavailability", "Write probes through all members without timely success, as a share of the time under load; for runs without probes, their write outages.", nil, lineChart("Unavailability", points, one("unavailable", func(p *point) *float64 { return p.Unavailable }), percentText, percentText)},
		{"Throughput", "Acknowledged calls per second under load.", nil, lineChart("Throughput", points, one("throughput", func(p *point) *float64 { return p.Throughput }), rateText, rateText)},
		{"Unknown outcomes", "Share of all calls with an unknown outcome.", nil, lineChart("Unknown outcomes", points, one("unknown", func(p *point) *float64 { return p.UnknownShare }), percentText, percentText)},
		{"Faults confirmed", "Share of the injected faults whose effect was confirmed.", nil, lineChart("Faults confirmed", points, one("confirmed", func(p *point) *float64 { return p.Landed }), percentText, percentText)},
	}
}

// trendsCSV is the data of the charts.
func (s *Server) trendsCSV(w http.ResponseWriter, r *http.Request) {
	q := parseQuery(r.URL.Query())
	runs, _, _, err := s.trendRuns(r, q)
	if err != nil {
		s.broken(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="trends.csv"`)
	out := csv.NewWriter(w)
	head := []string{"when", "run", "runs"}
	for _, st := range states {
		head = append(head, string(st))
	}
	_ = out.Write(append(head, "failovers", "censored", "outage_p50_s", "outage_p95_s", "unavailable", "ok_per_s", "unknown_share", "faults_landed")) // Error tells
	number := func(v *float64) string {
		if v == nil {
			return ""
		}
		return strconv.FormatFloat(*v, 'g', 9, 64)
	}
	for _, p := range trend(runs, q.Night) {
		row := []string{p.When.Format(time.RFC3339), p.Run, strconv.Itoa(p.Runs)}
		for _, st := range states {
			row = append(row, strconv.Itoa(p.States[st]))
		}
		_ = out.Write(append(row, strconv.Itoa(p.Failovers), strconv.Itoa(p.Censored), number(p.P50), number(p.P95), number(p.Unavailable), number(p.Throughput), number(p.UnknownShare), number(p.Landed))) // Error tells
	}
	if out.Flush(); out.Error() != nil {
		s.options.Note("write trends.csv: %v", out.Error())
	}
}
