package results

import (
	"cmp"
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
)

// runSection is what run.json says, and what the run cost.
type runSection struct {
	Facts    []fact
	Ops      []opsRow
	Timings  []fact
	Memory   []fact
	Schedule []scheduleRow
	LogFiles []string
}

type fact struct {
	Name  string
	Value string
}

type opsRow struct{ F, OK, Failed, Rejected, Unknown string }

type scheduleRow struct{ At, For, Fault, Target string }

func runOfPage(a *Analysis) (p runSection) {
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
		p.Ops = append(p.Ops, opsRow{f, count(n.OK), count(n.Failed), count(n.Rejected), count(n.Unknown)})
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
	return p
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

func sortedFs(m map[string]Counts) []string {
	out := make([]string, 0, len(m))
	for f := range m {
		out = append(out, f)
	}
	sort.Strings(out)
	return out
}
