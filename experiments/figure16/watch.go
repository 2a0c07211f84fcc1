package figure16

import (
	"slices"
	"time"

	"github.com/faultline-chaos/faultline/experiments/figure16/server"
)

// watch gathers what servers tell about one trial, which need not come in order. Times are of one clock,
// in nanoseconds; 0: not yet.
type watch struct {
	broadcast, campaign int64 // the first of each
	campaigns           int
	heard               map[uint64][]int64 // by term: when members heard from its leader, in order
}

func newWatch() *watch { return &watch{heard: map[uint64][]int64{}} }

// hear takes in an event.
func (w *watch) hear(event string, at int64, term uint64) {
	first := func(to *int64) {
		if *to == 0 || at < *to {
			*to = at
		}
	}
	switch event {
	case server.EvBroadcast:
		first(&w.broadcast)
	case server.EvCampaign:
		first(&w.campaign)
		w.campaigns++
	case server.EvHeard:
		w.heard[term] = append(w.heard[term], at)
		slices.Sort(w.heard[term])
	}
}

// heardBy is when so many members had heard from the leader of one term.
func (w *watch) heardBy(members int) (at int64) {
	for _, times := range w.heard {
		if len(times) >= members && (at == 0 || times[members-1] < at) {
			at = times[members-1]
		}
	}
	return at
}

// over says whether every survivor but a new leader has heard from it.
func (w *watch) over() bool { return w.heardBy(server.Servers-2) > 0 }

// outcome is what came of a crash.
func (w *watch) outcome(crashed int64, limit time.Duration) Outcome {
	o := Outcome{First: limit, Majority: limit, All: limit, Campaigns: w.campaigns, Over: w.over()}
	if o.Over {
		since := func(members int) time.Duration { return time.Duration(w.heardBy(members) - crashed) }
		o.First, o.Majority, o.All = since(1), since(server.Servers/2), since(server.Servers-2)
	}
	return o
}
