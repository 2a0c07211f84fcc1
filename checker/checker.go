// Package checker judges histories, one checker a file. A checker sees a history and nothing else,
// has no state, and says Unknown where the history could not have shown a violation. It is the only
// importer of porcupine.
//
// It is a library: it needs nothing of the harness but its central types. A history is a slice of
// harness.Op, two lines a call; what a line's value holds stands at the checker that reads it. [Run]
// asks several checkers and tells every violation as a story; [Keys] takes a history of registers line
// by line in compact form; package formats reads histories from files, other people's too. The
// algorithms know no histories and are packages of their own: register, revision and anomaly.
package checker

import (
	"context"
	"fmt"
	"sync"

	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/harness/raftlog"
)

// Entry is a line of All.
type Entry struct {
	Name string
	Doc  string // one line
	New  func() harness.Checker
}

// All lists the checkers that exist, with their defaults. Those that judge runs by themselves
// ([RunJudge]) do so in this order.
func All() []Entry {
	return []Entry{
		{"linearizable", "every key's calls have an order that a single register could have given", func() harness.Checker { return Linearizable{} }},
		{"appends", "the same for keys that hold text, which calls put, append to and read", func() harness.Checker { return Appends{} }},
		{"revision", "all calls, transactions too, were answered as by one store, in the order of its revisions", func() harness.Checker { return Revision{} }},
		{"anomalies", "transactions show no anomaly that their level of isolation forbids", func() harness.Checker { return Anomalies{} }},
		{"set", "the last read of a set has every acknowledged element, and nothing else", func() harness.Checker { return Set{} }},
		{"set-full", "an element that was once known stays in every read", func() harness.Checker { return SetFull{} }},
		{"bank", "transfers between accounts leave the total as it was, in every read", func() harness.Checker { return Bank{} }},
		{"durable", "the final reads show every acknowledged write, or what may have replaced it", func() harness.Checker { return Durable{} }},
		{"probes", "what the open-loop probes were answered is linearizable, too", func() harness.Checker { return Probes{} }},
		{"live", "no answer is older than what was answered before, and equal states hash equally: what a run is judged by while it goes on", func() harness.Checker { return Live{} }},
		{"coverage", "faults landed under load, and clients were answered during and after them", func() harness.Checker { return Coverage{} }},
		{"recovered", "all members caught up after everything was healed", func() harness.Checker { return Recovered{} }},
		{"follower-faults", "a fault of followers alone does not stop the other members' service", func() harness.Checker { return FollowerFaults{} }},
		{"availability", "while a majority is healthy, no time without a success is longer than allowed", func() harness.Checker { return Availability{} }},
		{"one-leader", "no term has two leaders, by the members' own logs", func() harness.Checker { return OneLeader{} }},
		{"no-panic", "no member's log shows a panic, a fatal error or a data race", func() harness.Checker { return NoPanic{} }},
		{"state-hash", "members at the same revision hold the same state", func() harness.Checker { return StateHash{} }},
		{"log-matching", "members' logs agree wherever they share an entry", func() harness.Checker { return LogMatching{} }},
		{"watch", "watch streams are ordered, unique, atomic and without a gap", func() harness.Checker { return Watch{} }},
		{"serializable", "serializable reads show real states, none older than the session was promised", func() harness.Checker { return Serializable{} }},
		{"lock", "a lock has one holder at a time, and fencing tokens grow", func() harness.Checker { return Lock{} }},
		{"lease", "leases end neither early nor too late", func() harness.Checker { return Lease{} }},
		{"all-healed", "every injected fault was healed, and the healing was seen", func() harness.Checker { return AllHealed{} }},
	}
}

// ProbeReader is a checker that sees the ops of probes; all others see a history without them.
type ProbeReader interface{ SeesProbes() }

// Run asks every checker, several at once, and returns the verdicts in the order of checkers. A panic in
// one becomes its verdict: Unknown, with the panic's text. The Checker field of every verdict is the
// checker's name, and every violation with evidence has its Story.
func Run(ctx context.Context, checkers []harness.Checker, h harness.History) []harness.Verdict {
	workload := withoutProbes(h)
	logs := h.Logs // what they tell of leaders becomes part of stories
	if !raftlog.Spoken(h.LogLanguage) {
		logs = nil
	}
	out := make([]harness.Verdict, len(checkers))
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

func one(ctx context.Context, c harness.Checker, h harness.History) (v harness.Verdict) {
	err := harness.Protect(ctx, func(ctx context.Context) error {
		v = c.Check(ctx, h)
		return nil
	})
	if err != nil {
		v = unknown("the checker itself failed: %v", err)
	}
	return v
}

// narrated is a verdict with its checker's name and, of a violation, the story of its evidence.
func narrated(v harness.Verdict, name string, lines Lines, logs map[harness.NodeID][]harness.LogLine) harness.Verdict {
	v.Checker = name
	if v.Validity == harness.Invalid && len(v.Evidence) > 0 {
		v.Story = Story(v, lines, logs)
	}
	return v
}

func valid(format string, args ...any) harness.Verdict {
	return harness.Verdict{Validity: harness.Valid, Reason: fmt.Sprintf(format, args...)}
}

func invalid(evidence []int, format string, args ...any) harness.Verdict {
	return harness.Verdict{Validity: harness.Invalid, Reason: fmt.Sprintf(format, args...), Evidence: evidence}
}

func unknown(format string, args ...any) harness.Verdict {
	return harness.Verdict{Reason: fmt.Sprintf(format, args...)}
}

// count is "1 call", "2 calls".
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
