package live

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"
	"github.com/dustin/go-humanize"

	"github.com/faultline-chaos/faultline/history"
	"github.com/faultline-chaos/faultline/results/format"
)

// Styles are of the terminal's own sixteen colours, which are readable on its background.
var (
	bold   = lipgloss.NewStyle().Bold(true)
	dim    = lipgloss.NewStyle().Faint(true)
	green  = lipgloss.NewStyle().Bold(true).Foreground(lipgloss.Green)
	red    = lipgloss.NewStyle().Bold(true).Foreground(lipgloss.Red)
	yellow = lipgloss.NewStyle().Foreground(lipgloss.Yellow)
	cyan   = lipgloss.NewStyle().Foreground(lipgloss.Cyan)
)

// gutter is the width of the column in which names stand.
const gutter = 10

// view is one drawing of a State.
type view struct {
	s             *State
	now           time.Duration
	width, height int
}

// Render draws the state as it is at now on the run's clock: height lines of at most width columns,
// styled. What does not fit is cut off, the newest events last.
func Render(s *State, now time.Duration, width, height int) string {
	v := view{s, max(now, s.Now), max(1, width), max(1, height)}
	lines := v.lines()
	for i, l := range lines {
		lines[i] = ansi.Truncate(l, v.width, "…")
	}
	for len(lines) < v.height {
		lines = append(lines, "")
	}
	return strings.Join(lines[:v.height], "\n")
}

// lines are in the order of what may be missed least. Their number depends on the size and the members
// alone, but for the events', so that nothing jumps.
func (v *view) lines() []string {
	rows, faults, gap := 1, 2, false
	fixed := func() int {
		n := 2 + 1 + len(v.s.Members) + 1 + faults + 3 + 2*rows + 1 + 1
		if gap {
			n += 5
		}
		return n
	}
	if faults = 4; v.height-fixed() < 8 {
		faults = 2
	}
	if gap = true; v.height-fixed() < 6 {
		gap = false
	}
	if rows = 3; v.height-fixed() < 8 {
		rows = 1
	}
	parts := [][]string{v.header(), v.members(), v.faults(faults), v.clients(rows), {v.checks()}}
	var out []string
	for _, p := range parts {
		out = append(out, p...)
		if gap {
			out = append(out, "")
		}
	}
	return append(out, v.events(v.height-len(out))...)
}

func (v *view) header() []string {
	s := v.s
	head := bold.Render(s.Plan.Title) + fmt.Sprintf(" · seed %d", s.Plan.Seed)
	clock := seconds(v.now) + " elapsed"
	left, known := s.Left(v.now)
	if known {
		clock += ", " + seconds(left) + " left"
	}
	phase := map[history.Phase]string{
		"": "starting", history.PhaseWarmup: "warm-up", history.PhaseFaults: "faults", history.PhaseRecover: "recovering",
		history.PhaseFinal: "final reads", history.PhaseEnd: "done",
	}[s.Phase]
	second := cell10(bold.Render("phase"))
	switch {
	case s.Stage != "":
		second += bold.Render(s.Stage) + " …"
	case known:
		second += padTo(phase, gutter)
		n := max(0, v.width-2*gutter)
		done := int(time.Duration(n) * v.now / max(v.now+left, 1))
		second += cyan.Render(strings.Repeat("━", done)) + dim.Render(strings.Repeat("─", n-done))
	default:
		second += phase
	}
	return []string{v.ends(head, clock), second}
}

// ends is a line with one text at each end; the left one gives way.
func (v *view) ends(left, right string) string {
	room := v.width - ansi.StringWidth(right) - 1
	if room < gutter {
		return left
	}
	left = ansi.Truncate(left, room, "…")
	return left + strings.Repeat(" ", v.width-ansi.StringWidth(left)-ansi.StringWidth(right)) + right
}

func cell10(s string) string { return padTo(s, gutter) }

func padTo(s string, n int) string {
	return s + strings.Repeat(" ", max(0, n-ansi.StringWidth(s)))
}

