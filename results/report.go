package results

import (
	"cmp"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"regexp"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/faultline-chaos/faultline/harness"
)

var (
	//go:embed web/report.html
	reportHTML string
	//go:embed web/report.css
	reportCSS string
	//go:embed web/columns.js
	columnsJS string
	//go:embed web/data.js
	dataJS string
	//go:embed web/layers.js
	layersJS string
	//go:embed web/panel.js
	panelJS string
	//go:embed web/draw.js
	drawJS string
	//go:embed web/timeline.js
	timelineJS string
)

// maxInline bounds the figures inside the page, in bytes; further ones are linked.
const maxInline = 6 << 20

// docsURL is a link for readers; the page itself asks for nothing.
const docsURL = "https://github.com/faultline-chaos/faultline/blob/main/docs/failovers.md"

// page is what the template shows: words, ready to print.
type page struct {
	Run             Run
	Verdict         string
	Reason          string
	System, Runtime string
	Problems        []Part
	Cards           []card
	Broken          []brokenRow
	Command         string
	Nav             []navItem
	CSS             template.CSS
	Columns         template.JS // what runs in a worker
	JS              template.JS

	Timeline  timelineMeta // as JSON
	Calls     template.HTML
	Probes    template.HTML
	Bins      template.HTML
	Excerpts  excerpts
	EndMicros int64
	Jumps     []jump
	Figures   map[string]inlineFigure

	Episodes   []episodeView
	Sustained  int
	Docs       string // what the fields mean
	Resolution Words
	Majority   int
	Patience   Words // the least election timeout
	Stats      []statView
	Groups     []groupView
	StatsNote  Words
	PhaseNote  string // why there is no figure of the phase within the heartbeat
	Controls   []controlView
	Verdicts   []verdictView
	Claims     []claimView
	Faults     []faultView
	Facts      []fact
	Ops        []opsRow
	Timings    []fact
	Memory     []fact
	Schedule   []scheduleRow
	LogFiles   []string
}

type (
	card struct {
		Title       string
		Value, Note Words
	}
	navItem struct{ ID, Title string }
	jump    struct {
		From, To int64
		Label    string
	}
	inlineFigure struct {
		SVG            template.HTML
		File           string
		CSV            string // its data; empty: none
		Worst, Longest string
	}
	refView      struct{ Ref, File, Line string }
	evidenceView struct {
		refView
		N int
	}
	sentenceView struct {
		Words Words
		Refs  []refView
	}
	episodeView struct {
		E                                                           *Episode
		Title, Debt                                                 Words
		Cause, Change                                               string
		Detection, Election, WriteReady, Writes, Reads, Tax, Rejoin string
		Partial, Steady                                             string
		Story                                                       []sentenceView
		Figure                                                      inlineFigure
	}
	statView struct {
		S                                    *Summary
		Min, Median, Interval, P90, P99, Max string
	}
	groupView struct {
		Name                                               string // group.FAULT.TARGET
		G                                                  *Group
		Target, Writes, Interval, Max, Reads, Gap, Longest string
	}
	controlView struct {
		C                              *Control
		Fault, From, For, Gap, Noticed string
		Refs                           []refView
	}
	verdictView struct {
		V              harness.Verdict
		Story          []momentView
		Evidence       []evidenceView
		Count, Further string
	}
	momentView struct {
		At, Text string
		Call     bool
		Refs     []refView
	}
	claimView struct {
		C                  Claim
		Holds, Class, Took string
	}
	faultView struct {
		F                                                       *Injected
		Nodes, Issued, Effect, HealIssued, HealedAfter, Trouble string
		Refs                                                    []refView
	}
	fact struct {
		Name  string
		Value Words
	}
	opsRow      struct{ F, OK, Failed, Unknown string }
	scheduleRow struct{ At, For, Fault, Target string }
)

// writeReport writes the self-contained page.
func writeReport(a *Analysis, w io.Writer, figures []Figure) error {
	t, err := template.New("report").Funcs(template.FuncMap{"count": count}).Parse(reportHTML)
	if err != nil {
		return fmt.Errorf("parse the report's template: %w", err)
	}
	p, err := newPage(a, figures)
	if err != nil {
		return err
	}
	var b strings.Builder
	if err := t.Execute(&b, p); err != nil {
		return fmt.Errorf("render %s: %w", ReportFile, err)
	}
	if _, err := hiddenCharacters().WriteString(w, b.String()); err != nil {
		return fmt.Errorf("render %s: %w", ReportFile, err)
	}
	return nil
}

