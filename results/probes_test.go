package results

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/history"
)

// probe adds what harness.Probe sees of the troubles, each probe a little late, until the end of the
// load.
func (s *synthetic) probe(every, timeout, until time.Duration) {
	slot := 0
	members := time.Duration(len(s.nodes))
	step := harness.ProbeStep(every, len(s.nodes))
	for m, node := range s.nodes {
		for k, f := range []string{history.FProbePut, history.FProbeGet} {
			for due := 500*mil + step*time.Duration(m) + step/2*time.Duration(k); due < until; due += members * step {
				took, err := s.answer(node, due, timeout)
				late := min(time.Duration(s.rand.IntN(300))*time.Microsecond, took/2)
				op := history.Op{
					Time: due + late, Sched: due, Process: history.ProbeProcess + slot, Type: history.Invoke, F: f, Kind: history.KindBefore(f), Node: node,
					Value: history.EncodeValue(map[string]string{"key": "probe-" + string(node), "value": fmt.Sprint(slot)}),
				}
				slot++
				s.ops = append(s.ops, op)
				op.Kind, op.Time, op.Sched, op.Type = "", due+took, 0, history.OK
				if err != nil {
					op.Error, op.Type = err.Error(), history.Info
					if f == history.FProbeGet || errors.Is(err, harness.ErrNotApplied) {
						op.Type = history.Fail
					}
				}
				s.ops = append(s.ops, op)
			}
		}
	}
	s.ops = append(s.ops, history.Op{Time: until, Process: history.HarnessProcess, Type: history.OK, F: history.FProbes, Value: history.EncodeValue(history.ProbesValue{Sent: slot, Unsent: 3, LateMax: 300 * time.Microsecond})})
}

const (
	probeEvery   = 10 * mil
	probeTimeout = 100 * mil
)

// probed is a run with probes and workers that wait long for their answers.
func probed(add func(*synthetic) time.Duration) (*synthetic, Analysis) {
	s := newSynthetic(5, 25*mil)
	s.timeout = 150 * mil
	end := add(s)
	s.probe(probeEvery, probeTimeout, end-100*mil)
	run, h := s.finish(end)
	run.ProbeEvery, run.ProbeTimeout = probeEvery, probeTimeout
	return s, Analyze(run, h)
}

func mix(s *synthetic) time.Duration {
	at := 4 * sec
	for i, fault := range []string{"kill", "pause", "isolate", "kill", "isolate", "pause"} {
		s.add(fault, true, at, 3*sec, i == 3)
		s.add(fault, false, at+4500*mil, 1500*mil, false)
		at += 7 * sec
	}
	return at + 3*sec
}

func TestProbesMeasureOutagesToOnePeriod(t *testing.T) {
	s, a := probed(mix)
	require.Len(t, a.Episodes, 6)
	i := 0
	for _, w := range s.troubles {
		if w.next == "" {
			continue
		}
		e := &a.Episodes[i]
		i++
		t.Run(e.ID+" "+w.fault, func(t *testing.T) {
			for _, o := range []Outage{e.Writes, e.Reads} {
				require.Equal(t, "probes", o.Ruler)
				require.InDelta(t, w.issued, o.LastOK.At, float64(probeEvery))
				require.InDelta(t, w.committed, o.Back.At, float64(probeEvery))
				require.InDelta(t, w.committed-w.issued, *o.Took, float64(probeEvery))
				require.GreaterOrEqual(t, *o.Took, w.committed-w.issued-3*mil, "a latency at most, in which calls were under way")
				require.LessOrEqual(t, *o.Slack, probeEvery+2400*time.Microsecond, "a period and an answer's latency")
				require.InDelta(t, probeEvery/2, *o.Resolution, float64(mil/10))
				// One member until it is healed, the others until a probe that waits is answered in time.
				want := (w.healed-w.issued)/3 + (w.committed-w.issued-probeTimeout)*2/3
				require.InDelta(t, want, *o.Debt, float64(probeEvery))
				require.Positive(t, o.Asked)
			}
			require.InDelta(t, w.healed-w.committed, *e.Partial, float64(2*a.Probes.Period))
			require.InDelta(t, w.healed, e.Rejoined.At, float64(probeEvery))
			require.InDelta(t, w.committed, e.FirstPut.At, float64(probeEvery))
			require.InDelta(t, w.committed, e.FirstGet.At, float64(probeEvery))
			require.Zero(t, e.StaleOK)
			require.NotNil(t, a.Baseline)
			require.InDelta(t, w.committed, e.Steady.At, float64(bin), "goodput and p99 are back as soon as somebody commits")
			require.Equal(t, e.Steady.At-w.confirmed, *e.Disturbance)
		})
	}
	for i := range a.Controls {
		require.True(t, a.Controls[i].Undisturbed())
		require.Equal(t, "probes", a.Controls[i].Ruler)
		require.LessOrEqual(t, *a.Controls[i].LongestGap, 3*probeEvery)
	}
}

