// Package failover finds the failovers of a run in its history and logs, and measures them. [Analyze]
// is a pure function; [Episode] documents each field of failovers.jsonl.
//
// An episode is one fault on a leader, or one change of leaders without one. Its t0 is the moment when
// the fault's effect was confirmed. Elections are read from the system's log (package raftlog), and
// from the poller where there is none; client outages from the run's probes (harness.Probe) or else from
// the workload's own calls, and each [Outage] says which. [Probing] says how exact the probes were. The
// definitions follow the metrics of Ongaro's dissertation (section 9) and what etcd's and CockroachDB's
// failover tests taught: timing from when a call was due (no coordinated omission), sustained success
// instead of one lucky call, reads and writes apart, n and censored counts beside every figure.
//
// A store that logs "committed first entry of term N" makes write-ready exact; else the first
// acknowledged write after the election bounds it. One that logs "X heard the last timed heartbeat of Y
// Nms ago" when it loses a leader makes the phase within the heartbeat known.
//
// A time in which probes were due and none was sent is a hole (holes.go): figures hatch it or break a
// line there, so that it never looks like undisturbed service. internal/recount computes the numbers
// again from the run's files; tests hold the two against each other.
package failover
