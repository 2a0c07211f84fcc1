// Package results owns the run folder: the only thing that crosses from running to judging.
//
// While a run goes on, a [Folder] takes what happens: [Create], [Folder.CreateHistory],
// [Folder.CreateLog], [Folder.WriteRun]. Afterwards, the same day or a year later:
//
//	f, err := results.Open(dir)
//	a, err := failover.AnalyzeFolder(f) // or failover.Analyze(run, history), which is pure
//	err = page.Render(f, a)             // writes everything below that is marked *; may be repeated
//	fmt.Print(page.TerminalSummary(a, page.TerminalOptions{Dir: dir}))
//
// # The folder
//
//	run.json         Run
//	history.jsonl    history.Op, one a line; line n is the op with index n-1
//	logs/NODE.log    history.AppendLogLine's lines
//	failovers.jsonl  * failover.Episode, one a line
//	report.html      * needs nothing else: no request leaves the page
//	swimlane, throughput, phases, cdf, failover-eN   * as .svg, .png and .csv
//	junit.xml, summary.md   * for CI
//
// All times are nanoseconds since the start of the run, on the harness's monotonic clock; log lines
// carry it too. What was not seen is left out everywhere: it is never zero.
package results
