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

func runOfPage(a *failover.Analysis) (p runSection) {
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
		cost("harness, most resident memory", humanize.IBytes(uint64(run.Resources.HarnessMaxRSS)))
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

// probeFacts are about the ruler and its own cost.
func probeFacts(a *failover.Analysis, add func(name, format string, args ...any)) {
	p := a.Probes
	if p == nil {
		add("Probes", "none")
		return
	}
	add("Probes", "%s", probesInWords(p))
	add("Probes that ended", "%s ok, %s failed, %s of unknown outcome", format.Count(p.Calls.OK), format.Count(p.Calls.Failed), format.Count(p.Calls.Unknown))
	if p.LateMax != nil {
		add("Probes sent late", "by %s at most", format.MS(*p.LateMax))
	}
	if p.Quiet > 0 {
		add("Probes' latency", "p50 %s, p99 %s outside faults (n %s)", format.MS(p.P50), format.MS(p.P99), format.Count(p.Quiet))
	} else {
		add("Probes' latency", "none outside faults")
	}
	if p.Timeout > 0 {
		add("Exact to", "%s, the interval, and what an answer takes; a time without service that no fault explains is seen where a probe fails, after %s", format.MS(p.Every), format.MS(p.Timeout))
	}
	add("Calibration", "%s", calibrated(a))
	add("Unavailability debt", "writes %s, reads %s: probes without timely success, over their rate", format.MS(p.WriteDebt), format.MS(p.ReadDebt))
	if len(p.Holes) > 0 {
		longest := slices.MaxFunc(p.Holes, func(a, b failover.Hole) int { return cmp.Compare(a.To-a.From, b.To-b.From) })
		add("Not probed", "%s times in which none was sent, the longest %s at %s: nothing is known about service then (hatched in figures)", format.Count(len(p.Holes)), format.MS(longest.To-longest.From), format.Clock(longest.From))
	}
	if gaps := p.Outside(); len(gaps) > 0 {
		longest := slices.MaxFunc(gaps, func(a, b failover.Gap) int { return int(a.Took - b.Took) })
		add("Without service", "%s outside failovers, the longest %s at %s", format.Plural(len(gaps), "time", "times"), format.MS(longest.Took), format.Clock(longest.From))
	} else {
		add("Without service", "never outside failovers")
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