// hiddenCharacters makes those visible that turn text around or hide in it; none of them is the
// page's own. In the page's JSON the escape stands for the same character.
func hiddenCharacters() *strings.Replacer {
	var pairs []string
	for _, span := range [][2]rune{{0x061c, 0x061c}, {0x200b, 0x200f}, {0x2028, 0x202e}, {0x2060, 0x206f}, {0xfeff, 0xfeff}} {
		for r := span[0]; r <= span[1]; r++ {
			pairs = append(pairs, string(r), fmt.Sprintf(`\u%04x`, r))
		}
	}
	return strings.NewReplacer(pairs...)
}

func newPage(a *Analysis, figures []Figure) (page, error) {
	run := a.Run
	p := page{
		Run: run, Verdict: run.Verdict.String(), Reason: verdictReason(run), System: orUnknown(run.System), Runtime: orUnknown(run.Runtime),
		Problems: namedProblems(a), Majority: len(run.Nodes)/2 + 1, Cards: cardsOf(a), Broken: a.broken(), Command: repeatCommand(run),
		CSS: template.CSS(reportCSS), Columns: template.JS(columnsJS), JS: template.JS(dataJS + panelJS + layersJS + drawJS + timelineJS), // ours, embedded
		EndMicros: a.End.Microseconds(), Figures: inlineFigures(figures), Sustained: Sustained, Docs: docsURL,
		Patience:   Words{{"run.election_timeout", ms(run.ElectionTimeout)}},
		Resolution: resolution(a), StatsNote: statsNote(a), PhaseNote: phaseNote(a),
	}
	if err := timeline(a, &p); err != nil {
		return p, err
	}
	for i := range a.Episodes {
		e := &a.Episodes[i]
		p.Episodes = append(p.Episodes, episodeViewOf(a, e, p.Figures["failover-"+e.ID]))
		from, to := e.begin()-300*time.Millisecond, e.T0+2*time.Second
		if e.Writes.Back != nil {
			to = e.Writes.Back.At + 300*time.Millisecond
		}
		p.Jumps = append(p.Jumps, jump{from.Microseconds(), to.Microseconds(), e.ID + " " + e.Cause()})
	}
	for i := range a.Stats {
		p.Stats = append(p.Stats, statViewOf(&a.Stats[i]))
	}
	for i := range a.Groups {
		p.Groups = append(p.Groups, groupViewOf(&a.Groups[i]))
	}
	for i := range a.Controls {
		p.Controls = append(p.Controls, controlViewOf(a, &a.Controls[i]))
	}
	for _, v := range run.Verdicts {
		p.Verdicts = append(p.Verdicts, verdictViewOf(a, v))
	}
	for _, c := range run.Claims {
		p.Claims = append(p.Claims, claimViewOf(c))
	}
	for i := range a.Faults {
		p.Faults = append(p.Faults, faultViewOf(a, &a.Faults[i]))
	}
	aboutRun(a, &p)
	p.Nav = navigation(&p)
	return p, nil
}

func navigation(p *page) []navItem {
	nav := []navItem{{"timeline-section", "Timeline"}, {"failovers", "Failovers"}}
	if len(p.Controls) > 0 {
		nav = append(nav, navItem{"controls", "Followers"})
	}
	nav = append(nav, navItem{"verdicts", "Verdicts"})
	if len(p.Claims) > 0 {
		nav = append(nav, navItem{"claims", "Claims"})
	}
	return append(nav, navItem{"faults", "Faults"}, navItem{"run", "The run"})
}

func namedProblems(a *Analysis) (out []Part) {
	for i, p := range problems(a) {
		out = append(out, Part{fmt.Sprintf("problem.%d", i), p})
	}
	return out
}

func problems(a *Analysis) []string {
	var out []string
	switch {
	case a.Run.Stopped != "":
		out = append(out, "The run ended itself before its end: "+a.Run.Stopped)
	case a.Run.Interrupted:
		out = append(out, "The run was interrupted before its end.")
	}
	if a.Run.HealProblem != "" {
		out = append(out, "Not everything could be healed or removed: "+a.Run.HealProblem)
	}
	for _, w := range a.Warnings {
		out = append(out, "Damaged: "+w)
	}
	return out
}

