package failover

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/history"
	"github.com/faultline-chaos/faultline/results"
	"github.com/faultline-chaos/faultline/results/internal/synthetic"
)

func TestProbesMeasureOutagesToOnePeriod(t *testing.T) {
	s, run, h := synthetic.ProbedBy(synthetic.Mix)
	a := Analyze(run, h)
	require.Len(t, a.Episodes, 6)
	i := 0
	for _, w := range s.Troubles {
		if w.Next == "" {
			continue
		}
		e := &a.Episodes[i]
		i++
		t.Run(e.ID+" "+w.Fault, func(t *testing.T) {
			for _, o := range []Outage{e.Writes, e.Reads} {
				require.Equal(t, "probes", o.Ruler)
				require.InDelta(t, w.Issued, o.LastOK.At, float64(synthetic.ProbeEvery))
				require.InDelta(t, w.Committed, o.Back.At, float64(synthetic.ProbeEvery))
				require.InDelta(t, w.Committed-w.Issued, *o.Took, float64(synthetic.ProbeEvery))
				require.GreaterOrEqual(t, *o.Took, w.Committed-w.Issued-3*synthetic.Mil, "a latency at most, in which calls were under way")
				require.LessOrEqual(t, *o.Slack, synthetic.ProbeEvery+2400*time.Microsecond, "a period and an answer's latency")
				require.InDelta(t, synthetic.ProbeEvery/2, *o.Resolution, float64(synthetic.Mil/10))
				// One member until it is healed, the others until a probe that waits is answered in time.
				want := (w.Healed-w.Issued)/3 + (w.Committed-w.Issued-synthetic.ProbeTimeout)*2/3
				require.InDelta(t, want, *o.Debt, float64(synthetic.ProbeEvery))
				require.Positive(t, o.Asked)
			}
			require.InDelta(t, w.Healed-w.Committed, *e.Partial, float64(2*a.Probes.Period))
			require.InDelta(t, w.Healed, e.Rejoined.At, float64(synthetic.ProbeEvery))
			require.InDelta(t, w.Committed, e.FirstPut.At, float64(synthetic.ProbeEvery))
			require.InDelta(t, w.Committed, e.FirstGet.At, float64(synthetic.ProbeEvery))
			require.Zero(t, e.StaleOK)
			require.NotNil(t, a.Baseline)
			require.InDelta(t, w.Committed, e.Steady.At, float64(Bin), "goodput and p99 are back as soon as somebody commits")
			require.Equal(t, e.Steady.At-w.Confirmed, *e.Disturbance)
		})
	}
	for i := range a.Controls {
		require.True(t, a.Controls[i].Unaffected())
		require.Equal(t, "probes", a.Controls[i].Ruler)
		require.LessOrEqual(t, *a.Controls[i].LongestGap, 3*synthetic.ProbeEvery)
	}
}

func TestProbesTellHowExactTheyAre(t *testing.T) {
	s, run, h := synthetic.ProbedBy(synthetic.Mix)
	a := Analyze(run, h)
	p := a.Probes
	require.Equal(t, synthetic.ProbeEvery, p.Every)
	require.Equal(t, synthetic.ProbeEvery/2, p.Step)
	require.Equal(t, 15*synthetic.Mil, p.Period)
	require.Equal(t, 3, *p.Unsent)
	require.Equal(t, 300*time.Microsecond, *p.LateMax)
	require.InDelta(t, 400, p.PerSecond, 1)
	require.Equal(t, a.ByF["probe-put"].All()+a.ByF["probe-get"].All(), p.Calls.All())
	require.Equal(t, a.ByF["put"].All()+a.ByF["get"].All(), a.Ops.All(), "the counts of calls are the workload's")
	require.Greater(t, p.P50, 600*time.Microsecond)
	require.Less(t, p.P99, 2400*time.Microsecond)
	for _, g := range p.Gaps {
		require.NotEmpty(t, g.Episode, "%+v", g)
	}
	require.Len(t, p.Gaps, 12, "of writes and of reads in each failover")

	run = a.Run
	run.ProbeEvery = 0
	require.Equal(t, synthetic.ProbeEvery, Analyze(run, a.History).Probes.Every, "it is in the history, too")
	require.NotEmpty(t, s.Troubles)
}

func TestProbesOfAQuietRunReadNoOutage(t *testing.T) {
	a := Analyze(synthetic.Probed(func(*synthetic.Synthetic) time.Duration { return 10 * synthetic.Sec }))
	require.Empty(t, a.Episodes)
	require.Empty(t, a.Probes.Gaps)
	require.Zero(t, a.Probes.WriteDebt)
	require.Zero(t, a.Probes.ReadDebt)
	require.InDelta(t, a.Probes.Calls.All(), a.Probes.Quiet, 1)
}

// TestProbeSlackWhereRequestsWait: members that keep requests until somebody leads answer them all at
// once. Those that were due long before say nothing about how late that was seen.
func TestProbeSlackWhereRequestsWait(t *testing.T) {
	var list []Call
	for at := time.Duration(0); at < 2*synthetic.Sec; at += 10 * synthetic.Mil {
		c := Call{From: at, To: at + synthetic.Mil, kind: history.KindWrite, Type: history.OK, Unharmed: true}
		switch {
		case at > 500*synthetic.Mil && at < 900*synthetic.Mil:
			c.To, c.Type = at+100*synthetic.Mil, history.Info
		case at >= 900*synthetic.Mil && at < synthetic.Sec:
			c.To = synthetic.Sec + 2*synthetic.Mil
		}
		list = append(list, c)
	}
	got := gaps(list, false)
	require.Len(t, got, 1)
	require.Equal(t, 500*synthetic.Mil, got[0].From)
	require.Equal(t, synthetic.Sec+synthetic.Mil, got[0].To)
	require.LessOrEqual(t, *got[0].Slack, 12*synthetic.Mil, "not from when those that waited were due")
}

func TestParseHistoryReadsWhenProbesWereDue(t *testing.T) {
	op := history.Op{Time: 9, Process: history.ProbeProcess, Type: history.Invoke, F: history.FProbeGet, Kind: history.KindRead, Value: []byte(`{"key":"probe-n1-0","value":null}`), Node: "n1", Sched: 7}
	ops, cut, err := results.ParseHistory(op.AppendJSON(nil))
	require.NoError(t, err)
	require.Empty(t, cut)
	require.Equal(t, []history.Op{op}, ops)
	for _, sched := range []time.Duration{-1, 10} {
		op.Sched = sched
		_, _, err = results.ParseHistory(op.AppendJSON(nil))
		require.ErrorContains(t, err, "allowed are 0 to 9")
	}
}
