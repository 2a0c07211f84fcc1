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
	Problems        []string
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
	Resolution string
	Majority   int
	Patience   string // the least election timeout
	Stats      []statView
	Groups     []groupView
	StatsNote  string
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

type card struct {
	Title       string
	Value, Note string
}

type navItem struct{ ID, Title string }

type jump struct {
	From, To int64
	Label    string
}

type inlineFigure struct {
	SVG            template.HTML
	File           string
	CSV            string // its data; empty: none
	Worst, Longest string
}

type refView struct{ Ref, File, Line string }

type evidenceView struct {
	refView
	N int
}

type sentenceView struct {
	Text string
	Refs []refView
}

type episodeView struct {
	E                                                           *Episode
	Title, Debt                                                 string
	Cause, Change                                               string
	Detection, Election, WriteReady, Writes, Reads, Tax, Rejoin string
	Partial, Steady                                             string
	Story                                                       []sentenceView
	Figure                                                      inlineFigure
}

type statView struct {
	S                                    *Summary
	Min, Median, Interval, P90, P99, Max string
}

type groupView struct {
	G                                                  *Group
	Target, Writes, Interval, Max, Reads, Gap, Longest string
}

type controlView struct {
	C                              *Control
	Fault, From, For, Gap, Noticed string
	Refs                           []refView
}

type verdictView struct {
	V              harness.Verdict
	Story          []momentView
	Evidence       []evidenceView
	Count, Further string
}

type momentView struct {
	At, Text string
	Call     bool
	Refs     []refView
}

type claimView struct {
	C                  Claim
	Holds, Class, Took string
}

type faultView struct {
	F                                                       *Injected
	Nodes, Issued, Effect, HealIssued, HealedAfter, Trouble string
	Refs                                                    []refView
}

type fact struct {
	Name  string
	Value string
}

type opsRow struct{ F, OK, Failed, Unknown string }

