package nemesis

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/history"
)

// MixConfig is the input of Mix.
type MixConfig struct {
	Faults          []harness.Fault
	Time            time.Duration // length of the faults phase
	ElectionTimeout time.Duration // of the system: faults last long enough for an election to happen
}

// Mix makes the default schedule: one fault after another, with time in between for the cluster to recover,
// so that each failover can be measured separately. About two thirds are leader faults; the others are
// follower faults, the negative control. Each kind of fault comes in turn, in an order drawn from r. A time
// that is too short for one fault and its recovery is an error.
func Mix(r *rand.Rand, c MixConfig) (harness.Schedule, error) {
	if len(c.Faults) == 0 {
		return nil, nil
	}
	// A leader fault shorter than the longest election timeout (twice the shortest) may go unnoticed.
	hold := 5 * c.ElectionTimeout / 2
	slot := 2*hold + c.ElectionTimeout
	n := int(c.Time / slot)
	if n < 1 {
		return nil, fmt.Errorf("make a schedule: a faults phase of %v is too short for one fault with an election timeout of %v: at least %v are needed", c.Time, c.ElectionTimeout, slot)
	}
	slot = c.Time / time.Duration(n)
	followers := (n + 1) / 3
	targets := make([]history.Target, n)
	for i := range targets {
		targets[i] = history.TargetLeader
		if i < followers {
			targets[i] = history.TargetFollower
		}
	}
	r.Shuffle(n, func(i, j int) { targets[i], targets[j] = targets[j], targets[i] })
	next := map[history.Target]func() harness.Fault{
		history.TargetLeader:   turns(r, c.Faults),
		history.TargetFollower: turns(r, c.Faults),
	}
	var s harness.Schedule
	for i, t := range targets {
		start := time.Duration(i) * slot
		s = append(s, harness.Step{
			// spread over an election timeout, so that faults meet every phase of the heartbeat
			At:     start + time.Duration(r.Int64N(int64(c.ElectionTimeout))),
			For:    hold + time.Duration(r.Int64N(int64(c.ElectionTimeout))),
			Fault:  next[t](),
			Target: t,
		})
	}
	return s, nil
}

// turns deals the faults in random order; every fault comes once before any comes again.
func turns(r *rand.Rand, faults []harness.Fault) func() harness.Fault {
	var hand []harness.Fault
	return func() harness.Fault {
		if len(hand) == 0 {
			for _, i := range r.Perm(len(faults)) {
				hand = append(hand, faults[i])
			}
		}
		f := hand[0]
		hand = hand[1:]
		return f
	}
}

// Storm makes a dense schedule of overlapping faults on random targets, for simulations that search for bugs
// and measure nothing. Gap is the mean time from one fault to the next.
func Storm(r *rand.Rand, faults []harness.Fault, d, gap time.Duration) harness.Schedule {
	if len(faults) == 0 {
		return nil
	}
	targets := []history.Target{history.TargetLeader, history.TargetFollower, history.TargetOne, history.TargetMinority, history.TargetMajority}
	exp := func(mean time.Duration) time.Duration { return time.Duration(r.ExpFloat64() * float64(mean)) }
	var s harness.Schedule
	for at := exp(gap); at < d; at += 50*time.Millisecond + exp(gap) {
		st := harness.Step{At: at, For: 200*time.Millisecond + exp(2*time.Second), Fault: faults[r.IntN(len(faults))], Target: targets[r.IntN(len(targets))]}
		if slices.Contains(st.Fault.Needs(), harness.CanPowerFail) && r.IntN(3) == 0 { // unsynced data is lost on all members
			st.Target, st.For = history.TargetAll, 300*time.Millisecond
		}
		s = append(s, st)
	}
	return s
}
