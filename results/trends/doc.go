// Package trends keeps one line a run in a file that outlives the run folders, and judges from it
// whether the newest runs are worse than those before them.
//
// trends.jsonl stands beside the run folders. Each line is a [Row]. [Append] adds one under a lock on
// the file, so that several programs may append at once, and mends a last line that a crash cut off.
// [ReadFile] reads what is whole, and says what it left out. Of two rows of one run the later one
// holds: a run that was judged again is appended again.
//
// [Judge] is the regression gate: it holds the newest run of each [Kind] against the median of the
// runs before it.
package trends
