package checker

import (
	"context"
	"fmt"
	"regexp"
	"slices"

	"github.com/faultline-chaos/faultline/history"
	"github.com/faultline-chaos/faultline/history/raftlog"
)

// OneLeader judges election safety (Raft, section 5.2): at most one leader can be elected in a given
// term. It reads raft's own messages in the members' logs, which etcd and raftkv share.
type OneLeader struct{}

// Name is one-leader.
func (OneLeader) Name() string { return "one-leader" }

// Needs raft's log.
func (OneLeader) Needs() []Need { return []Need{RaftLog} }

// JudgesRun of every kind.
func (OneLeader) JudgesRun(RunFacts) history.Checker { return OneLeader{} }

// Check reads the logs alone.
func (OneLeader) Check(_ context.Context, h history.History) history.Verdict {
	if len(h.Logs) == 0 {
		return unknown("there are no logs of members")
	}
	type election struct {
		node history.NodeID
		at   history.LogLine
	}
	leaders := map[uint64]election{}
	for _, node := range logged(h) {
		for _, line := range h.Logs[node] {
			e, ok := raftlog.Parse(line.Text)
			if !ok || e.Kind != raftlog.BecameLeader {
				continue
			}
			if first, ok := leaders[e.Term]; ok && first.node != node {
				return invalid(nil, "term %d has two leaders: %s at %s (%q) and %s at %s (%q)", e.Term,
					first.node, seconds(first.at.At), first.at.Text, node, seconds(line.At), line.Text)
			}
			leaders[e.Term] = election{node, line}
		}
	}
	if len(leaders) == 0 {
		return unknown("the logs of %v show no election", logged(h))
	}
	return valid("%s won, each in its own term", count(len(leaders), "election"))
}

// logged is whose logs there are, in a fixed order.
func logged(h history.History) []history.NodeID {
	var out []history.NodeID
	for node := range h.Logs {
		out = append(out, node)
	}
	slices.Sort(out)
	return out
}

// NoPanic looks for a panic, a fatal error of the Go runtime, a data race, or a log entry of level
// panic, dpanic or fatal in the members' logs. A process that the nemesis ends prints none of them.
type NoPanic struct{}

// Name is no-panic.
func (NoPanic) Name() string { return "no-panic" }

// JudgesRun of every kind.
func (NoPanic) JudgesRun(RunFacts) history.Checker { return NoPanic{} }

// crash is how Go programs and zap report one. Only the start of a line counts, or zap's own field:
// a message may quote these words.
var crash = regexp.MustCompile(`^\s*(panic: |fatal error: |WARNING: DATA RACE|\[signal SIG|unexpected fault address)|"level":"(panic|dpanic|fatal)"`)

// Check reads the logs alone.
func (NoPanic) Check(_ context.Context, h history.History) history.Verdict {
	lines := 0
	var first, more string
	found := 0
	for _, node := range logged(h) {
		lines += len(h.Logs[node])
		for i, line := range h.Logs[node] {
			if crash.MatchString(line.Text) {
				if found++; found == 1 {
					first = fmt.Sprintf("%s, line %d, at %s: %s", node, i+1, seconds(line.At), line.Text)
				}
			}
		}
	}
	if found > 1 {
		more = fmt.Sprintf(" (and %d more)", found-1)
	}
	switch {
	case found > 0:
		return invalid(nil, "%s%s", first, more)
	case lines == 0:
		return unknown("there are no log lines of members")
	}
	return valid("no panic, fatal error or data race in %s of %s", count(lines, "line"), count(len(h.Logs), "member"))
}
