// Package history is what a run leaves and what is judged: ops and the codec of their lines, the values
// that the nemesis and the harness write, what a fault did ([Effect]), what an op does ([Kind]), log
// lines, and verdicts. Everything above reads these; nothing here knows how a run is made, so that
// checkers and reports need no engine.
//
// What a meaning's owner writes into a line is read from the line. For histories that were recorded
// before a field was, there is one table each, beside the codec ([KindBefore] and oldfaults.go).
package history
