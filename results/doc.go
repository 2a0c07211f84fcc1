// Package results owns the run folder: its format, the analysis of failovers from it, and the
// report, graphs, JUnit file and summary made from it. It reads the folder and nothing else.
//
// While a run goes on, a [Folder] takes what happens: [Create], [Folder.CreateHistory],
// [Folder.CreateLog], [Folder.WriteRun]. Afterwards, the same day or a year later:
//
//	f, err := results.Open(dir)
//	a, err := results.AnalyzeFolder(f) // or results.Analyze(run, history), which is pure
//	err = results.Render(f, a)         // writes everything below that is marked *; may be repeated
//	fmt.Print(results.TerminalSummary(a, results.TerminalOptions{Dir: dir}))
//
// # The folder
//
//	run.json         Run
//	history.jsonl    history.Op, one a line; line n is the op with index n-1
//	logs/NODE.log    history.AppendLogLine's lines
//	failovers.jsonl  * Episode, one a line
//	report.html      * needs nothing else: no request leaves the page
//	swimlane, throughput, phases, cdf, failover-eN   * as .svg and .png
//	junit.xml, summary.md   * for CI
//
// # One clock
//
// All times are nanoseconds since the start of the run, on the harness's monotonic clock; log lines
// carry it too. A failover's t0 is the moment when its fault's effect was confirmed. What was not
// seen is left out everywhere: it is never zero. [Episode] documents each field of failovers.jsonl;
// the definitions follow the metrics of Ongaro's dissertation (section 9) and what etcd's and
// CockroachDB's failover tests taught: timing from when a call was due (no coordinated omission),
// sustained success instead of one lucky call, reads and writes apart, n and censored counts beside
// every figure. Client outages are measured with the run's probes (harness.Probe), where it has any,
// and [Probing] says how exact they were; else with the workload's own calls, and each [Outage] says
// which.
//
// # What the logs must tell
//
// Elections are read from raft's own messages (package raftlog) in any log format that
// keeps them on one line. A member without such lines is known only as well as the poller saw it. A
// store that logs "committed first entry of term N" makes write-ready exact; else the first
// acknowledged write after the election bounds it. One that logs "X heard the last timed heartbeat of Y
// Nms ago" when it loses a leader makes the phase within the heartbeat known.
package results
