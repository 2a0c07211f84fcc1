package recount

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// figureText is one text of a figure. Head is a line under the title.
type figureText struct {
	words, style string
	title, head  bool
}

var (
	// axisLabel is the label of an axis: where it stands says what it is, and the numbers are round.
	axisLabel = regexp.MustCompile(`^-?[0-9][0-9.,]*( (s|ms|µs|%))?$`)
	axisStyle = "font-weight:normal;font-size:8.5px;fill:#5B6570"
)

// Figures holds the words of a folder's figures (SVG) against the values: titles and the lines under
// them, legends, cells, roles and moments. Labels of axes are passed over. What is drawn comes from the CSV
// beside the figure. It says what is wrong, and how many numbers it saw.
//
// The figure of the phase within the heartbeat is left out: nothing here computes it again.
func (v Values) Figures(dir string) (wrong []string, seen int, err error) {
	names, err := filepath.Glob(filepath.Join(dir, "*.svg"))
	if err != nil {
		return nil, 0, err
	}
	for _, file := range names {
		name := strings.TrimSuffix(filepath.Base(file), ".svg")
		if name == "heartbeat" {
			continue
		}
		texts, err := textsOf(file)
		if err != nil {
			return nil, 0, fmt.Errorf("%s: %w", filepath.Base(file), err)
		}
		head := ""
		for _, t := range texts {
			if t.title || t.head {
				head += " " + t.words
			}
			seen += len(numeral.FindAllString(t.words, -1))
		}
		if want := clean(v["figure."+name+".head"]); clean(head) != want {
			wrong = append(wrong, fmt.Sprintf("%s says %q, and not %q", name, clean(head), want))
		}
		known := strings.Split(v["figure."+name+".words"]+"\n"+v["figure.words"], "\n")
		for _, t := range texts {
			if t.title || t.head || !numeral.MatchString(t.words) || name != "matrix" && strings.Contains(t.style, axisStyle) && axisLabel.MatchString(t.words) {
				continue
			}
			if !slices.ContainsFunc(known, func(want string) bool { return said(t.words, want) }) {
				wrong = append(wrong, fmt.Sprintf("nothing computes %q in %s again", t.words, name))
			}
		}
	}
	return wrong, seen, nil
}

// said says whether words are what they must be, or as much of it as there was room for.
func said(words, want string) bool {
	words, want = clean(words), clean(want)
	cut, ok := strings.CutSuffix(words, "…")
	return words == want || ok && cut != "" && strings.HasPrefix(want, cut)
}

// textsOf are the texts of an SVG file, in the order in which they were drawn.
func textsOf(file string) ([]figureText, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var out []figureText
	in := false
	for d := xml.NewDecoder(f); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		switch t := token.(type) {
		case xml.StartElement:
			if in = t.Name.Local == "text"; !in {
				continue
			}
			x := figureText{}
			for _, a := range t.Attr {
				if a.Name.Local == "style" {
					x.style = a.Value
				}
			}
			n := len(out)
			x.title = n == 0 && strings.Contains(x.style, "font-size:12.5px")
			x.head = n > 0 && (out[n-1].title || out[n-1].head) && strings.Contains(x.style, "font-weight:normal;font-size:9px")
			out = append(out, x)
		case xml.CharData:
			if in {
				out[len(out)-1].words += string(t)
			}
		case xml.EndElement:
			in = false
		}
	}
}