func cardsOf(a *Analysis) []card {
	away := func(title, name string) card {
		s := a.stat(name)
		if s == nil {
			return card{title, Words{{Text: missing}}, Words{{Text: "no failover was measured"}}}
		}
		stat := func(what, text string) Part { return Part{"stat." + name + "." + what, text} }
		note := wordsOf("median; max %s, n = %s", stat("max", s.Max.String()), stat("n", count(s.N)))
		if s.N == 1 {
			note = append(note, Part{Text: " failover"})
		} else {
			note = append(note, Part{Text: " failovers"})
		}
		if s.Censored > 0 {
			note = append(note, wordsOf(", %s censored", stat("censored", count(s.Censored)))...)
		}
		return card{title, Words{stat("median", s.Median.String())}, note}
	}
	n := func(name string, n int) Part { return Part{name, count(n)} }
	return []card{
		away("Writes away per failover", "write outage"),
		away("Reads away per failover", "read outage"),
		{"Faults that landed", wordsOf("%s of %s", n("faults.landed", a.Landed()), n("faults", len(a.Faults))), Words{{Text: "with the effect confirmed"}}},
		{"Calls", wordsOf("%s ok", n("ops.ok", a.Ops.OK)), wordsOf("%s failed, %s of unknown outcome", n("ops.failed", a.Ops.Failed), n("ops.unknown", a.Ops.Unknown))},
	}
}

var svgHead = regexp.MustCompile(`(?s)^.*?<svg [^>]*?viewBox="([^"]*)"[^>]*>`)

// inlineFigures takes out the parts of an SVG file that do not belong into a page.
func inlineFigures(figures []Figure) map[string]inlineFigure {
	out := map[string]inlineFigure{}
	total := 0
	for _, f := range figures {
		in := inlineFigure{File: f.Name + ".svg", Worst: f.Worst, Longest: f.Longest}
		if f.CSV != nil {
			in.CSV = f.Name + ".csv"
		}
		if total += len(f.SVG); total <= maxInline {
			// Drawn by us; vgsvg escapes the words in it.
			in.SVG = template.HTML(svgHead.ReplaceAll(f.SVG, []byte(`<svg role="img" viewBox="$1">`)))
		}
		out[f.Name] = in
	}
	return out
}

// resolution says what outages were measured with and how fine that is.
func resolution(a *Analysis) Words {
	var text Words
	slack := wordsOf("an outage may have ended up to %s before it was seen to (the most of all; each is in failovers.jsonl as slack).", Part{"slack", ms(a.slack())})
	if p := a.Probes; p != nil {
		text = wordsOf("Measured with probes: %s, timed from when they were due.", probesInWords(p))
		if p.Timeout > 0 {
			text = append(text, wordsOf(" Each has %s.", Part{"probes.timeout", ms(p.Timeout)})...)
		}
		if a.slack() > 0 {
			text = append(append(text, Part{Text: " Even so "}), slack...)
		}
		return append(append(text, Part{Text: " "}), calibrated(a)...)
	}
	var before time.Duration
	for i := range a.Episodes {
		for _, o := range []Outage{a.Episodes[i].Writes, a.Episodes[i].Reads} {
			if o.Resolution != nil {
				before = max(before, *o.Resolution)
			}
		}
	}
	text = wordsOf("Measured with the workload's own calls: the run had no probes. ")
	if before > 0 {
		text = append(text, wordsOf("Before the faults a call of each kind was due every %s or oftener, on average. ", Part{"resolution", ms(before)})...)
	}
	if a.slack() > 0 {
		text = append(append(text, Part{Text: "While workers wait for calls that will time out, fewer are due: "}), slack...)
	}
	return text
}