func (v *view) members() []string {
	id, term := v.s.Leader()
	about := red.Render("no leader")
	switch {
	case v.s.Phase == "":
		about = dim.Render("starting")
	case id != "":
		about = fmt.Sprintf("%s leads in term %d", id, term)
	}
	if v.s.Elections > 0 {
		about += fmt.Sprintf(" for %s", seconds(v.now-v.s.LeaderSince))
		about += dim.Render(" · " + format.Plural(v.s.Elections, "election", "elections") + " won")
	}
	out := []string{cell10(bold.Render("members")) + about}
	for _, m := range v.s.Members {
		out = append(out, v.member(m))
	}
	return out
}

func (v *view) member(m Member) string {
	line := cell10("  " + string(m.ID))
	if !m.Seen {
		return line + dim.Render("not polled yet")
	}
	role, style := string(m.Role), lipgloss.NewStyle()
	switch m.Role {
	case history.Leader:
		style = green
	case history.Candidate:
		style = yellow
	case history.Unreached:
		role, style = "no answer", red
	}
	line += padTo(style.Render(role), 11) + fmt.Sprintf("term %-6d applied %-13s", m.Term, humanize.Comma(int64(m.Applied)))
	var hit []string
	for _, f := range v.s.Active {
		if slices.Contains(f.Affected, m.ID) && f.State != Injecting && !slices.Contains(hit, f.Fault) {
			hit = append(hit, f.Fault)
		}
	}
	switch {
	case len(hit) > 0:
		line += red.Render(strings.Join(hit, ", "))
	case m.Leader != "" && m.Role == history.Follower:
		line += dim.Render("follows " + string(m.Leader))
	}
	return line
}

func (v *view) faults(rows int) []string {
	s := v.s
	head := cell10(bold.Render("faults"))
	switch {
	case len(s.Plan.Steps) == 0:
		head += "none scheduled"
	default:
		head += fmt.Sprintf("%d of %d confirmed", s.Landed, len(s.Plan.Steps))
		if missed := s.Tried - s.Landed; missed > 0 {
			head += yellow.Render(fmt.Sprintf(", %d not confirmed", missed))
		}
		if st, in, ok := s.Next(v.now); ok {
			head += dim.Render(fmt.Sprintf(" · next: %s %s in %s", st.Fault, st.Target, seconds(in)))
		}
	}
	out := []string{head}
	for i, f := range s.Active {
		if i == rows-1 && len(s.Active) > rows {
			out = append(out, fmt.Sprintf("  and %d more", len(s.Active)-i))
			break
		}
		words := map[FaultState]string{Injecting: "injecting for", Active: "active for", Healing: "healing for", Missed: "not confirmed, for"}
		style := map[FaultState]lipgloss.Style{Active: red, Healing: green, Injecting: yellow, Missed: yellow}[f.State]
		who := nodes(f.Nodes)
		if who == "" {
			who = "none yet"
		}
		out = append(out, "  "+padTo(style.Render(f.Fault), gutter+2)+padTo(string(f.Target), 17)+padTo(who, 12)+words[f.State]+" "+seconds(v.now-f.Since))
	}
	if len(s.Active) == 0 && len(s.Plan.Steps) > 0 {
		out = append(out, dim.Render("  no active fault"))
	}
	for len(out) < rows+1 {
		out = append(out, "")
	}
	return out
}

func (v *view) clients(rows int) []string {
	s := v.s
	r := s.Rates(v.now)
	now := []string{green.Render(fmt.Sprintf("ok %.0f/s", r[0])), failing(r[1], "failed"), failing(r[2], "unknown")}
	sum := fmt.Sprintf("%s ok, %s failed, %s unknown", format.Count(s.Counts[history.OK]), format.Count(s.Counts[history.Fail]), format.Count(s.Counts[history.Info]))
	if s.Rejected > 0 {
		sum += fmt.Sprintf(", %s rejected", format.Count(s.Rejected))
	}
	n := max(1, v.width-gutter-2-v.stats())
	cells := s.window(v.now, n)
	out := []string{v.ends(cell10(bold.Render("clients"))+strings.Join(now, "  "), dim.Render(sum))}
	line, most := throughput(cells)
	out = append(out, padTo(cell10("  ok")+line, gutter+n)+"  "+dim.Render(fmt.Sprintf("max %.0f/s", most)))
	for _, k := range []struct {
		name string
		of   *Latency
		mark func(*cell) mark
	}{{"  writes", &s.Writes, func(c *cell) mark { return c.writes }}, {"  reads", &s.Reads, func(c *cell) mark { return c.reads }}} {
		chart := latencies(cells, rows, k.mark)
		for i := range chart {
			name, stat := "", ""
			if i == len(chart)-1 {
				name, stat = k.name, v.latency(k.of)
			}
			out = append(out, padTo(cell10(name)+chart[i], gutter+n)+"  "+stat)
		}
	}
	legend := "  mark: 250 ms, slowest answer (1–128 ms, log); yellow: failures; ×: no answer"
	if v.width >= 120 {
		legend += "; gap: longest time between answers"
	}
	return append(out, dim.Render(legend))
}