// figures are the words of figures, after everything else was computed.
func (v Values) figures(r *files) {
	run := &r.run
	or := func(s string) string {
		if s == "" {
			return "unknown"
		}
		return s
	}
	head := func(name string, lines ...string) { v["figure."+name+".head"] = strings.Join(lines, " ") }
	words := func(name string, lines ...string) { v["figure."+name+".words"] = strings.Join(lines, "\n") }
	away := func(kind string) string {
		if v["stat."+kind+" outage.n"] == "" {
			return ""
		}
		return kind + "s away: " + v.summary(kind+" outage")
	}
	v["figure.words"] = "election timeout " + v["run.election_timeout"] + "\n" + strings.Join(r.terms(), "\n")

	below := ""
	if len(r.probes) > 0 {
		below = key("; %s probes at the foot of the lanes", v["probes.n"])
		if n, err := strconv.Atoi(v["probes.holes"]); err == nil && n > 0 {
			below += key("; hatched: %s in which none was sent", some(n, "time", "times"))
		}
	}
	head("swimlane", key("%s on %s: %s, roles and terms under the clients' latency", or(run.System), or(run.Runtime), some(len(run.Nodes), "node", "nodes")),
		key("n = %s calls; %s faults landed, shaded from effect to healed (orange: on the leader)%s", thousands(len(r.calls)), strings.ReplaceAll(v["faults.landed"], ",", ""), below), away("write"))
	ended, open := 0, 0
	for _, c := range r.calls {
		ended += one(c.done <= max(r.load, time.Second))
		open += one(c.last == 0)
	}
	head("throughput", "Calls answered per second", key("n = %s calls in bins of 100ms, by when they ended; stacked; without the final reads and probes; %s never answered", thousands(ended), thousands(open)), away("write"))

	measured, lost, censored, changed := 0, 0, 0, []*episode{}
	for _, e := range r.episodes {
		switch {
		case e.noQuorum:
			lost++
		case e.writes.length() != nil:
			measured++
			censored += one(e.writes.took == nil)
		}
		if e.elected != nil {
			changed = append(changed, e)
		}
		v.failover(r, e, head, words)
	}
	asked := key("probes of writes through members that no fault held, by when they were due, in bins of %s", span(r.overlayBin()))
	if len(r.probes) == 0 {
		asked = key("acknowledged writes of the workload over their mean in the second before, in bins of %s; no probes were asked for", span(r.overlayBin()))
	}
	left := ""
	if lost > 0 {
		left = key("; left out: %s without an unharmed majority", some(lost, "failover", "failovers"))
	}
	head("overlay", "Service around the fault, all failovers at t0", key("n = %s; 0 = fault effective; %s%s", some(measured, "failover", "failovers"), asked, left), away("write"),
		key("a thin line a failover; a line that ends before the right edge was not watched longer, with + where its outage had not ended (%s censored); median and quartiles over those still watched, where they are 3 or more; a break: nothing was asked", some(censored, "is", "are")))
	v.phases(changed, away("write"), head, words)
	v.curves(away, head, words)
	head("matrix", "How long writes were away, by fault and target", away("write"),
		"a cell: the median with its interval, the longest, n. Framed: the control, faults that left the leader alone: the median and the longest of the longest times without an acknowledged write. Hatched: nothing was measured")
}

// terms are what lanes say: a term alone, or with the role.
func (r *files) terms() (out []string) {
	seen := map[uint64]bool{}
	for _, e := range r.events {
		seen[e.term] = true
	}
	for _, g := range r.reigns {
		seen[g.term] = true
	}
	for _, o := range r.ops { // the poller
		for _, m := range regexp.MustCompile(`"term":([0-9]+)`).FindAllSubmatch(o.Value, -1) {
			if n, err := strconv.ParseUint(string(m[1]), 10, 64); err == nil {
				seen[n] = true
			}
		}
	}
	for t := range seen {
		out = append(out, key("%d", t), key("term %d", t), key("leader · term %d", t))
	}
	return out
}

// overlayBin is how wide a bin of the overlay is: the least of 1, 2 and 5 times a power of ten
// milliseconds that holds four probes of writes, and of which 250 hold the figure.
func (r *files) overlayBin() time.Duration {
	var to, watched time.Duration
	for _, e := range r.episodes {
		if e.noQuorum || e.writes.length() == nil {
			continue
		}
		watched = max(watched, e.watched-e.t0)
		if e.writes.took != nil {
			to = max(to, *e.writes.back-e.t0)
		}
	}
	if to <= 0 {
		to = watched
	}
	to = max(to*5/4, 2*r.run.ElectionTimeout, 200*time.Millisecond)
	least := 100 * time.Millisecond
	if len(r.probes) > 0 {
		least = 4 * r.every()
	}
	least = max(least, to*11/10/250)
	for p := time.Millisecond; ; p *= 10 {
		for _, m := range []time.Duration{1, 2, 5} {
			if m*p >= least {
				return m * p
			}
		}
	}
}

// failover is the figure of one episode.
func (v Values) failover(r *files, e *episode, head, words func(string, ...string)) {
	title := key("%s, nobody follows %s (term %d)", e.cause(), e.old, e.oldTerm)
	switch {
	case e.elected != nil:
		title = key("%s, %s (term %d) → %s (term %d)", e.cause(), e.old, e.oldTerm, e.elected.node, e.elected.term)
	case e.kept:
		title = key("%s, %s leads on in term %d", e.cause(), e.old, e.oldTerm)
	}
	note := ""
	if e.writes.atLeast != nil || e.reads.atLeast != nil {
		note = ", censored: watching ended before the outage did"
	}
	head("failover-"+e.id, key("Failover %s: %s", e.id, title), key("one episode (n = 1%s); writes away %s, reads away %s; times after t0", note, v[e.id+".writes"], v[e.id+".reads"]))
	lines := []string{"detected +" + v[e.id+".detection"], "elected +" + v[e.id+".election"], "t0 " + e.cause()}
	if e.byLog {
		lines = append(lines, "first commit +"+v[e.id+".write_ready"])
	}
	if at := r.firstPut(e); at != nil {
		lines = append(lines, "first put +"+span(*at-e.t0))
	}
	for _, f := range r.faults {
		lines = append(lines, f.Fault+" "+strings.Join(f.Nodes, "+"))
	}
	words("failover-"+e.id, lines...)
}

