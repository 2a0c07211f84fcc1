package sweep

import (
	"fmt"
	"slices"
	"time"

	"github.com/faultline-chaos/faultline/history"
	"github.com/faultline-chaos/faultline/history/raftlog"
	"github.com/faultline-chaos/faultline/results/failover"
)

// Read takes a cell's numbers from its run. The stable time is the run's warm-up. A run that did not
// come beyond it is an error, unless that was for want of a leader: then all of it counts.
func (r *Result) Read(a failover.Analysis, leaderless bool) error {
	from, to, ok := stable(a.Phases)
	switch {
	case ok: // the warm-up begins before somebody leads; what is counted ends where the faults begin
		from = max(from, to-r.Stable)
	case leaderless:
		from, to, r.Leaderless, r.Stable = 0, a.End, true, a.End
	default:
		return fmt.Errorf("read the run of %s: it did not come to its faults", r.Cell)
	}
	r.Campaigns, r.Elections = 0, 0
	for _, e := range a.Events {
		if e.At < from || e.At >= to {
			continue
		}
		switch e.Kind {
		case raftlog.Campaign:
			r.Campaigns++
		case raftlog.BecameLeader:
			r.Elections++
		}
	}
	if a.Probes != nil && a.Probes.LateMax != nil {
		r.Late = *a.Probes.LateMax
	}
	var resolutions []time.Duration
	kills := 0
	for i := range a.Faults {
		if a.Faults[i].HitLeader && a.Faults[i].Landed() {
			kills++
		}
	}
	for i := range a.Episodes {
		e := &a.Episodes[i]
		if e.Fault == nil || e.QuorumLost {
			continue
		}
		switch {
		case e.Writes.Took != nil:
			r.Outages = append(r.Outages, *e.Writes.Took)
		case e.Writes.AtLeast != nil:
			r.Censored = append(r.Censored, *e.Writes.AtLeast)
		}
		if e.Writes.Resolution != nil {
			resolutions = append(resolutions, *e.Writes.Resolution)
		}
		r.phases(e)
	}
	r.Missed = max(0, max(kills, len(a.Faults))-len(r.Outages)-len(r.Censored))
	if len(resolutions) > 0 {
		slices.Sort(resolutions)
		r.Resolution = resolutions[len(resolutions)/2]
	}
	return nil
}

// phases adds an episode's. What was not seen is left out, unless nobody was elected: then it took
// longer than it was watched.
func (r *Result) phases(e *failover.Episode) {
	for _, p := range []struct {
		to   *Sample
		took *time.Duration
	}{{&r.Detection, e.Detection}, {&r.Election, e.Election}, {&r.WriteReady, e.WriteReady}} {
		switch {
		case p.took != nil:
			p.to.Values = append(p.to.Values, *p.took)
		case e.Outcome == failover.NoLeader:
			p.to.Bounds = append(p.to.Bounds, e.Watched-e.T0)
		}
	}
	switch {
	case e.CommitBy == "" || r.CommitBy == e.CommitBy:
	case r.CommitBy == "":
		r.CommitBy = e.CommitBy
	default:
		r.CommitBy = "both"
	}
}

// stable is the warm-up.
func stable(phases []failover.PhaseMark) (from, to time.Duration, ok bool) {
	for _, p := range phases {
		switch p.Phase {
		case history.PhaseWarmup:
			from = p.At
		case history.PhaseFaults:
			return from, p.At, true
		}
	}
	return 0, 0, false
}