type scheduleRow struct{ At, For, Fault, Target string }

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
		Problems: problems(a), Majority: len(run.Nodes)/2 + 1, Cards: cardsOf(a), Broken: a.broken(), Command: repeatCommand(run),
		CSS: template.CSS(reportCSS), Columns: template.JS(columnsJS), JS: template.JS(dataJS + panelJS + layersJS + drawJS + timelineJS), // ours, embedded
		EndMicros: a.End.Microseconds(), Figures: inlineFigures(figures), Sustained: Sustained, Docs: docsURL,
		Patience:   ms(run.ElectionTimeout),
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
			return card{title, missing, "no failover was measured"}
		}
		note := fmt.Sprintf("median; max %s, n = %s", s.Max, plural(s.N, "failover", "failovers"))
		if s.Censored > 0 {
			note += fmt.Sprintf(", %s censored", count(s.Censored))
		}
		return card{title, s.Median.String(), note}
	}
	return []card{
		away("Writes away per failover", "write outage"),
		away("Reads away per failover", "read outage"),
		{"Faults that landed", fmt.Sprintf("%s of %s", count(a.Landed()), count(len(a.Faults))), "with the effect confirmed"},
		{"Calls", count(a.Ops.OK) + " ok", fmt.Sprintf("%s failed, %s of unknown outcome", count(a.Ops.Failed), count(a.Ops.Unknown))},
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
func resolution(a *Analysis) string {
	text := ""
	slack := fmt.Sprintf("an outage may have ended up to %s before it was seen to (the most of all; each is in failovers.jsonl as slack).", ms(a.slack()))
	if p := a.Probes; p != nil {
		text = fmt.Sprintf("Measured with probes: %s, timed from when they were due.", probesInWords(p))
		if p.Timeout > 0 {
			text += fmt.Sprintf(" Each has %s.", ms(p.Timeout))
		}
		if a.slack() > 0 {
			text += " Even so " + slack
		}
		return text + " " + calibrated(a)
	}
	var before time.Duration
	for i := range a.Episodes {
		for _, o := range []Outage{a.Episodes[i].Writes, a.Episodes[i].Reads} {
			if o.Resolution != nil {
				before = max(before, *o.Resolution)
			}
		}
	}
	text = "Measured with the workload's own calls: the run had no probes. "
	if before > 0 {
		text += fmt.Sprintf("Before the faults a call of each kind was due every %s or oftener, on average. ", ms(before))
	}
	if a.slack() > 0 {
		text += "While workers wait for calls that will time out, fewer are due: " + slack
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
	add("Probes", "%s", probesInWords(p))
	add("Probes that ended", "%s ok, %s failed, %s of unknown outcome", count(p.Calls.OK), count(p.Calls.Failed), count(p.Calls.Unknown))
	if p.LateMax != nil {
		add("Probes sent late", "by %s at most", ms(*p.LateMax))
	}
	if p.Quiet > 0 {
		add("Probes' latency", "p50 %s, p99 %s outside faults (n %s)", ms(p.P50), ms(p.P99), count(p.Quiet))
	} else {
		add("Probes' latency", "none outside faults")
	}
	if p.Timeout > 0 {
		add("Exact to", "%s, the interval, and what an answer takes; a time without service that no fault explains is seen where a probe fails, after %s", ms(p.Every), ms(p.Timeout))
	}
	add("Calibration", "%s", calibrated(a))
	add("Unavailability debt", "writes %s, reads %s: probes without timely success, over their rate", ms(p.WriteDebt), ms(p.ReadDebt))
	if len(p.Holes) > 0 {
		longest := slices.MaxFunc(p.Holes, func(a, b Hole) int { return cmp.Compare(a.To-a.From, b.To-b.From) })
		add("Not probed", "%s times in which none was sent, the longest %s at %s: nothing is known about service then (hatched in figures)", count(len(p.Holes)), ms(longest.To-longest.From), clock(longest.From))
	}
	if gaps := p.outside(); len(gaps) > 0 {
		longest := slices.MaxFunc(gaps, func(a, b Gap) int { return int(a.Took - b.Took) })
		add("Without service", "%s outside failovers, the longest %s at %s", plural(len(gaps), "time", "times"), ms(longest.Took), clock(longest.From))
	} else {
		add("Without service", "never outside failovers")
	}
}

func statsNote(a *Analysis) string {
	lost := 0
	for i := range a.Groups {
		lost += a.Groups[i].Lost
	}
	text := "Censored: watching ended before the duration did. p90 and p99 are nearest ranks, so with fewer than 10 and 100 values they are the maximum; where some are censored, Kaplan and Meier's. The interval is between two order statistics and needs 6 values."
	if lost > 0 {
		text += fmt.Sprintf(" Left out: %s whose faults left no majority unharmed.", plural(lost, "episode", "episodes"))
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
		v.Debt = fmt.Sprintf(" · unavailability debt %s of writes, %s of reads (n = %s and %s probes from t0 until they were back)",
			ms(*e.Writes.Debt), ms(*e.Reads.Debt), count(e.Writes.Asked), count(e.Reads.Asked))
	}
	switch {
	case e.Disturbance != nil:
		v.Steady = ms(*e.Disturbance)
	case e.DisturbedAtLeast != nil:
		v.Steady = "> " + ms(*e.DisturbedAtLeast)
	}
	for _, s := range Story(e, len(a.Run.Nodes)) {
		sv := sentenceView{Text: s.Text}
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
	v := groupView{G: g, Target: string(g.Target), Writes: missing, Reads: missing, Max: missing, Gap: missing}
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
		p.Facts = append(p.Facts, fact{name, fmt.Sprintf(format, args...)})
	}
	add := func(name, value string) { // as run.json says it
		if value != "" {
			facts(name, "%s", value)
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
		facts("Election timeout", "%s, heartbeat %s", ms(run.ElectionTimeout), ms(run.HeartbeatInterval))
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
		p.Timings = append(p.Timings, fact{t.Name, ms(t.Took)})
	}
	cost := func(name, value string) {
		p.Memory = append(p.Memory, fact{name, value})
	}
	if run.Resources.HarnessMaxRSS > 0 {
		cost("harness, most resident memory", humanize.IBytes(uint64(run.Resources.HarnessMaxRSS)))
	}
	if run.Resources.HarnessCPU > 0 {
		cost("harness, CPU time", run.Resources.HarnessCPU.Round(time.Millisecond).String())
	}
	for _, id := range sortedKeys(run.Resources.MemberRSS) {
		cost(string(id)+", resident at the end", humanize.IBytes(uint64(max(0, run.Resources.MemberRSS[id]))))
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
