package figure16

import (
	"context"
	"fmt"
	"time"

	"github.com/faultline-chaos/faultline/experiments/figure16/server"
	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/harness/sim"
)

// Setup is that of the figure for one range of election timeouts.
type Setup struct {
	Min, Max time.Duration // timeouts are uniform between them; heartbeats are sent every half Min
	Tick     time.Duration // the resolution of timers; it divides half of Min
	Delay    sim.Delay     // of each message but the old leader's heartbeats, one way; nothing else takes time
	Cap      time.Duration // after so long without a leader a trial is given up

	awake bool // every tick is called, for tests
}

// Outcome is what one crash of the leader led to. Times count from the crash.
type Outcome struct {
	First     time.Duration // until some survivor heard from the new leader
	Majority  time.Duration // until two of them had, so that a majority of the servers knew it
	All       time.Duration // until every other survivor had heard from the same new leader
	Over      bool          // within Cap; else First, Majority and All are Cap
	Campaigns int           // of survivors
	Discarded int           // trials before this one in which somebody campaigned before the crash
	Raft      sim.Stats     // in a simulation
	Ruler     Ruler         // on real processes
}

// server is the trial that a server gets.
func (s Setup) server(self int) server.Trial {
	return server.Trial{Self: self, Min: s.Min, Max: s.Max, Tick: s.Tick, Delay: [2]time.Duration{s.Delay.Min, s.Delay.Mean}}
}

// discards bounds the trials that are thrown away for one.
const discards = 1000

// repeat tries until nobody campaigned before the crash, as who missed a heartbeat does: then try is true.
func (s Setup) repeat(ctx context.Context, seed uint64, try func(ctx context.Context, seed uint64) (Outcome, bool, error)) (Outcome, error) {
	if err := s.server(1).Check(); err != nil {
		return Outcome{}, err
	}
	for n := range discards {
		o, ok, err := try(ctx, harness.Stream(seed, fmt.Sprintf("paper/%d", n)).Uint64())
		if err != nil || ok {
			o.Discarded = n
			return o, err
		}
	}
	return Outcome{}, fmt.Errorf("election timeouts of %v to %v: in each of %d trials a member campaigned before the leader was crashed", s.Min, s.Max, discards)
}
