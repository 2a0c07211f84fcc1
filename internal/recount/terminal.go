package recount

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Terminal holds the summary that a run ends with against the values: each line must be what it says.
func (v Values) Terminal(text string) (wrong []string) {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	expect := func(got, want string) {
		got, want = clean(got), clean(want)
		if cut, ok := strings.CutSuffix(got, "…"); ok && strings.HasPrefix(want, cut) {
			return
		}
		if got != want {
			wrong = append(wrong, fmt.Sprintf("the line is %q, and not %q", want, got))
		}
	}
	at := slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, "run      ") })
	if at < 0 {
		return []string{"no line says which run it is"}
	}
	expect(strings.Join(lines[:at], " "), v["terminal.verdict"])
	for _, l := range lines[at:] {
		label, rest, _ := strings.Cut(l, " ")
		switch want, known := v["terminal."+label]; {
		case v.told(l):
			// a line of the violation's story
		case strings.HasPrefix(l, "         ") && !strings.Contains(l, "--"):
			expect(l, v["terminal.kinds"])
		case known:
			expect(rest, want)
		case strings.HasPrefix(l, "     and ") && strings.HasSuffix(l, " more, in the report"):
			if n, err := strconv.Atoi(strings.Fields(l)[1]); err != nil || v[key("e%s.cause", v["episodes"])] == "" || n < 1 {
				wrong = append(wrong, l)
			}
		case label == "report" || label == "repeat" || label == "residue" || strings.Contains(l, "--") || !numeral.MatchString(l):
			// paths and words of run.json
		default:
			wrong = append(wrong, fmt.Sprintf("nothing computes %q again", l))
		}
	}
	return wrong
}

// told says whether a line is one of the story of the violation that decided the verdict.
func (v Values) told(line string) bool {
	line = clean(line)
	if strings.HasPrefix(line, "… ") && strings.HasSuffix(line, " before this: see the report") {
		return v["terminal.story.0"] != ""
	}
	line, cut := strings.CutSuffix(line, "…")
	for i := 0; ; i++ {
		want, ok := v[key("terminal.story.%d", i)]
		if !ok {
			return false
		}
		if want = clean(want); want == line || cut && strings.HasPrefix(want, line) {
			return true
		}
	}
}

// terminal are the lines of the summary.
func (v Values) terminal(r *files) {
	run := &r.run
	why := v["reason"]
	verdict := run.Verdict
	if verdict == "" {
		verdict = "unknown"
	}
	if verdict == "valid" {
		why, _, _ = strings.Cut(why, ": ")
	}
	unknown := func(s string) string {
		if s == "" {
			return "unknown"
		}
		return s
	}
	v["terminal.verdict"] = strings.ToUpper(verdict) + " " + why
	v["terminal.run"] = key("%s · %s on %s · %s · seed %d", run.ID, unknown(run.System), unknown(run.Runtime), some(len(run.Nodes), "node", "nodes"), run.Seed)
	v["terminal.ops"] = key("%s ok · %s failed · %s unknown", v["ops.ok"], v["ops.failed"], v["ops.unknown"])
	v["terminal.faults"] = key("%s of %s landed", v["faults.landed"], v["faults"])
	v["terminal.kinds"] = r.kinds()
	v["terminal.writes"] = "away: " + v.summary("write outage")
	v["terminal.reads"] = "away: " + v.summary("read outage")
	ruler := "the workload's own calls: no probes were asked for; slack up to " + v["slack"]
	if len(r.probes) > 0 {
		ruler = key("probes to %s, %s/s, n %s", v["probes.every.exact"], v["probes.per_second"], v["probes.n"])
		if n, ok := v["probes.unsent"]; ok {
			ruler += ", " + n + " unsent"
		}
		if ruler += "; none outside faults"; v["probes.quiet"] != "" {
			ruler = strings.TrimSuffix(ruler, "none outside faults") + key("p50 %s, p99 %s outside faults", v["probes.p50"], v["probes.p99"])
		}
	}
	v["terminal.ruler"] = ruler
	controls, quiet := 0, 0
	for _, f := range r.faults {
		if said, ok := v["control."+f.ID+".noticed"]; ok {
			controls++
			quiet += one(said == "no")
		}
	}
	v["terminal.control"] = key("%d of %d faults on followers went unnoticed by clients of the other members", quiet, controls)
	v["episodes"] = strconv.Itoa(len(r.episodes))
	for _, e := range r.episodes {
		cause := []rune(e.cause())
		if len(cause) > 18 {
			cause = append(cause[:17:17], '…')
		}
		words := []string{string(cause), e.change()}
		for _, name := range []string{"detection", "election", "commit", "writes", "reads", "rejoin", "ambiguous"} {
			words = append(words, v[e.id+"."+name])
		}
		v["terminal."+e.id] = strings.Join(words, " ")
	}
}