// firstPut is when the first write that was due after t0 was acknowledged.
func (r *files) firstPut(e *episode) (at *time.Duration) {
	list, _ := r.ruler(false)
	for _, c := range list {
		if !c.read && c.due >= e.t0 && c.due < e.watched && c.outcome == "ok" && c.done <= e.watched && (at == nil || c.done < *at) {
			at = &c.done
		}
	}
	return at
}

// phases is the figure of what each failover's time went to.
func (v Values) phases(changed []*episode, away string, head, words func(string, ...string)) {
	drawn := ""
	if n := len(changed); n > 60 {
		drawn = key("; one of %d is drawn", (n+59)/60)
	}
	head("phases", "Where the time of each failover goes", key("n = %s with a new leader, shortest first; 0 = fault effective; ● writes back for good, ○ reads%s", some(len(changed), "failover", "failovers"), drawn), away)
	lines := []string{key("of each moment, n %d", len(changed))}
	all := sample{}
	for _, e := range changed {
		lines = append(lines, e.cause())
		if e.writes.back != nil {
			d := *e.writes.back - e.t0
			all.add(&d, nil)
			lines = append(lines, span(d))
		}
	}
	if all.n() > 0 {
		lines = append(lines, all.quantile(50))
	}
	words("phases", lines...)
}

// curves is the figure of the outages' distribution.
func (v Values) curves(away func(string) string, head, words func(string, ...string)) {
	lines, legends, band := []string{"How long clients were without service in a failover"}, []string{"95 % band of writes", "95 % band of reads", "milliseconds from the last acknowledged call to the first of 5 in a row"}, ""
	for _, kind := range []string{"write", "read"} {
		name := "stat." + kind + " outage."
		if v[name+"n"] == "" {
			continue
		}
		lines = append(lines, away(kind))
		if _, sure, ok := strings.Cut(v[name+"interval"], " ("); ok {
			if x, err := strconv.ParseFloat(strings.TrimSuffix(sure, " %)"), 64); err == nil {
				legends = append(legends, key("median, %.0f %% interval", x))
			}
		}
		if band == "" {
			known, censored := v.number(name+"n"), v.number(name+"censored")
			n := known + censored
			band = key("band: holds the whole true curve with 95 %% or more, from %s of %ss (Dvoretzky-Kiefer-Wolfowitz, ± %.2f; exact for any n, wide for few)", some(n, "failover", "failovers"), kind, math.Sqrt(math.Log(2/0.05)/(2*float64(n))))
			if censored > 0 {
				band += "; what is censored widens it; curve: Kaplan-Meier"
			}
		}
	}
	head("cdf", append(lines, band)...)
	words("cdf", legends...)
}

func (v Values) number(name string) int {
	n, err := strconv.Atoi(strings.ReplaceAll(v[name], ",", ""))
	if err != nil {
		return 0
	}
	return n
}

// cells are the words of the matrix of faults and targets.
func (v Values) cells(groups map[string]*group, tried map[string]int) {
	var lines []string
	most := time.Duration(0)
	for _, g := range groups {
		low, high, ok := strings.Cut(g.writes.span95(), " – ")
		if n := g.writes.n(); n > 0 {
			lines = append(lines, g.writes.quantile(50))
			cell := key("max %s · n %d", g.writes.longest(), len(g.writes.known))
			if c := len(g.writes.bounds); c > 0 {
				cell += key(" + %d cens.", c)
			}
			lines = append(lines, cell)
			most = max(most, g.writes.middle())
		}
		if ok {
			high, _, _ = strings.Cut(high, " (")
			lines = append(lines, key("[%s, %s]", low, high))
		}
		if n := g.gaps.n(); n > 0 {
			gap := g.gaps.quantile(50)
			lines = append(lines, key("%s: %s, max %s", some(n, "control", "controls"), gap, g.gaps.longest()), gap, key("max %s · n %d", g.gaps.longest(), n))
			if g.writes.n() == 0 {
				most = max(most, g.gaps.middle())
			}
		}
	}
	for _, n := range tried {
		lines = append(lines, key("n 0, tried %d", n))
	}
	v["figure.matrix.words"] = strings.Join(append(lines, span(most), "median: 0"), "\n")
}

// span95 is the interval of the median, or nothing.
func (s *sample) span95() string {
	if s.n() == 0 {
		return ""
	}
	return s.interval()
}

// middle is the median as a length, of censored ones the bound.
func (s *sample) middle() time.Duration {
	slices.Sort(s.known)
	if n := len(s.known); n > 0 && len(s.bounds) == 0 {
		return (s.known[(n-1)/2] + s.known[n/2]) / 2
	}
	for _, d := range append(slices.Clone(s.known), slices.Max(append(slices.Clone(s.known), s.bounds...))) {
		if strings.TrimPrefix(s.quantile(50), "> ") == span(d) {
			return d
		}
	}
	return 0
}
