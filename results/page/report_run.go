package page

import (
	"cmp"
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/faultline-chaos/faultline/results"
	"github.com/faultline-chaos/faultline/results/failover"
	"github.com/faultline-chaos/faultline/results/format"
)

// runSection shows run.json and what the run cost.
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

func runOfPage(a *failover.Analysis) (p runSection) {
	run := a.Run
	facts := func(name, format string, args ...any) {
		p.Facts = append(p.Facts, fact{name, fmt.Sprintf(format, args...)})
	}
	add := func(name, value string) { // as in run.json
		if value != "" {
			facts(name, "%s", value)
		}
	}
	add("Seed", fmt.Sprint(run.Seed))
	add("Started", run.Started.Format("2006-01-02 15:04:05.000 MST"))
	if !run.Finished.IsZero() {
		add("Duration", run.Finished.Sub(run.Started).Round(time.Millisecond).String())
	}
	add("System", strings.TrimSpace(run.System+" "+run.SystemVersion))
	add("Runtime", run.Runtime)
	add("Runtime chosen", run.RuntimeReason)
	add("Nodes", strings.ReplaceAll(failover.JoinNodes(run.Nodes), "+", ", "))
	if run.ElectionTimeout > 0 {
		facts("Election timeout", "%s, heartbeat %s", format.MS(run.ElectionTimeout), format.MS(run.HeartbeatInterval))
	}
	add("Workload", fmt.Sprintf("%s, %s, %v of faults", format.OrUnknown(run.Workload), format.Plural(run.Concurrency, "worker", "workers"), run.Time))
	probeFacts(a, facts)
	for _, ph := range a.Phases {
		add("Phase "+string(ph.Phase), fmt.Sprintf("from %s (history.jsonl:%d)", format.Clock(ph.At), ph.Line))
	}
	add("Faultline", strings.TrimSpace(run.Faultline+" "+run.Commit))
	add("Exit code", fmt.Sprint(run.ExitCode))
	for _, f := range sortedFs(a.ByF) {
		n := a.ByF[f]
		p.Ops = append(p.Ops, opsRow{f, format.Count(n.OK), format.Count(n.Failed), format.Count(n.Rejected), format.Count(n.Unknown)})
	}
	for _, t := range run.StartTimings {
		p.Timings = append(p.Timings, fact{t.Name, format.MS(t.Took)})
	}
	cost := func(name, value string) {
		p.Memory = append(p.Memory, fact{name, value})
	}
	if run.Resources.HarnessMaxRSS > 0 {
		cost("harness, peak resident memory", humanize.IBytes(uint64(run.Resources.HarnessMaxRSS)))
	}
	if run.Resources.HarnessCPU > 0 {
		cost("harness, CPU time", run.Resources.HarnessCPU.Round(time.Millisecond).String())
	}
	for _, id := range results.SortedKeys(run.Resources.MemberRSS) {
		cost(string(id)+", resident at the end", humanize.IBytes(uint64(max(0, run.Resources.MemberRSS[id]))))
	}
	for _, s := range run.Schedule {
		p.Schedule = append(p.Schedule, scheduleRow{format.Clock(s.At), format.MS(s.For), s.Fault, string(s.Target)})
	}
	for _, id := range results.SortedKeys(a.History.Logs) {
		p.LogFiles = append(p.LogFiles, results.LogsDir+"/"+string(id)+".log")
	}
	return p
}

// probeFacts are about the probes and what they cost.
func probeFacts(a *failover.Analysis, add func(name, format string, args ...any)) {
	p := a.Probes
	if p == nil {
		add("Probes", "none")
		return
	}
	add("Probes", "%s", probesText(p))
	add("Probe outcomes", "%s ok, %s failed, %s unknown", format.Count(p.Calls.OK), format.Count(p.Calls.Failed), format.Count(p.Calls.Unknown))
	if p.LateMax != nil {
		add("Probe lateness", "at most %s after a probe was due", format.MS(*p.LateMax))
	}
	if p.Quiet > 0 {
		add("Probe latency", "p50 %s, p99 %s outside faults (n %s)", format.MS(p.P50), format.MS(p.P99), format.Count(p.Quiet))
	} else {
		add("Probe latency", "no probe ended outside faults")
	}
	if p.Timeout > 0 {
		add("Resolution", "%s (the probe interval) plus the time of an answer; an outage that no fault explains is detected when a probe fails, after %s", format.MS(p.Every), format.MS(p.Timeout))
	}
	add("Accuracy", "%s", calibrationText(a))
	add("Unavailability debt", "writes %s, reads %s (probes without timely success, divided by their rate)", format.MS(p.WriteDebt), format.MS(p.ReadDebt))
	if len(p.Holes) > 0 {
		longest := slices.MaxFunc(p.Holes, func(a, b failover.Hole) int { return cmp.Compare(a.To-a.From, b.To-b.From) })
		add("Not probed", "%s without probes, the longest %s at %s: service is unknown then (hatched in figures)", format.Plural(len(p.Holes), "period", "periods"), format.MS(longest.To-longest.From), format.Clock(longest.From))
	}
	if gaps := p.Outside(); len(gaps) > 0 {
		longest := slices.MaxFunc(gaps, func(a, b failover.Gap) int { return int(a.Took - b.Took) })
		add("Other outages", "%s outside failovers, the longest %s at %s", format.Plural(len(gaps), "outage", "outages"), format.MS(longest.Took), format.Clock(longest.From))
	} else {
		add("Other outages", "none outside failovers")
	}
}

func sortedFs(m map[string]failover.Counts) []string {
	out := make([]string, 0, len(m))
	for f := range m {
		out = append(out, f)
	}
	sort.Strings(out)
	return out
}