// probeFacts are about the ruler and its own cost.
func probeFacts(a *Analysis, add func(name, format string, args ...any)) {
	p := a.Probes
	if p == nil {
		add("Probes", "none")
		return
	}
	n := func(name string, n int) Part { return Part{"probes." + name, count(n)} }
	d := func(name string, d time.Duration) Part { return Part{"probes." + name, ms(d)} }
	add("Probes", "%s", probesInWords(p))
	add("Probes that ended", "%s ok, %s failed, %s of unknown outcome", n("ok", p.Calls.OK), n("failed", p.Calls.Failed), n("unknown", p.Calls.Unknown))
	if p.LateMax != nil {
		add("Probes sent late", "by %s at most", d("late_max", *p.LateMax))
	}
	if p.Quiet > 0 {
		add("Probes' latency", "p50 %s, p99 %s outside faults (n %s)", d("p50", p.P50), d("p99", p.P99), n("quiet", p.Quiet))
	} else {
		add("Probes' latency", "none outside faults")
	}
	if p.Timeout > 0 {
		add("Exact to", "%s, the interval, and what an answer takes; a time without service that no fault explains is seen where a probe fails, after %s", d("every", p.Every), d("timeout", p.Timeout))
	}
	add("Calibration", "%s", calibrated(a))
	add("Unavailability debt", "writes %s, reads %s: probes without timely success, over their rate", d("write_debt", p.WriteDebt), d("read_debt", p.ReadDebt))
	if len(p.Holes) > 0 {
		longest := slices.MaxFunc(p.Holes, func(a, b Hole) int { return cmp.Compare(a.To-a.From, b.To-b.From) })
		add("Not probed", "%s times in which none was sent, the longest %s at %s: nothing is known about service then (hatched in figures)", n("holes", len(p.Holes)), d("hole", longest.To-longest.From), Part{"probes.hole_at", clock(longest.From)})
	}
	if gaps := p.outside(); len(gaps) > 0 {
		longest := slices.MaxFunc(gaps, func(a, b Gap) int { return int(a.Took - b.Took) })
		times := "times"
		if len(gaps) == 1 {
			times = "time"
		}
		add("Without service", "%s "+times+" outside failovers, the longest %s at %s", n("gaps", len(gaps)), d("gap", longest.Took), Part{"probes.gap_at", clock(longest.From)})
	} else {
		add("Without service", "never outside failovers")
	}
}

func statsNote(a *Analysis) Words {
	lost := 0
	for i := range a.Episodes {
		if a.Episodes[i].QuorumLost {
			lost++
		}
	}
	text := wordsOf("Censored: watching ended before the duration did. p90 and p99 are nearest ranks, so with fewer than %s and %s values they are the maximum; where some are censored, Kaplan and Meier's. The interval is between two order statistics and needs %s values.",
		Part{"const.p90", "10"}, Part{"const.p99", "100"}, Part{"const.interval", "6"})
	if lost > 0 {
		many := "episodes"
		if lost == 1 {
			many = "episode"
		}
		text = append(text, wordsOf(" Left out: %s "+many+" whose faults left no majority unharmed.", Part{"stats.left_out", count(lost)})...)
	}
	return text
}

func episodeViewOf(a *Analysis, e *Episode, fig inlineFigure) episodeView {
	v := episodeView{
		E: e, Title: e.title(), Cause: e.Cause(), Change: leaderChange(e),
		Detection: optional(e.Detection), Election: optional(e.Election), WriteReady: writeReadyText(e),
		Writes: outageText(e.Writes), Reads: outageText(e.Reads), Tax: optional(e.ClientTax), Rejoin: optional(e.Rejoin),
		Partial: optional(e.Partial), Steady: missing, Figure: fig,
	}
	if e.Writes.Debt != nil && e.Reads.Debt != nil {
		named := func(name, text string) Part { return Part{e.ID + "." + name, text} }
		v.Debt = wordsOf(" · unavailability debt %s of writes, %s of reads (n = %s and %s probes from t0 until they were back)",
			named("writes.debt", ms(*e.Writes.Debt)), named("reads.debt", ms(*e.Reads.Debt)), named("writes.asked", count(e.Writes.Asked)), named("reads.asked", count(e.Reads.Asked)))
	}
	switch {
	case e.Disturbance != nil:
		v.Steady = ms(*e.Disturbance)
	case e.DisturbedAtLeast != nil:
		v.Steady = "> " + ms(*e.DisturbedAtLeast)
	}
	for _, s := range Story(e, len(a.Run.Nodes)) {
		sv := sentenceView{Words: s.Words}
		for _, r := range s.Refs {
			sv.Refs = append(sv.Refs, refViewOf(a, r))
		}
		v.Story = append(v.Story, sv)
	}
	return v
}

