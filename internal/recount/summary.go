package recount

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// summary holds summary.md against the values, section by section.
type summary struct {
	values  Values
	section string // the heading above
	rows    int    // of the section's table so far, its head included
	wrong   []string
	seen    int
}

// Summary holds every number of the job summary, summary.md, against the values: each line must be what it
// says. It says what is wrong, and how many numbers it saw.
func (v Values) Summary(dir string) (wrong []string, seen int, err error) {
	b, err := os.ReadFile(filepath.Join(dir, "summary.md"))
	if err != nil {
		return nil, 0, err
	}
	s := &summary{values: v}
	for l := range strings.Lines(string(b)) {
		l = strings.TrimRight(l, "\n")
		s.seen += len(numeral.FindAllString(l, -1))
		s.line(l)
	}
	return s.wrong, s.seen, nil
}

func (s *summary) expect(got, want string) {
	got, want = clean(unescaped(got)), clean(want)
	if cut, ok := strings.CutSuffix(got, "…"); ok && strings.HasPrefix(want, cut) {
		return
	}
	if got != want {
		s.wrong = append(s.wrong, fmt.Sprintf("the summary says %q, and not %q", got, want))
	}
}

func (s *summary) line(l string) {
	switch {
	case strings.HasPrefix(l, "### "):
		s.section, s.rows = strings.TrimPrefix(l, "### "), 0
	case s.section == "Repeat" && !strings.HasPrefix(l, "```") && l != "":
		s.expect(l, s.values["run.command"])
	case strings.HasPrefix(l, "| "):
		s.row(strings.Split(strings.TrimSuffix(strings.TrimPrefix(l, "| "), " |"), " | "))
	case strings.HasPrefix(l, "- "):
		if !s.values.told(unescaped(l[2:])) {
			s.wrong = append(s.wrong, fmt.Sprintf("no story has the line %q", l))
		}
	case strings.HasPrefix(l, "> **"):
		s.problem(strings.TrimSuffix(strings.TrimPrefix(l, "> **"), "**"))
	case strings.HasPrefix(l, "and ") && strings.HasSuffix(l, " more, in failovers.jsonl"):
		if n, err := strconv.Atoi(strings.Fields(l)[1]); err != nil || strconv.Itoa(n+s.rows-1) != s.values["episodes"] {
			s.wrong = append(s.wrong, l)
		}
	case strings.HasPrefix(l, "## "):
		s.expect(strings.Join(strings.Fields(l)[2:], " "), s.values["summary.head"])
	case s.section == "" && numeral.MatchString(l):
		s.expect(l, s.values["reason"])
	case numeral.MatchString(l):
		if who, ok := strings.CutSuffix(strings.TrimPrefix(l, "What "), " found:"); !ok || !s.values.checks(unescaped(who)) {
			s.wrong = append(s.wrong, fmt.Sprintf("nothing computes %q again", l))
		}
	}
}

func (s *summary) problem(text string) {
	for name, want := range s.values {
		if strings.HasPrefix(name, "problem.") && clean(unescaped(text)) == clean(want) {
			return
		}
	}
	s.wrong = append(s.wrong, fmt.Sprintf("no problem is %q", text))
}