func (r *files) kinds() string {
	type kind struct{ fault, target string }
	n := map[kind]int{}
	for _, f := range r.faults {
		if f.landed {
			n[kind{f.Fault, f.Target}]++
		}
	}
	keys := []kind{}
	for k := range n {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b kind) int { return strings.Compare(a.fault+" "+a.target, b.fault+" "+b.target) })
	out, last := "", ""
	for _, k := range keys {
		switch {
		case k.fault == last:
			out += key(", %s %d", k.target, n[k])
			continue
		case out != "":
			out += "; "
		}
		last = k.fault
		out += key("%s %s %d", k.fault, k.target, n[k])
	}
	return out
}

func (v Values) summary(name string) string {
	name = "stat." + name + "."
	text := "median " + v[name+"median"]
	if low, high, ok := strings.Cut(v[name+"interval"], " – "); ok {
		high, _, _ = strings.Cut(high, " (")
		text += key(" [%s, %s]", low, high)
	}
	n := "n " + v[name+"n"]
	if v[name+"censored"] != "0" {
		n += " + " + v[name+"censored"] + " censored"
	}
	return key("%s, p90 %s, p99 %s, max %s (%s)", text, v[name+"p90"], v[name+"p99"], v[name+"max"], n)
}

// Failovers holds the durations in failovers.jsonl against the values.
func (v Values) Failovers(dir string) (wrong []string) {
	b, err := os.ReadFile(filepath.Join(dir, "failovers.jsonl"))
	if err != nil {
		return []string{err.Error()}
	}
	type away struct{ Took, AtLeast, Slack, Debt *time.Duration }
	n := 0
	for l := range bytes.Lines(b) {
		n++
		var e struct {
			ID                                          string
			Detection, Election, Rejoin, Stale, Partial *time.Duration
			WriteReady                                  *time.Duration `json:"write_ready"`
			ClientTax                                   *time.Duration `json:"client_tax"`
			RejoinOutage                                *time.Duration `json:"rejoin_outage"`
			Writes, Reads                               away
		}
		if err := json.Unmarshal(l, &e); err != nil {
			return append(wrong, err.Error())
		}
		for name, d := range map[string]*time.Duration{
			"detection": e.Detection, "election": e.Election, "write_ready": e.WriteReady, "client_tax": e.ClientTax, "rejoin": e.Rejoin,
			"rejoin_outage": e.RejoinOutage, "stale": e.Stale, "partial": e.Partial, "writes.took": e.Writes.Took, "reads.took": e.Reads.Took,
			"writes.slack": e.Writes.Slack, "reads.slack": e.Reads.Slack, "writes.debt": e.Writes.Debt, "reads.debt": e.Reads.Debt,
		} {
			want, ok := v[e.ID+"."+name]
			if got := none; d != nil || ok && want != none {
				if d != nil {
					got = span(*d)
				}
				if got != want {
					wrong = append(wrong, fmt.Sprintf("%s.%s is %s, and not %s", e.ID, name, want, got))
				}
			}
		}
	}
	if v["episodes"] != strconv.Itoa(n) {
		wrong = append(wrong, fmt.Sprintf("there are %s episodes, and not %d", v["episodes"], n))
	}
	return wrong
}