// refViewOf finds the line that a reference names.
func refViewOf(a *Analysis, ref string) refView {
	ref, _, _ = strings.Cut(ref, " ")
	file, n, ok := splitRef(ref)
	v := refView{Ref: ref, File: file}
	if !ok {
		return v
	}
	if v.File == HistoryFile {
		if n <= len(a.History.Ops) {
			v.Line = strings.TrimSpace(string(a.History.Ops[n-1].AppendJSON(nil)))
		}
		return v
	}
	node := strings.TrimSuffix(strings.TrimPrefix(v.File, LogsDir+"/"), ".log")
	if lines := a.History.Logs[harness.NodeID(node)]; n <= len(lines) {
		v.Line = lines[n-1].Text
	}
	return v
}

// Number is the line's number alone.
func (v refView) Number() string { return v.Ref[strings.LastIndexByte(v.Ref, ':')+1:] }

// lineViews refer to lines of the history; 0 is none.
func lineViews(a *Analysis, lines ...int) []refView {
	var out []refView
	for _, l := range lines {
		if l > 0 {
			out = append(out, refViewOf(a, lineRef(l)))
		}
	}
	return out
}

func statViewOf(s *Summary) statView {
	v := statView{s, missing, s.Median.String(), missing, s.P90.String(), s.P99.String(), s.Max.String()}
	if s.N > 0 {
		v.Min = ms(s.Min)
	}
	if s.Interval != nil {
		v.Interval = fmt.Sprintf("%s – %s (%.1f %%)", ms(s.Interval[0]), ms(s.Interval[1]), s.Coverage*100)
	}
	return v
}

// groupViewOf is a row of the matrix of faults and targets.
func groupViewOf(g *Group) groupView {
	v := groupView{Name: fmt.Sprintf("group.%s.%s", g.Fault, g.Target), G: g, Target: string(g.Target), Writes: missing, Reads: missing, Max: missing, Gap: missing}
	if v.Target == "" {
		v.Target = missing
	}
	if g.Writes.N+g.Writes.Censored > 0 {
		w := statViewOf(&g.Writes)
		v.Writes, v.Interval, v.Max = w.Median, w.Interval, w.Max
	}
	if g.Reads.N+g.Reads.Censored > 0 {
		v.Reads = g.Reads.Median.String()
	}
	if g.Gaps.N > 0 {
		v.Gap = g.Gaps.Max.String()
	}
	if e := worst(g.Episodes); e != nil {
		v.Longest = e.ID
	}
	return v
}

func controlViewOf(a *Analysis, c *Control) controlView {
	v := controlView{c, c.Fault.Label(), clock(c.From), ms(c.To - c.From), optional(c.LongestGap), "no", nil}
	switch {
	case c.Asked.All() == 0:
		v.Noticed = "nobody called"
	case !c.Undisturbed():
		v.Noticed, v.Refs = "yes", lineViews(a, c.Errors...)
	}
	return v
}

// maxEvidence is how many lines of one verdict's evidence the page shows.
const maxEvidence = 200

func verdictViewOf(a *Analysis, v harness.Verdict) verdictView {
	v.ArtifactNames = artifactNames(&v)
	out := verdictView{Story: storyView(a, v.Story), V: v, Count: plural(len(v.Evidence), "line", "lines") + " of history.jsonl"}
	for _, i := range v.Evidence[:min(len(v.Evidence), maxEvidence)] {
		if i >= 0 && i < len(a.History.Ops) {
			out.Evidence = append(out.Evidence, evidenceView{refViewOf(a, lineRef(i+1)), i + 1})
		}
	}
	if len(v.Evidence) > maxEvidence {
		out.Further = fmt.Sprintf("and %d more", len(v.Evidence)-maxEvidence)
	}
	return out
}

// storyView is a violation's story, each moment with the lines that tell it.
func storyView(a *Analysis, story []harness.Moment) (out []momentView) {
	for _, m := range story {
		v := momentView{At: clock(m.At), Text: m.Text, Call: m.Call}
		for _, i := range m.Ops {
			if i >= 0 && i < len(a.History.Ops) {
				v.Refs = append(v.Refs, lineViews(a, i+1)...)
			}
		}
		out = append(out, v)
	}
	return out
}

func claimViewOf(c Claim) claimView {
	v := claimView{c, "holds", "valid", ms(c.Took)}
	switch {
	case c.Undecided != "":
		v.Holds, v.Class = c.Undecided, "unknown"
	case !c.Holds:
		v.Holds, v.Class = "does not hold", "invalid"
	}
	return v
}

