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

// Entry is a line of All.
type Entry struct {
	Name string
	Doc  string // one line
	New  func() history.Checker
}

// All lists the checkers that exist, with their defaults. Those that judge runs by themselves
// ([RunJudge]) do so in this order.
func All() []Entry {
	return []Entry{
		{"linearizable", "every key's calls have an order that a single register could have given", func() history.Checker { return Linearizable{} }},
		{"appends", "as linearizable, of keys that hold text, which calls put, append to and read", func() history.Checker { return Appends{} }},
		{"revision", "all calls, transactions too, were answered as by one store, in the order of its revisions", func() history.Checker { return Revision{} }},
		{"anomalies", "transactions show no anomaly that their level of isolation forbids", func() history.Checker { return Anomalies{} }},
		{"set", "the last read of a set has every acknowledged element, and nothing else", func() history.Checker { return Set{} }},
		{"set-full", "an element that was once known stays in every read", func() history.Checker { return SetFull{} }},
		{"bank", "transfers between accounts leave the total as it was, in every read", func() history.Checker { return Bank{} }},
		{"durable", "the final reads show every acknowledged write, or what may have replaced it", func() history.Checker { return Durable{} }},
		{"probes", "what the open-loop probes were answered is linearizable, too", func() history.Checker { return Probes{} }},
		{"live", "no answer is older than what was answered before, and equal states hash equally: what a run is judged by while it goes on", func() history.Checker { return Live{} }},
		{"coverage", "faults landed under load, and clients were answered during and after them", func() history.Checker { return Coverage{} }},
		{"recovered", "all members caught up after everything was healed", func() history.Checker { return Recovered{} }},
		{"follower-faults", "a fault of followers alone does not stop the other members' service", func() history.Checker { return FollowerFaults{} }},
		{"availability", "while a majority is healthy, no time without a success is longer than allowed", func() history.Checker { return Availability{} }},
		{"one-leader", "no term has two leaders, by the members' own logs", func() history.Checker { return OneLeader{} }},
		{"no-panic", "no member's log shows a panic, a fatal error or a data race", func() history.Checker { return NoPanic{} }},
		{"state-hash", "members at the same revision hold the same state", func() history.Checker { return StateHash{} }},
		{"log-matching", "members' logs agree wherever they share an entry", func() history.Checker { return LogMatching{} }},
		{"watch", "watch streams are ordered, unique, atomic and without a gap", func() history.Checker { return Watch{} }},
		{"serializable", "serializable reads show real states, none older than the session was promised", func() history.Checker { return Serializable{} }},
		{"lock", "a lock has one holder at a time, and fencing tokens grow", func() history.Checker { return Lock{} }},
		{"lease", "leases end neither early nor too late", func() history.Checker { return Lease{} }},
		{"all-healed", "every injected fault was healed, and the healing was seen", func() history.Checker { return AllHealed{} }},
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
