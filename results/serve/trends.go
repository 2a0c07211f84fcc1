package serve

import (
	"slices"
	"time"

	"github.com/faultline-chaos/faultline/internal/statistics"
	"github.com/faultline-chaos/faultline/results/failover"
)

// point is one run, or all of a night, in a trend. What was not measured is nil, never zero.
type point struct {
	Label string
	Run   string // its id, where it is one run
	Gone  bool   // that run's folder is
	Runs  int
	When  time.Time

	States map[State]int

	Failovers, Censored int      // write outages
	P50, P95            *float64 // of them, seconds
	Unavailable         *float64 // part of the time under load in which writes had no timely success
	Throughput          *float64 // acknowledged calls a second
	UnknownShare        *float64 // part of the calls whose outcome is unknown
	Landed              *float64 // part of the faults whose effect was confirmed
}

// trend makes points of runs, oldest first: one a run, or one a night. A night is from noon to noon,
// local time, so that what runs across midnight stays together; it is named by its evening.
func trend(runs []Digest, nightly bool) []point {
	runs = slices.Clone(runs)
	slices.SortStableFunc(runs, func(a, b Digest) int { return a.Started.Compare(b.Started) })
	var out []point
	for len(runs) > 0 {
		n := 1
		if nightly {
			for n < len(runs) && night(runs[n].Started).Equal(night(runs[0].Started)) {
				n++
			}
		}
		p := pool(runs[:n])
		if nightly {
			p.When = night(runs[0].Started)
			p.Label = p.When.Format("2006-01-02")
		} else {
			p.When, p.Run, p.Gone = runs[0].Started, runs[0].ID, runs[0].Gone
			p.Label = timeText(runs[0].Started)
		}
		out = append(out, p)
		runs = runs[n:]
	}
	return out
}

func night(t time.Time) time.Time {
	y, m, d := t.Local().Add(-12 * time.Hour).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.Local)
}

// pool adds runs up: quantiles are over all their failovers, rates over all their time.
func pool(runs []Digest) point {
	p := point{Runs: len(runs), States: map[State]int{}}
	var outages []time.Duration
	var load, unavailable time.Duration
	var ops failover.Counts
	loadOK, landed, tried := 0, 0, 0
	for i := range runs {
		d := &runs[i]
		p.States[d.State]++
		o := d.phase(writeOutage)
		outages = append(outages, o.Values...)
		p.Censored += o.Censored
		load, unavailable, loadOK = load+d.Load, unavailable+d.Unavailable, loadOK+d.LoadOK
		landed, tried = landed+d.Landed, tried+d.Tried
		ops.OK, ops.Failed, ops.Rejected, ops.Unknown = ops.OK+d.Ops.OK, ops.Failed+d.Ops.Failed, ops.Rejected+d.Ops.Rejected, ops.Unknown+d.Ops.Unknown
	}
	slices.Sort(outages)
	if p.Failovers = len(outages); p.Failovers > 0 {
		p50, p95 := statistics.Median(outages).Seconds(), statistics.NearestRank(outages, 0.95).Seconds()
		p.P50, p.P95 = &p50, &p95
	}
	p.Unavailable = ratio(unavailable.Seconds(), load.Seconds())
	p.Throughput = ratio(float64(loadOK), load.Seconds())
	p.UnknownShare = ratio(float64(ops.Unknown), float64(ops.All()))
	p.Landed = ratio(float64(landed), float64(tried))
	return p
}

// ratio is nil where there is nothing to divide by.
func ratio(a, b float64) *float64 {
	if b == 0 {
		return nil
	}
	r := a / b
	return &r
}
