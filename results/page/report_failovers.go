package page

import (
	"fmt"
	"time"

	"github.com/faultline-chaos/faultline/results/failover"
	"github.com/faultline-chaos/faultline/results/figure"
	"github.com/faultline-chaos/faultline/results/format"
)

// failoverSection is what failovers took, all together and each.
type failoverSection struct {
	Episodes   []episodeView
	Sustained  int
	Docs       string // what the fields mean
	Resolution string
	Majority   int
	Patience   string // the least election timeout
	Stats      []statView
	Groups     []groupView
	StatsNote  string
}

// failoversOfPage takes the figures of single failovers by their names.
func failoversOfPage(a *failover.Analysis, figures map[string]inlineFigure) failoverSection {
	s := failoverSection{
		Sustained: failover.Sustained, Docs: docsURL, Resolution: resolution(a), Majority: len(a.Run.Nodes)/2 + 1,
		Patience: format.MS(a.Run.ElectionTimeout), StatsNote: statsNote(a),
	}
	for i := range a.Episodes {
		e := &a.Episodes[i]
		s.Episodes = append(s.Episodes, episodeViewOf(a, e, figures[figure.ZoomName(e)]))
	}
	for i := range a.Stats {
		s.Stats = append(s.Stats, statViewOf(&a.Stats[i]))
	}
	for i := range a.Groups {
		s.Groups = append(s.Groups, groupViewOf(&a.Groups[i]))
	}
	return s
}

type sentenceView struct {
	Text string
	Refs []refView
}

type episodeView struct {
	E                                                           *failover.Episode
	Title, Debt                                                 string
	Cause, Change                                               string
	Detection, Election, WriteReady, Writes, Reads, Tax, Rejoin string
	Partial, Steady                                             string
	Story                                                       []sentenceView
	Figure                                                      inlineFigure
}

type statView struct {
	S                                    *failover.Summary
	Min, Median, Interval, P90, P99, Max string
}

type groupView struct {
	G                                                  *failover.Group
	Target, Writes, Interval, Max, Reads, Gap, Longest string
}

func episodeViewOf(a *failover.Analysis, e *failover.Episode, fig inlineFigure) episodeView {
	v := episodeView{
		E: e, Title: e.Title(), Cause: e.Cause(), Change: leaderChange(e),
		Detection: format.Optional(e.Detection), Election: format.Optional(e.Election), WriteReady: failover.WriteReadyText(e),
		Writes: failover.OutageText(e.Writes), Reads: failover.OutageText(e.Reads), Tax: format.Optional(e.ClientTax), Rejoin: format.Optional(e.Rejoin),
		Partial: format.Optional(e.Partial), Steady: format.Missing, Figure: fig,
	}
	if e.Writes.Debt != nil && e.Reads.Debt != nil {
		v.Debt = fmt.Sprintf(" · unavailability debt %s of writes, %s of reads (n = %s and %s probes from t0 until service was back)",
			format.MS(*e.Writes.Debt), format.MS(*e.Reads.Debt), format.Count(e.Writes.Asked), format.Count(e.Reads.Asked))
	}
	switch {
	case e.Disturbance != nil:
		v.Steady = format.MS(*e.Disturbance)
	case e.DisturbedAtLeast != nil:
		v.Steady = "> " + format.MS(*e.DisturbedAtLeast)
	}
	for _, s := range failover.Story(e, len(a.Run.Nodes)) {
		sv := sentenceView{Text: s.Text}
		for _, r := range s.Refs {
			sv.Refs = append(sv.Refs, refViewOf(a, r))
		}
		v.Story = append(v.Story, sv)
	}
	return v
}

func statViewOf(s *failover.Summary) statView {
	v := statView{s, format.Missing, s.Median.String(), format.Missing, s.P90.String(), s.P99.String(), s.Max.String()}
	if s.N > 0 {
		v.Min = format.MS(s.Min)
	}
	if s.Interval != nil {
		v.Interval = fmt.Sprintf("%s – %s (%.1f %%)", format.MS(s.Interval[0]), format.MS(s.Interval[1]), s.Coverage*100)
	}
	return v
}

// groupViewOf is a row of the matrix of faults and targets.
func groupViewOf(g *failover.Group) groupView {
	v := groupView{G: g, Target: string(g.Target), Writes: format.Missing, Reads: format.Missing, Max: format.Missing, Gap: format.Missing}
	if v.Target == "" {
		v.Target = format.Missing
	}
	if g.Writes.N+g.Writes.Censored > 0 {
		w := statViewOf(&g.Writes)
		v.Writes, v.Interval, v.Max = w.Median, w.Interval, w.Max
	}
	if g.Reads.N+g.Reads.Censored > 0 {
		v.Reads = g.Reads.Median.String()
	}
	if g.Gaps.N > 0 {
		v.Gap = g.Gaps.Max.String()
	}
	if e := failover.Worst(g.Episodes); e != nil {
		v.Longest = e.ID
	}
	return v
}

// resolution says what outages were measured with and how fine that measurement is.
func resolution(a *failover.Analysis) string {
	text := ""
	slack := fmt.Sprintf("an outage may have ended up to %s earlier than was observed (the largest slack; failovers.jsonl has that of each outage).", format.MS(a.Slack()))
	if p := a.Probes; p != nil {
		text = fmt.Sprintf("Measured with probes: %s, timed from when each was due.", probesText(p))
		if p.Timeout > 0 {
			text += fmt.Sprintf(" A probe times out after %s.", format.MS(p.Timeout))
		}
		if a.Slack() > 0 {
			text += " Even so, " + slack
		}
		return text + " " + calibrationText(a)
	}
	var before time.Duration
	for i := range a.Episodes {
		for _, o := range []failover.Outage{a.Episodes[i].Writes, a.Episodes[i].Reads} {
			if o.Resolution != nil {
				before = max(before, *o.Resolution)
			}
		}
	}
	text = "Measured with the workload's own calls: the run had no probes. "
	if before > 0 {
		text += fmt.Sprintf("Before the faults, a call of each kind was due at least every %s on average. ", format.MS(before))
	}
	if a.Slack() > 0 {
		text += "While workers wait for calls that will time out, fewer calls are due: " + slack
	}
	return text
}

func statsNote(a *failover.Analysis) string {
	lost := 0
	for i := range a.Groups {
		lost += a.Groups[i].Lost
	}
	text := "Censored: watching ended before the duration did, so that only a lower bound is known. p90 and p99 are nearest ranks: with fewer than 10 and 100 values they equal the maximum; where some values are censored, they are Kaplan-Meier estimates. The interval is between two order statistics and needs at least 6 values."
	if lost > 0 {
		text += fmt.Sprintf(" Excluded: %s whose faults left no healthy majority.", format.Plural(lost, "episode", "episodes"))
	}
	return text
}