func faultViewOf(a *Analysis, f *Injected) faultView {
	v := faultView{F: f, Nodes: joinNodes(f.Nodes), Issued: clock(f.Issued), Effect: missing, HealIssued: missing, HealedAfter: missing}
	if f.Landed() {
		v.Effect = ms(f.Confirmed - f.Issued)
	}
	if f.HealIssued != nil {
		v.HealIssued = clock(*f.HealIssued)
		if f.Healed != nil {
			v.HealedAfter = ms(*f.Healed - *f.HealIssued)
		}
	}
	v.Refs = lineViews(a, f.Line, f.DoneLine, f.HealLine, f.HealedLine)
	if f.Error != "" {
		v.Trouble = "It did not land: " + f.Error
	}
	if f.HealError != "" {
		v.Trouble = strings.TrimSpace(v.Trouble + " It was not seen to heal: " + f.HealError)
	}
	return v
}

func aboutRun(a *Analysis, p *page) {
	run := a.Run
	facts := func(name, format string, args ...any) {
		p.Facts = append(p.Facts, fact{name, wordsOf(format, args...)})
	}
	add := func(name, value string) { // as run.json says it
		if value != "" {
			facts(name, "%s", Part{"fact." + name, value})
		}
	}
	add("Seed", fmt.Sprint(run.Seed))
	add("Began", run.Started.Format("2006-01-02 15:04:05.000 MST"))
	if !run.Finished.IsZero() {
		add("Took", run.Finished.Sub(run.Started).Round(time.Millisecond).String())
	}
	add("System", strings.TrimSpace(run.System+" "+run.SystemVersion))
	add("Runtime", run.Runtime)
	add("Why this one", run.RuntimeReason)
	add("Nodes", strings.ReplaceAll(joinNodes(run.Nodes), "+", ", "))
	if run.ElectionTimeout > 0 {
		facts("Election timeout", "%s, heartbeat %s", Part{"run.election_timeout", ms(run.ElectionTimeout)}, Part{"run.heartbeat", ms(run.HeartbeatInterval)})
	}
	add("Workload", fmt.Sprintf("%s, %s, %v of faults", orUnknown(run.Workload), plural(run.Concurrency, "worker", "workers"), run.Time))
	probeFacts(a, facts)
	for _, ph := range a.Phases {
		add("Phase "+string(ph.Phase), fmt.Sprintf("from %s (history.jsonl:%d)", clock(ph.At), ph.Line))
	}
	add("Faultline", strings.TrimSpace(run.Faultline+" "+run.Commit))
	add("Exit code", fmt.Sprint(run.ExitCode))
	for _, f := range sortedFs(a.ByF) {
		n := a.ByF[f]
		p.Ops = append(p.Ops, opsRow{f, count(n.OK), count(n.Failed), count(n.Unknown)})
	}
	for _, t := range run.StartTimings {
		p.Timings = append(p.Timings, fact{t.Name, Words{{"timing." + t.Name, ms(t.Took)}}})
	}
	cost := func(name, key, value string) {
		p.Memory = append(p.Memory, fact{name, Words{{"resources." + key, value}}})
	}
	if run.Resources.HarnessMaxRSS > 0 {
		cost("harness, most resident memory", "harness_max_rss", humanize.IBytes(uint64(run.Resources.HarnessMaxRSS)))
	}
	if run.Resources.HarnessCPU > 0 {
		cost("harness, CPU time", "harness_cpu", run.Resources.HarnessCPU.Round(time.Millisecond).String())
	}
	for _, id := range sortedKeys(run.Resources.MemberRSS) {
		cost(string(id)+", resident at the end", "member_rss."+string(id), humanize.IBytes(uint64(max(0, run.Resources.MemberRSS[id]))))
	}
	for _, s := range run.Schedule {
		p.Schedule = append(p.Schedule, scheduleRow{clock(s.At), ms(s.For), s.Fault, string(s.Target)})
	}
	for _, id := range sortedKeys(a.History.Logs) {
		p.LogFiles = append(p.LogFiles, LogsDir+"/"+string(id)+".log")
	}
}

func sortedFs(m map[string]Counts) []string {
	out := make([]string, 0, len(m))
	for f := range m {
		out = append(out, f)
	}
	sort.Strings(out)
	return out
}