func failing(rate float64, what string) string {
	text := fmt.Sprintf("%s %.0f/s", what, rate)
	if rate > 0 {
		return yellow.Render(text)
	}
	return dim.Render(text)
}

// stats is the width of the text of latency.
func (v *view) stats() int {
	if v.width < 76 {
		return 24
	}
	return 37
}

// latency is the numbers next to a sparkline.
func (v *view) latency(l *Latency) string {
	gap := dim.Render("  gap " + short(l.Longest))
	if v.stats() < 37 {
		gap = ""
	}
	timed := v.s.Phase != history.PhaseFinal && v.s.Stage == ""
	if d := l.Outage(v.now, v.s.Plan.Patience); d > 0 && timed {
		return padTo(red.Render("no answer for "+seconds(d)), 24) + gap
	}
	p50, p99, ok := l.Quantiles()
	if !ok {
		return dim.Render("no answer yet")
	}
	return padTo(fmt.Sprintf("p50 %s  p99 %s", short(p50), short(p99)), 24) + gap
}

func (v *view) checks() string {
	c := v.s.Checks
	if c.Violation != "" {
		return cell10(bold.Render("checks")) + red.Render("VIOLATION: "+c.Violation)
	}
	judged := fmt.Sprintf(" · %s and %s judged", format.Plural(c.Answers, "answer", "answers"), format.Plural(c.Hashes, "state hash", "state hashes"))
	if c.Undecided > 0 {
		judged += fmt.Sprintf(", %s open", format.Plural(c.Undecided, "key", "keys"))
	} else {
		judged += " so far"
	}
	if c.Lag >= lagReported {
		judged += fmt.Sprintf(", %s behind", format.Plural(c.Behind, "op", "ops"))
	}
	return cell10(bold.Render("checks")) + green.Render("no violation") + dim.Render(judged)
}

// events are the newest ones, the newest at the bottom.
func (v *view) events(room int) []string {
	if room < 1 {
		return nil
	}
	list := v.s.Events
	list = list[max(0, len(list)-(room-1)):]
	out := []string{bold.Render("events")}
	for _, e := range list {
		style := map[EventKind]lipgloss.Style{LeaderEvent: cyan, FaultEvent: red, HealEvent: green, TroubleEvent: yellow, ViolationEvent: red, PhaseEvent: bold}[e.Kind]
		out = append(out, dim.Render(fmt.Sprintf("%8.2fs  ", e.At.Seconds()))+style.Render(e.Text))
	}
	return out
}

// short is a measured duration in at most seven columns.
func short(d time.Duration) string {
	ms := float64(d) / float64(time.Millisecond)
	switch {
	case ms < 100:
		return fmt.Sprintf("%.1f ms", ms)
	case ms < 1000:
		return fmt.Sprintf("%.0f ms", ms)
	case d < 100*time.Second:
		return fmt.Sprintf("%.2f s", d.Seconds())
	default:
		return seconds(d)
	}
}

// seconds is a duration that runs while it is looked at.
func seconds(d time.Duration) string {
	switch {
	case d < 100*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < time.Hour:
		return fmt.Sprintf("%d:%02d min", int(d.Minutes()), int(d.Seconds())%60)
	default:
		return fmt.Sprintf("%d:%02d h", int(d.Hours()), int(d.Minutes())%60)
	}
}
