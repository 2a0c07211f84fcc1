package recount

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// about is what run.json says.
func (v Values) about(r *files) {
	run := &r.run
	v["run.id"], v["run.nodes"], v["majority"] = run.ID, strconv.Itoa(len(run.Nodes)), strconv.Itoa(len(run.Nodes)/2+1)
	v.span("run.election_timeout", run.ElectionTimeout)
	v.span("run.heartbeat", run.Heartbeat)
	v["run.command"] = command(run.Command)
	v["reason"] = reason(run)
	problem := func(text string) { v[key("problem.%d", v.count("problem."))] = text }
	if run.Stopped != "" {
		problem("The run ended itself before its end: " + run.Stopped)
	} else if run.Interrupted {
		problem("The run was interrupted before its end.")
	}
	if run.HealProblem != "" {
		problem("Not everything could be healed or removed: " + run.HealProblem)
	}
	for i, w := range run.Verdicts {
		v[key("verdict.%d.validity", i)], v[key("verdict.%d.reason", i)] = w.Validity, w.Reason
		v[key("verdict.%d.evidence", i)] = some(len(w.Evidence), "line", "lines") + " of history.jsonl"
		for j, m := range w.Story {
			v[key("verdict.%d.story.%d.at", i, j)], v[key("verdict.%d.story.%d.text", i, j)] = moment(m.At), m.Text
		}
		if n := len(w.Evidence); n > 200 {
			v[key("verdict.%d.further", i)] = key("and %d more", n-200)
		}
		v.story(i, &run.Verdicts[i], run.Verdict)
	}
	for i, c := range run.Claims {
		name := key("claim.%d.", i)
		v[name+"claim"], v[name+"did"], v[name+"measured"] = c.Claim, c.Did, c.Measured
		v[name+"holds"] = map[bool]string{true: "holds", false: "does not hold"}[c.Holds]
		if c.Undecided != "" {
			v[name+"holds"] = c.Undecided
		}
		v.span(name+"took", c.Took)
	}
	v.facts(r)
	for _, t := range run.StartTimings {
		v.span("timing."+t.Name, t.Took)
	}
	v["resources.harness_max_rss"] = binary(run.Resources.MaxRSS)
	v["resources.harness_cpu"] = run.Resources.CPU.Round(time.Millisecond).String()
	for node, n := range run.Resources.MemberRSS {
		v["resources.member_rss."+node] = binary(n)
	}
	v["schedule"] = strconv.Itoa(len(run.Schedule))
	for i, s := range run.Schedule {
		v[key("schedule.%d.at", i)], v[key("schedule.%d.for", i)], v[key("schedule.%d.fault", i)] = moment(s.At), span(s.For), s.Fault
	}
	v[key("excerpt.%s.lines", "history.jsonl")] = strconv.Itoa(len(r.ops))
	for node, log := range r.logs {
		v[key("excerpt.logs/%s.log.lines", node)] = strconv.Itoa(len(log))
	}
}

func (v Values) count(prefix string) (n int) {
	for name := range v {
		if strings.HasPrefix(name, prefix) {
			n++
		}
	}
	return n
}

func (v Values) facts(r *files) {
	run := &r.run
	fact := func(name, text string) { v["fact."+name] = text }
	fact("Seed", strconv.FormatUint(run.Seed, 10))
	fact("Began", run.Started.Format("2006-01-02 15:04:05.000 MST"))
	fact("Took", run.Finished.Sub(run.Started).Round(time.Millisecond).String())
	fact("System", strings.TrimSpace(run.System+" "+run.SystemVersion))
	fact("Runtime", run.Runtime)
	fact("Why this one", run.RuntimeReason)
	fact("Nodes", strings.Join(run.Nodes, ", "))
	workload := run.Workload
	if workload == "" {
		workload = "unknown"
	}
	fact("Workload", key("%s, %s, %v of faults", workload, some(run.Concurrency, "worker", "workers"), run.Time))
	for i, o := range r.ops {
		if _, name, ok := strings.Cut(string(o.Value), `{"phase":"`); ok && o.F == "phase" && o.Process == -2 {
			fact("Phase "+strings.TrimSuffix(name, `"}`), key("from %s (history.jsonl:%d)", moment(o.Time), i+1))
		}
	}
	fact("Faultline", strings.TrimSpace(run.Faultline+" "+run.Commit))
	fact("Exit code", strconv.Itoa(run.ExitCode))
}

// binary is bytes in KiB, MiB or GiB.
func binary(n int64) string {
	x, unit := float64(max(0, n)), 0
	for x >= 1024 {
		x /= 1024
		unit++
	}
	digits := 0
	if unit > 0 && x < 10 {
		digits = 1
	}
	return strconv.FormatFloat(x, 'f', digits, 64) + " " + []string{"B", "KiB", "MiB", "GiB", "TiB"}[unit]
}

