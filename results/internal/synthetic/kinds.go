package synthetic

import (
	"math/rand/v2"
	"time"

	"github.com/faultline-chaos/faultline/history"
)

// Lose is a leader's loss by a fault, with times drawn from r: an election after one timeout or two.
func Lose(r *rand.Rand, fault string, old, next, voter history.NodeID, term uint64, at time.Duration) Known {
	some := func(least, most time.Duration) time.Duration {
		return least + time.Duration(r.Int64N(int64(most-least)))/Mil*Mil
	}
	k := Known{
		Name: fault, Fault: fault, Target: history.TargetLeader, Nodes: []history.NodeID{old}, Held: []history.NodeID{old},
		Old: old, Term: term, Leader: next, NewT: term + 1, Issued: at, Confirmed: at + some(Mil, 40*Mil),
	}
	k.Broke = k.Issued + Mil/2
	begun := k.Confirmed + some(Sec, 1900*Mil)
	k.Elected = begun + some(6*Mil, 40*Mil)
	k.Committed = k.Elected + some(Mil, 20*Mil)
	k.HealStart = k.Committed + some(400*Mil, Sec)
	k.Healed = k.HealStart + some(5*Mil, 90*Mil)
	k.Rejoined = k.Healed - Mil
	k.Rounds = []Round{{Node: next, At: begun, Term: k.NewT, Ran: begun + 3*Mil, Won: k.Elected, Voters: []history.NodeID{voter}}}
	return k
}

// Like is how a fault with this effect looks from outside, where Kinds says nothing of it.
func Like(effect history.EffectKind) func(*Known) {
	switch t := effect.Traits(); {
	case t.Gone:
		return Kinds["kill"]
	case t.Frozen:
		return Kinds["pause"]
	case t.Apart:
		return Kinds["isolate"]
	}
	return slowed(50 * Mil)
}

// Kinds are how faults on a leader look from outside, of which more is to be tried than their effect says.
var Kinds = map[string]func(*Known){
	"kill": func(k *Known) { k.Refuse = true },
	"stop": func(k *Known) { // it serves until it ends
		k.Refuse, k.Confirmed = true, k.Issued+30*Mil
		k.Broke = k.Confirmed - Mil
	},
	"pause":     func(k *Known) { k.Knew = k.Healed - 2*Mil }, // it learns of its successor when it runs again
	"isolate":   func(k *Known) { k.Knew = k.Confirmed + 900*Mil },
	"partition": func(k *Known) { k.Knew = k.Elected + 100*Mil },
	"mute":      func(k *Known) { k.Knew = k.Elected + 4*Mil }, // one way: it is not heard, but hears of its successor
}

// Further are faults that the nemesis does not know yet: the analysis knows nothing of them either, and
// must measure them all the same.
var Further = map[string]func(*Known){
	"deaf": func(k *Known) { // the other way: its heartbeats go on until it gives up, since it hears no answer
		k.Knew = k.Confirmed + 300*Mil
	},
	"delay(50ms)":     slowed(50 * Mil),
	"loss(30%)":       slowed(35 * Mil),
	"disk-slow(40ms)": slowed(40 * Mil),
	"clock-jump(1h)":  slowed(0),
}

// slowed makes a loss a fault that only slows calls, if at all.
func slowed(by time.Duration) func(*Known) {
	return func(k *Known) {
		k.Slow, k.Held, k.Rounds, k.Broke, k.Elected, k.Committed, k.Leader, k.NewT, k.Rejoined = by, nil, nil, 0, 0, 0, "", 0, 0
	}
}

// Every answer takes 1 ms, give or take a quarter: an outage ends with an answer, and of calls that
// were under way when it began some have none.
const (
	latencyLeast = 625 * time.Microsecond
	Latency      = Mil
	Jitter       = Mil / 4
)

const ProbeStep = ProbeEvery / 2 // of three or four members
