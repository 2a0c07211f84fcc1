// Package checker judges histories, one checker a file. A checker sees a history and nothing else,
// has no state, and says Unknown where the history could not have shown a violation. It is the only
// importer of porcupine.
//
// It is a library: it needs nothing of the harness but its central types. A history is a slice of
// history.Op, two lines a call; what a line's value holds stands at history.Form. [Run]
// asks several checkers and tells every violation as a story; [Keys] takes a history of registers line
// by line in compact form; package formats reads histories from files, other people's too. The
// algorithms know no histories and are packages of their own: register, revision and anomaly.
package checker

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"

	"github.com/faultline-chaos/faultline/history"
	"github.com/faultline-chaos/faultline/history/raftlog"
)

// Entry describes one checker in All.
type Entry struct {
	Name string
	Doc  string // one line
	New  func() history.Checker
}

// All lists the checkers with their defaults. General checkers ([RunJudge]) judge a run in this order.
func All() []Entry {
	return []Entry{
		{"linearizable", "the calls of each key can be ordered as if a single register had answered them one at a time", func() history.Checker { return Linearizable{} }},
		{"appends", "the same as linearizable, for keys that hold text: put, append and read", func() history.Checker { return Appends{} }},
		{"revision", "all calls, including transactions, were answered as by one store, in the order of its revisions", func() history.Checker { return Revision{} }},
		{"anomalies", "transactions show no anomaly that their isolation level forbids", func() history.Checker { return Anomalies{} }},
		{"set", "the last read of a set shows every acknowledged element, and none that nobody added", func() history.Checker { return Set{} }},
		{"set-full", "an element that was acknowledged or read once is in every later read", func() history.Checker { return SetFull{} }},
		{"bank", "transfers between accounts leave the total unchanged in every read", func() history.Checker { return Bank{} }},
		{"durable", "the final reads show every acknowledged write, or a write that may have replaced it", func() history.Checker { return Durable{} }},
		{"probes", "the calls of the open-loop probes are linearizable, too", func() history.Checker { return Probes{} }},
		{"live", "no answer is older than an earlier answer, and equal states have equal hashes; judged while the run goes on", func() history.Checker { return Live{} }},
		{"coverage", "faults were injected under load, and clients were answered during and after them", func() history.Checker { return Coverage{} }},
		{"recovered", "all members caught up after all faults were healed", func() history.Checker { return Recovered{} }},
		{"follower-faults", "faults of followers alone do not disturb service through the other members", func() history.Checker { return FollowerFaults{} }},
		{"availability", "while a majority is healthy, no outage is longer than allowed", func() history.Checker { return Availability{} }},
		{"one-leader", "no term has two leaders, according to the members' logs", func() history.Checker { return OneLeader{} }},
		{"no-panic", "no member's log shows a panic, a fatal error or a data race", func() history.Checker { return NoPanic{} }},
		{"state-hash", "members at the same revision hold the same state", func() history.Checker { return StateHash{} }},
		{"log-matching", "members' logs agree wherever they share an entry", func() history.Checker { return LogMatching{} }},
		{"watch", "watch streams are ordered, unique, atomic and without gaps", func() history.Checker { return Watch{} }},
		{"serializable", "serializable reads show real states, none older than the session guarantees allow", func() history.Checker { return Serializable{} }},
		{"lock", "a lock has one holder at a time, and fencing tokens grow", func() history.Checker { return Lock{} }},
		{"lease", "leases end neither early nor too late", func() history.Checker { return Lease{} }},
		{"all-healed", "every injected fault was healed, and the healing was confirmed", func() history.Checker { return AllHealed{} }},
	}
}

// ProbeReader is a checker that sees the ops of probes; all others see a history without them.
type ProbeReader interface{ SeesProbes() }

// Run asks every checker, several at once, and returns the verdicts in the order of checkers. A panic in
// one becomes its verdict: Unknown, with the panic's text. The Checker field of every verdict is the
// checker's name, and every violation with evidence has its Story.
func Run(ctx context.Context, checkers []history.Checker, h history.History) []history.Verdict {
	workload := withoutProbes(h)
	logs := h.Logs // what they tell of leaders becomes part of stories
	if !raftlog.Spoken(h.LogLanguage) {
		logs = nil
	}
	out := make([]history.Verdict, len(checkers))
	var wg sync.WaitGroup
	for i, c := range checkers {
		seen := workload
		if _, ok := c.(ProbeReader); ok {
			seen = h
		}
		wg.Go(func() {
			out[i] = narrated(one(ctx, c, seen), c.Name(), Ops(h.Ops), logs)
		})
	}
	wg.Wait()
	return out
}

func one(ctx context.Context, c history.Checker, h history.History) (v history.Verdict) {
	defer func() {
		if r := recover(); r != nil {
			v = unknown("the checker itself failed: panic: %v\n\n%s", r, debug.Stack())
		}
	}()
	return c.Check(ctx, h)
}

// narrated is a verdict with its checker's name and, of a violation, the story of its evidence.
func narrated(v history.Verdict, name string, lines Lines, logs map[history.NodeID][]history.LogLine) history.Verdict {
	v.Checker = name
	if v.Validity == history.Invalid && len(v.Evidence) > 0 {
		v.Story = Story(v, lines, logs)
	}
	return v
}

func valid(format string, args ...any) history.Verdict {
	return history.Verdict{Validity: history.Valid, Reason: fmt.Sprintf(format, args...)}
}

func invalid(evidence []int, format string, args ...any) history.Verdict {
	return history.Verdict{Validity: history.Invalid, Reason: fmt.Sprintf(format, args...), Evidence: evidence}
}

func unknown(format string, args ...any) history.Verdict {
	return history.Verdict{Reason: fmt.Sprintf(format, args...)}
}

// count is "1 call", "2 calls".
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