// command is a shell's line.
func command(words []string) string {
	out := make([]string, len(words))
	for i, w := range words {
		if out[i] = w; w == "" || strings.Trim(w, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./=:,@+%") != "" {
			out[i] = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
	}
	return strings.Join(out, " ")
}

// story is that of a verdict's violation, on the page, and on the terminal where it decided the run's.
func (v Values) story(i int, w *verdict, run string) {
	_, told := v["terminal.story.0"]
	timed := slices.ContainsFunc(w.Story, func(m storyLine) bool { return m.At >= time.Millisecond })
	for j, m := range w.Story {
		at := key("%.3f s", m.At.Seconds())
		v[key("verdict.%d.story.%d.at", i, j)], v[key("verdict.%d.story.%d.text", i, j)] = at, m.Text
		if w.Validity != run || told {
			continue
		}
		line := clean(m.Text)
		if timed {
			line = at + " " + line
		}
		v[key("terminal.story.%d", j)] = line
	}
}

// reason is why the verdict is what it is.
func reason(run *runFile) string {
	if run.Error != "" {
		return clean(run.Error)
	}
	var names []string
	for _, w := range run.Verdicts {
		names = append(names, w.Checker)
		if w.Validity == run.Verdict && run.Verdict != "valid" {
			return clean(w.Checker + ": " + w.Reason)
		}
	}
	for _, c := range run.Claims {
		if run.Verdict == "invalid" && !c.Holds && c.Undecided == "" {
			return clean("it does not hold that " + c.Claim + ": " + c.Measured)
		}
		if run.Verdict == "unknown" && c.Undecided != "" {
			return clean("it was not shown that " + c.Claim + ": " + c.Undecided)
		}
	}
	switch {
	case len(names) == 0:
		return "no checker has judged the history"
	case run.Verdict != "valid":
		return "no reason is recorded"
	}
	return key("nothing wrong was found by %s: %s", some(len(names), "checker", "checkers"), strings.Join(names, ", "))
}

// faults are what was broken.
func (v Values) faults(r *files) {
	landed := 0
	sums := map[string]int{}
	for _, f := range r.faults {
		name := key("broken.%s.%s.", f.Fault, f.Target)
		v[name+"fault"], v[f.ID+".fault"] = f.Fault, f.Fault
		sums[name+"tried"]++
		sums[name+"landed"] += one(f.landed)
		sums[name+"healed"] += one(f.healed != nil)
		sums[name+"on_leader"] += one(f.landed && f.leaderHit)
		landed += one(f.landed)
		v[f.ID+".members"], v[f.ID+".issued"] = strings.Join(f.Nodes, "+"), moment(f.Issued)
		v[f.ID+".leader_then"] = f.leaderThen + map[bool]string{true: " (hit)"}[f.leaderHit]
		v[f.ID+".effect"], v[f.ID+".heal_issued"], v[f.ID+".healed"] = none, none, none
		if f.landed {
			v.span(f.ID+".effect", f.Confirmed-f.Issued)
		}
		if f.order != nil {
			v[f.ID+".heal_issued"] = moment(*f.order)
			if f.healed != nil {
				v.span(f.ID+".healed", *f.healed-*f.order)
			}
		}
		trouble := ""
		if f.err != "" {
			trouble = "It did not land: " + f.err
		}
		if f.healErr != "" {
			trouble += " It was not seen to heal: " + f.healErr
		}
		v[f.ID+".trouble"] = strings.TrimSpace(trouble)
	}
	for name, n := range sums {
		v.int(name, n)
	}
	v.int("faults", len(r.faults))
	v.int("faults.landed", landed)
}

func one(b bool) int {
	if b {
		return 1
	}
	return 0
}

// calls are counted by how they ended.
func (v Values) calls(r *files) {
	words := map[string]string{"ok": "ok", "fail": "failed", "info": "unknown"}
	sums := map[string]int{"ops.ok": 0, "ops.failed": 0, "ops.unknown": 0}
	for _, c := range r.all {
		for _, w := range words {
			sums[key("calls.%s.%s", c.f, w)] += 0
		}
		sums[key("calls.%s.%s", c.f, words[c.outcome])]++
		if !c.probe {
			sums["ops."+words[c.outcome]]++
		}
	}
	for name, n := range sums {
		v.int(name, n)
	}
}

// controls are faults that left the leader alone.
func (v Values) controls(r *files) {
	for _, f := range r.faults {
		if !r.control(f) {
			continue
		}
		name := "control." + f.ID + "."
		until := f.over(r.load)
		if f.order != nil {
			until = *f.order
		}
		v[name+"fault"], v[name+"from"] = f.Fault+" "+strings.Join(f.Nodes, "+"), moment(f.Confirmed)
		if len(f.Nodes) == 0 {
			v[name+"fault"] = f.Fault + " " + f.Target
		}
		v.span(name+"for", until-f.Confirmed)
		sums := map[string]int{}
		asked, good := 0, 0
		_, probed := r.ruler(false)
		for _, c := range r.all {
			if c.due < f.Confirmed || c.due >= until || !c.free {
				continue
			}
			if !c.probe {
				sums[c.outcome]++
			}
			if c.probe == probed {
				asked++
				good += one(c.outcome == "ok")
			}
		}
		v.int(name+"ok", sums["ok"])
		v.int(name+"failed", sums["fail"])
		v.int(name+"unknown", sums["info"])
		changes := 0
		for _, g := range r.reigns {
			changes += one(g.from > f.Confirmed && g.from < until)
		}
		v.int(name+"leader_changes", changes)
		v.maybe(name+"gap", r.controlGap(f, until))
		switch {
		case asked == 0:
			v[name+"noticed"] = "nobody called"
		case good == asked && sums["fail"]+sums["info"] == 0 && changes == 0:
			v[name+"noticed"] = "no"
		default:
			v[name+"noticed"] = "yes"
		}
	}
}

func (r *files) control(f *fault) bool {
	overlaps := slices.ContainsFunc(r.faults, func(g *fault) bool {
		return g.leaderHit && g.landed && g.Issued < f.over(r.load) && g.over(r.load) > f.Issued
	})
	return f.landed && !f.leaderHit && !f.noQuorum && !overlaps
}

func (r *files) controlGap(f *fault, until time.Duration) *time.Duration {
	list, _ := r.ruler(false)
	if !slices.ContainsFunc(list, func(c *call) bool { return !c.read && c.free && c.due >= f.Confirmed && c.due < until }) {
		return nil
	}
	d := r.longestGap(f.Confirmed, until, func(c *call) bool { return c.free })
	return &d
}