func TestProbesTellHowExactTheyAre(t *testing.T) {
	s, a := probed(mix)
	p := a.Probes
	require.Equal(t, probeEvery, p.Every)
	require.Equal(t, probeEvery/2, p.Step)
	require.Equal(t, 15*mil, p.Period)
	require.Equal(t, 3, *p.Unsent)
	require.Equal(t, 300*time.Microsecond, *p.LateMax)
	require.InDelta(t, 400, p.PerSecond, 1)
	require.Equal(t, a.ByF["probe-put"].All()+a.ByF["probe-get"].All(), p.Calls.All())
	require.Equal(t, a.ByF["put"].All()+a.ByF["get"].All(), a.Ops.All(), "the counts of calls are the workload's")
	require.Greater(t, p.P50, 600*time.Microsecond)
	require.Less(t, p.P99, 2400*time.Microsecond)
	require.Contains(t, resolution(&a), "Measured with probes")
	require.Contains(t, TerminalSummary(a, TerminalOptions{}), "3 unsent")
	require.Contains(t, string(JobSummary(&a)), "Ruler")
	for _, g := range p.Gaps {
		require.NotEmpty(t, g.Episode, "%+v", g)
	}
	require.Len(t, p.Gaps, 12, "of writes and of reads in each failover")

	run := a.Run
	run.ProbeEvery = 0
	require.Equal(t, probeEvery, Analyze(run, a.History).Probes.Every, "it is in the history, too")
	require.NotEmpty(t, s.troubles)
}

func TestProbesOfAQuietRunReadNoOutage(t *testing.T) {
	_, a := probed(func(*synthetic) time.Duration { return 10 * sec })
	require.Empty(t, a.Episodes)
	require.Empty(t, a.Probes.Gaps)
	require.Zero(t, a.Probes.WriteDebt)
	require.Zero(t, a.Probes.ReadDebt)
	require.InDelta(t, a.Probes.Calls.All(), a.Probes.Quiet, 1)
}

// TestProbeSlackWhereRequestsWait: members that keep requests until somebody leads answer them all at
// once. Those that were due long before say nothing about how late that was seen.
func TestProbeSlackWhereRequestsWait(t *testing.T) {
	var list []call
	for at := time.Duration(0); at < 2*sec; at += 10 * mil {
		c := call{from: at, to: at + mil, kind: history.KindWrite, typ: history.OK, unharmed: true}
		switch {
		case at > 500*mil && at < 900*mil:
			c.to, c.typ = at+100*mil, history.Info
		case at >= 900*mil && at < sec:
			c.to = sec + 2*mil
		}
		list = append(list, c)
	}
	got := gaps(list, false)
	require.Len(t, got, 1)
	require.Equal(t, 500*mil, got[0].From)
	require.Equal(t, sec+mil, got[0].To)
	require.LessOrEqual(t, *got[0].Slack, 12*mil, "not from when those that waited were due")
}

func TestParseHistoryReadsWhenProbesWereDue(t *testing.T) {
	op := history.Op{Time: 9, Process: history.ProbeProcess, Type: history.Invoke, F: history.FProbeGet, Kind: history.KindRead, Value: []byte(`{"key":"probe-n1-0","value":null}`), Node: "n1", Sched: 7}
	ops, cut, err := ParseHistory(op.AppendJSON(nil))
	require.NoError(t, err)
	require.Empty(t, cut)
	require.Equal(t, []history.Op{op}, ops)
	for _, sched := range []time.Duration{-1, 10} {
		op.Sched = sched
		_, _, err = ParseHistory(op.AppendJSON(nil))
		require.ErrorContains(t, err, "allowed are 0 to 9")
	}
}

// TestProbedReport recomputes the outages on the page from the run's files, and bounds its size.
func TestProbedReport(t *testing.T) {
	s := newSynthetic(5, 25*mil)
	s.timeout = 150 * mil
	end := max(mix(s), 60*sec)
	s.probe(probeEvery, probeTimeout, end-100*mil)
	run, h := s.finish(end)
	run.ProbeEvery, run.ProbeTimeout = probeEvery, probeTimeout
	f := writeFolder(t, t.TempDir(), run, h)
	a, err := AnalyzeFolder(f)
	require.NoError(t, err)
	require.NoError(t, Render(f, a))
	page, err := os.ReadFile(f.Path(ReportFile))
	require.NoError(t, err)
	require.Less(t, len(page), 6<<20)
	history, err := os.ReadFile(f.Path(HistoryFile))
	require.NoError(t, err)
	lines := strings.Split(string(history), "\n")
	op := func(ref string) (op struct{ Time, Sched time.Duration }) {
		n, err := strconv.Atoi(strings.TrimPrefix(ref, HistoryFile+":"))
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal([]byte(lines[n-1]), &op))
		return op
	}
	require.Len(t, a.Episodes, 6)
	for i := range a.Episodes {
		e := &a.Episodes[i]
		cells := tableRow(t, string(page), e.ID)
		require.Equal(t, ms(op(e.Writes.Back.Ref).Time-op(e.Writes.LastOK.Ref).Sched), cells[6])
		require.Equal(t, ms(op(e.Reads.Back.Ref).Time-op(e.Reads.LastOK.Ref).Sched), cells[7])
	}
	words := regexp.MustCompile(`<[^>]*>`).ReplaceAllString(string(page), "")
	require.Contains(t, words, "Measured with probes: a put and a read every 5.00 ms, through each member in turn (400/s)")
	require.Equal(t, 6, strings.Count(words, " · unavailability debt "))
	require.Contains(t, words, fmt.Sprintf("n %s, 3 unsent", count(strings.Count(string(history), `"type":"invoke","f":"probe-`))))
}