func (s *summary) row(cells []string) {
	v := s.values
	if s.rows++; s.rows == 1 {
		return // the table's head
	}
	name := clean(unescaped(cells[0]))
	all := func(want ...string) {
		if len(cells) != len(want) {
			s.wrong = append(s.wrong, fmt.Sprintf("the row %q has %d cells, and not %d", cells, len(cells), len(want)))
			return
		}
		for i, w := range want {
			s.expect(cells[i], w)
		}
	}
	i := strconv.Itoa(s.rows - 2)
	switch s.section {
	case "":
		want, ok := v["summary."+name]
		if !ok {
			s.wrong = append(s.wrong, fmt.Sprintf("nothing computes %q again", name))
			return
		}
		all(name, want)
	case "Failovers":
		id := key("e%d", s.rows-1)
		e := func(what string) string { return v[id+"."+what] }
		all(id, e("cause"), e("change"), e("detection"), e("election"), e("commit"), e("writes"), e("reads"), e("rejoin"), strings.ReplaceAll(e("ambiguous"), ",", ""))
	case "Faults":
		b := func(what string) string {
			return strings.ReplaceAll(v[key("broken.%s.%s.%s", name, clean(unescaped(cells[1])), what)], ",", "")
		}
		all(b("fault"), cells[1], b("tried"), b("landed"), b("healed"))
	case "Verdicts":
		c := "verdict." + i + "."
		all(v[c+"checker"], v[c+"validity"], v[c+"reason"])
	case "Claims":
		c := "claim." + i + "."
		all(v[c+"claim"], v[c+"holds"], v[c+"measured"])
	default:
		s.wrong = append(s.wrong, fmt.Sprintf("nothing computes the section %q again", s.section))
	}
}

func (v Values) checks(checker string) bool {
	for i := 0; ; i++ {
		c, ok := v[key("verdict.%d.checker", i)]
		if ok && clean(c) == clean(checker) || !ok {
			return ok
		}
	}
}

var escape = regexp.MustCompile("\\\\([|`*_\\[\\]\\\\])")

// unescaped is Markdown's text without its escapes.
func unescaped(s string) string {
	s = escape.ReplaceAllString(s, "$1")
	return strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&").Replace(s)
}

// summaries are the cells of the job summary; the terminal's lines have been computed.
func (v Values) summaries(r *files) {
	run := &r.run
	or := func(s string) string {
		if s == "" {
			return "unknown"
		}
		return s
	}
	v["summary.head"] = key("%s: %s on %s", or(run.Verdict), or(run.System), or(run.Runtime))
	for _, name := range []string{"Writes", "Reads"} {
		v["summary."+name+" away per failover"] = v.orNone(strings.ToLower(strings.TrimSuffix(name, "s")) + " outage")
	}
	v["summary.Ruler"], v["summary.Exact to"] = v["terminal.ruler"], v.calibrated(or(run.Runtime))
	v["summary.Faults"] = v["terminal.faults"]
	v["summary.Calls"] = key("%s ok, %s failed, %s of unknown outcome", v["ops.ok"], v["ops.failed"], v["ops.unknown"])
	quiet, _, _ := strings.Cut(v["terminal.control"], " faults on followers")
	v["summary.Faults on followers"] = quiet + " unnoticed through the other members"
	v["summary.Seed"] = v["fact.Seed"]
	for i, w := range run.Verdicts {
		v[key("verdict.%d.checker", i)] = w.Checker
	}
	for _, e := range r.episodes {
		v[e.id+".change"] = e.change()
	}
}

// orNone is a summary of durations, or that there is none.
func (v Values) orNone(name string) string {
	if v["stat."+name+".n"] == "" {
		return none
	}
	return v.summary(name)
}

func (v Values) calibrated(runtime string) string {
	c := func(name string) string { return v["calibration."+name] }
	if c("at") == "" {
		return key("Not calibrated: when the run was made, there was no calibration of runtime %s on its machine (faultline calibrate --runtime %s).", runtime, runtime)
	}
	text := key("Calibrated %s with %s on this machine and runtime, probes every %s: ", c("at"), c("system"), c("every"))
	if c("read") != "" {
		text += key("of stalls of %s to %s, %s of %s readings were made, with errors from %s to %s; ", c("shortest"), c("longest"), c("read"), c("n"), c("low"), c("high"))
	}
	text += key("a run without faults read %s outages and no answer took longer than %s.", c("outages"), c("noise"))
	if c("exact") == "no" {
		text += " That is less exact than the ruler says of itself."
	}
	if c("every") != v["probes.every"] {
		text += key(" This run's probes were due every %s.", v["probes.every"])
	}
	return text
}

// change is who led before and after.
func (e *episode) change() string {
	switch {
	case e.elected != nil:
		return e.old + "→" + e.elected.node
	case e.kept:
		return e.old + " kept"
	}
	return e.old + "→?"
}
